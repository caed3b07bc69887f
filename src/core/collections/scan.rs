//! Walks the candidates of a plan: a resumable task that hands stored documents to a sink.
//!
//! It neither filters nor sorts. After a pause it goes on behind the last document it handed over, on the same state.

use crate::base::planted::{planted, Bug};
use crate::base::{sort, FastSet, Result};
use crate::engine::{Direction, KeyRange, Read, Step};

use super::catalog::Index;
use super::keys;
use super::plan::{Access, Plan};
use super::view::Gather;

/// Documents examined in one slice before the scan pauses to let others have a turn.
pub const SLICE: u32 = 16_384;
/// An entry fetched through an index counts as this many.
const FETCH_WEIGHT: u32 = 4;
/// So many bytes of blocks that had to be opened count as one.
const OPENED_WEIGHT: usize = 128;
/// Entries read from an index before their documents are fetched: first, and at most.
const WINDOW: (usize, usize) = (32, 512);

/// Whether the sink wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    More,
    /// It has all it needs.
    Enough,
}

/// Receives an id and a stored document.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<Flow>;

/// The task.
#[derive(Debug)]
pub struct Scan {
    collection: u32,
    plan: Plan,
    /// Which one is walked, where the plan has several ways.
    way: usize,
    /// Ranges walked to their end.
    range: usize,
    /// The last key seen in the current range. A cursor that paused may stand elsewhere.
    last: Vec<u8>,
    /// Ids read from an index whose documents are not handed over yet.
    window: Vec<Vec<u8>>,
    window_at: usize,
    window_size: usize,
    /// Whether the window is to be filled, and put in the order of the documents, before any of them is fetched.
    any_order: bool,
    filling: bool,
    /// Ids handed over, where an index may name a document twice.
    seen: Option<FastSet<Box<[u8]>>>,
    done: bool,
    sliced: bool,
    /// Index entries examined so far.
    pub keys_examined: u64,
    /// Documents examined so far.
    pub documents_examined: u64,
}

