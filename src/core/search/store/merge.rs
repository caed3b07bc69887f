//! Merging segments in slices: several neighbours become one, and what was removed among them goes.
//!
//! Every slice is one transaction that also stores how far it got; what it writes belongs to a segment that nobody reads
//! until the last slice puts it in the place of its inputs. Two instances that merge at once do the same work twice.

use crate::base::planted::{planted, Bug};
use crate::base::{write_slice, write_varint, Error, Reader, Result};
use crate::collections::catalog::SearchIndex;
use crate::engine::{delete_some, Direction, KeyRange, Read, Step, Transaction};

use super::super::postings::TermStats;
use super::super::score::Model;
use super::super::spec::{SearchSpec, FIELDS_MAX};
use super::docs::{Found, StoredDocs, TermList};
use super::documents::{Ids, Lengths, Row, LENGTHS_PAGE};
use super::head::{Head, Segment};
use super::index::{first_number, StoredPostings};
use super::keys::{IndexKeys, Part};
use super::plan::{choose, Pace};
use super::scan::SegmentTerms;
use super::view::declared;
use super::write::{put_removed, put_rows, LengthTable, NextPages, Puts, SegmentWriter};

/// A slice ends when it has written so many bytes.
const SLICE_BYTES: usize = 96 << 10;
const FORMAT: u8 = 1;

/// How far a merge got.
#[derive(Clone, Debug, PartialEq)]
struct Progress {
    output: u32,
    inputs: Vec<u32>,
    model: Model,
    docs: u32,
    removed: u32,
    bytes: u64,
    /// Documents below this number are written; `None` when all are.
    documents_from: Option<u32>,
    next: NextPages,
    /// Terms up to this one are written.
    last_term: Vec<u8>,
}

impl Progress {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        write_varint(&mut out, self.output.into());
        write_varint(&mut out, self.inputs.len() as u64);
        self.inputs.iter().for_each(|input| write_varint(&mut out, (*input).into()));
        self.model.write(&mut out);
        write_varint(&mut out, self.docs.into());
        write_varint(&mut out, self.removed.into());
        write_varint(&mut out, self.bytes);
        write_varint(&mut out, self.documents_from.map_or(0, |from| u64::from(from) + 1));
        self.next.write(&mut out);
        write_slice(&mut out, &self.last_term);
        out
    }

    fn decode(bytes: &[u8], fields: usize) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != FORMAT {
            return Err(Error::corrupt("a merge of a search index has the format of a later version"));
        }
        let output = reader.varint_u32()?;
        let mut inputs = Vec::new();
        for _ in 0..reader.count(1)? {
            inputs.push(reader.varint_u32()?);
        }
        let model = Model::read(&mut reader, fields)?;
        let (docs, removed, bytes) = (reader.varint_u32()?, reader.varint_u32()?, reader.varint()?);
        let documents_from = reader.varint()?.checked_sub(1).map(|from| u32::try_from(from).unwrap_or(u32::MAX));
        let next = NextPages::read(&mut reader)?;
        let last_term = reader.slice()?.to_vec();
        reader.finish("a merge of a search index")?;
        Ok(Self { output, inputs, model, docs, removed, bytes, documents_from, next, last_term })
    }
}

/// What a search index tells of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Its segments.
    pub segments: u64,
    /// Their bytes, about.
    pub bytes: u64,
}

/// The figures of a search index.
pub fn figures(view: &dyn Read, collection: u32, search: &SearchIndex) -> Step<Figures> {
    let head = Head::load(view, &IndexKeys::new(collection, search.id), declared(search)?.fields.len())?;
    let bytes = head.segments.iter().map(|segment| segment.bytes).sum();
    Ok(Figures { segments: head.segments.len() as u64, bytes })
}

/// Whether the index has segments to merge at that pace, or merged ones to clear.
pub fn wants_work(view: &dyn Read, collection: u32, search: &SearchIndex, pace: Pace) -> Step<bool> {
    let keys = &IndexKeys::new(collection, search.id);
    let head = Head::load(view, keys, declared(search)?.fields.len())?;
    if choose(&head.segments, pace).is_some() || view.contains(&keys.merge())? {
        return Ok(true);
    }
    let mut garbage = view.cursor(keys.garbage_all(), Direction::Forward);
    garbage.advance()
}

