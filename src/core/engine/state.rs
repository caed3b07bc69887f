//! What one instance knows: the head of the log, the memtables above the tables, the manifest.
//!
//! It performs no I/O and awaits nothing; the files of the rim do.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{Error, Result, SortedMap};

use super::manifest::{Edit, Manifest};
use super::memtable::Memtable;
use super::record::{Item, Record};
use super::snapshot::VersionsInUse;
use super::staged::Stage;
use super::table_info::TableInfo;

/// A memtable that snapshots may share.
pub(crate) type SharedMemtable = Rc<RefCell<Memtable>>;

/// A memtable that takes no more entries and waits to be flushed.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    /// Its entries are newer than this.
    pub(crate) after: u64,
    /// Its newest position.
    pub(crate) through: u64,
    /// The entries.
    pub(crate) memtable: SharedMemtable,
}

/// The state of one instance.
pub(crate) struct State {
    /// The identity of the database.
    pub(crate) store: u64,
    /// The random identity of this instance.
    pub(crate) writer: u64,
    /// Attempts to write a record so far.
    pub(crate) sequence: u64,
    /// The newest position applied here.
    pub(crate) head: u64,
    /// The log begins after this position, as far as this instance knows.
    pub(crate) floor: u64,
    /// Recent entries.
    pub(crate) active: SharedMemtable,
    /// The entries of `active` are newer than this.
    pub(crate) active_after: u64,
    /// Older entries on their way into tables, oldest first.
    pub(crate) sealed: Vec<Sealed>,
    /// The tables.
    pub(crate) manifest: Manifest,
    /// Counts reloads: positions seen before one cannot be compared with the memtables after it.
    pub(crate) generation: u64,
    /// Whether the commit driver owns the head: what is heard from other instances waits in the inbox.
    pub(crate) busy: bool,
    /// Records heard from other instances and not applied yet.
    pub(crate) inbox: VecDeque<Record>,
    /// Whether a record may have been missed, so that the log must be read before the next commit.
    pub(crate) behind: bool,
    /// How often the log was read to its end.
    pub(crate) looks: u64,
    /// Tables of which a part was not there, and how often the log had been read when that was seen first.
    pub(crate) missed: SortedMap<u64, u64>,
    /// Whether an acknowledged strict commit is not in tables yet.
    pub(crate) strict: bool,
    /// The newest position known to survive a power cut, if any is: what the witness may be told.
    pub(crate) durable: Option<u64>,
    /// Bytes of records above the flushed position.
    pub(crate) log_bytes: u64,
    /// Table ids reserved by this instance and not used yet.
    pub(crate) table_ids: Vec<u64>,
    /// Tables that left the levels since the cache was told.
    pub(crate) retired: Vec<u64>,
    /// Which versions of the manifest snapshots of this instance hold.
    pub(crate) versions: Rc<VersionsInUse>,
    /// Tables with deletes that compaction replaced under such a snapshot: what they deleted may have left no trace.
    pub(crate) forgotten: Vec<TableInfo>,
    /// Why the instance is unusable, once it is.
    pub(crate) dead: Option<Error>,
}

impl State {
    /// A state at the floor of a log, before its records are applied.
    pub(crate) fn at_floor(store: u64, writer: u64, floor: u64, manifest: Manifest) -> Self {
        Self {
            store,
            writer,
            sequence: 0,
            head: floor,
            floor,
            active: Rc::default(),
            active_after: floor,
            sealed: Vec::new(),
            manifest,
            generation: 0,
            busy: false,
            inbox: VecDeque::new(),
            behind: false,
            looks: 0,
            missed: SortedMap::new(),
            strict: false,
            durable: None,
            log_bytes: 0,
            table_ids: Vec::new(),
            retired: Vec::new(),
            versions: Rc::default(),
            forgotten: Vec::new(),
            dead: None,
        }
    }

    /// Applies a record of the log unless it lies at or below the head.
    ///
    /// # Errors
    /// As `apply`.
    pub(crate) fn follow(&mut self, record: &Record) -> Result<()> {
        if record.header.position > self.head {
            self.apply(record)?;
        }
        Ok(())
    }

    /// Applies the record at `head + 1`, from the log or from another instance.
    ///
    /// # Errors
    /// `Corrupt` if it is not that record or does not fit.
    pub(crate) fn apply(&mut self, record: &Record) -> Result<()> {
        if record.header.position != self.head + 1 || record.header.store != self.store {
            return Err(Error::corrupt(format!(
                "the log holds record {} of database {:x} where {} of {:x} belongs",
                record.header.position,
                record.header.store,
                self.head + 1,
                self.store
            )));
        }
        if record.header.position > self.manifest.flushed {
            let mut memtable = self.active.borrow_mut();
            for item in record.items() {
                match item {
                    Item::Put(key, value) => drop(memtable.insert(key, record.header.position, Some(value))),
                    Item::Delete(key) => drop(memtable.insert(key, record.header.position, None)),
                    Item::Edit(_) => {}
                }
            }
        }
        self.advance(record)
    }

