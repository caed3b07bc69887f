//! Walks the terms of all segments as one ordered list.
//!
//! Not the documents of the terms. A term whose documents are all removed still appears until its segments are merged; its
//! count says 0.

use std::rc::Rc;

use crate::base::Result;
use crate::engine::{Cursor, Direction, KeyRange, Read, Step};

use super::super::postings::{TermStats, Terms};
use super::head::Segment;
use super::index::{holder, StoredPostings};
use super::keys::{IndexKeys, Part};
use super::list::damaged;
use super::term_page::{TermEntry, TermPage};
use super::terms::Entry;
use super::warm::{Row, Warm};

/// One segment's terms.
pub(super) struct SegmentTerms<'a> {
    view: &'a dyn Read,
    warm: Rc<Warm>,
    /// What the keys of its pages start with.
    part: Vec<u8>,
    base: u32,
    /// The pages behind the current one, where nobody remembers them.
    pages: Option<Box<dyn Cursor + 'a>>,
    /// The current page, and the current term in it.
    page: Option<Rc<TermPage>>,
    at: usize,
    ended: bool,
    /// The key of the page that is looked for; and where the one before was found.
    key: Vec<u8>,
    near: usize,
}

impl<'a> SegmentTerms<'a> {
    pub(super) fn new(view: &'a dyn Read, warm: &Rc<Warm>, keys: IndexKeys, segment: &Segment) -> Self {
        let part = keys.part(segment.id, Part::Terms);
        Self {
            view,
            warm: Rc::clone(warm),
            part,
            base: segment.base,
            pages: None,
            page: None,
            at: 0,
            ended: false,
            key: Vec::new(),
            near: 0,
        }
    }

    /// The current term; `None` before the first and at the end.
    #[inline]
    pub(super) fn term(&self) -> Option<&[u8]> {
        self.page.as_ref().filter(|page| self.at < page.len()).map(|page| page.term(self.at))
    }

    /// What is written of the current term, without its chunks.
    pub(super) fn brief(&self) -> TermEntry {
        self.page.as_ref().map(|page| page.entry(self.at)).unwrap_or_default()
    }

    /// All that is written of the current term.
    pub(super) fn entry(&self) -> Result<Entry> {
        self.page.as_ref().ok_or_else(damaged)?.whole_entry(self.at)
    }

    /// Goes to the next term.
    pub(super) fn advance(&mut self) -> Step<()> {
        while !self.ended {
            if self.page.as_ref().is_some_and(|page| self.at + 1 < page.len()) {
                self.at += 1;
                return Ok(());
            }
            if self.next_page()? && self.term().is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Goes to the first term of the next page; `false` at the end.
    fn next_page(&mut self) -> Step<bool> {
        match self.page.as_ref().and_then(|page| page.next()) {
            Some(None) => {
                self.ended = true;
                self.page = None;
                return Ok(false);
            }
            Some(Some(first)) => {
                self.key.clear();
                self.key.extend_from_slice(&self.part);
                self.key.extend_from_slice(first);
                if let Some(page) = self.warm.terms(self.part.len(), &self.key, &mut self.near) {
                    (self.page, self.at, self.pages) = (Some(page), 0, None);
                    return Ok(true);
                }
            }
            None => {}
        }
        let pages = match &mut self.pages {
            Some(pages) => pages,
            None => {
                let mut range = KeyRange::prefix(&self.part);
                if let Some(page) = &self.page {
                    // The first key behind a page's is that key and a zero byte.
                    range.start = [&self.part, page.term(0), &[0]].concat();
                }
                self.pages.insert(self.view.cursor(range, Direction::Forward))
            }
        };
        let more = pages.advance()?;
        let page = if more { Some(open_page(&self.warm, self.base, &self.part, &**pages)?) } else { None };
        if let Some(before) = &self.page {
            before.set_next(page.as_ref().map(|page| page.term(0)));
        }
        (self.page, self.at, self.ended) = (page, 0, !more);
        Ok(more)
    }

    /// Goes to the first term at or after `term`, forwards or backwards.
    pub(super) fn seek(&mut self, term: &[u8]) -> Step<()> {
        if let Some(page) = &self.page {
            let from = if self.term().is_some_and(|own| own <= term) { self.at } else { 0 };
            if page.term(from) <= term && page.reaches(term) {
                self.at = page.seek(from, term);
                return self.settle();
            }
        }
        self.key.clear();
        self.key.extend_from_slice(&self.part);
        self.key.extend_from_slice(term);
        let mut page = self.warm.terms(self.part.len(), &self.key, &mut self.near);
        if page.is_none() {
            let range = KeyRange { start: self.part.clone(), end: Some([self.key.as_slice(), &[0]].concat()) };
            let mut before = self.view.cursor(range, Direction::Backward);
            if before.advance()? {
                page = Some(open_page(&self.warm, self.base, &self.part, &*before)?);
            }
        }
        self.at = page.as_ref().map_or(0, |page| page.seek(0, term));
        (self.page, self.pages, self.ended) = (page, None, false);
        self.settle()
    }

    /// Behind the last term of a page, the first one of the next is meant.
    fn settle(&mut self) -> Step<()> {
        while self.term().is_none() && self.next_page()? {}
        Ok(())
    }
}

/// The page where a cursor stands.
fn open_page(warm: &Warm, base: u32, part: &[u8], cursor: &dyn Cursor) -> Step<Rc<TermPage>> {
    if let Some(page) = warm.terms(part.len(), cursor.key(), &mut 0).filter(|page| cursor.key().ends_with(page.term(0)))
    {
        return Ok(page);
    }
    let page = Rc::new(TermPage::read(cursor.value().to_vec(), base)?);
    // Where a page lies says which term it begins with.
    if cursor.key().get(part.len()..) != Some(page.term(0)) || page.len() == 0 {
        return Err(damaged().into());
    }
    warm.keep_row(cursor.key(), Row::Terms(Rc::clone(&page)));
    Ok(page)
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
            let mut leaving = std::mem::take(&mut self.leaving);
            match self.begun {
                true => leaving.extend(self.holders().map(|(at, _)| at)),
                false => leaving.extend(0..self.parts.len()),
            }
            self.leaving = leaving;
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
        self.held().0
    }

    fn held(&self) -> (TermStats, u32) {
        let mut holders = 0;
        let stats = self.index.stats(self.holders().map(|(at, part)| {
            holders |= holder(at);
            let TermEntry { docs, removed, impact, .. } = part.brief();
            (at, docs, removed, impact)
        }));
        (stats, holders)
    }
}
