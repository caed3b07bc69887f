//! One suite of claims that every [`Disk`] must pass, natively and in a browser.
//!
//! It does not test durability against power cuts or kills: that takes a machine outside the program
//! (the crash tests and the browser tests do it).

mod claims;

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use self::claims::CLAIMS;
use super::{Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability, LocalFuture, NamedBlobs, RangeReads};

/// Opens storages by name. The same name twice is two handles to one storage; a new name is empty storage.
pub trait Opener {
    /// A new handle to the storage `storage` (lower-case letters and dashes only).
    fn open<'a>(&'a self, storage: &'a str) -> LocalFuture<'a, Result<Rc<dyn Disk>, DiskError>>;
}

type Disks = (Rc<dyn Disk>, Rc<dyn Disk>);
type Verdict = Result<(), String>;
type Claim = (&'static str, fn(Disks) -> LocalFuture<'static, Verdict>);
type Answers = Vec<Option<Vec<u8>>>;

/// Checks every claim, each on storage of its own named `claim-…`; answers how many there were.
///
/// # Errors
/// The names of all claims that do not hold, each with what was seen.
pub async fn check_all(opener: &dyn Opener) -> Result<usize, String> {
    let mut broken = Vec::new();
    for (name, claim) in CLAIMS {
        let storage = format!("claim-{}", name.replace([' ', ','], "-"));
        let verdict = match (opener.open(&storage).await, opener.open(&storage).await) {
            (Ok(one), Ok(two)) => {
                let verdict = claim((Rc::clone(&one), Rc::clone(&two))).await;
                one.close();
                two.close();
                verdict
            }
            (Err(error), _) | (_, Err(error)) => Err(format!("cannot open: {error}")),
        };
        broken.extend(verdict.err().map(|seen| format!("{name}: {seen}")));
    }
    if let Err(seen) = outlives_its_handles(opener).await {
        broken.push(format!("what was written is there when storage is opened again: {seen}"));
    }
    if broken.is_empty() {
        Ok(CLAIMS.len() + 1)
    } else {
        Err(broken.join("\n"))
    }
}

/// Runs a future that never waits for anything outside it. For disks whose operations block or are ready at once.
///
/// # Panics
/// Never; a future that waits for ever makes it spin for ever.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

async fn outlives_its_handles(opener: &dyn Opener) -> Verdict {
    let open = || async { opener.open("claim-reopened").await.map_err(|error| format!("cannot open: {error}")) };
    let big = noise(300_000, 1);
    let first = open().await?;
    commit(&first, inserts(&[(BlobName::log(1), &big), (BlobName::table(1, 1), b"block")])).await?;
    commit(&first, deletes(&[BlobRange { area: super::Area::Table, first: 1, last: 1 }])).await?;
    commit(&first, puts(&[(BlobName::meta(1), b"meta")])).await?;
    first.close();
    drop(first);
    let second = open().await?;
    let seen = read(&second, &[BlobName::log(1), BlobName::table(1, 1), BlobName::meta(1)]).await;
    second.close();
    ensure(seen? == vec![Some(big), None, Some(b"meta".to_vec())], || "other bytes came back".to_owned())
}

fn ensure(holds: bool, seen: impl FnOnce() -> String) -> Verdict {
    if holds {
        Ok(())
    } else {
        Err(seen())
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(seen: T, expected: T) -> Verdict {
    let text = |value: &T| format!("{value:?}").chars().take(300).collect::<String>();
    ensure(seen == expected, || format!("expected {}, saw {}", text(&expected), text(&seen)))
}

fn puts(blobs: &[(BlobName, &[u8])]) -> Batch {
    Batch { puts: owned(blobs), ..Batch::default() }
}

fn inserts(blobs: &[(BlobName, &[u8])]) -> Batch {
    Batch { inserts: owned(blobs), ..Batch::default() }
}

fn deletes(ranges: &[BlobRange]) -> Batch {
    Batch { deletes: ranges.to_vec(), ..Batch::default() }
}

fn owned(blobs: &[(BlobName, &[u8])]) -> NamedBlobs {
    blobs.iter().map(|(name, bytes)| (*name, bytes.to_vec())).collect()
}

fn logs(first: u64, last: u64) -> BlobRange {
    BlobRange { area: Area::Log, first, last }
}

async fn commit(disk: &Rc<dyn Disk>, batch: Batch) -> Result<RangeReads, String> {
    disk.commit(batch, Durability::Relaxed).await.map_err(|error| format!("commit failed: {error}"))
}

async fn read(disk: &Rc<dyn Disk>, names: &[BlobName]) -> Result<Answers, String> {
    disk.read(names).await.map_err(|error| format!("read failed: {error}"))
}

async fn scan(disk: &Rc<dyn Disk>, range: BlobRange, limit: usize) -> Result<NamedBlobs, String> {
    disk.scan(range, limit).await.map_err(|error| format!("scan failed: {error}"))
}

async fn check_blob(disk: &Rc<dyn Disk>, name: BlobName, expected: Option<&[u8]>) -> Verdict {
    equal(read(disk, &[name]).await?, vec![expected.map(<[u8]>::to_vec)])
}

/// Runs all futures together and answers their results in order.
async fn together<T>(futures: Vec<LocalFuture<'_, T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (future, None)).collect();
    poll_fn(|context| {
        for (future, result) in &mut running {
            if result.is_none() {
                if let Poll::Ready(value) = future.as_mut().poll(context) {
                    *result = Some(value);
                }
            }
        }
        if running.iter().all(|(_, result)| result.is_some()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    running.into_iter().filter_map(|(_, result)| result).collect()
}

/// Bytes without a pattern that compression, text conversion or alignment could hide a mistake in.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    crate::base::Rng::fill(&crate::base::SeededRng::new(seed), &mut bytes);
    bytes
}
