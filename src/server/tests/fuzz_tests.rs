//! Schemathesis makes requests of the OpenAPI document, right ones and wrong ones, and judges the answers by it.

use std::process::Command;

use crate::fixture::{agent, Home};

#[test]
fn a_fuzzer_of_the_openapi_document_finds_nothing() {
    let Some(program) = std::env::var_os("SCHEMATHESIS") else {
        println!("skipped: SCHEMATHESIS does not name the program; `cargo xtask test server` installs it");
        return;
    };
    let home = Home::on_sqlite();
    home.settings("[limits]\nuser_requests = 0\ntenant_requests = 0\n");
    let server = home.start();
    let output = Command::new(program)
        .arg("--config-file")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", server.url), "--header"])
        .arg(format!("Authorization: Bearer {}", home.token("t", "ann")))
        // The streams of `/v1/live` have no end: three seconds are listened to each of them.
        .args(["--max-examples", "60", "--seed", "1", "--request-timeout", "3", "--no-color"])
        .current_dir(home.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let tried: Vec<u32> = said
        .lines()
        .filter_map(|line| line.trim().strip_suffix(" skipped").and_then(|line| line.split_once(" generated, ")))
        .filter_map(|(generated, _)| generated.parse().ok())
        .collect();
    assert!(tried.len() == 1 && tried[0] >= 200, "that many requests are too few: {said}");
    let log = std::fs::read_to_string(home.folder.path().join("log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(agent().get(format!("{}/health", server.url)).call().unwrap().status(), 200);
    println!("counted: schemathesis: {} requests", tried[0]);
}
