//! The disk suite against IndexedDB in a real browser.

use std::rc::Rc;

use tidewell_core::disk::conformance::{check_all, Opener};
use tidewell_core::disk::{Disk, DiskError, LocalFuture};
use tidewell_web::indexed_db::{delete_database, IndexedDbDisk, IndexedDbOptions};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

struct InIndexedDb;

impl Opener for InIndexedDb {
    fn open<'a>(&'a self, storage: &'a str) -> LocalFuture<'a, Result<Rc<dyn Disk>, DiskError>> {
        Box::pin(async move {
            let disk = IndexedDbDisk::open(storage, IndexedDbOptions::default()).await?;
            Ok(Rc::new(disk) as Rc<dyn Disk>)
        })
    }
}

#[wasm_bindgen_test]
async fn indexed_db_keeps_every_promise_of_a_disk() {
    let claims = check_all(&InIndexedDb).await.unwrap();
    console_log!("{claims} claims hold");
    assert!(claims > 10);
}

#[wasm_bindgen_test]
async fn deleting_a_database_that_does_not_exist_is_fine() {
    assert_eq!(delete_database("never-created", 5_000.0).await, Ok(()));
}
