//! What a search that pauses lacks further on, so that storage is asked for all of it at once.
//!
//! It finds nothing: it walks the next windows as the search will, as far as what is there lets it, and drops what it sees.

use crate::collections::view::Gather;
use crate::disk::BlobName;
use crate::engine::{Pause, Step};
use crate::search::postings::{DocNumber, NO_DOC};

use super::frame::{Frame, Window, WINDOW};
use super::node::{Live, Setting};
use super::Sink;

/// Windows, of a block or more each, looked at when a search pauses for the first time. With each further pause twice as many.
const WINDOWS: u32 = 16;
/// Matches that the sink is asked about then; as many more.
const MATCHES: usize = 32;
/// How often these double.
const DOUBLED_MAX: u32 = 3;

/// The names, and those of what is missing in the windows from `doc` on.
///
/// # Errors
/// `Failed` is what the index or the sink failed with.
pub(super) fn look(
    setting: &Setting<'_>,
    root: &mut Live<'_>,
    mut doc: DocNumber,
    sink: &dyn Sink,
    pauses: u32,
    names: Vec<BlobName>,
) -> Step<Vec<BlobName>> {
    let doubled = pauses.min(DOUBLED_MAX);
    let (threshold, wide, mut frame) = (sink.threshold(), root.has_many_terms(), Frame::default());
    let mut matches = MATCHES << doubled;
    let mut gather = Gather::default();
    gather.step(Err::<(), _>(Pause::missing(names)))?;
    for _ in 0..WINDOWS << doubled {
        // Where it begins is not known if that is what is missing.
        let start = gather.step(root.next_beating(doc, threshold))?.unwrap_or(doc);
        if start == NO_DOC {
            break;
        }
        let mut window = Window { start, end: start.saturating_add(WINDOW), wide };
        let may_beat = gather.step(root.may_beat(&mut window, threshold))?;
        doc = window.end;
        if may_beat != Some(true) {
            continue;
        }
        if gather.step(root.fill(setting, window, None, threshold, &mut frame))?.is_some() {
            let above = frame.matched.iter().filter(|at| frame.scores[*at] as f32 > threshold);
            for at in above.take(matches) {
                matches -= 1;
                gather.step(sink.prepare(start + at as u32))?;
            }
        }
    }
    Ok(gather.into_missing())
}
