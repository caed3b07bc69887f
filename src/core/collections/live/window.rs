//! The known beginning of a live query's result, ordered, with a look-ahead behind what is shown: commits change it in
//! place, and only when the look-ahead is used up must the query run again.
//!
//! It does not evaluate filters: changes arrive as "this id now ranks here" or "this id is out".

use std::rc::Rc;

use crate::base::{checksum, FastMap};

use super::diff::{Diff, Indexed, Moved, Removed};

/// What a live query shows of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The document as JSON text, after the projection.
    pub json: Vec<u8>,
    /// Whether the text has tagged values.
    pub extended: bool,
}

/// Where a document stands in the result: sort key, then id, as one memcmp-ordered string.
pub type Rank = Box<[u8]>;

/// A document's new standing after a commit.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The document.
    pub id: Box<str>,
    /// Its rank and what is shown of it; `None` if it is not in the result.
    pub now: Option<(Rank, Rc<Output>)>,
}

/// Which part of the ordered matches the query shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// How many matches come before the first shown.
    pub skip: usize,
    /// How many are shown at most.
    pub limit: Option<usize>,
}

impl Span {
    /// How many matches beyond the shown ones are kept ready.
    fn ahead(self) -> usize {
        self.limit.unwrap_or(0).clamp(16, 1000)
    }

    fn shown_end(self) -> usize {
        self.limit.map_or(usize::MAX, |limit| self.skip.saturating_add(limit))
    }

    /// How many matches a query that fills the window asks for.
    pub fn fill(self) -> Option<usize> {
        self.limit.map(|_| self.shown_end().saturating_add(self.ahead()))
    }

    /// More entries than this are trimmed back to `fill`.
    fn entries_max(self) -> usize {
        self.limit.map_or(usize::MAX, |_| self.shown_end().saturating_add(2 * self.ahead()))
    }

    /// Whether every match is shown: then the set is kept without the documents.
    fn shows_all(self) -> bool {
        self.skip == 0 && self.limit.is_none()
    }
}

/// One known match.
#[derive(Debug)]
struct Entry {
    rank: Rank,
    id: Box<str>,
    digest: u64,
    /// Absent where every match is shown: nothing can slide into view without a commit that carries it.
    output: Option<Rc<Output>>,
}

impl Entry {
    fn new(span: Span, id: Box<str>, rank: Rank, output: &Rc<Output>) -> Rc<Self> {
        let digest = checksum(&output.json);
        Rc::new(Self { rank, id, digest, output: (!span.shows_all()).then(|| output.clone()) })
    }
}

/// What became of the shown result.
#[derive(Debug)]
pub enum Applied {
    /// This is how it differs; empty when nothing visible happened.
    Diff(Diff),
    /// Too many matches left: fill the window again from a query.
    Drained,
}

/// The window.
#[derive(Debug)]
pub struct Window {
    span: Span,
    entries: Vec<Rc<Entry>>,
    by_id: FastMap<Box<str>, Rc<Entry>>,
    /// Every match up to this rank is in `entries`; `None`: every match there is.
    bound: Option<Rank>,
    /// What the subscriber was last told, while the window is drained.
    told: Option<Vec<Rc<Entry>>>,
}

impl Window {
    /// An empty window that must be filled first.
    pub fn new(span: Span) -> Self {
        Self { span, entries: Vec::new(), by_id: FastMap::default(), bound: None, told: None }
    }

    /// The part of the matches that is shown.
    pub fn span(&self) -> Span {
        self.span
    }

