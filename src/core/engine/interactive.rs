//! Interactive transactions: optimistic, serializable, open over awaits of the application.
//!
//! They block nobody: reads come from one snapshot, writes wait in memory, and the commit checks that nothing read has
//! changed. On a conflict the caller runs the whole closure again. So that many writers of one document do not starve each
//! other, an instance that lost such a check lets its transactions take turns on a named lock for a while: a courtesy,
//! waited for with a deadline, on which nothing depends.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::base::planted::{planted, Bug};
use crate::base::{sort, Error, Result};

use super::access::{Cursor, Direction, KeyRange, Pause, Read, Step, Transaction};
use super::commit::Committed;
use super::engine::Engine;
use super::options::Durability;
use super::snapshot::Snapshot;
use super::staged::{check_size, counter, number, Staged};
use super::turn::take_turn_at;
use super::Guard;

/// The reason of the error that tells the caller to run the closure again.
pub const RETRY: &str = "retry";

/// After a conflict the transactions of the instance take turns for this long.
const TURNS_MS: f64 = 2_000.0;
/// How long one waits for its turn: a frozen holder, or an application that never ends a transaction, stops nobody.
const TURN_MS: f64 = 1_000.0;

type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What a transaction has looked at.
#[derive(Default)]
struct ReadSet {
    keys: BTreeSet<Vec<u8>>,
    ranges: Vec<KeyRange>,
}

/// What a transaction is going to write.
#[derive(Default)]
struct WriteSet {
    writes: Writes,
    adds: BTreeMap<Vec<u8>, i64>,
    bytes: usize,
}

/// An open optimistic transaction. Dropping it rolls it back.
pub struct Interactive {
    engine: Engine,
    snapshot: Snapshot,
    reads: RefCell<ReadSet>,
    writes: WriteSet,
    /// Held until the transaction is over, while there were conflicts lately.
    turn: Option<Guard>,
}

impl Engine {
    /// Begins a transaction on the newest visible state. After a recent conflict it waits for its turn first, at most a
    /// second, and reads what others have committed.
    ///
    /// # Errors
    /// Why the instance is unusable; what the disk answers.
    pub async fn begin(&self) -> Result<Interactive> {
        let mut turn = None;
        if self.0.platform.monotonic_ms() < self.0.turns_until.get() {
            turn = take_turn_at(&self.0, "transactions", TURN_MS).await;
            self.catch_up().await?;
        }
        self.0.confirmed().await;
        Ok(Interactive {
            turn,
            engine: self.clone(),
            snapshot: self.snapshot()?,
            reads: RefCell::default(),
            writes: WriteSet::default(),
        })
    }
}

impl Interactive {
    /// Runs one step inside the transaction. The step may run several times; its writes count once, when it finishes. What
    /// it keeps over a pause goes with the rest if it fails.
    ///
    /// # Errors
    /// What the step answers; what the disk answers.
    pub async fn run<T>(&mut self, mut step: impl FnMut(&mut dyn Transaction) -> Step<T>) -> Result<T> {
        let Self { engine, snapshot, reads, writes, .. } = self;
        let (mut journal, mut kept) = (Vec::new(), None);
        let result = engine
            .read_at(snapshot, |base| {
                let mut overlay = Overlay { base, reads, own: writes, journal: &mut journal, kept: &mut kept };
                let result = step(&mut overlay);
                if result.is_err() {
                    overlay.own.take_back(overlay.journal, overlay.kept.unwrap_or(0));
                }
                result
            })
            .await;
        if result.is_err() {
            writes.take_back(&mut journal, 0);
        }
        result
    }

    /// Commits what was written, if nothing that was read has changed since.
    ///
    /// # Errors
    /// `Conflict` with reason [`RETRY`] if something has; otherwise as [`Engine::commit`]. The transaction is over either way.
    pub async fn commit(self, durability: Durability) -> Result<u64> {
        if self.writes.writes.is_empty() && self.writes.adds.is_empty() {
            return Ok(self.snapshot.position);
        }
        Ok(self.commit_with(durability, |_| Ok(())).await?.position)
    }

