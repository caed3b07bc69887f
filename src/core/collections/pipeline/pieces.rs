//! `$unwind` of a `$split` in front of a `$group`: what became of a piece of text once becomes of it every time, so that a piece
//! that came before costs one look.
//!
//! It replaces no stage: a piece that is new, and whatever is no text, goes through all of them.

use std::ops::Range;

use super::super::expression::Fields;
use super::super::value_ref::Shape;
use super::super::Value;
use super::execution::{Execution, State};
use super::group::Group;
use super::key_table::{KeyTable, SHORT_MAX};
use super::row::{Input, Row};
use super::stage::Stage;
use super::unwind;
use crate::base::lanes::{Lanes, LANES};
use crate::base::Result;

/// Most pieces that are remembered, and the longest one, in bytes.
const SEEN_MAX: usize = 16 << 10;
const LENGTH_MAX: usize = 64;
/// Of a longer text (no document is) the stages count what they build.
const TEXT_MAX: usize = 1 << 20;
/// A longer delimiter is not looked for place by place.
const DELIMITER_MAX: usize = 16;
/// Marks pieces that come to no group.
const DROPPED: u32 = u32::MAX;

/// The stages that split a text and group its pieces.
#[derive(Debug)]
pub(super) struct Pieces {
    /// The places of the stage that splits, and of the `$group`.
    pub(super) at: usize,
    group: usize,
    /// The field that holds a piece.
    field: [Box<str>; 1],
    text: Input,
    delimiter: Box<str>,
    /// Whether accumulators look at other fields of a row.
    rows: bool,
    /// Whether pieces that came before need only be counted until the end.
    tallied: bool,
}

/// The groups of pieces that came before.
#[derive(Debug, Default)]
pub(super) struct Seen {
    groups: KeyTable,
    /// How often each came since, of those that need only be counted.
    tallies: Vec<u32>,
    /// The text at hand.
    text: Vec<u8>,
}

impl Pieces {
    /// The first such stages, where only the piece decides which group a row belongs to, and nothing that is added up is made of it.
    pub(super) fn find(stages: &[Stage], needs: &[Fields]) -> Option<Self> {
        (0..stages.len()).find_map(|at| Self::at(stages, needs, at))
    }

    fn at(stages: &[Stage], needs: &[Fields], at: usize) -> Option<Self> {
        let [Stage::Reshape(reshape), Stage::Unwind(unwind), behind @ ..] = stages.get(at..)? else { return None };
        let (field, text, delimiter) = reshape.split()?;
        let length = behind.iter().position(|stage| !matches!(stage, Stage::Match(_) | Stage::Reshape(_)))?;
        let (between, Stage::Group(group)) = (behind.get(..length)?, behind.get(length)?) else { return None };
        let only_piece =
            |fields: &Fields| matches!(fields, Fields::Named(names) if names.iter().all(|name| **name == *field));
        let (mut key, mut added) = (Fields::none(), Fields::none());
        group.key().collect_fields(&mut key);
        group.outputs().collect_fields(&mut added);
        let rows = added != Fields::none();
        let decided = if rows {
            let tests = |stage: &Stage| matches!(stage, Stage::Match(_)) && only_piece(&stage.needs(&Fields::none()));
            between.iter().all(tests) && only_piece(&key) && !added.has(field)
        } else {
            only_piece(needs.get(at + 2)?)
        };
        (decided && unwind.is_of(field) && delimiter.len() <= DELIMITER_MAX).then(|| Self {
            at,
            group: at + 2 + length,
            field: [field.into()],
            text: Input::new(text),
            delimiter: delimiter.into(),
            rows,
            tallied: group.outputs().are_countable(),
        })
    }
}

