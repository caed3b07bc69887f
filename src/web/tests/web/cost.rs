//! What a commit costs beside one put of plain JavaScript. Printed, not judged: run it alone on a quiet machine with
//! `cargo test -p tidewell-web --release --target wasm32-unknown-unknown -- --ignored --nocapture`.

use js_sys::{Function, Promise};
use tidewell_core::base::Clock;
use tidewell_core::disk::{Area, BlobName, BlobRange, Disk, Durability};
use tidewell_core::engine;
use tidewell_web::platform::HostPlatform;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use crate::engine::{open_engine, put as put_key};
use crate::support::{fresh_name, open, record};

/// `put` and `get` of plain JavaScript: `count` transactions one after another.
const PLAIN: &str = "
  const db = await new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore('log');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  let next = 0;
  return async (work, count, value) => {
    for (let i = 0; i < count; i++) {
      await new Promise((resolve, reject) => {
        const mode = work === 'get' ? 'readonly' : 'readwrite';
        const tx = db.transaction('log', mode, { durability: 'relaxed' });
        const store = tx.objectStore('log');
        if (work === 'get') {
          const request = store.get(1 + (i % 100));
          request.onsuccess = () => resolve(request.result);
        } else {
          store.put(value.slice(), ++next);
          tx.oncomplete = () => resolve();
        }
        tx.onabort = () => reject(tx.error);
        tx.commit();
      });
    }
  };";

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[wasm_bindgen_test]
#[ignore = "a measurement"]
async fn a_commit_beside_a_plain_put() {
    const BLOCK: u32 = 100;
    let platform = HostPlatform::private();
    let disk = open(&fresh_name()).await;
    let make = Function::new_with_args("name", &format!("return (async () => {{ {PLAIN} }})()"));
    let plain = make.call1(&JsValue::NULL, &fresh_name().into()).unwrap();
    let plain: Function = JsFuture::from(Promise::from(plain)).await.unwrap().into();
    let bytes = vec![7; 450];
    let value = js_sys::Uint8Array::from(&bytes[..]);
    let mut position = 0;
    let database = open_engine(&fresh_name()).await.unwrap();
    let silent = crate::engine::open_alone(&fresh_name()).await;
    let text = "7".repeat(400);
    let (mut put, mut commit, mut bare, mut get, mut read) = (vec![], vec![], vec![], vec![], vec![]);
    let (mut whole, mut quiet) = (vec![], vec![]);
    for _ in 0..21 {
        for (work, times) in [("put", &mut put), ("get", &mut get)] {
            let start = platform.monotonic_ms();
            let done = plain.call3(&JsValue::NULL, &work.into(), &BLOCK.into(), &value).unwrap();
            JsFuture::from(Promise::from(done)).await.unwrap();
            times.push((platform.monotonic_ms() - start) / f64::from(BLOCK));
        }
        for (reads, times) in [(true, &mut commit), (false, &mut bare)] {
            let start = platform.monotonic_ms();
            for _ in 0..BLOCK {
                position += 1;
                let mut batch = record(position, &bytes);
                if reads {
                    batch.reads = vec![BlobRange::all(Area::Floor)];
                }
                disk.commit(batch, Durability::Relaxed).await.unwrap();
            }
            times.push((platform.monotonic_ms() - start) / f64::from(BLOCK));
        }
        for (database, times) in [(&database, &mut whole), (&silent, &mut quiet)] {
            let start = platform.monotonic_ms();
            for i in 0..BLOCK {
                put_key(database, &format!("{position}/{i}"), &text, engine::Durability::Relaxed).await;
            }
            times.push((platform.monotonic_ms() - start) / f64::from(BLOCK));
        }
        let start = platform.monotonic_ms();
        for i in 0..BLOCK {
            disk.read(&[BlobName::log(1 + u64::from(i))]).await.unwrap();
        }
        read.push((platform.monotonic_ms() - start) / f64::from(BLOCK));
    }
    let (put, commit, bare) = (median(put), median(commit), median(bare));
    let (get, read) = (median(get), median(read));
    console_log!(
        "put {put:.3} ms, commit with floor {commit:.3} ms ({:.2}), without {bare:.3} ms ({:.2})",
        commit / put,
        bare / put
    );
    let (whole, quiet) = (median(whole), median(quiet));
    console_log!(
        "put by the engine {whole:.3} ms ({:.2}), with nobody to tell {quiet:.3} ms ({:.2})",
        whole / put,
        quiet / put
    );
    console_log!("get {get:.3} ms, read {read:.3} ms ({:.2})", read / get);
}
