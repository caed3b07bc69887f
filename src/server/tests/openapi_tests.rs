//! The OpenAPI document says what the server does: its routes, statuses and answers are the real ones.

use std::collections::BTreeSet;

use serde_json::{json, Value};
use tidewell_core::sync::{Action, Op};

use crate::fixture::{agent, create, post, update, value, Device, Home, Server};

/// The document, and what of it has been seen.
struct Contract {
    document: Value,
    url: String,
    seen: BTreeSet<String>,
}

impl Contract {
    fn of(server: &Server) -> Self {
        let url = server.url.clone();
        let text = agent().get(format!("{url}/openapi.json")).call().unwrap().body_mut().read_to_string().unwrap();
        Self { document: serde_json::from_str(&text).unwrap(), url, seen: BTreeSet::new() }
    }

    /// Whether a value fits a schema of the document.
    fn judge(&self, schema: &Value, value: &Value, what: &str) {
        let mut schema = schema.clone();
        schema["components"] = self.document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        if let Err(error) = validator.validate(value) {
            panic!("{what}: {value} at '{}': {error}", error.instance_path);
        }
    }

    /// Sends a message; request and answer must be what the document says.
    fn check(&mut self, route: &str, token: &str, body: &[u8], kind: &str) -> Value {
        let (status, answer) = post(&format!("{}{route}", self.url), token, body, None).unwrap();
        let operation = &self.document["paths"][route]["post"];
        let schema = &operation["responses"][status.to_string()]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{route} answers {status}, which the document does not know");
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        self.judge(schema, &answer, &format!("{route} {status}"));
        if status == 200 && kind != "upgrade" {
            let asked = &operation["requestBody"]["content"]["application/json"]["schema"];
            self.judge(asked, &serde_json::from_slice(body).unwrap(), &format!("a request to {route}"));
        }
        let got = answer["kind"].as_str().unwrap_or("error");
        assert_eq!(got, kind, "{route}: {answer}");
        self.seen.insert(format!("{route} {status} {got}"));
        answer
    }
}

#[test]
fn every_kind_of_answer_is_in_the_document_as_it_is_sent() {
    let home = Home::on_sqlite();
    home.settings("schema_min = 1\nschema_max = 1\n");
    let server = home.start();
    let mut contract = Contract::of(&server);
    let token = home.token("t", "ann");
    let mut device = Device::new(1, &token);
    device.mutate(vec![create("x"), Op::new("notes", "y", Action::Put(value(r#"{"id":"y"}"#)))]);
    device.mutate(vec![Op { if_version: Some(1), ..update("x", r#"{"$inc":{"n":1}}"#) }]);
    device.mutate(vec![Op::new("notes", "y", Action::Remove)]);
    let push = device.client.push_request().unwrap().to_json();
    let said = contract.check("/v1/push", &token, &push, "results");
    let outcomes: Vec<&str> =
        said["results"].as_array().unwrap().iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["applied", "applied", "applied"]);
    let said = contract.check("/v1/push", &token, &push, "results");
    assert_eq!(said["results"][0]["outcome"], "duplicate");
    let mut other = Device::new(2, &token);
    other.mutate(vec![create("x")]);
    let said = contract.check("/v1/push", &token, &other.client.push_request().unwrap().to_json(), "results");
    assert_eq!(said["results"][0]["outcome"], "rejected");
    let mut push: Value = serde_json::from_slice(&push).unwrap();
    let changed = |name: &str, to: Value| {
        let mut other = push.clone();
        other[name] = to;
        other.to_string().into_bytes()
    };
    let stranger = changed("epoch", json!("another"));
    contract.check("/v1/push", &token, &stranger, "epoch");
    let late = changed("v", json!(99));
    contract.check("/v1/push", &token, &late, "upgrade");
    contract.check("/v1/push", &home.token("t", "bob"), &changed("epoch", Value::Null), "forked");
    push["mutations"] = json!([push["mutations"][1]]);
    push["replica"] = json!("new");
    contract.check("/v1/push", &token, push.to_string().as_bytes(), "gap");
    let pull = |cursor: Value, limit: u64| {
        json!({ "v": 1, "replica": "r", "cursor": cursor, "limit": limit, "subscriptions": [{ "c": "notes", "filter": {} }] }).to_string().into_bytes()
    };
    let page = contract.check("/v1/pull", &token, &pull(Value::Null, 1), "page");
    assert!(page["changes"][0]["doc"].is_object());
    device.mutate(vec![Op::new("notes", "x", Action::Remove)]);
    device.sync(&server.url);
    let page = contract.check("/v1/pull", &token, &pull(page["cursor"].clone(), 10), "page");
    let page = contract.check("/v1/pull", &token, &pull(page["cursor"].clone(), 10), "page");
    assert!(
        page["changes"].as_array().is_some_and(|changes| changes.iter().all(|change| change["gone"] == true)),
        "{page}"
    );
    for route in ["/v1/push", "/v1/pull"] {
        contract.check(route, "", b"", "auth");
        contract.check(route, &token, b"{", "error");
        contract.check(route, &token, &vec![b' '; 9 << 20], "error");
        contract.check(route, &token, br#"{"v":99}"#, "upgrade");
    }
    println!("{:?}", contract.seen);
    assert_eq!(contract.seen.len(), 13);
    for (route, methods) in contract.document["paths"].as_object().unwrap() {
        if methods["get"].is_object() {
            let status = agent().get(format!("{}{route}", server.url)).call().unwrap().status().as_u16();
            assert!(methods["get"]["responses"][status.to_string()].is_object(), "{route} answers {status}");
        }
    }
}