impl Scan {
    /// A scan of `plan` on the collection with that number.
    pub fn new(collection: u32, plan: Plan) -> Self {
        let doubles = match &plan.access {
            Access::Index { index, .. } => index.multi_entry,
            access => matches!(access, Access::Any(_)),
        };
        Self {
            collection,
            plan,
            way: 0,
            range: 0,
            last: Vec::new(),
            window: Vec::new(),
            window_at: 0,
            window_size: WINDOW.0,
            any_order: false,
            filling: false,
            seen: doubles.then(FastSet::default),
            done: false,
            sliced: true,
            keys_examined: 0,
            documents_examined: 0,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// From now on it never pauses only to let others have a turn.
    pub fn unsliced(&mut self) {
        self.sliced = false;
    }

    /// From now on the candidates may come in any order: those of an index come by their ids, many at a time, so that neighbours
    /// are read together.
    pub fn in_any_order(&mut self) {
        self.any_order = true;
        self.window_size = SLICE as usize;
    }

    /// Hands the candidates over until there are no more or the sink has enough.
    ///
    /// # Errors
    /// `Pause::Yield` after a slice: call again. What the sink answers.
    pub fn run(&mut self, view: &dyn Read, sink: Sink<'_>) -> Step<()> {
        let mut budget = if self.sliced { SLICE } else { u32::MAX };
        while !self.done {
            if matches!(self.access(), Access::Documents(_)) {
                self.run_documents(view, &mut budget, sink)?;
                continue;
            }
            if !self.filling {
                self.fetch(view, &mut budget, sink)?;
            }
            if !self.done {
                self.refill(view, &mut budget)?;
            }
        }
        Ok(())
    }

    /// Hands over the ids of index entries without fetching documents.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_keys(&mut self, view: &dyn Read, sink: &mut dyn FnMut(&[u8]) -> Result<Flow>) -> Step<()> {
        let mut budget = if self.sliced { SLICE } else { u32::MAX };
        self.window_size = WINDOW.1;
        while !self.done {
            for id in self.window.drain(..) {
                if sink(&id)? == Flow::Enough {
                    self.done = true;
                    break;
                }
                budget = budget.saturating_sub(1);
            }
            if budget == 0 {
                return Err(crate::engine::Pause::Yield);
            }
            if !self.done {
                self.refill(view, &mut budget)?;
            }
        }
        Ok(())
    }

    /// The way that is walked now.
    fn access(&self) -> &Access {
        match &self.plan.access {
            Access::Any(ways) => ways.get(self.way).unwrap_or(&Access::Nothing),
            access => access,
        }
    }

    /// The way that was walked has no more candidates: on to the next one, if there is one.
    fn next_way(&mut self) {
        self.way += 1;
        self.range = 0;
        self.last.clear();
        self.done = !matches!(&self.plan.access, Access::Any(ways) if self.way < ways.len());
    }

    /// Fills the empty window, or goes on to the next way.
    fn refill(&mut self, view: &dyn Read, budget: &mut u32) -> Step<()> {
        let ids = match self.access() {
            Access::Index { .. } => return self.read_entries(view, budget),
            Access::Ids(ids) if self.range == 0 => ids.iter().map(|id| id.as_bytes().to_vec()).collect(),
            _ => {
                self.next_way();
                return Ok(());
            }
        };
        self.window = ids;
        self.window.retain(|id| is_new(&mut self.seen, id));
        if self.plan.direction == Direction::Backward {
            self.window.reverse();
        }
        self.range = 1;
        Ok(())
    }

    /// The part of the current range that was not walked yet.
    fn rest(&self, range: &KeyRange) -> KeyRange {
        let mut rest = range.clone();
        if !self.last.is_empty() {
            match self.plan.direction {
                Direction::Forward => {
                    rest.start.clone_from(&self.last);
                    rest.start.push(0);
                }
                Direction::Backward => rest.end = Some(self.last.clone()),
            }
        }
        rest
    }

    /// The range to walk now, in the order of the walk.
    fn current<'a>(&self, ranges: &'a [KeyRange]) -> Option<&'a KeyRange> {
        match self.plan.direction {
            Direction::Forward => ranges.get(self.range),
            Direction::Backward => ranges.iter().rev().nth(self.range),
        }
    }

    fn run_documents(&mut self, view: &dyn Read, budget: &mut u32, sink: Sink<'_>) -> Step<()> {
        let Access::Documents(ranges) = &self.plan.access else { return Ok(()) };
        let Some(range) = self.current(ranges) else {
            self.next_way();
            return Ok(());
        };
        let mut cursor = view.cursor(self.rest(range), self.plan.direction);
        let (mut examined, begun) = (0, view.opened());
        let last = &mut self.last;
        let mut told = Ok(Flow::More);
        let walked = match *budget {
            0 => Ok(false),
            limit => cursor.walk(&mut |key, document| {
                examined += 1;
                last.clear();
                last.extend_from_slice(key);
                told = sink(keys::document_id(key), document);
                // The look at what was opened costs more than a document.
                let spent = if examined % 64 == 0 { examined + weight(view, begun) } else { examined };
                matches!(told, Ok(Flow::More)) && spent < limit
            }),
        };
        let outcome = match (walked, told) {
            (_, Err(error)) => Err(error.into()),
            (_, Ok(Flow::Enough)) => Ok(true),
            (Ok(true), _) => Ok(false),
            (Ok(false), _) => Err(crate::engine::Pause::Yield),
            (Err(pause), _) => Err(pause),
        };
        self.documents_examined += u64::from(examined);
        *budget = budget.saturating_sub(examined + weight(view, begun));
        match outcome {
            Ok(true) => self.done = true,
            Ok(false) => {
                self.range += 1;
                self.last.clear();
            }
            Err(pause) => {
                if examined > 0 && planted(Bug::TrustPausedCursor) {
                    self.last = cursor.key().to_vec();
                }
                return Err(pause);
            }
        }
        Ok(())
    }

    /// Fetches the documents of the window, in its order.
    fn fetch(&mut self, view: &dyn Read, budget: &mut u32, sink: Sink<'_>) -> Step<()> {
        let (mut key, mut document) = (Vec::new(), Vec::new());
        while let Some(id) = self.window.get(self.window_at) {
            if *budget == 0 {
                return Err(crate::engine::Pause::Yield);
            }
            let begun = view.opened();
            document_key(self.collection, id, &mut key);
            document.clear();
            match view.get(&key, &mut document) {
                Ok(true) => {
                    self.documents_examined += 1;
                    if sink(id, &document)? == Flow::Enough {
                        self.done = true;
                        return Ok(());
                    }
                }
                Ok(false) => {}
                Err(pause) => return Err(self.miss_all(view, pause)),
            }
            self.window_at += 1;
            *budget = budget.saturating_sub(FETCH_WEIGHT + weight(view, begun));
        }
        self.window.clear();
        self.window_at = 0;
        if !self.any_order {
            self.window_size = (self.window_size * 4).min(WINDOW.1);
        }
        Ok(())
    }

    /// One miss: asks for everything that what follows in the window lacks as well.
    fn miss_all(&self, view: &dyn Read, pause: crate::engine::Pause) -> crate::engine::Pause {
        if !matches!(pause, crate::engine::Pause::Missing(_)) {
            return pause;
        }
        let mut gather = Gather::default();
        let (mut key, mut document) = (Vec::new(), Vec::new());
        for id in self.window.iter().skip(self.window_at).take(WINDOW.1) {
            document_key(self.collection, id, &mut key);
            document.clear();
            if let Err(pause) = gather.step(view.get(&key, &mut document)) {
                return pause;
            }
        }
        gather.finish().err().unwrap_or(pause)
    }

    /// Fills the window from the index.
    fn read_entries(&mut self, view: &dyn Read, budget: &mut u32) -> Step<()> {
        // Not `access`: the window and what was seen change beside it.
        let access = match &self.plan.access {
            Access::Any(ways) => ways.get(self.way),
            access => Some(access),
        };
        let Some(Access::Index { index, ranges }) = access else { return Ok(()) };
        let Some(range) = self.current(ranges) else {
            match self.window.is_empty() {
                true => self.next_way(),
                false if self.any_order => sort::sort(&mut self.window),
                false => {}
            }
            self.filling = false;
            return Ok(());
        };
        let mut cursor = view.cursor(self.rest(range), self.plan.direction);
        let result = loop {
            if self.window.len() >= self.window_size {
                break Ok(false);
            }
            if self.any_order && *budget == 0 {
                break Err(crate::engine::Pause::Yield);
            }
            match cursor.advance() {
                Ok(true) => *budget = budget.saturating_sub(1),
                Ok(false) => break Ok(true),
                // What was read so far comes first; then the miss comes again.
                Err(_) if !self.window.is_empty() && !self.any_order => break Ok(false),
                Err(pause) => break Err(pause),
            }
            self.last.clear();
            self.last.extend_from_slice(cursor.key());
            self.keys_examined += 1;
            if let Err(error) = push_id(index, cursor.key(), cursor.value(), &mut self.seen, &mut self.window) {
                break Err(error.into());
            }
        };
        let full = self.window.len() >= self.window_size;
        self.filling = self.any_order && !full;
        if self.any_order && full {
            sort::sort(&mut self.window);
        }
        if result? {
            self.range += 1;
            self.last.clear();
        }
        Ok(())
    }
}

/// What the blocks that were opened since count for.
fn weight(view: &dyn Read, begun: usize) -> u32 {
    u32::try_from((view.opened() - begun) / OPENED_WEIGHT).unwrap_or(u32::MAX)
}

fn push_id(
    index: &Index,
    key: &[u8],
    value: &[u8],
    seen: &mut Option<FastSet<Box<[u8]>>>,
    window: &mut Vec<Vec<u8>>,
) -> Result<()> {
    let mut id = Vec::new();
    index.entry_id(key, value, &mut id)?;
    if is_new(seen, &id) {
        window.push(id);
    }
    Ok(())
}

fn is_new(seen: &mut Option<FastSet<Box<[u8]>>>, id: &[u8]) -> bool {
    seen.as_mut().is_none_or(|seen| seen.insert(id.into()))
}

fn document_key(collection: u32, id: &[u8], key: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(&keys::document_prefix(collection));
    key.extend_from_slice(id);
}