    /// The same, and then runs `more` on the newest state in the same commit: what it reads there cannot conflict. It commits
    /// even if nothing was written before.
    ///
    /// # Errors
    /// As `commit`, and what `more` answers; then nothing is written.
    pub async fn commit_with<T: 'static>(
        self,
        durability: Durability,
        mut more: impl FnMut(&mut dyn Transaction) -> Step<T> + 'static,
    ) -> Result<Committed<T>> {
        let Self { engine, snapshot, reads, writes, turn: _turn } = self;
        let reads = reads.into_inner();
        let (position, generation) = (snapshot.position, snapshot.generation);
        let weak = engine.clone();
        let committed = engine
            .commit_staged(durability, false, move |staged| {
                if weak.0.state.try_borrow().is_ok_and(|state| state.generation != generation) {
                    return Err(Pause::Failed(conflict()));
                }
                if !planted(Bug::IgnoreReadSet) {
                    validate(staged, &reads, position)?;
                }
                write_all(staged, &writes)?;
                more(staged)
            })
            .await;
        if committed.as_ref().is_err_and(|error| error.reason() == Some(RETRY)) {
            engine.0.turns_until.set(engine.0.platform.monotonic_ms() + TURNS_MS);
        }
        committed
    }
}

fn conflict() -> Error {
    Error::conflict("what the transaction read was changed by another one: run it again").with_reason(RETRY)
}

/// Every key and range read must be as it was at `position`.
fn validate(staged: &Staged<'_>, reads: &ReadSet, position: u64) -> Step<()> {
    for key in &reads.keys {
        if staged.changed_since(key, position)? {
            return Err(Pause::Failed(conflict()));
        }
    }
    if reads.ranges.iter().any(|range| staged.range_changed_since(range, position)) {
        return Err(Pause::Failed(conflict()));
    }
    Ok(())
}

fn write_all(staged: &mut Staged<'_>, own: &WriteSet) -> Step<()> {
    for (key, value) in &own.writes {
        match value {
            Some(value) => staged.put(key, value)?,
            None => staged.delete(key)?,
        }
    }
    own.adds.iter().try_for_each(|(key, delta)| staged.add(key, *delta))
}

/// A step's view: the snapshot under the transaction's own writes.
struct Overlay<'a> {
    base: &'a dyn Read,
    reads: &'a RefCell<ReadSet>,
    own: &'a mut WriteSet,
    journal: &'a mut Vec<Replaced>,
    /// How much of the journal stays over a pause.
    kept: &'a mut Option<usize>,
}

/// What a step's write replaced.
struct Replaced {
    key: Vec<u8>,
    write: Option<Option<Vec<u8>>>,
    add: Option<i64>,
    bytes: usize,
}

impl Overlay<'_> {
    fn write(&mut self, key: &[u8], value: Option<&[u8]>) -> Step<()> {
        check_size(key, value, self.own.bytes)?;
        let bytes = self.own.bytes;
        self.own.bytes += key.len() + value.map_or(0, <[u8]>::len);
        let add = self.own.adds.remove(key);
        let write = self.own.writes.insert(key.to_vec(), value.map(<[u8]>::to_vec));
        self.journal.push(Replaced { key: key.to_vec(), write, add, bytes });
        Ok(())
    }
}

impl WriteSet {
    /// Undoes what an unfinished step wrote, all but the first `keep` of it.
    fn take_back(&mut self, journal: &mut Vec<Replaced>, keep: usize) {
        for Replaced { key, write, add, bytes } in journal.drain(keep..).rev() {
            self.bytes = bytes;
            match add {
                Some(delta) => drop(self.adds.insert(key.clone(), delta)),
                None => drop(self.adds.remove(&key)),
            }
            match write {
                Some(value) => drop(self.writes.insert(key, value)),
                None => drop(self.writes.remove(&key)),
            }
        }
    }
}

impl Read for Overlay<'_> {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Step<bool> {
        if let Some(own) = self.own.writes.get(key) {
            own.iter().for_each(|own| value.extend_from_slice(own));
            return Ok(own.is_some());
        }
        self.reads.borrow_mut().keys.insert(key.to_vec());
        if let Some(delta) = self.own.adds.get(key) {
            let sum = counter(self.base, key)?.wrapping_add(*delta);
            value.extend_from_slice(&sum.to_le_bytes());
            return Ok(true);
        }
        self.base.get(key, value)
    }

    fn opened(&self) -> usize {
        self.base.opened()
    }

    fn cursor(&self, range: KeyRange, direction: Direction) -> Box<dyn Cursor + '_> {
        self.reads.borrow_mut().ranges.push(range.clone());
        let end = range.end.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let empty = matches!(&end, Bound::Excluded(end) if *end <= range.start);
        let mut own: Vec<(&[u8], Own<'_>)> = Vec::new();
        if !empty {
            let bounds = (Bound::Included(range.start.clone()), end);
            let writes = self.own.writes.range(bounds.clone());
            own.extend(writes.map(|(key, value)| (key.as_slice(), Own::Write(value.as_deref()))));
            let adds = self.own.adds.range(bounds);
            own.extend(adds.map(|(key, delta)| (key.as_slice(), Own::Add(*delta))));
            sort::sort_by_key(&mut own, |(key, _)| *key);
            if direction == Direction::Backward {
                own.reverse();
            }
        }
        let base = self.base.cursor(range, direction);
        let own = own.into_iter().peekable();
        Box::new(OverlayCursor { own, base, base_state: BaseState::Behind, direction, current: Current::Base })
    }
}

