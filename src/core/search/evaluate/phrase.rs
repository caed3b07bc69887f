//! Words in their order: documents that have all of them, then positions.
//!
//! A phrase occurs once for every place of its first word from which every other word is at most `slop` places from where
//! the phrase would have it; it counts 1 / (1 + the greatest of these distances). Its rarity is the sum of its words'.
//! Terms at one place are one word: the rarity is that of the most frequent, as in a pool.

use crate::base::sort;
use crate::collections::view::Gather;
use crate::engine::Step;
use crate::search::postings::{Column, DocNumber, NO_DOC};

use super::bits::Bits;
use super::frame::{Frame, Window};
use super::pool::Member;

pub(super) struct PhraseNode<'a> {
    /// The terms with their places in the phrase, ascending.
    pub(super) members: Vec<(Member<'a>, u32)>,
    pub(super) slop: u32,
    /// The sum of the rarities, times the boost.
    pub(super) weight: f32,
    pub(super) k1: f32,
    both: Bits,
    own: Bits,
    /// Where each word stands in the field that is looked at, and its place in the phrase.
    places: Vec<(Vec<u32>, u32)>,
}

impl<'a> PhraseNode<'a> {
    pub(super) fn new(members: Vec<(Member<'a>, u32)>, slop: u32, weight: f32, k1: f32) -> Self {
        let words = members.chunk_by(|a, b| a.1 == b.1);
        let places = words.filter_map(|word| Some((Vec::new(), word.first()?.1))).collect();
        Self { members, slop, weight, k1, both: Bits::default(), own: Bits::default(), places }
    }

    pub(super) fn score(&self, impact: f64) -> f64 {
        let k1 = f64::from(self.k1);
        f64::from(self.weight) * (1.0 - k1 / (k1 + impact))
    }

    /// The terms of each word.
    pub(super) fn words(&self) -> impl Iterator<Item = &[(Member<'a>, u32)]> {
        self.members.chunk_by(|a, b| a.1 == b.1)
    }

    /// No match is before this document and at or after `doc`.
    pub(super) fn next(&mut self, doc: DocNumber) -> Step<DocNumber> {
        let mut next = doc;
        for word in words_mut(&mut self.members) {
            let (from, mut nearest) = (next, NO_DOC);
            for (member, _) in word {
                nearest = nearest.min(member.next(from)?);
            }
            next = nearest;
            if next == NO_DOC {
                break;
            }
        }
        Ok(next)
    }

    pub(super) fn bound(&mut self, window: &mut Window) -> Step<f64> {
        // It occurs at most as often as its first word.
        let mut impact = f64::INFINITY;
        for (at, word) in words_mut(&mut self.members).enumerate() {
            let (mut bound, mut ended) = (0.0, true);
            for (member, _) in word {
                bound += f64::from(member.bound(window, true)?);
                ended &= member.last() == NO_DOC;
            }
            if at == 0 && !bound.is_nan() {
                impact = bound;
            }
            if ended {
                impact = 0.0;
            }
        }
        Ok(self.score(impact))
    }

    /// Every block holds the whole window: `bound` saw to it.
    pub(super) fn fill(&mut self, window: Window, candidates: Option<&Bits>, frame: &mut Frame) -> Step<()> {
        frame.clear();
        let mut gather = Gather::default();
        for (at, word) in words_mut(&mut self.members).enumerate() {
            let mut ended = true;
            self.own.clear();
            for (member, _) in word {
                if !member.seek(window.start)? {
                    continue;
                }
                ended = false;
                if gather.step(member.load())?.is_some() {
                    member.matched(window).for_each(|place| {
                        self.own.insert(place);
                    });
                }
            }
            if ended {
                return Ok(());
            }
            match at {
                0 => self.both.clone_from(&self.own),
                _ => self.both.keep(&self.own),
            }
        }
        gather.finish()?;
        if let Some(candidates) = candidates {
            self.both.keep(candidates);
        }
        let mut at = 0;
        while let Some(place) = self.both.next(at) {
            let impact = self.impact(window.start + place as u32)?;
            if impact > 0.0 {
                frame.add(place, self.score(f64::from(impact)));
            }
            at = place + 1;
        }
        Ok(())
    }

    /// The weighted and normalised frequency of the phrase in a document of the loaded blocks.
    pub(super) fn impact(&mut self, doc: DocNumber) -> Step<f32> {
        let mut fields: Vec<(usize, f32)> = Vec::new();
        for (first, _) in self.words().next().unwrap_or_default() {
            let Some(at) = first.find(doc) else { continue };
            for column in first.block.columns().iter().filter(|column| column.has(at)) {
                let unit = column.codes().get(at).and_then(|code| first.scope.unit(column.field(), *code));
                let is_new = fields.iter().all(|(known, _)| *known != column.field());
                fields.extend(unit.filter(|_| is_new).map(|unit| (column.field(), unit)));
            }
        }
        let mut impact = 0.0;
        for (field, unit) in fields {
            let frequency = self.frequency(doc, field)?;
            if frequency > 0.0 {
                impact += frequency * unit;
            }
        }
        Ok(impact)
    }

    /// How often the phrase stands in a field.
    pub(super) fn frequency(&mut self, doc: DocNumber, field: usize) -> Step<f32> {
        for (word, (all, _)) in words_mut(&mut self.members).zip(&mut self.places) {
            all.clear();
            for (member, _) in word {
                let has = |column: &Column, at: usize| column.field() == field && column.has(at);
                let columns = member.block.columns();
                let found = member.find(doc).filter(|at| columns.iter().any(|column| has(column, *at)));
                let Some(at) = found else { continue };
                if all.is_empty() {
                    member.positions(at, field, all)?;
                } else {
                    let mut others = Vec::new();
                    member.positions(at, field, &mut others)?;
                    all.append(&mut others);
                    sort::sort(all);
                    all.dedup();
                }
            }
            if all.is_empty() {
                return Ok(0.0);
            }
        }
        Ok(frequency(&self.places, self.slop))
    }
}

/// The terms of each word.
fn words_mut<'m, 'a>(members: &'m mut [(Member<'a>, u32)]) -> impl Iterator<Item = &'m mut [(Member<'a>, u32)]> {
    members.chunk_by_mut(|a, b| a.1 == b.1)
}

/// How often a phrase occurs, from the ascending positions of each of its words and the words' places in it.
pub(crate) fn frequency(places: &[(Vec<u32>, u32)], slop: u32) -> f32 {
    let Some(((starts, _), others)) = places.split_first() else { return 0.0 };
    let mut next = vec![0; others.len()];
    let mut frequency = 0.0;
    for start in starts {
        let mut worst = 0;
        for ((positions, offset), at) in others.iter().zip(&mut next) {
            let wanted = start + offset;
            // The places wanted ascend, so those before the last one below are never nearest again.
            while positions.get(*at + 1).is_some_and(|position| *position <= wanted) {
                *at += 1;
            }
            let near = positions.get(*at..).unwrap_or_default().iter().take(2);
            worst = worst.max(near.map(|position| position.abs_diff(wanted)).min().unwrap_or(u32::MAX));
        }
        if worst <= slop {
            frequency += 1.0 / (1.0 + worst as f32);
        }
    }
    frequency
}
