//! Walks the terms of all segments as one ordered list.
//!
//! Not the documents of the terms. A term whose documents are all removed still appears until its segments are merged; its
//! count says 0.

use crate::base::Result;
use crate::engine::{Cursor, Direction, KeyRange, Read, Step};

use super::super::postings::{TermStats, Terms};
use super::head::Segment;
use super::index::StoredPostings;
use super::keys::{IndexKeys, Part};
use super::terms::{Entry, PageCursor};

/// One segment's terms.
pub(super) struct SegmentTerms<'a> {
    view: &'a dyn Read,
    keys: IndexKeys,
    segment: u32,
    base: u32,
    /// The pages behind the current one, once somebody went there; until then `behind` is where they begin.
    pages: Option<Box<dyn Cursor + 'a>>,
    behind: Option<Vec<u8>>,
    page: Vec<u8>,
    walk: PageCursor,
    /// Whether `walk` stands on a term.
    on_term: bool,
    ended: bool,
}

impl<'a> SegmentTerms<'a> {
    pub(super) fn new(view: &'a dyn Read, keys: IndexKeys, segment: &Segment) -> Self {
        Self {
            view,
            keys,
            segment: segment.id,
            base: segment.base,
            pages: None,
            behind: None,
            page: Vec::new(),
            walk: PageCursor::default(),
            on_term: false,
            ended: false,
        }
    }

    /// The current term; `None` at the end.
    pub(super) fn term(&self) -> Option<&[u8]> {
        self.on_term.then(|| self.walk.term())
    }

    pub(super) fn entry(&mut self) -> Result<Entry> {
        self.walk.entry(&self.page)
    }

    /// Goes to the next term.
    pub(super) fn advance(&mut self) -> Step<()> {
        if self.ended {
            return Ok(());
        }
        loop {
            if !self.page.is_empty() && self.walk.advance(&self.page)? {
                self.on_term = true;
                return Ok(());
            }
            if !self.next_page()? {
                return Ok(());
            }
        }
    }

    /// Goes before the first term of the next page.
    fn next_page(&mut self) -> Step<bool> {
        let pages = match &mut self.pages {
            Some(pages) => pages,
            None => {
                let mut range = KeyRange::prefix(&self.keys.part(self.segment, Part::Terms));
                if let Some(behind) = self.behind.take() {
                    range.start = behind;
                }
                self.pages.insert(self.view.cursor(range, Direction::Forward))
            }
        };
        let more = pages.advance()?;
        self.page.clear();
        self.on_term = false;
        if more {
            self.page.extend_from_slice(pages.value());
            self.walk.open(&self.page, self.base)?;
        }
        self.ended = !more;
        Ok(more)
    }

    /// Goes to the first term at or after `term`, forwards or backwards.
    pub(super) fn seek(&mut self, term: &[u8]) -> Step<()> {
        if self.on_term && self.walk.term() <= term {
            if self.walk.term() == term || self.walk.seek(&self.page, term)? {
                return Ok(());
            }
            // Mostly the next page has it, or would have.
            if !self.next_page()? {
                return Ok(());
            }
            if self.walk.seek(&self.page, term)? {
                self.on_term = true;
                return Ok(());
            }
        }
        let mut before = self.view.cursor(self.keys.upto(self.segment, Part::Terms, term), Direction::Backward);
        let found = before.advance()?;
        self.page.clear();
        self.pages = None;
        self.behind = None;
        self.on_term = false;
        self.ended = false;
        if found {
            self.page.extend_from_slice(before.value());
            self.walk.open(&self.page, self.base)?;
            // The first key behind a page's is that key and a zero byte.
            self.behind = Some([before.key(), &[0]].concat());
        }
        while self.page.is_empty() || !self.walk.seek(&self.page, term)? {
            if !self.next_page()? {
                return Ok(());
            }
        }
        self.on_term = true;
        Ok(())
    }
}

/// The terms of the index.
pub(super) struct StoredTerms<'a, 'v> {
    index: &'a StoredPostings<'v>,
    parts: Vec<SegmentTerms<'v>>,
    /// The part with the least term, which is the current one.
    least: Option<usize>,
    /// The parts that are still to leave the term before.
    leaving: Vec<usize>,
    begun: bool,
}

impl<'a, 'v> StoredTerms<'a, 'v> {
    pub(super) fn new(index: &'a StoredPostings<'v>) -> Self {
        Self { index, parts: index.segment_terms(), least: None, leaving: Vec::new(), begun: false }
    }

    /// The least of the segments' terms becomes the current one.
    fn settle(&mut self) -> bool {
        self.begun = true;
        let mut least: Option<(usize, &[u8])> = None;
        for (at, part) in self.parts.iter().enumerate() {
            if let Some(term) = part.term() {
                if least.is_none_or(|(_, least)| term < least) {
                    least = Some((at, term));
                }
            }
        }
        self.least = least.map(|(at, _)| at);
        self.least.is_some()
    }

    /// The parts that stand on the current term.
    fn holders(&self) -> impl Iterator<Item = (usize, &SegmentTerms<'v>)> {
        let term = self.least.and_then(|at| self.parts.get(at)).and_then(SegmentTerms::term);
        self.parts.iter().enumerate().filter(move |(_, part)| term.is_some() && part.term() == term)
    }
}

impl Terms for StoredTerms<'_, '_> {
    fn seek(&mut self, term: &[u8]) -> Step<bool> {
        // Every segment stands on its first term from the current one on: ahead of it, that is enough.
        let forward = self.begun && self.leaving.is_empty() && self.least.is_some() && self.term() <= term;
        for part in &mut self.parts {
            let there = part.ended || part.term().is_some_and(|own| own >= term);
            if !(forward && there) {
                part.seek(term)?;
            }
        }
        self.leaving.clear();
        Ok(self.settle())
    }

    fn advance(&mut self) -> Step<bool> {
        if self.leaving.is_empty() {
            self.leaving = match self.begun {
                true => self.holders().map(|(at, _)| at).collect(),
                false => (0..self.parts.len()).collect(),
            };
        }
        while let Some(at) = self.leaving.last() {
            if let Some(part) = self.parts.get_mut(*at) {
                part.advance()?;
            }
            self.leaving.pop();
        }
        Ok(self.settle())
    }

    fn term(&self) -> &[u8] {
        self.least.and_then(|at| self.parts.get(at)).and_then(SegmentTerms::term).unwrap_or_default()
    }

    fn stats(&self) -> TermStats {
        self.index.stats(self.holders().map(|(at, part)| {
            let walk = &part.walk;
            (at, walk.docs(), walk.removed(), walk.impact(&part.page))
        }))
    }
}
