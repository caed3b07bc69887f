//! A word of the query: one term, or several that are scored as one.
//!
//! The impacts of several terms are added before they saturate, so that a document with three forms of a word does not
//! count three times.

use std::rc::Rc;

use crate::collections::view::Gather;
use crate::engine::Step;
use crate::search::postings::{Block, DocNumber, TermDocs, BLOCK_DOCS, NO_DOC};
use crate::search::score::{length_of, Model};

use super::bits::Bits;
use super::frame::{Frame, Window};

/// What one occurrence in a field adds to the impact, by the code of the field's length; `None` where the field is left out.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) model: Model,
    units: Vec<Option<Box<[f32; 256]>>>,
    /// From bounds in the index to bounds in this scope.
    looseness: f32,
}

impl Scope {
    /// The scope of these boosts.
    pub(super) fn new(model: &Model, reference: &Model, boosts: &[f32]) -> Self {
        let mut model = model.clone();
        model.fields.iter_mut().zip(boosts).for_each(|(field, boost)| field.weight *= boost);
        let unit = |field: &crate::search::score::FieldModel| {
            (field.weight > 0.0).then(|| {
                let mut units = Box::new([0.0; 256]);
                (0..=255).zip(units.iter_mut()).for_each(|(code, unit)| *unit = field.unit(length_of(code)));
                units
            })
        };
        Self { units: model.fields.iter().map(unit).collect(), looseness: model.looseness(reference), model }
    }

    pub(super) fn unit(&self, field: usize, code: u8) -> Option<f32> {
        Some(self.units.get(field)?.as_ref()?[usize::from(code)])
    }
}

/// The documents of one term in one scope, a block at a time.
pub(super) struct Member<'a> {
    docs: Box<dyn TermDocs + 'a>,
    pub(super) scope: Rc<Scope>,
    /// How like the word the term is, up to 1.
    similarity: f32,
    pub(super) block: Rc<Block>,
    impacts: Vec<f32>,
    loaded: bool,
    /// The first place in the block that was not looked at.
    at: usize,
    /// What [`Member::next`] said last.
    upcoming: DocNumber,
    /// What [`Member::bound`] said last.
    bound: f32,
}

impl<'a> Member<'a> {
    pub(super) fn new(docs: Box<dyn TermDocs + 'a>, scope: Rc<Scope>, similarity: f32, empty: Rc<Block>) -> Self {
        let impacts = Vec::new();
        Self { docs, scope, similarity, block: empty, impacts, loaded: false, at: 0, upcoming: 0, bound: 0.0 }
    }

    pub(super) fn docs(&self) -> u32 {
        self.docs.stats().docs
    }

    pub(super) fn similarity(&self) -> f32 {
        self.similarity
    }

    pub(super) fn seek(&mut self, doc: DocNumber) -> Step<bool> {
        let last = self.docs.last();
        if last != NO_DOC && last >= doc && self.loaded {
            return Ok(true);
        }
        let found = self.docs.seek(doc)?;
        if self.docs.last() != last || !found {
            self.loaded = false;
            self.at = 0;
        }
        Ok(found)
    }

    /// The last document of the current block.
    pub(super) fn last(&self) -> DocNumber {
        self.docs.last()
    }

    /// Reads the current block.
    pub(super) fn load(&mut self) -> Step<()> {
        if self.loaded {
            return Ok(());
        }
        self.block = self.docs.read()?;
        self.impacts.clear();
        self.impacts.resize(self.block.docs().len(), 0.0);
        for column in self.block.columns() {
            let Some(Some(units)) = self.scope.units.get(column.field()) else { continue };
            for ((impact, count), code) in self.impacts.iter_mut().zip(column.counts()).zip(column.codes()) {
                *impact += f32::from(*count) * units[usize::from(*code)];
            }
        }
        if self.similarity != 1.0 {
            self.impacts.iter_mut().for_each(|impact| *impact *= self.similarity);
        }
        self.loaded = true;
        self.at = 0;
        Ok(())
    }

