//! Every commit learns the state of the floors at its own moment, whoever changed them.

use tidewell_core::disk::{Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{fresh_name, open, record};

/// A record that reads the floors along.
fn reading(position: u64) -> Batch {
    Batch { reads: vec![BlobRange::all(Area::Floor)], ..record(position, b"record") }
}

/// A record that moves the floor to its own position, as a truncation does.
fn truncating(position: u64) -> Batch {
    let mut batch = reading(position);
    batch.deletes.push(BlobRange { area: Area::Floor, first: 0, last: position - 1 });
    batch.inserts.push((BlobName::floor(position), position.to_string().into_bytes()));
    batch
}

async fn commit(disk: &dyn Disk, batch: Batch) -> Result<Vec<Vec<u8>>, DiskError> {
    disk.commit(batch, Durability::Relaxed).await.map(|mut reads| reads.remove(0))
}

#[wasm_bindgen_test]
async fn a_floor_that_another_connection_moved_is_seen_by_the_next_commit() {
    let name = fresh_name();
    let (one, two) = (open(&name).await, open(&name).await);
    assert_eq!(commit(&*one, reading(1)).await, Ok(vec![]));
    assert_eq!(commit(&*two, truncating(2)).await, Ok(vec![b"2".to_vec()]));
    assert_eq!(commit(&*one, reading(3)).await, Ok(vec![b"2".to_vec()]));
    assert_eq!(commit(&*one, reading(4)).await, Ok(vec![b"2".to_vec()]));
    assert_eq!(commit(&*open(&name).await, reading(5)).await, Ok(vec![b"2".to_vec()]));
}

#[wasm_bindgen_test]
async fn a_floor_that_moved_twice_leaves_the_commit_to_be_looked_up() {
    let name = fresh_name();
    let (one, two) = (open(&name).await, open(&name).await);
    commit(&*two, truncating(2)).await.unwrap();
    commit(&*two, truncating(3)).await.unwrap();
    assert!(matches!(commit(&*one, reading(4)).await, Err(DiskError::Interrupted(_))));
    assert_eq!(commit(&*one, reading(4)).await, Err(DiskError::Exists(BlobName::log(4))));
    assert_eq!(commit(&*one, reading(5)).await, Ok(vec![b"3".to_vec()]));
}

#[wasm_bindgen_test]
async fn an_instance_that_slept_through_truncations_cannot_hide_them_with_its_own() {
    let name = fresh_name();
    let (sleeper, other) = (open(&name).await, open(&name).await);
    commit(&*other, truncating(20)).await.unwrap();
    commit(&*other, truncating(30)).await.unwrap();
    assert_eq!(commit(&*sleeper, truncating(10)).await, Ok(vec![b"10".to_vec(), b"30".to_vec()]));
    assert_eq!(commit(&*other, reading(31)).await, Ok(vec![b"10".to_vec(), b"30".to_vec()]));
}

#[wasm_bindgen_test]
async fn a_commit_that_only_reads_sees_the_floors_too() {
    let name = fresh_name();
    let (one, two) = (open(&name).await, open(&name).await);
    commit(&*two, truncating(2)).await.unwrap();
    let reads = vec![BlobRange::all(Area::Floor), BlobRange::one(Area::Floor, 9), BlobRange::all(Area::Log)];
    let batch = Batch { reads, ..Batch::default() };
    let seen = one.commit(batch, Durability::Relaxed).await;
    assert_eq!(seen, Ok(vec![vec![b"2".to_vec()], vec![], vec![b"record".to_vec()]]));
}
