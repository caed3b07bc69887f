//! One commit's change of a search index: a new segment of the documents that are new, and the numbers of those that are gone.
//!
//! It reads nothing but the head and the numbers of the old documents: every other segment stays as it is.

use crate::base::planted::{planted, Bug};
use crate::base::{sort, write_varint, FastSet, Reader, Result};
use crate::engine::{Read, Step, Transaction};

use super::super::postings::{FieldTotals, Totals};
use super::super::score::{length_code, Model};
use super::super::spec::SearchSpec;
use super::super::terms::DocumentTerms;
use super::documents::Row;
use super::head::{Head, Segment};
use super::invert::{Inverted, TermSink};
use super::keys::IndexKeys;
use super::list::Columns;
use super::plan::Pace;
use super::write::{put_removed, put_rows, LengthTable, NextPages, SegmentWriter};

/// Changes of an index that one transaction makes.
#[derive(Debug)]
pub(crate) struct Changes<'a> {
    keys: IndexKeys,
    spec: &'a SearchSpec,
    head: Head,
    base: u32,
    inverted: Inverted,
    rows: Vec<Row>,
    removed: Vec<u32>,
}

/// The number of a document; `None` if it is not in the index.
pub(crate) fn number_of(view: &dyn Read, keys: &IndexKeys, id: &str) -> Step<Option<u32>> {
    let mut bytes = Vec::new();
    if !view.get(&keys.number(id), &mut bytes)? {
        return Ok(None);
    }
    Ok(Some(Reader::new(&bytes).varint_u32()?))
}

/// Documents that were analyzed before their transaction.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    inverted: Inverted,
    rows: Vec<(Box<str>, Box<[u32]>)>,
}

impl Batch {
    /// Adds a document, unless it has no terms; answers whether it did.
    pub(crate) fn add(&mut self, id: &str, terms: &DocumentTerms) -> bool {
        if !terms.is_empty() {
            self.inverted.add(self.rows.len() as u32, terms);
            self.rows.push((id.into(), terms.lengths().into()));
        }
        !terms.is_empty()
    }

    /// Bytes of memory in use, about.
    pub(crate) fn memory(&self) -> usize {
        self.inverted.memory() + self.rows.len() * 64
    }

    /// The ids of the documents, in the order of their rows.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|(id, _)| &**id)
    }
}

impl<'a> Changes<'a> {
    /// No changes of the index as `view` has it.
    pub(crate) fn begin(view: &dyn Read, keys: IndexKeys, spec: &'a SearchSpec) -> Step<Self> {
        let head = Head::load(view, &keys, spec.fields.len())?;
        let base = head.next_number;
        Ok(Self { keys, spec, head, base, inverted: Inverted::default(), rows: Vec::new(), removed: Vec::new() })
    }

    /// Adds a document. It must not be in the index; without any term it does not come in.
    ///
    /// # Errors
    /// `Invalid` if all numbers are used up.
    pub(crate) fn add(&mut self, tx: &mut dyn Transaction, id: &str, terms: &DocumentTerms) -> Step<()> {
        if terms.is_empty() {
            return Ok(());
        }
        let number = self.head.next_number;
        self.head.next_number = number.checked_add(1).filter(|next| *next < u32::MAX).ok_or_else(used_up)?;
        let codes = terms.lengths().iter().map(|length| length_code(*length)).collect();
        self.inverted.add(self.rows.len() as u32, terms);
        self.rows.push(Row { number, id: id.into(), codes });
        count(&mut self.head.totals, terms.lengths(), true);
        let mut value = Vec::with_capacity(5);
        write_varint(&mut value, number.into());
        tx.put(&self.keys.number(id), &value)
    }

    /// Removes the document with that number, which had these terms.
    pub(crate) fn remove(
        &mut self,
        tx: &mut dyn Transaction,
        id: &str,
        number: u32,
        terms: &DocumentTerms,
    ) -> Step<()> {
        if !planted(Bug::ForgetPostingDelete) {
            self.removed.push(number);
        }
        self.inverted.remove(terms);
        if !planted(Bug::KeepSearchTotals) {
            count(&mut self.head.totals, terms.lengths(), false);
        }
        tx.delete(&self.keys.number(id))
    }

