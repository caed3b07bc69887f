//! What the disk does when IndexedDB fails: one claim for each failure that real products lost data to.

use crate::support::{fresh_name, join_all, open, open_listening, record, stored, Shim};
use tidewell_core::disk::{Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability};
use tidewell_web::indexed_db::{delete_database, DiskEvent};
use wasm_bindgen_test::wasm_bindgen_test;

/// Every request succeeds, and then the transaction is rolled back for lack of space: what browsers really do.
const QUOTA: &str = "if (mode === 'readwrite') {
    tx.commit = () => {
      tx.objectStore('log').get('identity').onsuccess = () => {
        Object.defineProperty(tx, 'error', { value: new DOMException('full', 'QuotaExceededError') });
        tx.abort();
      };
    };
  }";

/// No event of a transaction or of its requests ever arrives.
const SILENCE: &str = "for (const type of ['success', 'error', 'complete', 'abort']) {
    tx.addEventListener(type, (event) => event.stopImmediatePropagation(), true);
  }";

#[wasm_bindgen_test]
async fn a_dead_connection_is_replaced_and_the_same_batch_goes_through() {
    let disk = open(&fresh_name()).await;
    disk.commit(record(1, b"one"), Durability::Relaxed).await.unwrap();
    disk.sever();
    disk.commit(record(2, b"two"), Durability::Relaxed).await.unwrap();
    disk.sever();
    assert_eq!(stored(&*disk, 1).await.as_deref(), Some(&b"one"[..]));
    disk.sever();
    assert_eq!(disk.scan(BlobRange { area: Area::Log, first: 0, last: 9 }, 9).await.unwrap().len(), 2);
    disk.sever();
    disk.settle().await.unwrap();
}

#[wasm_bindgen_test]
async fn a_lost_connection_to_the_server_is_replaced() {
    let name = fresh_name();
    let disk = open(&name).await;
    let shim = Shim::new(&name, "if (!globalThis.thrown) { globalThis.thrown = true; tx.abort(); throw new DOMException('Connection to Indexed Database server lost', 'UnknownError'); }");
    disk.commit(record(1, b"one"), Durability::Strict).await.unwrap();
    drop(shim);
    assert_eq!(stored(&*disk, 1).await.as_deref(), Some(&b"one"[..]));
}

#[wasm_bindgen_test]
async fn a_commit_that_the_browser_aborts_is_interrupted_and_a_read_is_repeated() {
    let name = fresh_name();
    let disk = open(&name).await;
    let shim = Shim::new(
        &name,
        "if (mode === 'readwrite' || !globalThis.once) { globalThis.once = true; tx.commit = () => tx.abort(); }",
    );
    assert_eq!(stored(&*disk, 1).await, None);
    let outcome = disk.commit(record(1, b"one"), Durability::Relaxed).await;
    drop(shim);
    assert!(matches!(outcome, Err(DiskError::Interrupted(_))), "{outcome:?}");
    disk.settle().await.unwrap();
    assert_eq!(stored(&*disk, 1).await, None);
}

#[wasm_bindgen_test]
async fn a_full_disk_after_successful_requests_is_a_quota_error_and_nothing_is_written() {
    let name = fresh_name();
    let disk = open(&name).await;
    let shim = Shim::new(&name, QUOTA);
    let outcome = disk.commit(record(1, b"one"), Durability::Relaxed).await;
    drop(shim);
    assert!(matches!(outcome, Err(DiskError::Quota(_))), "{outcome:?}");
    assert_eq!(stored(&*disk, 1).await, None);
    disk.commit(record(1, b"again"), Durability::Relaxed).await.unwrap();
}

#[wasm_bindgen_test]
async fn a_silent_browser_interrupts_a_commit_at_the_deadline_and_settle_tells_what_became_of_it() {
    let name = fresh_name();
    let disk = open(&name).await;
    let shim = Shim::new(&name, SILENCE);
    let outcome = disk.commit(record(1, b"one"), Durability::Relaxed).await;
    assert!(matches!(outcome, Err(DiskError::Interrupted(_))), "{outcome:?}");
    let outcome = disk.read(&[BlobName::log(1)]).await;
    assert!(matches!(outcome, Err(DiskError::Interrupted(_))), "{outcome:?}");
    drop(shim);
    disk.settle().await.unwrap();
    assert_eq!(stored(&*disk, 1).await.as_deref(), Some(&b"one"[..]));
}