    /// No document of the term is before this one and at or after `doc`.
    #[inline]
    pub(super) fn next(&mut self, doc: DocNumber) -> Step<DocNumber> {
        if self.upcoming < doc {
            self.upcoming = self.look(doc)?;
        }
        Ok(self.upcoming)
    }

    fn look(&mut self, doc: DocNumber) -> Step<DocNumber> {
        if !self.seek(doc)? {
            return Ok(NO_DOC);
        }
        if !self.loaded {
            return Ok(doc);
        }
        self.skip(doc);
        Ok(self.block.docs().get(self.at).copied().unwrap_or_else(|| self.docs.last().saturating_add(1)))
    }

    /// Whether it is known that the term has no document in a window.
    #[inline]
    fn is_absent(&self, window: Window) -> bool {
        self.upcoming >= window.end
    }

    /// Moves the place in the block to the first document at or after `doc`.
    fn skip(&mut self, doc: DocNumber) {
        let docs = self.block.docs();
        while docs.get(self.at).is_some_and(|own| *own < doc) {
            self.at += 1;
        }
    }

    /// At least the greatest impact in a window, which may become shorter to end with the block.
    pub(super) fn bound(&mut self, window: &mut Window, always: bool) -> Step<f32> {
        self.bound = 0.0;
        if (!always && self.is_absent(*window)) || !self.seek(window.start)? {
            return Ok(0.0);
        }
        let stats = self.docs.stats();
        let impact = if always || (stats.docs as usize > BLOCK_DOCS && !window.wide) {
            window.end = window.end.min(self.docs.last().saturating_add(1));
            self.docs.impact()
        } else {
            stats.impact
        };
        self.bound = self.most(impact);
        Ok(self.bound)
    }

    /// From a bound in the index to one of this search.
    fn most(&self, impact: f32) -> f32 {
        impact * self.scope.looseness * self.similarity
    }

    /// The greatest impact in a window if that is in memory, or else what [`Self::bound`] said of it.
    fn tighten(&mut self, window: Window) -> f32 {
        if self.is_absent(window) {
            return 0.0;
        }
        if !self.loaded || self.docs.last() < window.end - 1 {
            return self.bound;
        }
        self.skip(window.start);
        let ahead = self.block.docs()[self.at..].iter().zip(&self.impacts[self.at..]);
        ahead.take_while(|(doc, _)| **doc < window.end).fold(0.0, |most: f32, (_, impact)| most.max(*impact))
    }

    /// Calls `each` with the place and the impact of every document in a window, of all or of the candidates only.
    #[inline]
    fn each(&mut self, window: Window, candidates: Option<&Bits>, mut each: impl FnMut(usize, f64)) -> Step<()> {
        let mut from = window.start.max(self.upcoming);
        while from < window.end {
            if let Some(candidates) = candidates {
                match candidates.next((from - window.start) as usize) {
                    Some(at) if at < window.len() => from = window.start + at as u32,
                    _ => return Ok(()),
                }
            }
            if !self.seek(from)? {
                return Ok(());
            }
            self.load()?;
            self.skip(from);
            let docs = &self.block.docs()[self.at..];
            let len = docs.partition_point(|doc| *doc < window.end);
            for (doc, impact) in docs[..len].iter().zip(&self.impacts[self.at..]) {
                let at = (doc - window.start) as usize;
                if *impact > 0.0 && candidates.is_none_or(|candidates| candidates.has(at)) {
                    each(at, f64::from(*impact));
                }
            }
            if candidates.is_none() {
                self.at += len;
            }
            from = self.docs.last().saturating_add(1);
        }
        Ok(())
    }

    /// The place of a document in the loaded block, if the term is in one of the scope's fields there.
    pub(super) fn find(&self, doc: DocNumber) -> Option<usize> {
        let at = self.block.docs().binary_search(&doc).ok()?;
        (*self.impacts.get(at)? > 0.0).then_some(at)
    }