impl Execution {
    /// Takes a row through the stages up to the group; gives it back if what is to be split is no text.
    pub(super) fn feed_pieces<'r>(&mut self, pieces: &Pieces, row: Row<'r>) -> Result<Option<Row<'r>>> {
        let mut text = std::mem::take(&mut self.seen.text);
        text.clear();
        let fits = pieces.text.with(&row, &self.environment, |value| {
            let Shape::String(found) = value.shape() else { return Ok(false) };
            let fits = found.len() <= TEXT_MAX;
            if fits {
                text.reserve(found.len() + SHORT_MAX);
                text.extend_from_slice(&found);
            }
            Ok(fits)
        })?;
        if !fits {
            return Ok(Some(row));
        }
        let length = text.len();
        // So that sixteen bytes may be read where the last piece starts.
        text.extend_from_slice(&[0; SHORT_MAX]);
        let result = self.feed_text(pieces, row, &text, length);
        self.seen.text = text;
        result.map(|()| None)
    }

    /// Takes a row apart whose text is the first `length` bytes of `padded`.
    fn feed_text(&mut self, pieces: &Pieces, row: Row<'_>, padded: &[u8], length: usize) -> Result<()> {
        let pipeline = self.pipeline.clone();
        let stages = &pipeline.0.stages;
        let (Some(Stage::Reshape(reshape)), Some(Stage::Group(group))) =
            (stages.get(pieces.at), stages.get(pieces.group))
        else {
            return Ok(());
        };
        let mut base = Value::Object(Vec::new());
        if pieces.rows {
            base = reshape.shaped(row.into_tree(pipeline.0.needs.get(pieces.at).unwrap_or(&Fields::All))?);
        }
        match pieces.delimiter.as_bytes() {
            [delimiter] => {
                split(padded, length, *delimiter, |piece| self.feed_piece(pieces, group, &mut base, padded, piece))
            }
            delimiter => {
                let text = padded.get(..length).unwrap_or_default();
                split_by(text, delimiter, |piece| self.feed_piece(pieces, group, &mut base, padded, piece))
            }
        }
    }

    #[inline]
    fn feed_piece(
        &mut self,
        pieces: &Pieces,
        group: &Group,
        base: &mut Value,
        text: &[u8],
        piece: Range<usize>,
    ) -> Result<()> {
        let Some(at) = self.seen.groups.find_entry_within(text, piece.clone()) else {
            return self.feed_new(pieces, base, text.get(piece).unwrap_or_default());
        };
        if pieces.tallied {
            match self.seen.tallies.get_mut(at) {
                Some(tally) if *tally < u32::MAX => {
                    *tally += 1;
                    return Ok(());
                }
                _ => self.count_pieces(),
            }
        }
        match (self.seen.groups.group_of(at), self.states.get_mut(pieces.group)) {
            (Some(number), Some(State::Groups(groups))) if number != DROPPED => {
                group.add_to(groups, number, &Row::Lent(base), &self.environment, &mut self.memory)
            }
            _ => Ok(()),
        }
    }

    /// Adds up the pieces that were only counted.
    pub(super) fn count_pieces(&mut self) {
        let pipeline = self.pipeline.clone();
        let Some(pieces) = &pipeline.0.pieces else { return };
        let (Some(Stage::Group(group)), Some(State::Groups(groups))) =
            (pipeline.0.stages.get(pieces.group), self.states.get_mut(pieces.group))
        else {
            return;
        };
        for (at, tally) in self.seen.tallies.iter_mut().enumerate() {
            let times = std::mem::take(tally);
            if let Some(number) = self.seen.groups.group_of(at).filter(|number| *number != DROPPED) {
                group.count(groups, number, times);
            }
        }
    }

    /// Takes a piece through the stages and remembers what becomes of it.
    fn feed_new(&mut self, pieces: &Pieces, base: &mut Value, piece: &[u8]) -> Result<()> {
        // Text is checked when it is stored: damaged text may read as anything.
        let Ok(text) = std::str::from_utf8(piece) else { return Ok(()) };
        unwind::set(base, &pieces.field, Value::String(text.into()));
        if let Some(State::Groups(groups)) = self.states.get_mut(pieces.group) {
            groups.last = DROPPED;
        }
        self.feed(pieces.at + 2, Row::Lent(base))?;
        if let Some(State::Groups(groups)) = self.states.get(pieces.group) {
            if piece.len() <= LENGTH_MAX && self.seen.groups.len() < SEEN_MAX {
                self.seen.groups.insert(piece, groups.last);
                self.seen.tallies.push(0);
            }
        }
        Ok(())
    }
}

/// Hands over where the pieces between bytes that are `delimiter` lie, in the first `length` bytes of a text with sixteen more behind it.
#[inline]
fn split(padded: &[u8], length: usize, delimiter: u8, mut each: impl FnMut(Range<usize>) -> Result<()>) -> Result<()> {
    let (mut start, mut at) = (0, 0);
    while let Some(chunk) = padded.get(at..).and_then(|rest| rest.first_chunk::<LANES>()) {
        let mut marks = Lanes::of(chunk).equal(delimiter).bits();
        while marks != 0 {
            let end = at + marks.trailing_zeros() as usize;
            if end >= length {
                break;
            }
            each(start..end)?;
            start = end + 1;
            marks &= marks - 1;
        }
        at += LANES;
    }
    each(start..length)
}

/// The same with a delimiter of several bytes, and nothing behind the text.
fn split_by(text: &[u8], delimiter: &[u8], mut each: impl FnMut(Range<usize>) -> Result<()>) -> Result<()> {
    let mut start = 0;
    while let Some(rest) = text.get(start..) {
        let Some(length) = rest.windows(delimiter.len()).position(|window| window == delimiter) else { break };
        each(start..start + length)?;
        start += length + delimiter.len();
    }
    each(start..text.len())
}
