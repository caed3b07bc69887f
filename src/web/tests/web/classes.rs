//! The exported classes as the npm package calls them.

use js_sys::{Function, Object, Promise, Reflect};
use tidewell_web::{delete_database, open_database};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::fresh_name;

async fn open(name: &str, storage: &str) -> Result<JsValue, JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"storage".into(), &storage.into()).unwrap();
    JsFuture::from(open_database(name.into(), options.into(), Function::new_no_args(""))).await
}

fn call(object: &JsValue, method: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(object, &method.into()).unwrap().unchecked_into();
    function.apply(object, &arguments.iter().collect())
}

async fn settled(object: &JsValue, method: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::from(call(object, method, arguments)?)).await
}

async fn json(object: &JsValue, method: &str, arguments: &[JsValue]) -> String {
    let answer = settled(object, method, arguments).await.unwrap();
    Reflect::get(&answer, &"json".into()).unwrap().as_string().unwrap()
}

fn property(object: &JsValue, name: &str) -> String {
    Reflect::get(object, &name.into()).unwrap().as_string().unwrap_or_default()
}

async fn works_on(storage: &str) {
    let name = fresh_name();
    let database = open(&name, storage).await.unwrap();
    assert_eq!(property(&database, "kind"), storage);
    let documents = format!("[{{\"id\":\"a\",\"text\":\"{}\"}},{{\"id\":\"b\",\"n\":1}}]", "ü".repeat(5000));
    let batch = ["insert".into(), "notes".into(), documents.into(), JsValue::UNDEFINED, "relaxed".into()];
    let answer = json(&database, "writeBatch", &batch).await;
    assert!(answer.starts_with("{\"inserted\":2,\"ids\":[\"a\",\"b\"]"), "{answer}");
    let again = settled(&database, "writeBatch", &batch).await.unwrap_err();
    assert_eq!((property(&again, "code"), property(&again, "reason")), ("conflict".into(), "duplicate-id".into()));
    let status = call(&database, "tryGet", &["notes".into(), "b".into()]).unwrap();
    assert_eq!(status.as_f64(), Some(1.0));
    assert_eq!(call(&database, "outputLength", &[]).unwrap().as_f64(), Some(16.0));
    assert_eq!(call(&database, "tryGet", &["notes".into(), "x".into()]).unwrap().as_f64(), Some(0.0));
    assert_eq!(json(&database, "get", &["notes".into(), "b".into()]).await, "{\"id\":\"b\",\"n\":1}");
    assert!(settled(&database, "get", &["notes".into(), "x".into()]).await.unwrap().is_undefined());
    let count = "{\"op\":\"count\",\"collection\":\"notes\"}";
    assert_eq!(json(&database, "execute", &[count.into()]).await, "2");
    let wrong = call(&database, "tryExecute", &["{\"op\":\"nonsense\"}".into()]).unwrap_err();
    assert_eq!((property(&wrong, "code"), property(&wrong, "reason")), ("invalid".into(), "unknown-command".into()));
    settled(&database, "close", &[]).await.unwrap();
    let closed = settled(&database, "execute", &[count.into()]).await.unwrap_err();
    assert_eq!(property(&closed, "code"), "closed");
    let database = open(&name, storage).await.unwrap();
    let kept = if storage == "memory" { "0" } else { "2" };
    assert_eq!(json(&database, "execute", &[count.into()]).await, kept);
    settled(&database, "close", &[]).await.unwrap();
    JsFuture::from(delete_database(name.clone())).await.unwrap();
    let database = open(&name, storage).await.unwrap();
    assert_eq!(json(&database, "execute", &[count.into()]).await, "0");
    settled(&database, "close", &[]).await.unwrap();
}

#[wasm_bindgen_test]
async fn a_database_in_indexed_db_answers_reopens_and_is_deleted() {
    works_on("indexeddb").await;
}

#[wasm_bindgen_test]
async fn a_database_in_memory_answers_and_forgets() {
    works_on("memory").await;
}

#[wasm_bindgen_test]
async fn a_live_query_in_another_instance_follows_the_writes() {
    let name = fresh_name();
    let (one, two) = (open(&name, "indexeddb").await.unwrap(), open(&name, "indexeddb").await.unwrap());
    let heard = js_sys::Array::new();
    let listener = Function::new_with_args("heard", "return (json) => heard.push(json)");
    let listener = listener.call1(&JsValue::NULL, &heard).unwrap();
    let query = "{\"op\":\"find\",\"collection\":\"notes\",\"sort\":{\"id\":1}}";
    settled(&two, "subscribe", &[query.into(), listener]).await.unwrap();
    let batch = ["insert".into(), "notes".into(), "[{\"id\":\"a\"}]".into(), JsValue::UNDEFINED, "relaxed".into()];
    json(&one, "writeBatch", &batch).await;
    for _ in 0..200 {
        if heard.length() > 1 {
            break;
        }
        let pause = Promise::new(&mut |resolve, _| {
            let set_timeout = Function::new_with_args("resolve", "setTimeout(resolve, 10)");
            set_timeout.call1(&JsValue::NULL, &resolve).unwrap();
        });
        JsFuture::from(pause).await.unwrap();
    }
    let last = heard.get(heard.length() - 1).as_string().unwrap();
    assert!(last.contains("\"added\":[{\"index\":0,\"doc\":{\"id\":\"a\"}}]"), "{last}");
    settled(&one, "close", &[]).await.unwrap();
    settled(&two, "close", &[]).await.unwrap();
}
