//! Work in the background on search indexes: filling new ones, merging segments, clearing merged ones.
//!
//! Every slice is a commit that stores how far it got; between slices the thread is given back.

use std::rc::Rc;

use crate::base::Result;
use crate::collections::catalog::{Collection, SearchIndex};
use crate::engine::{Durability, Read, Step, Transaction};
use crate::search::analyze::{ANALYZER_FAILED, UNKNOWN_ANALYZER};
use crate::search::store::build::{Builder, CommitStep, ReadStep};
use crate::search::store::view::ANALYZER_VERSION;
use crate::search::store::{merge, Pace};

use super::super::handle::{DatabaseEvent, Shared};
use super::super::response::ObjectWriter;

/// What events call a search index.
pub(in super::super) const NAME: &str = "$search";

/// A search index with something to do.
#[derive(Clone, Debug)]
pub(in super::super) struct Pending {
    collection: Box<str>,
    id: u32,
    search: SearchIndex,
}

/// The search indexes that are not ready, or have segments to merge or to clear.
pub(in super::super) fn pending(view: &dyn Read, shared: &Shared) -> Step<Vec<Pending>> {
    let (mut pending, pace) = (Vec::new(), shared.merge_pace());
    for collection in shared.catalog.all(view)? {
        let Collection { id, name, search: Some(search), .. } = &*collection else { continue };
        let given_up = || shared.upkeep.given_up(name, NAME).is_some();
        if (!search.ready && !given_up()) || merge::wants_work(view, *id, search, pace)? {
            pending.push(Pending { collection: name.clone(), id: *id, search: search.clone() });
        }
    }
    Ok(pending)
}

/// Does all there is to do for one index.
pub(in super::super) async fn work(shared: &Rc<Shared>, pending: &Pending) -> Result<()> {
    if !pending.search.ready {
        match fill(shared, pending).await {
            Ok(()) => {}
            // Another instance may know the analyzer; whoever declares the search here does.
            Err(error) if matches!(error.reason(), Some(UNKNOWN_ANALYZER | ANALYZER_VERSION)) => return Ok(()),
            Err(error) if error.reason() == Some(ANALYZER_FAILED) => {
                failed(shared, &pending.collection, error);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    while work_slice(shared, pending, merge::slice).await? {}
    while work_slice(shared, pending, |tx, id, search, _| merge::clear_slice(tx, id, search)).await? {}
    Ok(())
}

/// Does a slice of work on the segments of an index, if that is still there; answers whether there is more.
async fn work_slice(
    shared: &Rc<Shared>,
    pending: &Pending,
    slice: fn(&mut dyn Transaction, u32, &SearchIndex, Pace) -> Step<bool>,
) -> Result<bool> {
    let (worker, one, pace) = (Rc::clone(shared), pending.clone(), shared.merge_pace());
    let step = move |tx: &mut dyn Transaction| {
        let collection = worker.catalog.find(tx, &one.collection)?;
        match collection.as_ref().and_then(|found| found.search.as_ref()).filter(|now| now.id == one.search.id) {
            Some(search) => slice(tx, one.id, search, pace),
            None => Ok(false),
        }
    };
    let more = shared.engine.commit(Durability::Relaxed, step).await?.value;
    if more {
        shared.upkeep.slice_done();
        shared.platform.breathe().await;
    }
    Ok(more)
}

async fn fill(shared: &Rc<Shared>, pending: &Pending) -> Result<()> {
    let prepared = shared.search.prepared(&pending.search)?;
    let mut builder = Builder::new(&pending.collection, pending.search.id, prepared);
    loop {
        let step = shared.look(|view| builder.read(view, &shared.catalog)).await?;
        match step {
            ReadStep::More => {}
            ReadStep::Gone => return Ok(()),
            ReadStep::Full | ReadStep::End => {
                let (worker, filled) = (Rc::clone(shared), Rc::new(builder));
                let job = Rc::clone(&filled);
                let end = step == ReadStep::End;
                let commit = move |tx: &mut dyn crate::engine::Transaction| job.commit(tx, &worker.catalog, end);
                let step = shared.engine.commit(Durability::Relaxed, commit).await?.value;
                shared.upkeep.slice_done();
                match step {
                    CommitStep::Building(done, total) => progress(shared, &pending.collection, "building", done, total),
                    CommitStep::Ready(done) => {
                        progress(shared, &pending.collection, "ready", done, done);
                        return Ok(());
                    }
                    CommitStep::Gone => return Ok(()),
                }
                builder = filled.next();
            }
        }
        shared.platform.breathe().await;
    }
}

/// Gives the index up until the analyzer is made known anew.
fn failed(shared: &Shared, collection: &str, error: crate::base::Error) {
    let mut notice = ObjectWriter::default();
    notice.text("kind", "index").text("collection", collection).text("name", NAME).text("state", "failed");
    notice.number("done", 0).number("total", 0).text("message", error.message());
    shared.emit(&DatabaseEvent::Notice(notice.finish().json));
    shared.upkeep.give_up(collection, NAME, error);
}

fn progress(shared: &Shared, collection: &str, state: &str, done: u64, total: u64) {
    let mut notice = ObjectWriter::default();
    notice.text("kind", "index").text("collection", collection).text("name", NAME).text("state", state);
    notice.number("done", done).number("total", total);
    shared.emit(&DatabaseEvent::Notice(notice.finish().json));
}
