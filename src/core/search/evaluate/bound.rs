//! How much a part of a search adds to a score at most: anywhere, in a window, in what is in memory of a window.
//!
//! It reads no documents. A bound is never below a score, but for rounding, which [`can_beat`] allows for.

use crate::collections::view::Gather;
use crate::engine::Step;
use crate::search::postings::{DocNumber, NO_DOC};

use super::frame::Window;
use super::node::{AnyNode, Live};

/// Whether a score of at most `bound` may exceed the threshold, rounding included.
pub(super) fn can_beat(bound: f64, threshold: f32) -> bool {
    bound * 1.000_001 > f64::from(threshold)
}

impl Live<'_> {
    /// At least the greatest score of all documents.
    pub(super) fn most(&self) -> f64 {
        match self {
            Self::Nothing => 0.0,
            Self::Pool(pool) => pool.most(),
            Self::Phrase(phrase) => f64::from(phrase.weight),
            Self::Any(any) => any.children.iter().map(|child| child.most).sum(),
            Self::All(all) => all.required.iter().chain(&all.optional).map(Self::most).sum(),
        }
    }

    /// No match that may exceed the threshold is before this document and at or after `doc`.
    pub(super) fn next_beating(&mut self, doc: DocNumber, threshold: f32) -> Step<DocNumber> {
        match self {
            Self::Any(any) => any.next_beating(doc, threshold),
            other => other.next(doc),
        }
    }

    /// Whether something in a window may exceed the threshold. The window may become shorter.
    pub(super) fn may_beat(&mut self, window: &mut Window, threshold: f32) -> Step<bool> {
        let bound = self.bound(window)?;
        Ok(can_beat(bound, threshold) && can_beat(self.tighten(*window, bound), threshold))
    }

    /// At least the greatest score in a window, which may become shorter.
    pub(super) fn bound(&mut self, window: &mut Window) -> Step<f64> {
        match self {
            Self::Nothing => Ok(0.0),
            Self::Pool(pool) => pool.bound(window),
            Self::Phrase(phrase) => phrase.bound(window),
            Self::Any(any) => {
                let mut sum = 0.0;
                for child in &mut any.children {
                    child.bound = child.live.bound(window)?;
                    sum += child.bound;
                }
                Ok(sum)
            }
            Self::All(all) => {
                let mut sum = 0.0;
                for child in all.required.iter_mut().chain(&mut all.optional) {
                    sum += child.bound(window)?;
                }
                for child in &mut all.excluded {
                    child.bound(window)?;
                }
                Ok(sum)
            }
        }
    }

    /// What [`Self::bound`] said of the window, or less: words whose documents in it are in memory are looked at.
    fn tighten(&mut self, window: Window, bound: f64) -> f64 {
        match self {
            Self::Pool(pool) => pool.tighten(window, bound),
            Self::Any(any) => {
                let mut sum = 0.0;
                for child in &mut any.children {
                    child.bound = child.live.tighten(window, child.bound);
                    sum += child.bound;
                }
                sum
            }
            Self::Nothing | Self::Phrase(_) | Self::All(_) => bound,
        }
    }
}

impl AnyNode<'_> {
    /// Words that together cannot lift a document over the threshold need not be looked for.
    fn next_beating(&mut self, doc: DocNumber, threshold: f32) -> Step<DocNumber> {
        let mut gather = Gather::default();
        let (mut next, mut most) = (NO_DOC, 0.0);
        for at in &self.ascending {
            let child = &mut self.children[*at];
            most += child.most;
            if can_beat(most, threshold) {
                next = next.min(gather.step(child.live.next(doc))?.unwrap_or(doc));
            }
        }
        gather.finish()?;
        Ok(next)
    }
}
