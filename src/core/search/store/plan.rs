//! Which segments are worth merging: geometric levels, so that each posting is rewritten a logarithmic number of times.
//! While documents keep coming it waits until there are many, and rewrites them once.
//!
//! It only looks at sizes; `merge.rs` does the work.

use std::ops::Range;

use super::head::Segment;

/// So many neighbours of about one size become one segment.
const FANOUT: usize = 4;
/// Segments up to this many bytes are all on the lowest level.
const LEVEL_BYTES: u64 = 8 << 10;
/// So many segments are too many, even while documents keep coming.
const MANY: usize = 24;
/// The most segments merged at once.
const INPUTS_MAX: usize = 32;

/// How eagerly segments are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Documents keep coming: only if there are too many segments. Those that come would have to be merged again.
    Busy,
    /// Nobody writes.
    Quiet,
}

impl Pace {
    /// The busiest pace at which segments are to be merged, if any are.
    pub(crate) fn of(segments: &[Segment]) -> Option<Self> {
        [Self::Busy, Self::Quiet].into_iter().find(|pace| choose(segments, *pace).is_some())
    }
}

fn level(bytes: u64) -> u32 {
    let (mut level, mut limit) = (0, LEVEL_BYTES);
    while bytes > limit {
        level += 1;
        limit = limit.saturating_mul(FANOUT as u64);
    }
    level
}

/// The places of the neighbours to merge next, if any are.
pub(crate) fn choose(segments: &[Segment], pace: Pace) -> Option<Range<usize>> {
    if pace == Pace::Busy && segments.len() < MANY {
        return None;
    }
    let sizes: Vec<u64> = segments.iter().map(|segment| segment.bytes).collect();
    if let Some(range) = due(&sizes) {
        return Some(if pace == Pace::Busy { range } else { with_next(&sizes, range) });
    }
    // Documents that are mostly gone still take room and time.
    let docs: u64 = segments.iter().map(|segment| u64::from(segment.docs)).sum();
    let removed: u64 = segments.iter().map(|segment| u64::from(segment.removed)).sum();
    (removed > 64 && removed * 2 > docs).then_some(0..segments.len())
}

/// The neighbours on the lowest level that has enough of them.
fn due(sizes: &[u64]) -> Option<Range<usize>> {
    let levels: Vec<u32> = sizes.iter().map(|bytes| level(*bytes)).collect();
    for most in 0..=levels.iter().copied().max()? {
        // Runs of segments up to this level, from the first of exactly this level to the last.
        let mut run: Option<(Range<usize>, usize)> = None;
        for (at, level) in levels.iter().copied().chain([u32::MAX]).enumerate() {
            match &mut run {
                _ if level > most => {
                    if let Some((range, _)) = run.take().filter(|(_, count)| *count >= FANOUT) {
                        return Some(range.start..range.end.min(range.start + INPUTS_MAX));
                    }
                }
                Some((range, count)) if level == most => {
                    range.end = at + 1;
                    *count += 1;
                }
                None if level == most => run = Some((at..at + 1, 1)),
                _ => {}
            }
        }
    }
    None
}

/// The range, and what would be merged next with the outcome: at once, so that nothing is written twice in a row.
fn with_next(sizes: &[u64], mut range: Range<usize>) -> Range<usize> {
    loop {
        let mut after = sizes.to_vec();
        let merged = sizes.get(range.clone()).unwrap_or_default().iter().sum();
        after.splice(range.clone(), [merged]);
        let Some(next) = due(&after).filter(|next| next.contains(&range.start)) else { return range };
        let wider = next.start..next.end + range.len() - 1;
        if wider.len() > INPUTS_MAX || wider.len() <= range.len() {
            return range;
        }
        range = wider;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::score::Model;
    use super::*;

    fn segment(bytes: u64, docs: u32, removed: u32) -> Segment {
        Segment { id: 1, base: 0, docs, removed, bytes, model: Model { k1: 1.0, fields: Vec::new() } }
    }

    /// Merges as so many commits come; the most segments there were, and how often each byte was written again.
    fn keep_merging(commits: u64, pace: Pace) -> (usize, u64) {
        let (mut segments, mut rewritten, mut most) = (Vec::new(), 0, 0);
        for _ in 0..commits {
            segments.push(segment(1500, 1, 0));
            while let Some(range) = choose(&segments, pace) {
                let bytes: u64 = segments[range.clone()].iter().map(|segment| segment.bytes).sum();
                rewritten += bytes;
                segments.splice(range, [segment(bytes, 1, 0)]);
            }
            most = most.max(segments.len());
        }
        (most, rewritten / (commits * 1500))
    }

    #[test]
    fn any_number_of_small_commits_leaves_few_segments_and_rewrites_each_byte_rarely() {
        let (most, rewritten) = keep_merging(5000, Pace::Quiet);
        assert!(most <= 24 && rewritten <= 8, "{most} segments, {rewritten} times");
    }

    #[test]
    fn while_documents_keep_coming_bytes_are_rewritten_less_often() {
        let (most, rewritten) = keep_merging(5000, Pace::Busy);
        assert!(most < MANY && rewritten <= 3, "{most} segments, {rewritten} times");
        assert_eq!(keep_merging(150, Pace::Busy), (23, 0));
    }

    #[test]
    fn a_merge_takes_along_what_would_be_merged_with_its_outcome() {
        let sizes = |sizes: &[u64]| sizes.iter().map(|kib| segment(kib << 10, 1, 0)).collect::<Vec<_>>();
        assert_eq!(choose(&sizes(&[400, 100, 30, 30, 30, 8, 8, 8, 8]), Pace::Quiet), Some(2..9));
        assert_eq!(choose(&sizes(&[400, 100, 100, 100, 30, 30, 30, 8, 8, 8, 8]), Pace::Quiet), Some(1..11));
        assert_eq!(choose(&sizes(&[400, 30, 30, 8, 8, 8, 8]), Pace::Quiet), Some(3..7));
    }

    #[test]
    fn segments_that_are_mostly_removed_are_merged() {
        assert_eq!(choose(&[segment(1 << 20, 1000, 0), segment(1 << 10, 10, 400)], Pace::Quiet), None);
        assert_eq!(choose(&[segment(1 << 20, 1000, 0), segment(1 << 10, 10, 600)], Pace::Quiet), Some(0..2));
        assert_eq!(choose(&[], Pace::Quiet), None);
    }
}