/// Does a slice of merging; answers whether there is more. What was begun goes on at any pace.
pub fn slice(tx: &mut dyn Transaction, collection: u32, search: &SearchIndex, pace: Pace) -> Step<bool> {
    let (keys, spec) = (&IndexKeys::new(collection, search.id), &declared(search)?);
    let fields = spec.fields.len();
    let mut head = Head::load(tx, keys, fields)?;
    let mut bytes = Vec::new();
    let mut progress = match tx.get(&keys.merge(), &mut bytes)? {
        true => Progress::decode(&bytes, fields)?,
        false => match begin(&mut head, spec, pace) {
            Some(progress) => progress,
            None => return Ok(false),
        },
    };
    let Some(place) = position(&head, &progress.inputs) else {
        return Err(Error::corrupt("a merge of a search index names segments that are not there").into());
    };
    let inputs = head.segments.get(place..place + progress.inputs.len()).unwrap_or_default().to_vec();
    let (puts, done) = write_slice_of(tx, keys, spec, &head, &inputs, &mut progress)?;
    for (key, value) in &puts {
        tx.put(key, value)?;
        progress.bytes += value.len() as u64;
    }
    if !done {
        tx.put(&keys.merge(), &progress.encode())?;
        tx.put(&keys.head(), &head.encode())?;
        return Ok(true);
    }
    finish(tx, keys, &mut head, place, progress)?;
    Ok(true)
}

fn begin(head: &mut Head, spec: &SearchSpec, pace: Pace) -> Option<Progress> {
    let range = choose(&head.segments, pace)?;
    let output = head.next_segment;
    head.next_segment += 1;
    Some(Progress {
        output,
        inputs: head.segments.get(range)?.iter().map(|segment| segment.id).collect(),
        model: Model::new(spec, &head.totals),
        docs: 0,
        removed: 0,
        bytes: 0,
        documents_from: Some(0),
        next: NextPages::default(),
        last_term: Vec::new(),
    })
}

/// Where the inputs begin in the head, if they are all there, side by side.
fn position(head: &Head, inputs: &[u32]) -> Option<usize> {
    let ids: Vec<u32> = head.segments.iter().map(|segment| segment.id).collect();
    ids.windows(inputs.len().max(1)).position(|window| window == inputs)
}

/// The inputs leave the head, and what became of them enters it.
fn finish(tx: &mut dyn Transaction, keys: &IndexKeys, head: &mut Head, place: usize, progress: Progress) -> Step<()> {
    let base = head.segments.get(place).map_or(0, |segment| segment.base);
    let Progress { output, inputs, model, docs, removed, bytes, .. } = progress;
    let merged = Segment { id: output, base, docs, removed, bytes, model };
    let lives = docs > 0 || removed > 0;
    head.segments.splice(place..place + inputs.len(), lives.then_some(merged));
    for input in inputs {
        tx.put(&keys.garbage(input), &[])?;
    }
    tx.delete(&keys.merge())?;
    tx.put(&keys.head(), &head.encode())
}

/// Writes the next part of the output; answers the puts, and whether the output is complete.
fn write_slice_of(
    view: &dyn Read,
    keys: &IndexKeys,
    spec: &SearchSpec,
    head: &Head,
    inputs: &[Segment],
    progress: &mut Progress,
) -> Step<(Puts, bool)> {
    let fields = spec.fields.len();
    let base = inputs.first().map_or(0, |segment| segment.base);
    let own = Head { segments: inputs.to_vec(), ..head.clone() };
    let index = StoredPostings::with_head(view, *keys, fields, own, &progress.model)?;
    let mut puts = Puts::new();
    while let Some(from) = progress.documents_from {
        let rows = rows_from(&index, inputs, from, LENGTHS_PAGE)?;
        put_rows(keys, progress.output, &rows, fields, &mut puts);
        progress.docs += rows.len() as u32;
        progress.documents_from = rows.last().and_then(|row| row.number.checked_add(1));
        if rows.is_empty() {
            let older: Vec<u32> = index.removed().iter().copied().filter(|number| *number < base).collect();
            put_removed(keys, progress.output, &older, &mut puts);
            progress.removed = older.len() as u32;
        }
        if size(&puts) >= SLICE_BYTES {
            return Ok((puts, false));
        }
    }
    let lengths = LengthTable::new(all_lengths(view, keys, inputs, fields)?, fields);
    let mut writer = SegmentWriter::new(*keys, progress.output, base, &progress.model, &lengths, progress.next);
    writer.puts = puts;
    let done = merge_terms(&index, inputs, &mut writer, &mut progress.last_term)?;
    let (puts, next) = writer.finish();
    progress.next = next;
    Ok((puts, done))
}

fn size(puts: &Puts) -> usize {
    puts.iter().map(|(_, value)| value.len()).sum()
}

