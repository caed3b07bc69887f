//! Takes matches in: filters them, counts them, keeps the best.

use crate::collections::catalog::Collection;
use crate::collections::Document;
use crate::engine::{Read, Step};
use crate::search::evaluate::{Hit, Sink};
use crate::search::store::StoredPostings;

use super::{load, After, Found, Run, Wanted, LOADS};

/// Takes matches in, with what the step may use.
pub(super) struct Collector<'a, 'v> {
    pub(super) wanted: &'a Wanted,
    pub(super) run: &'a mut Run,
    pub(super) view: &'a dyn Read,
    pub(super) postings: &'a StoredPostings<'v>,
    pub(super) collection: &'a Collection,
}

impl Collector<'_, '_> {
    /// Whether the match lies behind the last page.
    fn is_behind(&self, hit: Hit, rank: &[u8]) -> bool {
        match &self.run.after {
            After::Start => true,
            After::Score(last) => hit > *last,
            After::Rank(last) => rank > last.as_slice(),
        }
    }

    /// The id of a match and its document as it is stored.
    fn load(&self, doc: u32) -> Step<(Box<str>, Vec<u8>)> {
        let id = self.postings.id(doc)?;
        let stored = load(self.view, self.collection.id, &id)?;
        Ok((id, stored))
    }

    fn count(&mut self, document: &Document<'_>) {
        self.run.counts.iter_mut().for_each(|counts| counts.add(document));
    }

    /// Keeps the match if it is among the best.
    fn keep(&mut self, found: Found) {
        let by_rank = self.wanted.ranking.is_some();
        let better = |a: &Found, b: &Found| if by_rank { a.rank < b.rank } else { a.hit < b.hit };
        let all = &mut self.run.found;
        let at = all.partition_point(|other| better(other, &found));
        if at < self.wanted.keep() {
            all.insert(at, found);
            all.truncate(self.wanted.keep());
        }
    }
}

impl Sink for Collector<'_, '_> {
    fn threshold(&self) -> f32 {
        match self.run.found.last() {
            _ if self.wanted.wants_all() => f32::NEG_INFINITY,
            _ if self.wanted.keep() == 0 => f32::INFINITY,
            Some(worst) if self.run.found.len() >= self.wanted.keep() => worst.hit.score,
            _ => f32::NEG_INFINITY,
        }
    }

    fn hit(&mut self, doc: u32, score: f32) -> Step<()> {
        let hit = Hit { doc, score };
        let wanted = self.wanted;
        let (mut rank, mut id_at) = (Vec::new(), 0);
        if wanted.needs_documents() {
            if self.run.loads >= LOADS {
                return Err(crate::engine::Pause::Yield);
            }
            let (id, stored) = self.load(doc)?;
            self.run.loads += 1;
            let document = Document::parse(&stored)?;
            if !wanted.matcher.matches(&document)? {
                return Ok(());
            }
            self.count(&document);
            if let Some(ranking) = &wanted.ranking {
                id_at = ranking.rank(&document, id.as_bytes(), &mut rank);
            }
        }
        self.run.matches += 1;
        if self.is_behind(hit, &rank) {
            self.keep(Found { hit, rank, id_at });
        }
        Ok(())
    }

    fn prepare(&self, doc: u32) -> Step<()> {
        if self.wanted.needs_documents() {
            self.load(doc)?;
        }
        Ok(())
    }
}
