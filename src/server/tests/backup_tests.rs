//! Backups and restores while people work: a backup ends and is whole, and nothing is put in the place of what is in use.
//!
//! What clients send again afterwards is in `sync_tests`.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidewell_core::sync::{Action, Op};

use crate::cluster;
use crate::fixture::{create, on_both, pause, update, value, Device, Home};

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

#[test]
fn a_file_that_join_servers_is_not_replaced_and_a_killed_server_holds_nothing() {
    let home = Home::on_sqlite();
    let mut server = home.start();
    let mut device = Device::new(1, &home.token("t", "ann"));
    device.mutate(vec![create("x")]);
    device.sync(&server.url);
    home.run(&["backup", "copy.db"]).unwrap();
    let refused = home.run(&["restore", "copy.db"]).unwrap_err();
    assert!(refused.contains("tidewell.db is in use") && refused.contains("stop its server"), "{refused}");
    device.mutate(vec![create("y")]);
    device.sync(&server.url);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    // Nothing was moved by the refused restore.
    let server = home.start();
    let mut fresh = Device::new(2, &device.token);
    fresh.sync(&server.url);
    assert!(fresh.view("y").is_some());
    drop(server);
    home.run(&["restore", "copy.db"]).unwrap();
    // And nobody begins while it is replaced.
    let restoring = std::fs::File::open(home.folder.path().join("tidewell.db-lock")).unwrap();
    restoring.try_lock().unwrap();
    for arguments in [&["--listen", "127.0.0.1:0"][..], &["backup", "other.db"], &["compact"]] {
        let refused = home.run(arguments).unwrap_err();
        assert!(refused.contains("tidewell.db is being restored"), "{arguments:?}: {refused}");
    }
}

#[test]
fn tables_that_are_served_are_not_replaced_and_a_killed_server_holds_nothing() {
    let home = Home::on_postgres();
    let servers = [home.start(), home.start()];
    let mut device = Device::new(1, &home.token("t", "ann"));
    device.mutate(vec![create("x")]);
    device.sync(&servers[0].url);
    home.run(&["backup", "copy.dump"]).unwrap();
    device.mutate(vec![create("y")]);
    device.sync(&servers[1].url);
    for server in servers {
        let refused = home.run(&["restore", "copy.dump"]).unwrap_err();
        assert!(refused.contains("the database is in use") && refused.contains("stop its servers"), "{refused}");
        drop(server);
    }
    // Nothing was changed by the refused ones.
    {
        let server = home.start();
        let mut fresh = Device::new(2, &device.token);
        fresh.sync(&server.url);
        assert!(fresh.view("y").is_some());
    }
    // And nobody begins while they are replaced.
    let mut restoring = postgres::Client::connect(&home.database, postgres::NoTls).unwrap();
    restoring.execute("SELECT pg_advisory_lock($1)", &[&0x7469_6466_i64]).unwrap();
    let refused = home.run(&["--listen", "127.0.0.1:0"]).unwrap_err();
    assert!(refused.contains("it is being restored"), "{refused}");
    drop(restoring);
    home.run(&["restore", "copy.dump"]).unwrap();
    let server = home.start();
    let mut fresh = Device::new(3, &device.token);
    fresh.sync(&server.url);
    assert_eq!((fresh.view("x").is_some(), fresh.view("y").is_some()), (true, false));
}

#[test]
fn a_restore_that_was_cut_off_between_its_two_renames_is_not_served_as_an_empty_database() {
    let home = Home::on_sqlite();
    let token = home.token("t", "ann");
    let mut device = Device::new(1, &token);
    {
        let server = home.start();
        device.mutate(vec![create("x")]);
        device.sync(&server.url);
    }
    home.run(&["backup", "copy.db"]).unwrap();
    let path = |name: &str| home.folder.path().join(name);
    std::fs::copy(path("copy.db"), path("tidewell.restoring")).unwrap();
    // Cut off before the first: what is there is whole.
    drop(home.start());
    std::fs::rename(path("tidewell.db"), path("tidewell.replaced")).unwrap();
    for arguments in [&["--listen", "127.0.0.1:0"][..], &["migrate"], &["backup", "other.db"], &["compact"]] {
        let refused = home.run(arguments).unwrap_err();
        assert!(refused.contains("a restore of tidewell.db was cut off"), "{arguments:?}: {refused}");
        assert!(!path("tidewell.db").exists() && !path("other.db").exists(), "{arguments:?}");
    }
    home.run(&["restore", "copy.db"]).unwrap();
    let server = home.start();
    let mut fresh = Device::new(2, &token);
    fresh.sync(&server.url);
    assert_eq!(fresh.number("x"), 0.0);
}

#[test]
fn an_older_backup_lacks_what_clients_forgot_once_a_newer_one_held_it() {
    on_both(|home| {
        let token = home.token("t", "ann");
        let mut device = Device::new(1, &token);
        {
            let server = home.start();
            let mut write = |id: &str, backup: &str| {
                device.mutate(vec![create(id)]);
                device.sync(&server.url);
                if !backup.is_empty() {
                    home.run(&["backup", backup]).unwrap();
                }
            };
            write("first", "older.db");
            write("second", "newer.db");
            // With it the device hears that the newer backup holds the second.
            write("third", "");
        }
        for (backup, second) in [("older.db", false), ("newer.db", true)] {
            home.run(&["restore", backup]).unwrap();
            let server = home.start();
            // A copy of the device meets each restored server.
            let mut met = device.twin(7);
            met.sync(&server.url);
            assert_eq!(["first", "second", "third"].map(|id| met.view(id).is_some()), [true, second, true], "{backup}");
        }
    });
}

#[test]
fn a_restore_of_postgresql_that_was_cut_off_is_not_served_until_it_is_done() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::on_postgres();
    let token = home.token("t", "ann");
    let mut device = Device::new(1, &token);
    {
        let server = home.start();
        device.mutate(vec![create("x")]);
        device.sync(&server.url);
        home.run(&["backup", "copy.db"]).unwrap();
        device.mutate(vec![create("y")]);
        device.sync(&server.url);
    }
    // A restore that fails leaves everything as it was.
    std::fs::write(home.folder.path().join("broken"), "no backup").unwrap();
    let failed = home.run(&["restore", "broken"]).unwrap_err();
    assert!(failed.contains("pg_restore failed"), "{failed}");
    drop(home.start());
    // This one restores, and then whoever asked for it is killed.
    let script = home.folder.path().join("pg_restore");
    let text = format!("#!/bin/sh\n{}/pg_restore \"$@\" || exit 1\nkill -9 $PPID\n", cluster::programs().display());
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    home.run(&["restore", "copy.db"]).unwrap_err();
    let refused = home.run(&["--listen", "127.0.0.1:0"]).unwrap_err();
    assert!(refused.contains("a restore was cut off") && refused.contains("restore FILE"), "{refused}");
    std::fs::remove_file(script).unwrap();
    home.run(&["restore", "copy.db"]).unwrap();
    let server = home.start();
    device.sync(&server.url);
    let mut fresh = Device::new(2, &token);
    fresh.sync(&server.url);
    assert_eq!((fresh.number("x"), fresh.number("y")), (0.0, 0.0));
}
