//! What operators rely on: origins, the end of the server, readiness, counters and the log.

use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use tidewell_core::sync::{Action, Op};

use crate::cluster::Cluster;
use crate::fixture::{agent, connect, create, on_both, pause, post, rest, value, Device, Home, Server};

fn get(server: &Server, route: &str) -> (u16, String) {
    let mut answer = agent().get(format!("{}/{route}", server.url)).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

fn terminate(server: &Server) {
    assert!(Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap().success());
}

#[test]
fn pages_of_the_allowed_origins_may_call_and_others_may_not() {
    let home = Home::on_sqlite();
    let server = Server::start(&home, &["--cors", "https://app.example", "--cors", "http://localhost:5173"]);
    let allowed = |origin: &str| {
        let mut stream = connect(&server);
        let ask =
            "access-control-request-method: POST\r\naccess-control-request-headers: authorization,content-encoding";
        let request =
            format!("OPTIONS /v1/push HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\n{ask}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        rest(stream).to_lowercase().contains(&format!("access-control-allow-origin: {origin}\r\n"))
    };
    let cases = [
        ("https://app.example", true),
        ("http://localhost:5173", true),
        ("https://app.example.evil", false),
        ("http://app.example", false),
        ("null", false),
    ];
    for (origin, expected) in cases {
        assert_eq!(allowed(origin), expected, "{origin}");
    }
}

#[test]
fn a_server_that_is_told_to_stop_ends_its_streams_and_answers_what_it_accepted() {
    on_both(|home| {
        let mut server = home.start();
        let token = home.token("t", "ann");
        let live = agent().get(format!("{}/v1/live", server.url)).header("authorization", format!("Bearer {token}"));
        let mut stream = live.call().unwrap();
        let mut device = Device::new(1, &token);
        device.mutate(vec![create("x")]);
        let push = device.client.push_request().unwrap().to_json();
        let mut open = connect(&server);
        let head = format!(
            "POST /v1/push HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            push.len()
        );
        open.write_all(head.as_bytes()).unwrap();
        open.write_all(&push[..10]).unwrap();
        pause(Duration::from_millis(200));
        terminate(&server);
        let mut text = Vec::new();
        stream.body_mut().as_reader().read_to_end(&mut text).unwrap();
        assert!(String::from_utf8_lossy(&text).contains("data: 0\n"));
        open.write_all(&push[10..]).unwrap();
        let mut answer = String::new();
        open.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(r#""outcome":"applied""#), "{answer}");
        assert!(server.child.wait().unwrap().success());
        let server = home.start();
        let mut fresh = Device::new(2, &token);
        fresh.sync(&server.url);
        assert_eq!(fresh.number("x"), 0.0);
    });
}

#[test]
fn without_its_database_a_server_lives_is_not_ready_and_loses_nothing() {
    let mut cluster = Cluster::start();
    let home = Home::on(&cluster.database());
    let server = home.start();
    let mut device = Device::new(1, &home.token("t", "ann"));
    device.mutate(vec![create("x")]);
    assert_eq!(get(&server, "ready").0, 200);
    cluster.crash();
    // The processes that serve connections notice a moment later that theirs was killed.
    let unready = (0..100).any(|_| {
        pause(Duration::from_millis(50));
        get(&server, "ready").0 == 503
    });
    assert!(unready);
    assert_eq!(get(&server, "health").0, 200);
    let push = device.client.push_request().unwrap().to_json();
    for (route, body) in
        [("push", push.as_slice()), ("pull", br#"{"v":1,"replica":"r","cursor":null,"subscriptions":[]}"#)]
    {
        let (status, answer) = post(&format!("{}/v1/{route}", server.url), &device.token, body, None).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(status == 503 && answer.contains(r#""kind":"retry""#), "{route}: {status} {answer}");
    }
    // Everybody tries again and again: the log tells of it, and how often.
    let pull = format!("{}/v1/pull", server.url);
    let body = br#"{"v":1,"replica":"r","cursor":null,"subscriptions":[]}"#;
    let failed = (0..100).filter(|_| post(&pull, &device.token, body, None).unwrap().0 == 503).count();
    let lines = log(&home).into_iter().filter(|line| line["level"] == "error" && line["code"] == "unavailable").count();
    assert!(failed == 100 && (1..80).contains(&lines), "{lines} lines of {failed}");
    let refused = home.run(&["--listen", "127.0.0.1:0"]).unwrap_err();
    assert!(refused.contains("the database"), "{refused}");
    cluster.run();
    assert_eq!(get(&server, "ready").0, 200);
    device.sync(&server.url);
    assert_eq!(device.number("x"), 0.0);
}

#[test]
fn counters_say_what_was_done_and_neither_they_nor_the_log_say_with_what() {
    on_both(|home| {
        home.settings(
            "[rules.notes]\nread = '{}'\nwrite = '{\"open\":true}'\n[schemas]\nnotes = '{\"maxProperties\":3}'\n",
        );
        let server = home.start();
        let token = home.token("the-tenant", "the-user");
        let mut device = Device::new(1, &token);
        let put = |id: &str, document: &str| Op::new("notes", id, Action::Put(value(document)));
        device.mutate(vec![put("secret-id", r#"{"id":"secret-id","open":true,"a":"secret-word"}"#)]);
        device.mutate(vec![put("secret-no", r#"{"id":"secret-no","open":false,"a":"secret-word"}"#)]);
        device.mutate(vec![put("secret-no", r#"{"id":"secret-no","open":true,"a":"secret-word","b":1}"#)]);
        device.sync(&server.url);
        for body in [r#"{"v":1,"replica":"secret-word"}"#, r#"["secret-word"]"#, r#"{"secret-word"#] {
            for route in ["push", "pull"] {
                let url = format!("{}/v1/{route}", server.url);
                assert_eq!(post(&url, &token, body.as_bytes(), None).unwrap().0, 400);
                assert_eq!(post(&url, "secret-word", body.as_bytes(), None).unwrap().0, 401);
            }
        }
        let (_, text) = get(&server, "metrics");
        let counter = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("tidewell_{name} ")));
            line.unwrap_or_else(|| panic!("{name} is missing in {text}")).parse::<u64>().unwrap()
        };
        let counted =
            ["mutations_applied_total", "mutations_rejected_total", "bad_requests_total", "tokens_refused_total"];
        assert_eq!(counted.map(counter), [1, 2, 6, 6]);
        assert!(counter("pushes_total") >= 1 && counter("documents_sent_total") >= 1 && counter("live_streams") == 0);
        let log = std::fs::read_to_string(home.folder.path().join("log")).unwrap();
        for line in self::log(home) {
            assert!(line["level"].is_string() && line["code"].is_string(), "{line}");
        }
        // A mutation that breaks the schema is refused alone.
        assert!(
            log.contains(
                r#""code":"invalid","level":"warn","message":"a request was refused","route":"/v1/push","status":200"#
            ),
            "{log}"
        );
        for (code, status) in [("invalid", 400), ("auth", 401)] {
            for route in ["push", "pull"] {
                let place = format!(r#""route":"/v1/{route}","status":{status}"#);
                let told =
                    log.lines().any(|line| line.contains(&format!(r#""code":"{code}""#)) && line.contains(&place));
                assert!(told, "{code} of {route}: {log}");
            }
        }
        for word in ["secret", "the-tenant", "the-user", &token[..20]] {
            assert!(!text.contains(word) && !log.contains(word), "{word}: {text} {log}");
        }
    });
}

/// The lines of a server's log.
fn log(home: &Home) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(home.folder.path().join("log")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

#[test]
fn every_refusal_leaves_a_line_with_its_code_and_a_flood_of_them_a_few_and_a_count() {
    let home = Home::on_sqlite();
    home.settings("[limits]\nuser_requests = 5\nrequest_seconds = 3\n");
    let mut server = home.start();
    let pull = format!("{}/v1/pull?secret-word", server.url);
    let refused = |user: &str, body: &[u8], encoding: Option<&str>| {
        post(&pull, &home.token("the-tenant", user), body, encoding).unwrap().0
    };
    assert_eq!(refused("a", b"secret-word", None), 400);
    assert_eq!(refused("b", b"secret-word", Some("gzip")), 400);
    assert_eq!(refused("c", b"{}", Some("secret-word")), 415);
    assert_eq!(refused("d", &vec![b' '; 9 << 20], None), 413);
    let token = home.token("the-tenant", "e");
    let mut slow = connect(&server);
    let head =
        format!("POST /v1/push HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 99\r\n\r\n");
    slow.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    let raw = |request: &str| {
        let mut stream = connect(&server);
        stream.write_all(request.as_bytes()).unwrap();
        rest(stream).to_lowercase()
    };
    let said = raw("GET /secret-word HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(said.starts_with("http/1.1 404") && said.contains(r#""code":"not-found""#), "{said}");
    let said = raw("GET /v1/push HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(
        said.starts_with("http/1.1 405") && said.contains("allow: post") && said.contains(r#""code":"method""#),
        "{said}"
    );
    let said = raw("secret-word\r\n\r\n");
    assert!(said.starts_with("http/1.1 400"), "{said}");
    let limited = (0..40).filter(|_| post(&pull, &token, b"{}", None).unwrap().0 == 429).count() as u64;
    // Strangers, many of them.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(post(&pull, "secret-word", b"", None).unwrap().0, 401)));
        }
    });
    terminate(&server);
    assert!(server.child.wait().unwrap().success());
    let lines = log(&home);
    let of = |code: &str, status: u64, route: &str| {
        let lines = lines.iter().filter(|line| line["code"] == code);
        let (counts, lines): (Vec<_>, Vec<_>) = lines.partition(|line| line["count"].is_u64());
        assert!(lines.iter().all(|line| line["level"] == "warn" && line["status"] == status && line["route"] == route));
        (lines.len() as u64, counts.iter().map(|line| line["count"].as_u64().unwrap()).sum::<u64>())
    };
    assert_eq!(of("encoding", 415, "/v1/pull"), (1, 0));
    assert_eq!(of("too-large", 413, "/v1/pull"), (1, 0));
    assert_eq!(of("timeout", 408, "/v1/push"), (1, 0));
    assert_eq!(of("not-found", 404, "another"), (1, 0));
    assert_eq!(of("method", 405, "/v1/push"), (1, 0));
    let no_http: Vec<_> = lines.iter().filter(|line| line["code"] == "http").collect();
    assert!(no_http.len() == 1 && no_http[0]["level"] == "warn" && no_http[0]["count"].is_null(), "{no_http:?}");
    let (invalid, more) = of("invalid", 400, "/v1/pull");
    assert_eq!(invalid + more, 2 + 40 - limited);
    let (written, passed_over) = of("limited", 429, "/v1/pull");
    assert!(limited > 0 && written > 0 && written + passed_over == limited, "{written} and {passed_over} of {limited}");
    let (written, passed_over) = of("auth", 401, "/v1/pull");
    println!("400 strangers left {written} lines and a count of {passed_over}");
    assert!(written < 200 && written + passed_over == 400, "{written} and {passed_over}");
    let text = std::fs::read_to_string(home.folder.path().join("log")).unwrap();
    assert!(!text.contains("secret-word") && !text.contains("the-tenant") && !text.contains(&token[..20]), "{text}");
}

#[test]
fn reverse_proxies_are_told_to_pass_live_events_on_at_once() {
    let home = Home::on_sqlite();
    let server = home.start();
    let live = agent().get(format!("{}/v1/live", server.url));
    let stream = live.header("authorization", format!("Bearer {}", home.token("t", "ann"))).call().unwrap();
    assert_eq!(stream.headers()["x-accel-buffering"], "no");
    assert_eq!(stream.headers()["cache-control"], "no-cache");
}

#[test]
fn flags_come_before_the_environment_and_that_before_the_file() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = "database = 'file.db'\nsecret_file = 'file.word'\n";
    std::fs::write(folder.path().join("server.toml"), file).unwrap();
    std::fs::write(folder.path().join("environment.toml"), file.replace("file.", "other.")).unwrap();
    let program = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidewell-server"));
        command.current_dir(folder.path()).arg("migrate").args(arguments).envs(variables.iter().copied());
        assert!(command.output().unwrap().status.success());
        // What it made, and nothing else.
        let made = ["flag", "environment", "file", "other", "tidewell"].map(|name| {
            let paths = [format!("{name}.db"), format!("{name}.word"), format!("{name}.secret")];
            let made = paths.map(|path| std::fs::remove_file(folder.path().join(path)).is_ok());
            (made[0], made[1] || made[2])
        });
        made.map(|made| match made {
            (true, true) => 'b',
            (true, false) => 'd',
            (false, true) => 's',
            (false, false) => '-',
        })
    };
    let flags = ["--database", "flag.db", "--secret-file", "flag.word"];
    let named = ["--config", "server.toml"];
    let environment = [("TIDEWELL_DATABASE", "environment.db"), ("TIDEWELL_SECRET_FILE", "environment.word")];
    assert_eq!(program(&[&flags[..], &named].concat(), &environment), ['b', '-', '-', '-', '-']);
    assert_eq!(program(&named, &environment), ['-', 'b', '-', '-', '-']);
    assert_eq!(program(&named, &[]), ['-', '-', 'b', '-', '-']);
    assert_eq!(program(&[], &[]), ['-', '-', '-', '-', 'b']);
    // Setting by setting, and the file itself is named by either.
    assert_eq!(program(&[&flags[..2], &named].concat(), &environment[1..]), ['d', 's', '-', '-', '-']);
    assert_eq!(program(&[], &[("TIDEWELL_CONFIG", "environment.toml")]), ['-', '-', '-', 'b', '-']);
    assert_eq!(program(&named, &[("TIDEWELL_CONFIG", "environment.toml")]), ['-', '-', 'b', '-', '-']);
}
