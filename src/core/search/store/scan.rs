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
    pages: Option<Box<dyn Cursor + 'a>>,
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

    pub(super) fn entry(&self) -> Result<Entry> {
        self.walk.entry(&self.page)
    }

    /// Goes to the next term.
    pub(super) fn advance(&mut self) -> Step<()> {
        if self.ended {
            return Ok(());
        }
        if self.pages.is_none() {
            self.open_from(KeyRange::prefix(&self.keys.part(self.segment, Part::Terms)));
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

    fn open_from(&mut self, range: KeyRange) {
        self.pages = Some(self.view.cursor(range, Direction::Forward));
        self.page.clear();
        self.on_term = false;
        self.ended = false;
    }

    /// Goes before the first term of the next page.
    fn next_page(&mut self) -> Step<bool> {
        let Some(pages) = &mut self.pages else { return Ok(false) };
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
            self.on_term = false;
        }
        let mut range = KeyRange::prefix(&self.keys.part(self.segment, Part::Terms));
        let mut before = self.view.cursor(self.keys.upto(self.segment, Part::Terms, term), Direction::Backward);
        if before.advance()? {
            range.start = before.key().to_vec();
        }
        drop(before);
        self.open_from(range);
        loop {
            if !self.next_page()? {
                return Ok(());
            }
            if self.walk.seek(&self.page, term)? {
                self.on_term = true;
                return Ok(());
            }
        }
    }
}

/// The terms of the index.
pub(super) struct StoredTerms<'a> {
    index: &'a StoredPostings<'a>,
    parts: Vec<SegmentTerms<'a>>,
    term: Vec<u8>,
    stats: TermStats,
    begun: bool,
}

impl<'a> StoredTerms<'a> {
    pub(super) fn new(index: &'a StoredPostings<'a>) -> Self {
        let segments = index.segments().iter();
        let parts = segments.map(|segment| SegmentTerms::new(index.view, index.keys, segment)).collect();
        Self { index, parts, term: Vec::new(), stats: TermStats::default(), begun: false }
    }

    /// The least of the segments' terms becomes the current one.
    fn settle(&mut self) -> bool {
        let Some(least) = self.parts.iter().filter_map(SegmentTerms::term).min() else {
            self.term.clear();
            self.stats = TermStats::default();
            return false;
        };
        self.term.clear();
        self.term.extend_from_slice(least);
        let holders = self.parts.iter().enumerate().filter(|(_, part)| part.term() == Some(&*self.term));
        self.stats = self.index.stats(holders.map(|(at, part)| {
            let walk = &part.walk;
            (at, walk.docs(), walk.removed(), walk.impact(&part.page))
        }));
        true
    }
}

impl Terms for StoredTerms<'_> {
    fn seek(&mut self, term: &[u8]) -> Step<bool> {
        // Every segment stands on its first term from the current one on: ahead of it, that is enough.
        let forward = self.begun && !self.term.is_empty() && *self.term <= *term;
        for part in &mut self.parts {
            let there = part.ended || part.term().is_some_and(|own| own >= term);
            if !(forward && there) {
                part.seek(term)?;
            }
        }
        self.begun = true;
        Ok(self.settle())
    }

    fn advance(&mut self) -> Step<bool> {
        let Self { parts, term, begun, .. } = self;
        for part in parts {
            let behind = match part.term() {
                Some(own) => own <= term.as_slice() && *begun,
                None => true,
            };
            if behind {
                part.advance()?;
            }
        }
        self.begun = true;
        Ok(self.settle())
    }

    fn term(&self) -> &[u8] {
        &self.term
    }

    fn stats(&self) -> TermStats {
        self.stats
    }
}