    /// The documents of the loaded block in a window that have the term in one of the scope's fields.
    pub(super) fn matched(&self, window: Window) -> impl Iterator<Item = usize> + '_ {
        let docs = self.block.docs();
        let from = docs.partition_point(|doc| *doc < window.start);
        let in_window = docs[from..].iter().take_while(move |doc| **doc < window.end);
        let places = in_window.zip(&self.impacts[from..]).filter(|(_, impact)| **impact > 0.0);
        places.map(move |(doc, _)| (doc - window.start) as usize)
    }

    pub(super) fn positions(&mut self, at: usize, field: usize, positions: &mut Vec<u32>) -> Step<()> {
        self.docs.positions(at, field, positions)
    }
}

/// Terms that are scored as one.
pub(super) struct Pool<'a> {
    pub(super) members: Vec<Member<'a>>,
    /// The rarity of the word, times its boost.
    pub(super) weight: f32,
    /// The saturation.
    pub(super) k1: f32,
}

impl Pool<'_> {
    /// From impact to score.
    #[inline]
    pub(super) fn score(&self, impact: f64) -> f64 {
        score(self.weight, self.k1, impact)
    }

    pub(super) fn next(&mut self, doc: DocNumber) -> Step<DocNumber> {
        let mut gather = Gather::default();
        let mut next = NO_DOC;
        for member in &mut self.members {
            next = next.min(gather.step(member.next(doc))?.unwrap_or(doc));
        }
        gather.finish()?;
        Ok(next)
    }

    pub(super) fn bound(&mut self, window: &mut Window) -> Step<f64> {
        let mut impact = 0.0;
        for member in &mut self.members {
            impact += f64::from(member.bound(window, false)?);
        }
        Ok(self.most_of(impact))
    }

    /// The same, or less if the documents in the window are in memory.
    pub(super) fn tighten(&mut self, window: Window, bound: f64) -> f64 {
        let impact = self.members.iter_mut().map(|member| f64::from(member.tighten(window))).sum();
        bound.min(self.most_of(impact))
    }

    /// At least the greatest score of all documents.
    pub(super) fn most(&self) -> f64 {
        self.most_of(self.members.iter().map(|member| f64::from(member.most(member.docs.stats().impact))).sum())
    }

    /// The score of what may be at most this impact.
    fn most_of(&self, impact: f64) -> f64 {
        // Not a number is an infinity times zero: no bound is known.
        self.score(if impact.is_nan() { f64::INFINITY } else { impact })
    }

    /// The least impact whose score may exceed `floor`.
    fn least(&self, floor: f64) -> f64 {
        let share = floor / f64::from(self.weight);
        match share {
            // Nothing scores as much as the weight.
            _ if share >= 1.0 => f64::INFINITY,
            _ if share > 0.0 => f64::from(self.k1) * share / (1.0 - share),
            _ => 0.0,
        }
    }

    /// Adds the scores of what matches in a window; those up to `floor` are left out. `scratch` is for what is scored as one.
    pub(super) fn add(
        &mut self,
        window: Window,
        candidates: Option<&Bits>,
        floor: f64,
        frame: &mut Frame,
        scratch: &mut Frame,
    ) -> Step<()> {
        let (weight, k1, least) = (self.weight, self.k1, self.least(floor));
        // Comparing impacts saves most documents the division.
        let mut put = |at: usize, impact: f64| match impact >= least {
            true => frame.add(at, score(weight, k1, impact)),
            false => frame.skipped += 1,
        };
        if let [only] = self.members.as_mut_slice() {
            return only.each(window, candidates, put);
        }
        scratch.clear();
        let mut gather = Gather::default();
        for member in &mut self.members {
            gather.step(member.each(window, candidates, |at, impact| scratch.add(at, impact)))?;
        }
        gather.finish()?;
        scratch.matched.each(|at| put(at, scratch.scores[at]));
        Ok(())
    }
}

/// The score up to which a document is of no use, where the rest of the search adds at most `others`. Rounding is allowed for.
pub(super) fn floor(threshold: f32, others: f64) -> f64 {
    f64::from(threshold) * 0.999_999 - others * 1.000_001
}

#[inline]
fn score(weight: f32, k1: f32, impact: f64) -> f64 {
    let k1 = f64::from(k1);
    f64::from(weight) * (1.0 - k1 / (k1 + impact))
}
