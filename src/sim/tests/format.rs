//! Databases written by released formats still open. The fixture is a dump of every blob, as the first format wrote it.
//!
//! A new format gets a fixture of its own beside the old ones: `TIDEWELL_WRITE_FIXTURE=1 cargo test -p tidewell-sim --test format`
//! writes one and never replaces one that is there.

#![cfg(test)]

use std::path::Path;
use std::rc::Rc;

use tidewell_core::base::{write_slice, write_varint, Reader};
use tidewell_core::database::Database;
use tidewell_core::disk::{Area, Batch, BlobName, BlobRange, Disk, Durability, FaultPlan};
use tidewell_core::engine::EngineOptions;
use tidewell_sim::Sim;

const AREAS: [Area; 5] = [Area::Meta, Area::Log, Area::Table, Area::Floor, Area::Manifest];
const DOCUMENTS: u32 = 2000;

fn document(n: u32) -> String {
    let tag = ["sea", "hill", "wood"][n as usize % 3];
    let when = if n.is_multiple_of(2) { r#"{"$date":1700000000000}"# } else { "null" };
    format!(r#"{{"id":"n{n:05}","tag":"{tag}","n":{n},"when":{when},"text":"{}"}}"#, "tide ".repeat(20))
}

async fn open(sim: &Sim, disk: Rc<dyn Disk>) -> Database {
    let options = EngineOptions { auto_maintenance: false, ..EngineOptions::new("fixture") };
    Database::open(disk, sim.tab(), None, options).await.unwrap()
}

/// A database with tables, a cut log, records above it, two indexes, deletes and old versions.
async fn fill(database: &Database) {
    let run = |command: String| {
        let database = database.clone();
        async move { database.execute(&command).await.unwrap() }
    };
    run(r#"{"op":"ensure","collection":"notes","version":3,"indexes":["n",{"fields":["tag",["n",-1]]}]}"#.into()).await;
    for start in (0..DOCUMENTS).step_by(500) {
        let docs: Vec<String> = (start..start + 500).map(document).collect();
        run(format!(r#"{{"op":"insert","collection":"notes","docs":[{}]}}"#, docs.join(","))).await;
        database.engine().flush().await.unwrap();
    }
    run(r#"{"op":"delete","collection":"notes","filter":{"n":{"$lt":100}}}"#.into()).await;
    database.engine().compact().await.unwrap();
    run(r#"{"op":"update","collection":"notes","id":"n00100","update":{"$set":{"tag":"new"}}}"#.into()).await;
}

async fn check(database: &Database) {
    for (command, expected) in [
        (r#"{"op":"count","collection":"notes"}"#, "1900".to_owned()),
        (r#"{"op":"get","collection":"notes","id":"n00001"}"#, "null".to_owned()),
        (r#"{"op":"get","collection":"notes","id":"n01999"}"#, document(1999)),
        (
            r#"{"op":"find","collection":"notes","filter":{"tag":"new"},"projection":{"n":1}}"#,
            r#"[{"id":"n00100","n":100}]"#.into(),
        ),
        (
            r#"{"op":"find","collection":"notes","filter":{"tag":"sea"},"sort":{"n":-1},"limit":1,"projection":{"n":1},"hint":"tag,n"}"#,
            r#"[{"id":"n01998","n":1998}]"#.into(),
        ),
        (
            r#"{"op":"aggregate","collection":"notes","pipeline":[{"$group":{"_id":null,"sum":{"$sum":"$n"}}}]}"#,
            format!(r#"[{{"_id":null,"sum":{}}}]"#, (100..DOCUMENTS).sum::<u32>()),
        ),
    ] {
        let answer = database.execute(command).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer.json), expected, "{command}");
    }
}

async fn dump(disk: &dyn Disk) -> Vec<u8> {
    let mut out = Vec::new();
    for area in AREAS {
        for (name, bytes) in disk.scan(BlobRange::all(area), usize::MAX).await.unwrap() {
            out.push(area as u8);
            write_varint(&mut out, name.id);
            write_varint(&mut out, name.part.into());
            write_slice(&mut out, &bytes);
        }
    }
    out
}

async fn restore(disk: &dyn Disk, dump: &[u8]) {
    let mut reader = Reader::new(dump);
    let mut batch = Batch::default();
    while !reader.is_empty() {
        let area = AREAS[reader.u8().unwrap() as usize];
        let name = BlobName { area, id: reader.varint().unwrap(), part: reader.varint_u32().unwrap() };
        batch.puts.push((name, reader.slice().unwrap().to_vec()));
    }
    disk.commit(batch, Durability::Strict).await.unwrap();
}

#[test]
fn a_database_of_the_first_format_opens_and_answers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1.bin");
    if std::env::var_os("TIDEWELL_WRITE_FIXTURE").is_some() && !path.exists() {
        let sim = Sim::new(1);
        let disk: Rc<dyn Disk> = Rc::new(sim.storage(FaultPlan::none()).open());
        let (world, written) = (sim.clone(), Rc::clone(&disk));
        let bytes = sim.run(async move {
            fill(&open(&world, Rc::clone(&written)).await).await;
            dump(&*written).await
        });
        std::fs::write(&path, bytes.unwrap()).unwrap();
    }
    let bytes = std::fs::read(&path).unwrap();
    let sim = Sim::new(2);
    let storage = sim.storage(FaultPlan::none());
    let world = sim.clone();
    sim.run(async move {
        restore(&storage.open(), &bytes).await;
        let database = open(&world, Rc::new(storage.open())).await;
        check(&database).await;
        // It can also be written on, and opened again.
        database.execute(r#"{"op":"put","collection":"notes","docs":[{"id":"later"}]}"#).await.unwrap();
        database.engine().compact().await.unwrap();
        database.execute(r#"{"op":"delete","collection":"notes","id":"later"}"#).await.unwrap();
        database.close().await;
        check(&open(&world, Rc::new(storage.open())).await).await;
    })
    .unwrap();
}