/// Merges terms after `last` until the slice is full; answers whether those were the last.
fn merge_terms(
    index: &StoredPostings<'_>,
    inputs: &[Segment],
    writer: &mut SegmentWriter<'_>,
    last: &mut Vec<u8>,
) -> Step<bool> {
    let new = |input| SegmentTerms::new(index.view, index.warm(), index.keys, input);
    let mut parts: Vec<_> = inputs.iter().map(new).collect();
    for part in &mut parts {
        if last.is_empty() {
            part.advance()?;
        } else {
            // The first term after `last` is that and a zero byte.
            part.seek(&[last.as_slice(), &[0]].concat())?;
        }
    }
    let mut docs = StoredDocs::new(index, Vec::new(), TermStats::default());
    let mut term = Vec::new();
    loop {
        let Some(least) = parts.iter().filter_map(SegmentTerms::term).min() else { return Ok(true) };
        if writer.pending() >= SLICE_BYTES {
            return Ok(false);
        }
        term.clear();
        term.extend_from_slice(least);
        let (found, mut removed) = (docs.restart(), 0u32);
        for (segment, part) in parts.iter_mut().enumerate() {
            if part.term() == Some(&term) {
                let entry = part.entry()?;
                removed = removed.saturating_add(entry.removed);
                found.push(Found { segment, list: TermList::new(entry) });
                part.advance()?;
            }
        }
        merge_term(index, &term, &mut docs, removed, writer)?;
        std::mem::swap(last, &mut term);
    }
}

/// Writes one term of the output, which `removed` documents of older segments had.
fn merge_term(
    index: &StoredPostings<'_>,
    term: &[u8],
    docs: &mut StoredDocs<'_, '_>,
    removed: u32,
    writer: &mut SegmentWriter<'_>,
) -> Step<()> {
    let mut dropped = 0;
    writer.begin(term);
    let mut blocks = 0;
    while let Some(columns) = docs.next_whole()? {
        blocks += 1;
        if planted(Bug::MergeDropsBlock) && blocks == 2 {
            continue;
        }
        let mut starts = [0usize; FIELDS_MAX];
        for (at, doc) in columns.docs.iter().enumerate() {
            let gone = index.is_removed(*doc);
            dropped += u32::from(gone);
            if !gone {
                writer.columns.begin(*doc);
            }
            for (field, (column, start)) in columns.fields.iter().zip(&mut starts).enumerate() {
                let count = column.counts.get(at).copied().unwrap_or(0) as usize;
                let end = *start + count;
                if count > 0 && !gone {
                    writer.columns.add(field, column.distances.get(*start..end).unwrap_or_default());
                }
                *start = end;
            }
            if !gone {
                writer.settle();
            }
        }
    }
    writer.end(removed.saturating_sub(dropped));
    Ok(())
}

/// The documents with numbers from `from` on that were not removed, at most `limit`.
fn rows_from(index: &StoredPostings<'_>, inputs: &[Segment], from: u32, limit: usize) -> Step<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for (at, input) in inputs.iter().enumerate() {
        let ends_before = inputs.get(at + 1).is_some_and(|next| next.base <= from);
        if ends_before || input.docs == 0 {
            continue;
        }
        let mut range = KeyRange::prefix(&index.keys.part(input.id, Part::Ids));
        let mut before =
            index.view.cursor(index.keys.upto(input.id, Part::Ids, &from.to_be_bytes()), Direction::Backward);
        if before.advance()? {
            range.start = before.key().to_vec();
        }
        drop(before);
        let mut pages = index.view.cursor(range, Direction::Forward);
        while rows.len() < limit && pages.advance()? {
            for (number, id) in Ids::read(pages.value(), first_number(pages.key())?)?.iter() {
                if number >= from && rows.len() < limit && !index.is_removed(number) {
                    let id = String::from_utf8_lossy(id).into();
                    rows.push(Row { number, id, codes: Vec::new() });
                }
            }
        }
    }
    for row in &mut rows {
        row.codes = index.codes(row.number)?;
    }
    Ok(rows)
}

/// The lengths of all documents of the inputs.
fn all_lengths(view: &dyn Read, keys: &IndexKeys, inputs: &[Segment], fields: usize) -> Step<Vec<Lengths>> {
    let mut pages = Vec::new();
    for input in inputs {
        let mut cursor = view.cursor(KeyRange::prefix(&keys.part(input.id, Part::Lengths)), Direction::Forward);
        while cursor.advance()? {
            pages.push(Lengths::read(cursor.value(), first_number(cursor.key())?, fields)?);
        }
    }
    Ok(pages)
}

/// Keys cleared by one slice.
const CLEAR_KEYS: usize = 500;

/// Clears a slice of what merged segments left behind; answers whether there may be more.
pub fn clear_slice(tx: &mut dyn Transaction, collection: u32, search: &SearchIndex) -> Step<bool> {
    let keys = &IndexKeys::new(collection, search.id);
    let mut cursor = tx.cursor(keys.garbage_all(), Direction::Forward);
    if !cursor.advance()? {
        return Ok(false);
    }
    let record = cursor.key().to_vec();
    drop(cursor);
    let segment =
        IndexKeys::garbage_segment(&record).ok_or_else(|| Error::corrupt("a garbage record makes no sense"))?;
    if !delete_some(tx, vec![keys.segment(segment)], CLEAR_KEYS)? {
        tx.delete(&record)?;
    }
    Ok(true)
}