    /// Takes note of a record whose data items are in the memtable: its edits, and the new head.
    ///
    /// # Errors
    /// `Corrupt` if an edit makes no sense.
    pub(crate) fn advance(&mut self, record: &Record) -> Result<()> {
        let header = record.header;
        self.strict |= header.strict;
        for item in record.items() {
            if let Item::Edit(bytes) = item {
                self.apply_edit(&Edit::decode(bytes)?, record)?;
            }
        }
        self.manifest.finish_record(header.position);
        self.log_bytes += record.payload_len() as u64;
        self.head = header.position;
        Ok(())
    }

    fn apply_edit(&mut self, edit: &Edit, record: &Record) -> Result<()> {
        let first_id = self.manifest.next_table;
        let fresh = record.header.position > self.manifest.edited;
        if let Edit::Compact { removed, added } = edit {
            self.remember_deletes(removed, added);
        }
        self.manifest.apply(edit, &record.header)?;
        match edit {
            Edit::Reserve { count } if fresh && record.header.writer == self.writer => {
                self.table_ids.extend(first_id..first_id + count);
            }
            Edit::Flush { through, .. } => self.drop_flushed(*through),
            Edit::Compact { removed, added } => {
                self.retired.extend(removed.iter().filter(|id| !added.iter().any(|(_, table)| table.id == **id)));
            }
            Edit::Release { tables } => self.table_ids.retain(|id| !tables.contains(id)),
            _ => {}
        }
        Ok(())
    }

    /// Compaction drops a delete that covers nothing any more. A transaction that began before it must find out all the same.
    fn remember_deletes(&mut self, removed: &[u64], added: &[(u32, TableInfo)]) {
        let oldest = self.versions.oldest().unwrap_or(u64::MAX);
        let matters = |table: &TableInfo| table.deletes > 0 && table.max_position > oldest;
        self.forgotten.retain(matters);
        let is_moved = |id: u64| added.iter().any(|(_, table)| table.id == id);
        let gone = self.manifest.levels.tables().map(|(_, table)| table);
        let gone = gone.filter(|table| removed.contains(&table.id) && !is_moved(table.id) && matters(table));
        self.forgotten.extend(gone.cloned());
    }

    /// Lets go of entries that are in tables now. Snapshots keep the memtables they were taken with.
    fn drop_flushed(&mut self, through: u64) {
        let through = if planted(Bug::DropUnflushed) { self.head } else { through };
        self.sealed.retain(|sealed| sealed.through > through);
        for sealed in self.sealed.iter_mut().filter(|sealed| sealed.after < through) {
            drop_upto(&mut sealed.memtable, through);
            sealed.after = through;
        }
        if self.active_after < through {
            drop_upto(&mut self.active, through);
            self.active_after = through;
        }
        self.log_bytes = self.active.borrow().bytes() as u64;
        self.strict &= !(self.active.borrow().is_empty() && self.sealed.is_empty());
    }

    /// Moves the active memtable to the sealed ones. Only while nothing is staged.
    pub(crate) fn seal(&mut self) {
        if self.active.borrow().is_empty() {
            // What was taken back may have left memory behind, and nobody asks for another flush because of that.
            self.active = SharedMemtable::default();
            return;
        }
        let memtable = std::mem::take(&mut self.active);
        self.sealed.push(Sealed { after: self.active_after, through: self.head, memtable });
        self.active_after = self.head;
    }

    /// Takes back what a failed group had put into the memtable.
    pub(crate) fn unstage(&mut self, stage: &mut Stage) {
        stage.clear(&mut self.active.borrow_mut(), self.head + 1);
    }

    /// Takes back what the job that ran last had put into the memtable.
    pub(crate) fn unstage_job(&mut self, stage: &mut Stage) {
        stage.abandon(&mut self.active.borrow_mut(), self.head + 1);
    }

    /// Bytes in all memtables.
    pub(crate) fn memtable_bytes(&self) -> usize {
        self.sealed.iter().map(|sealed| sealed.memtable.borrow().bytes()).sum::<usize>() + self.active.borrow().bytes()
    }
}

fn drop_upto(memtable: &mut SharedMemtable, through: u64) {
    match Rc::get_mut(memtable) {
        Some(own) => own.get_mut().drop_upto(through),
        // A snapshot still reads it: leave that one alone.
        None => {
            let mut copy = memtable.borrow().clone();
            copy.drop_upto(through);
            *memtable = Rc::new(RefCell::new(copy));
        }
    }
}
