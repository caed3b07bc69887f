//! Words in their order: documents that have all of them, then positions.
//!
//! A phrase occurs once for every place of its first word from which every other word is at most `slop` places from where
//! the phrase would have it; it counts 1 / (1 + the greatest of these distances). Its rarity is the sum of its words'.

use crate::collections::view::Gather;
use crate::engine::Step;
use crate::search::postings::{DocNumber, NO_DOC};

use super::bits::Bits;
use super::frame::{Frame, Window};
use super::pool::Member;

pub(super) struct PhraseNode<'a> {
    /// The terms with their places in the phrase.
    pub(super) members: Vec<(Member<'a>, u32)>,
    pub(super) slop: u32,
    /// The sum of the rarities, times the boost.
    pub(super) weight: f32,
    pub(super) k1: f32,
    both: Bits,
    own: Bits,
}

impl<'a> PhraseNode<'a> {
    pub(super) fn new(members: Vec<(Member<'a>, u32)>, slop: u32, weight: f32, k1: f32) -> Self {
        Self { members, slop, weight, k1, both: Bits::default(), own: Bits::default() }
    }

    pub(super) fn score(&self, impact: f64) -> f64 {
        let k1 = f64::from(self.k1);
        f64::from(self.weight) * (1.0 - k1 / (k1 + impact))
    }

    /// No match is before this document and at or after `doc`.
    pub(super) fn next(&mut self, doc: DocNumber) -> Step<DocNumber> {
        let mut next = doc;
        for (member, _) in &mut self.members {
            next = next.max(member.next(next)?);
            if next == NO_DOC {
                break;
            }
        }
        Ok(next)
    }

    pub(super) fn bound(&mut self, window: &mut Window) -> Step<f64> {
        // It occurs at most as often as its first word.
        let mut impact = f64::INFINITY;
        for (at, (member, _)) in self.members.iter_mut().enumerate() {
            let bound = f64::from(member.bound(window, true)?);
            if at == 0 && !bound.is_nan() {
                impact = bound;
            }
            if member.last() == NO_DOC {
                impact = 0.0;
            }
        }
        Ok(self.score(impact))
    }

    /// Every block holds the whole window: `bound` saw to it.
    pub(super) fn fill(&mut self, window: Window, candidates: Option<&Bits>, frame: &mut Frame) -> Step<()> {
        frame.clear();
        let mut gather = Gather::default();
        for (at, (member, _)) in self.members.iter_mut().enumerate() {
            if !member.seek(window.start)? {
                return Ok(());
            }
            if gather.step(member.load())?.is_none() {
                continue;
            }
            self.own.clear();
            member.matched(window).for_each(|place| {
                self.own.insert(place);
            });
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
        let Some((first, _)) = self.members.first() else { return Ok(0.0) };
        let Some(at) = first.find(doc) else { return Ok(0.0) };
        let has = |column: &&crate::search::postings::Column| column.counts().get(at).is_some_and(|count| *count > 0);
        let unit = |column: &crate::search::postings::Column| {
            let unit = first.scope.unit(column.field(), *column.codes().get(at)?)?;
            Some((column.field(), unit))
        };
        let fields: Vec<(usize, f32)> = first.block.columns().iter().filter(has).filter_map(unit).collect();
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
        let mut places: Vec<(Vec<u32>, u32)> = Vec::with_capacity(self.members.len());
        for (member, offset) in &mut self.members {
            let Some(at) = member.find(doc) else { return Ok(0.0) };
            let has = |column: &crate::search::postings::Column| {
                column.field() == field && column.counts().get(at).is_some_and(|count| *count > 0)
            };
            if !member.block.columns().iter().any(has) {
                return Ok(0.0);
            }
            let mut positions = Vec::new();
            member.positions(at, field, &mut positions)?;
            places.push((positions, *offset));
        }
        Ok(frequency(&places, self.slop))
    }
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
