//! Backups of a SQLite file while people work: a backup ends and is whole.
//!
//! What clients send again afterwards is in `sync_tests`.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidewell_core::sync::{Action, Op};

use crate::fixture::{create, pause, update, value, Device, Home};

/// Two documents whose numbers are opposite after each mutation.
fn pair(name: &str) -> [Op; 2] {
    [create(&format!("{name}+")), create(&format!("{name}-"))]
}

fn step(name: &str) -> Vec<Op> {
    vec![update(&format!("{name}+"), r#"{"$inc":{"n":1}}"#), update(&format!("{name}-"), r#"{"$inc":{"n":-1}}"#)]
}

/// Whether it ended well within so many seconds; killed if it did not end.
fn ends_within(child: &mut Child, seconds: u32) -> bool {
    for _ in 0..seconds * 100 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        pause(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

#[test]
fn a_backup_beside_a_busy_server_ends_and_is_one_whole_state() {
    const DOCUMENTS: usize = 12;
    const OTHERS: [&str; 3] = ["b", "c", "d"];
    let home = Home::on_sqlite();
    home.settings("[limits]\nuser_requests = 0\ntenant_requests = 0\n");
    let token = home.token("t", "ann");
    let (mut writer, mut made) = (Device::new(1, &token), 0u32);
    {
        let server = home.start();
        // What is only there to be copied: with pushes it would take minutes.
        let file = rusqlite::Connection::open(home.folder.path().join("tidewell.db")).unwrap();
        let ballast = "CREATE TABLE ballast (block BLOB);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 96)
            INSERT INTO ballast SELECT randomblob(1 << 20) FROM n";
        file.execute_batch(ballast).unwrap();
        drop(file);
        writer.mutate(pair("a").to_vec());
        for n in 0..DOCUMENTS {
            let document = format!(r#"{{"id":"large-{n}","text":"{}"}}"#, "x".repeat(900_000));
            writer.mutate(vec![Op::new("notes", &format!("large-{n}"), Action::Put(value(&document)))]);
            writer.push(&server.url).unwrap();
        }
        let over = AtomicBool::new(false);
        let mut backup = home.program(&["backup", "copy.db"]).spawn().unwrap();
        let ended = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let ended = ends_within(&mut backup, 60);
                over.store(true, Ordering::Relaxed);
                ended
            });
            for name in OTHERS {
                let (over, token, url) = (&over, &token, &server.url);
                scope.spawn(move || {
                    let mut other = Device::new(u64::from(name.as_bytes()[0]), token);
                    other.mutate(pair(name).to_vec());
                    while !over.load(Ordering::Relaxed) {
                        other.mutate(step(name));
                        other.push(url).unwrap();
                    }
                });
            }
            while !over.load(Ordering::Relaxed) {
                writer.mutate(step("a"));
                writer.push(&server.url).unwrap();
                made += 1;
            }
            waiting.join().unwrap()
        });
        assert!(ended, "the backup does not end, or fails");
    }
    let size = |name: &str| std::fs::metadata(home.folder.path().join(name)).unwrap().len();
    println!("{} MiB were copied while {made} pushes of one writer of four went on", size("copy.db") >> 20);
    assert!(size("copy.db") > 100 << 20 && made > 1);
    home.run(&["restore", "copy.db"]).unwrap();
    let server = home.start();
    let mut fresh = Device::new(2, &token);
    fresh.sync(&server.url);
    assert!((0..DOCUMENTS).all(|n| fresh.view(&format!("large-{n}")).is_some()));
    // One state: both halves of every mutation, and none that came later.
    let copied = fresh.number("a+");
    for name in OTHERS.into_iter().chain(["a"]).filter(|name| fresh.view(&format!("{name}+")).is_some()) {
        assert_eq!(fresh.number(&format!("{name}+")) + fresh.number(&format!("{name}-")), 0.0, "{name}");
    }
    assert!(copied <= f64::from(made), "{copied} of {made}");
    // What came after the copy is sent again.
    writer.sync(&server.url);
    assert_eq!((writer.number("a+"), writer.number("a-")), (f64::from(made), -f64::from(made)));
}