#[wasm_bindgen_test]
async fn of_two_connections_only_one_takes_a_position_and_the_other_learns_which() {
    let name = fresh_name();
    let (one, two) = (open(&name).await, open(&name).await);
    let first = one.commit(record(7, b"one"), Durability::Relaxed);
    let mut batch = record(8, b"two");
    batch.inserts.push((BlobName::log(7), b"two".to_vec()));
    first.await.unwrap();
    assert_eq!(two.commit(batch, Durability::Relaxed).await, Err(DiskError::Exists(BlobName::log(7))));
    assert_eq!(stored(&*one, 8).await, None);
}

#[wasm_bindgen_test]
async fn when_one_of_many_requests_fails_none_of_the_others_is_kept_wherever_it_stands() {
    let disk = open(&fresh_name()).await;
    disk.commit(record(5, b"there"), Durability::Relaxed).await.unwrap();
    for at in 0..3 {
        let mut batch = Batch { puts: vec![(BlobName::table(1, 0), vec![1])], ..Batch::default() };
        batch.inserts = vec![(BlobName::log(10), vec![1]), (BlobName::log(11), vec![2])];
        batch.inserts.insert(at, (BlobName::log(5), vec![3]));
        batch.reads = vec![BlobRange::all(Area::Floor)];
        assert_eq!(disk.commit(batch, Durability::Strict).await, Err(DiskError::Exists(BlobName::log(5))));
        let seen = disk.read(&[BlobName::log(10), BlobName::log(11), BlobName::table(1, 0)]).await;
        assert_eq!(seen, Ok(vec![None, None, None]));
    }
}

#[wasm_bindgen_test]
async fn a_deleted_database_is_lost_for_good_and_not_created_anew() {
    let name = fresh_name();
    let (disk, seen) = open_listening(&name).await;
    disk.commit(record(1, b"one"), Durability::Relaxed).await.unwrap();
    delete_database(&name, 5_000.0).await.unwrap();
    for _ in 0..2 {
        let outcome = disk.commit(record(2, b"two"), Durability::Relaxed).await;
        assert!(matches!(outcome, Err(DiskError::Lost(_))), "{outcome:?}");
    }
    assert!(matches!(disk.read(&[BlobName::log(1)]).await, Err(DiskError::Lost(_))));
    assert_eq!(*seen.borrow(), [DiskEvent::VersionChange, DiskEvent::Lost]);
}

#[wasm_bindgen_test]
async fn a_database_that_another_tab_created_anew_is_lost_for_those_who_had_the_old_one() {
    let name = fresh_name();
    let old = open(&name).await;
    old.commit(record(1, b"one"), Durability::Relaxed).await.unwrap();
    delete_database(&name, 5_000.0).await.unwrap();
    let new = open(&name).await;
    new.commit(record(1, b"other"), Durability::Relaxed).await.unwrap();
    let outcome = old.read(&[BlobName::log(1)]).await;
    assert!(matches!(outcome, Err(DiskError::Lost(_))), "{outcome:?}");
    assert_eq!(stored(&*new, 1).await.as_deref(), Some(&b"other"[..]));
}

#[wasm_bindgen_test]
async fn storage_gets_an_exact_copy_and_never_a_view_of_the_memory() {
    let name = fresh_name();
    let disk = open(&name).await;
    let shim = Shim::new(
        &name,
        "const store = tx.objectStore.bind(tx);
         tx.objectStore = (which) => {
           const opened = store(which), add = opened.add.bind(opened);
           opened.add = (value, key) => { globalThis.handed = value.buffer.byteLength; return add(value, key); };
           return opened;
         };",
    );
    disk.commit(record(1, &[7; 1000]), Durability::Relaxed).await.unwrap();
    drop(shim);
    let handed = js_sys::Reflect::get(&js_sys::global(), &"handed".into()).unwrap();
    assert_eq!(handed.as_f64(), Some(1000.0));
}

#[wasm_bindgen_test]
async fn a_closed_disk_says_so() {
    let disk = open(&fresh_name()).await;
    disk.close();
    disk.close();
    assert_eq!(disk.read(&[BlobName::log(1)]).await, Err(DiskError::Closed));
    assert_eq!(disk.commit(record(1, b"one"), Durability::Relaxed).await, Err(DiskError::Closed));
}

#[wasm_bindgen_test]
async fn many_operations_find_a_dead_connection_together_and_share_the_new_one() {
    let (disk, seen) = open_listening(&fresh_name()).await;
    disk.sever();
    let commit = |position| disk.commit(record(position, b"x"), Durability::Relaxed);
    let outcomes = join_all((1..=3).map(commit).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(*seen.borrow(), [DiskEvent::Reopened]);
}
