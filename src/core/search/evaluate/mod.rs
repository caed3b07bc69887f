//! Runs a plan over postings: every matching document with its score, or only those that can still be among the best.
//!
//! Document numbers are walked in windows. In each, upper bounds from the headers of the blocks say whether anything can
//! beat the worst result so far; if not, the window is skipped unread (after Ding and Suel, "Faster Top-k Document
//! Retrieval Using Block-Max Indexes", 2011). In a window that counts, the words that could lift a document over the
//! threshold by themselves give candidates, and the others are read only for these (MaxScore: Turtle and Flood, 1995).
//! Results are those of scoring every document: bounds are never below the score.

mod ahead;
mod bits;
mod bound;
mod expand;
pub mod explain;
mod frame;
mod node;
mod phrase;
mod pool;
mod top;

#[cfg(test)]
mod evaluate_tests;
#[cfg(test)]
mod relevance_tests;
#[cfg(test)]
mod timing_tests;

pub(crate) use expand::{CUT_MAX, STEM_MIN};
pub use expand::{FUZZY_TERMS_MAX, PREFIX_TERMS_MAX};
pub use explain::{explain, Explanation};
pub use top::{Hit, Top};

use crate::engine::{Pause, Step};

use super::plan::Plan;
use super::postings::{DocNumber, Postings, NO_DOC};
use super::score::Model;
use super::spec::SearchSpec;

use expand::Expanded;
use frame::{Frame, Window, WINDOW};
use node::{build, Live, Setting};

/// So many matches cost as much as a window.
const DOCS_AS_WINDOW: usize = 16;

/// Takes the results.
pub trait Sink {
    /// Only documents of a greater score are of use; minus infinity for all. It may rise with every hit.
    fn threshold(&self) -> f32;

    /// A document with its score, above the threshold. Documents come in ascending order. After a pause the same document
    /// comes again.
    fn hit(&mut self, doc: DocNumber, score: f32) -> Step<()>;

    /// Pauses for what [`Sink::hit`] would pause for, and does nothing else.
    fn prepare(&self, doc: DocNumber) -> Step<()> {
        let _ = doc;
        Ok(())
    }
}

/// A search under way. It owns nothing borrowed, so that it outlives a pause: call [`Evaluation::run`] again on the same
/// state of the index.
#[derive(Debug)]
pub struct Evaluation {
    plan: Plan,
    expanded: Option<Expanded>,
    next: DocNumber,
    work: u64,
    /// How often something was missing.
    pauses: u32,
}

impl Evaluation {
    /// A search that has not begun.
    pub fn new(plan: Plan) -> Self {
        Self { plan, expanded: None, next: 0, work: 0, pauses: 0 }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Searches on. Answers `Ok` when every document has been looked at.
    ///
    /// # Errors
    /// [`Pause::Missing`]: bring these and call again. [`Pause::Yield`]: `work` was done (see [`Self::work`]); call again after
    /// a breath. `Failed` is what the index or the sink failed with.
    pub fn run(&mut self, spec: &SearchSpec, postings: &dyn Postings, sink: &mut dyn Sink, work: u64) -> Step<()> {
        let totals = postings.totals()?;
        let model = Model::new(spec, &totals);
        if self.expanded.is_none() {
            self.expanded = Some(expand::expand(&self.plan, postings)?);
        }
        let setting = Setting::new(postings, &model, &self.plan.scopes, totals.docs);
        let mut root = self.root(&setting)?;
        let step = self.walk(&setting, &mut root, sink, self.work.saturating_add(work.max(1)));
        let Err(Pause::Missing(names)) = step else { return step };
        let missing = ahead::look(&setting, &mut self.root(&setting)?, self.next, sink, self.pauses, *names)?;
        self.pauses += 1;
        Err(Pause::missing(missing))
    }

    fn root<'a>(&self, setting: &Setting<'a>) -> Step<Live<'a>> {
        let Some(expanded) = &self.expanded else { return Ok(Live::Nothing) };
        build(setting, &self.plan.root, &mut expanded.words())
    }

    fn walk(&mut self, setting: &Setting<'_>, root: &mut Live<'_>, sink: &mut dyn Sink, stop: u64) -> Step<()> {
        let mut frame = Frame::default();
        let wide = root.has_many_terms();
        while self.next != NO_DOC {
            let mut threshold = sink.threshold();
            let start = root.next_beating(self.next, threshold)?;
            if start == NO_DOC {
                self.next = NO_DOC;
                break;
            }
            self.next = start;
            if self.work >= stop {
                return Err(Pause::Yield);
            }
            self.work += 1;
            let mut window = Window { start, end: start.saturating_add(WINDOW), wide };
            if !root.may_beat(&mut window, threshold)? {
                self.next = window.end;
                continue;
            }
            root.fill(setting, window, None, threshold, &mut frame)?;
            self.work += (frame.looked_at() / DOCS_AS_WINDOW) as u64;
            for at in frame.matched.iter() {
                let (doc, score) = (start + at as u32, frame.scores[at] as f32);
                if score > threshold {
                    self.next = doc;
                    sink.hit(doc, score)?;
                    threshold = sink.threshold();
                }
            }
            self.next = window.end;
        }
        Ok(())
    }

    /// What the search has cost: windows looked at, and as much again for every 16 documents that matched in them. Of the
    /// order of a microsecond each.
    pub fn work(&self) -> u64 {
        self.work
    }
}