impl Transaction for Overlay<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Step<()> {
        self.write(key, Some(value))
    }

    fn delete(&mut self, key: &[u8]) -> Step<()> {
        self.write(key, None)
    }

    fn add(&mut self, key: &[u8], delta: i64) -> Step<()> {
        if self.own.writes.contains_key(key) {
            let sum = counter(self, key)?.wrapping_add(delta);
            return self.write(key, Some(&sum.to_le_bytes()));
        }
        let add = self.own.adds.get(key).copied();
        self.own.adds.insert(key.to_vec(), add.unwrap_or(0).wrapping_add(delta));
        self.journal.push(Replaced { key: key.to_vec(), write: None, add, bytes: self.own.bytes });
        Ok(())
    }

    fn keep(&mut self) {
        *self.kept = Some(self.journal.len());
    }

    fn kept(&self) -> bool {
        self.kept.is_some()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum BaseState {
    /// The base cursor must move before its entry is looked at.
    Behind,
    /// Its entry has not been handed out.
    Ready,
    /// It has no more entries.
    Ended,
}

/// What the transaction itself did to a key.
#[derive(Clone, Copy)]
enum Own<'a> {
    Write(Option<&'a [u8]>),
    Add(i64),
}

/// Where the current entry comes from.
enum Current<'a> {
    Base,
    Write(&'a [u8], &'a [u8]),
    Sum(&'a [u8], [u8; 8]),
}

/// Merges what the transaction did with the snapshot's entries.
struct OverlayCursor<'a> {
    own: std::iter::Peekable<std::vec::IntoIter<(&'a [u8], Own<'a>)>>,
    base: Box<dyn Cursor + 'a>,
    base_state: BaseState,
    direction: Direction,
    current: Current<'a>,
}

impl Cursor for OverlayCursor<'_> {
    fn advance(&mut self) -> Step<bool> {
        loop {
            if self.base_state == BaseState::Behind {
                self.base_state = if self.base.advance()? { BaseState::Ready } else { BaseState::Ended };
            }
            let order = match (self.own.peek(), self.base_state) {
                (None, BaseState::Ended) => return Ok(false),
                (None, _) => Ordering::Greater,
                (Some(_), BaseState::Ended) => Ordering::Less,
                (Some((key, _)), _) => match self.direction {
                    Direction::Forward => (*key).cmp(self.base.key()),
                    Direction::Backward => self.base.key().cmp(key),
                },
            };
            if order.is_gt() {
                // The base's entry stays current until the next call moves it.
                self.base_state = BaseState::Behind;
                self.current = Current::Base;
                return Ok(true);
            }
            let old = if order.is_eq() { Some(self.base.value()) } else { None };
            let current = match self.own.next() {
                Some((key, Own::Write(Some(value)))) => Some(Current::Write(key, value)),
                Some((key, Own::Add(delta))) => {
                    let sum = old.map_or(Ok(0), number)?.wrapping_add(delta);
                    Some(Current::Sum(key, sum.to_le_bytes()))
                }
                Some((_, Own::Write(None))) | None => None,
            };
            if order.is_eq() {
                self.base_state = BaseState::Behind;
            }
            if let Some(current) = current {
                self.current = current;
                return Ok(true);
            }
        }
    }

    fn key(&self) -> &[u8] {
        match &self.current {
            Current::Base => self.base.key(),
            Current::Write(key, _) | Current::Sum(key, _) => key,
        }
    }

    fn value(&self) -> &[u8] {
        match &self.current {
            Current::Base => self.base.value(),
            Current::Write(_, value) => value,
            Current::Sum(_, sum) => sum,
        }
    }
}
