//! The collection that a result is written to, and its taking the place of the old result in one commit.
//!
//! Its indexes are those of the collection it replaces: made empty at the start and maintained as it is written; those that
//! were declared since are built before the swap.

use crate::base::planted::{planted, Bug};
use crate::base::{Error, Reader};
use crate::collections::build::Progress;
use crate::collections::catalog::{self, Catalog, Collection, Index};
use crate::collections::keys as collection_keys;
use crate::engine::{Step, Transaction};

use super::record::{Phase, Record, State};
use super::run::{expect, write, Ticket};
use super::{keys, Definition};

/// What an attempt to put the result in place led to.
#[derive(Clone, Debug, PartialEq)]
pub enum Swap {
    /// Indexes are still being built: try again.
    Building(Record),
    /// The result is in place.
    Done(Record),
}

/// Creates the collection `name`, empty, with the indexes of `like`.
pub(super) fn create_staging(tx: &mut dyn Transaction, catalog: &Catalog, name: &str, like: &str) -> Step<()> {
    let like = catalog.find(tx, like)?;
    let mut bytes = Vec::new();
    let id = match tx.get(collection_keys::NEXT_COLLECTION, &mut bytes)? {
        true => Reader::new(&bytes).u32()?,
        false => 1,
    };
    let next = id.checked_add(1).ok_or_else(|| Error::invalid("too many collections were created"))?;
    let staging = match like {
        Some(like) => {
            let mut staging = Collection { id, name: name.into(), ..Collection::clone(&like) };
            for index in &mut staging.indexes {
                (index.ready, index.multi_entry) = (true, false);
            }
            staging.search.iter_mut().for_each(|search| search.ready = true);
            staging
        }
        None => Collection { id, name: name.into(), version: 0, next_index: 1, indexes: Vec::new(), search: None },
    };
    tx.put(collection_keys::NEXT_COLLECTION, &next.to_le_bytes())?;
    catalog::save(tx, &staging)
}

/// Puts the result in place, once its indexes are those of the collection it replaces.
///
/// # Errors
/// `Conflict` with reason `job-moved` as for every slice; with reason `job-lost` if the result was dropped meanwhile.
pub fn swap(tx: &mut dyn Transaction, catalog: &Catalog, name: &str, ticket: Ticket) -> Step<Swap> {
    let mut record = expect(tx, name, ticket, Phase::Finish)?;
    let Definition { into, .. } = super::run::definition(&record)?;
    let staging = catalog.find(tx, &keys::staging(record.run))?.ok_or_else(|| {
        Error::conflict(format!("job '{name}': what it had written was dropped: run it with restart"))
            .with_reason("job-lost")
    })?;
    let old = catalog.find(tx, &into)?;
    let mut result = Collection::clone(&staging);
    if let Some(old) = &old {
        adopt(tx, old, &mut result)?;
    }
    if result != *staging {
        catalog::save(tx, &result)?;
    }
    let ready = result.indexes.iter().all(|index| index.ready) && result.search.as_ref().is_none_or(|one| one.ready);
    if !ready {
        return Ok(Swap::Building(record));
    }
    if let Some(old) = &old {
        catalog::drop_collection(tx, old)?;
        if planted(Bug::SwapJobInTwo) {
            return Ok(Swap::Building(record));
        }
    }
    tx.delete(&collection_keys::collection(&result.name))?;
    result.name = into;
    catalog::save(tx, &result)?;
    tx.put(&keys::garbage(record.run), &[0])?;
    record.state = State::Done;
    record.finished = ticket.now;
    write(tx, name, &mut record, ticket.now)?;
    Ok(Swap::Done(record))
}

/// Gives the result the indexes, the search index and the version of the collection that it is going to replace.
fn adopt(tx: &mut dyn Transaction, old: &Collection, result: &mut Collection) -> Step<()> {
    let surplus: Vec<u32> = result
        .indexes
        .iter()
        .filter(|index| !old.indexes.iter().any(|other| other.spec == index.spec))
        .map(|index| index.id)
        .collect();
    for index in surplus {
        result.indexes.retain(|other| other.id != index);
        forget(tx, result.id, index)?;
    }
    for index in &old.indexes {
        if !result.indexes.iter().any(|other| other.spec == index.spec) {
            let id = number(tx, result)?;
            result.indexes.push(Index { id, spec: index.spec.clone(), multi_entry: false, ready: false });
        }
    }
    let (wanted, has) = (old.search.as_ref(), result.search.as_ref());
    if wanted.map(|search| &search.spec) != has.map(|search| &search.spec) {
        if let Some(search) = result.search.take() {
            forget(tx, result.id, search.id)?;
        }
        if let Some(wanted) = wanted {
            let id = number(tx, result)?;
            result.search = Some(catalog::SearchIndex { id, spec: wanted.spec.clone(), ready: false });
        }
    }
    result.version = result.version.max(old.version);
    Ok(())
}

/// The next index number, with a build that begins at the first document.
fn number(tx: &mut dyn Transaction, result: &mut Collection) -> Step<u32> {
    let id = result.next_index;
    result.next_index += 1;
    tx.put(&collection_keys::build(result.id, id), &Progress::default().encode())?;
    Ok(id)
}

fn forget(tx: &mut dyn Transaction, collection: u32, index: u32) -> Step<()> {
    tx.delete(&collection_keys::build(collection, index))?;
    tx.put(&collection_keys::garbage(collection, index), &[])
}
