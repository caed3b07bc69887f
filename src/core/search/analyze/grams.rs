//! Scripts without spaces: overlapping pairs of signs, which need no dictionary.
//!
//! A document's run of signs also gives its last sign alone. So every sign begins some term, and a query for a single sign,
//! which stands for all terms that begin with it, finds every place where it stands. Not a segmentation into words.

use std::ops::Range;

use super::cut::cut;
use super::{fold, words, Purpose, Token, TOKENS_MAX};

/// Calls `sink` with the pairs of a run; answers the position behind them.
pub(super) fn grams(
    text: &str,
    run: Range<usize>,
    mut position: u32,
    purpose: Purpose,
    sink: &mut dyn FnMut(Token<'_>),
) -> u32 {
    let mut term = String::new();
    let mut emit = |start: usize, end: usize, begins: bool, position: &mut u32| {
        term.clear();
        text.get(start..end).unwrap_or_default().chars().for_each(|c| fold::fold(c, &mut term));
        if !term.is_empty() && *position < TOKENS_MAX {
            sink(Token { term: cut(&term), position: *position, start, end, begins });
            *position += 1;
        }
    };
    let mut before = None;
    let mut at = run.start;
    while at < run.end {
        let end = cluster_end(text, at, run.end);
        if let Some(start) = before {
            emit(start, end, false, &mut position);
        }
        let alone = before.is_none() && end == run.end;
        if end == run.end && (alone || purpose == Purpose::Document) {
            emit(at, end, purpose == Purpose::Query, &mut position);
        }
        before = Some(at);
        at = end;
    }
    position
}

/// The end of the sign at `start` with what belongs to it: vowels written before their consonant, marks, stacked consonants.
fn cluster_end(text: &str, start: usize, end: usize) -> usize {
    let mut leads = true;
    let mut at = start;
    for c in text.get(start..end).unwrap_or_default().chars() {
        if at > start && !leads && !continues(c) {
            break;
        }
        // A vowel in front, or a sign that stacks the next consonant below.
        leads = matches!(c as u32, 0xe40..=0xe44 | 0xec0..=0xec4 | 0x17d2 | 0x1039);
        at += c.len_utf8();
    }
    at
}

fn continues(c: char) -> bool {
    let code = c as u32;
    let mark = matches!(code,
        0xe31 | 0xe34..=0xe3a | 0xe47..=0xe4e | 0xeb1 | 0xeb4..=0xebc | 0xec8..=0xece
        | 0x102b..=0x103e | 0x1056..=0x1059 | 0x105e..=0x1060 | 0x1062..=0x1064 | 0x1067..=0x106d | 0x1071..=0x1074
        | 0x1082..=0x108d | 0x17b4..=0x17d3 | 0x17dd | 0x302a..=0x302f | 0x3099 | 0x309a | 0xff9e | 0xff9f);
    mark || words::class(c) == words::Class::Mark
}