    /// Adds the documents of a batch except those in `stale`, and writes them.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(crate) fn add_batch(mut self, tx: &mut dyn Transaction, batch: &Batch, stale: &FastSet<u32>) -> Step<()> {
        let end = u32::try_from(batch.rows.len()).ok().and_then(|rows| self.base.checked_add(rows));
        self.head.next_number = end.filter(|next| *next < u32::MAX).ok_or_else(used_up)?;
        for ((id, lengths), row) in batch.rows.iter().zip(0u32..).filter(|(_, row)| !stale.contains(row)) {
            let number = self.base + row;
            let codes = lengths.iter().map(|length| length_code(*length)).collect();
            self.rows.push(Row { number, id: id.clone(), codes });
            count(&mut self.head.totals, lengths, true);
            let mut value = Vec::with_capacity(5);
            write_varint(&mut value, number.into());
            tx.put(&self.keys.number(id), &value)?;
        }
        self.write(tx, &batch.inverted, stale)?;
        Ok(())
    }

    /// Writes the segment and the head; answers the busiest pace at which there are segments worth merging.
    pub(crate) fn finish(mut self, tx: &mut dyn Transaction) -> Step<Option<Pace>> {
        let inverted = std::mem::take(&mut self.inverted);
        self.write(tx, &inverted, &FastSet::default())
    }

    fn write(mut self, tx: &mut dyn Transaction, inverted: &Inverted, skip: &FastSet<u32>) -> Step<Option<Pace>> {
        if self.rows.is_empty() && self.removed.is_empty() {
            return Ok(None);
        }
        let fields = self.spec.fields.len();
        let id = self.head.next_segment;
        self.head.next_segment += 1;
        sort::sort(&mut self.removed);
        let model = Model::new(self.spec, &self.head.totals);
        let lengths = LengthTable::of_rows(&self.rows, fields);
        let writer = SegmentWriter::new(self.keys, id, self.base, &model, &lengths, NextPages::default());
        let mut sink = NewSegment { writer, base: self.base, removed: 0 };
        inverted.each(skip, &mut sink);
        let (mut puts, _) = sink.writer.finish();
        put_rows(&self.keys, id, &self.rows, fields, &mut puts);
        put_removed(&self.keys, id, &self.removed, &mut puts);
        let mut bytes = 0;
        for (key, value) in &puts {
            bytes += value.len() as u64;
            tx.put(key, value)?;
        }
        let (docs, removed) = (self.rows.len() as u32, self.removed.len() as u32);
        self.head.segments.push(Segment { id, base: self.base, docs, removed, bytes, model });
        tx.put(&self.keys.head(), &self.head.encode())?;
        Ok(Pace::of(&self.head.segments))
    }
}

/// Counts a document in or out.
fn count(totals: &mut Totals, lengths: &[u32], adds: bool) {
    let step = |number: &mut u64, by: u64| *number = if adds { *number + by } else { number.saturating_sub(by) };
    step(&mut totals.docs, 1);
    for (field, length) in totals.fields.iter_mut().zip(lengths) {
        let FieldTotals { docs, tokens } = field;
        step(docs, u64::from(*length > 0));
        step(tokens, u64::from(*length));
    }
}

/// Writes inverted documents, numbered from `base`.
struct NewSegment<'a> {
    writer: SegmentWriter<'a>,
    base: u32,
    removed: u32,
}

impl TermSink for NewSegment<'_> {
    fn begin(&mut self, term: &[u8], removed: u32) {
        self.removed = removed;
        self.writer.begin(term);
    }

    fn document(&mut self, row: u32) -> &mut Columns {
        self.writer.columns.begin(self.base + row);
        &mut self.writer.columns
    }

    fn settle(&mut self) {
        self.writer.settle();
    }

    fn end(&mut self) {
        self.writer.end(self.removed);
    }
}

#[cold]
fn used_up() -> crate::base::Error {
    crate::base::Error::invalid("the search index has used up its document numbers: drop it and create it again")
}

/// Whether the fields' texts are the same in both documents.
pub(crate) fn same_texts(
    spec: &SearchSpec,
    old: &crate::collections::Document<'_>,
    new: &crate::collections::Document<'_>,
) -> Result<bool> {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for field in &spec.fields {
        one.clear();
        other.clear();
        for (document, texts) in [(old, &mut one), (new, &mut other)] {
            super::super::terms::texts(&field.path, document, &mut |text| {
                crate::base::write_slice(texts, text.as_bytes());
                Ok(())
            })?;
        }
        if one != other {
            return Ok(false);
        }
    }
    Ok(true)
}