    /// How many matches are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no match is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the document is among the known matches.
    pub fn knows(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Replaces the content with the result of a query that asked for `span.fill()` matches, in order.
    pub fn fill(&mut self, matches: Vec<(Rank, Box<str>, Rc<Output>)>) -> Diff {
        let before = self.told.take().unwrap_or_else(|| self.shown().to_vec());
        let full = self.span.fill().is_some_and(|fill| matches.len() >= fill);
        self.bound = full.then(|| matches.last().map(|(rank, ..)| rank.clone())).flatten();
        let outputs: Vec<_> = matches.iter().map(|(.., output)| output.clone()).collect();
        self.entries = matches.into_iter().map(|(rank, id, output)| Entry::new(self.span, id, rank, &output)).collect();
        self.by_id = self.entries.iter().map(|entry| (entry.id.clone(), entry.clone())).collect();
        let start = self.span.skip.min(self.entries.len());
        let outputs = outputs.get(start..).unwrap_or_default();
        compare(&before, self.shown(), |at, _| outputs.get(at).cloned())
    }

    /// Applies one commit's standings, at most one for each id.
    pub fn apply(&mut self, standings: Vec<Standing>) -> Applied {
        let before = match self.span.shows_all() {
            true => Vec::new(),
            false => self.shown().to_vec(),
        };
        let changes = self.relevant(standings);
        if changes.is_empty() {
            return Applied::Diff(Diff::default());
        }
        if self.span.shows_all() {
            return Applied::Diff(self.apply_to_all(changes));
        }
        self.mutate(&changes);
        if self.bound.is_some() && self.entries.len() < self.span.shown_end() {
            self.told = Some(before);
            return Applied::Drained;
        }
        self.trim();
        Applied::Diff(compare(&before, self.shown(), |_, entry| entry.output.clone()))
    }

    fn shown(&self) -> &[Rc<Entry>] {
        let end = self.span.shown_end().min(self.entries.len());
        self.entries.get(self.span.skip..end).unwrap_or_default()
    }

    /// The standings that change what is known.
    fn relevant(&self, standings: Vec<Standing>) -> Vec<Change> {
        let mut changes = Vec::new();
        for Standing { id, now } in standings {
            let old = self.by_id.get(&id).cloned();
            let within = |rank: &Rank| self.bound.as_ref().is_none_or(|bound| rank <= bound);
            let new = now
                .filter(|(rank, _)| within(rank))
                .map(|(rank, output)| Fresh { entry: Entry::new(self.span, id, rank, &output), output });
            let same = |old: &Rc<Entry>, new: &Fresh| old.rank == new.entry.rank && old.digest == new.entry.digest;
            match (&old, &new) {
                (None, None) => {}
                (Some(old), Some(new)) if same(old, new) => {}
                _ => changes.push(Change { old, new }),
            }
        }
        changes
    }

    fn mutate(&mut self, changes: &[Change]) {
        for change in changes {
            if let Some(old) = &change.old {
                self.by_id.remove(&old.id);
            }
            if let Some(new) = &change.new {
                self.by_id.insert(new.entry.id.clone(), new.entry.clone());
            }
        }
        let new = changes.iter().filter_map(|change| change.new.as_ref()).map(|new| &new.entry);
        if changes.len() > 32 {
            let by_id = &self.by_id;
            self.entries.retain(|entry| by_id.get(&entry.id).is_some_and(|known| Rc::ptr_eq(known, entry)));
            self.entries.extend(new.cloned());
            crate::base::sort::sort_by(&mut self.entries, |a, b| a.rank.cmp(&b.rank));
            return;
        }
        for old in changes.iter().filter_map(|change| change.old.as_ref()) {
            if let Ok(at) = self.search(&old.rank) {
                self.entries.remove(at);
            }
        }
        for entry in new {
            let (Ok(at) | Err(at)) = self.search(&entry.rank);
            self.entries.insert(at, entry.clone());
        }
    }

    fn search(&self, rank: &Rank) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.rank.cmp(rank))
    }

    fn trim(&mut self) {
        if self.entries.len() <= self.span.entries_max() {
            return;
        }
        for entry in self.entries.drain(self.span.fill().unwrap_or(usize::MAX)..) {
            self.by_id.remove(&entry.id);
        }
        self.bound = self.entries.last().map(|entry| entry.rank.clone());
    }

    /// The diff costs what the changes cost, however many matches there are.
    fn apply_to_all(&mut self, changes: Vec<Change>) -> Diff {
        let from: Vec<Option<usize>> =
            changes.iter().map(|change| self.search(&change.old.as_ref()?.rank).ok()).collect();
        self.mutate(&changes);
        let alone = changes.len() == 1;
        let mut diff = Diff::default();
        for (change, from) in changes.into_iter().zip(from) {
            let to = change.new.as_ref().and_then(|new| self.search(&new.entry.rank).ok());
            let output = change.new.map(|new| new.output);
            match (change.old, from, to.zip(output)) {
                (Some(old), Some(from), Some((to, output))) => {
                    let same_rank = self.entries.get(to).is_some_and(|entry| entry.rank == old.rank);
                    diff.changed_or_moved(same_rank || (alone && from == to), from, to, output);
                }
                (_, _, Some((index, output))) => diff.added.push(Indexed { index, output }),
                (Some(old), Some(index), None) => diff.removed.push(Removed { index, id: old.id.clone() }),
                _ => {}
            }
        }
        diff.sort();
        diff
    }
}

/// A known match that changes, appears or goes.
struct Change {
    old: Option<Rc<Entry>>,
    new: Option<Fresh>,
}

struct Fresh {
    entry: Rc<Entry>,
    output: Rc<Output>,
}

/// How the shown entries differ; `output` gives what to show of a new one by its index.
fn compare(before: &[Rc<Entry>], after: &[Rc<Entry>], output: impl Fn(usize, &Entry) -> Option<Rc<Output>>) -> Diff {
    let mut diff = Diff::default();
    let old: FastMap<&str, usize> = before.iter().enumerate().map(|(at, entry)| (&*entry.id, at)).collect();
    let mut kept = vec![false; before.len()];
    for (to, entry) in after.iter().enumerate() {
        let found = old.get(&*entry.id).and_then(|&from| Some((from, before.get(from)?)));
        let Some((from, previous)) = found else {
            diff.added.extend(output(to, entry).map(|output| Indexed { index: to, output }));
            continue;
        };
        if let Some(kept) = kept.get_mut(from) {
            *kept = true;
        }
        let same_rank = previous.rank == entry.rank;
        if Rc::ptr_eq(previous, entry) || (same_rank && previous.digest == entry.digest) {
            continue;
        }
        let Some(output) = output(to, entry) else { continue };
        diff.changed_or_moved(same_rank, from, to, output);
    }
    let gone = before.iter().zip(&kept).enumerate().filter(|(_, (_, kept))| !**kept);
    diff.removed.extend(gone.map(|(index, (entry, _))| Removed { index, id: entry.id.clone() }));
    if let ([], [], [Moved { from, to, .. }]) = (&*diff.added, &*diff.removed, &*diff.moved) {
        if from == to {
            let moved = diff.moved.pop();
            diff.changed.extend(moved.map(|moved| Indexed { index: moved.to, output: moved.output }));
        }
    }
    diff.sort();
    diff
}
