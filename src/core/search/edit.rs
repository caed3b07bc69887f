//! How many edits turn one word into another, up to two; and the terms of an index within that distance.
//!
//! An edit inserts, deletes or replaces a letter, or swaps two neighbours; no part is edited twice (optimal string
//! alignment). Letters are Unicode scalar values. Not a phonetic match.

use crate::engine::access::successor;
use crate::engine::Step;

use super::postings::{TermStats, Terms};

/// The most edits.
pub const EDITS_MAX: u8 = 2;

/// How many edits a word of so many letters may have when nobody says: none up to 2, one up to 5, then two. (The
/// convention of Elasticsearch's `AUTO`.)
pub fn edits_for(letters: usize) -> u8 {
    match letters {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// A word that terms are compared with, its edits bounded.
#[derive(Clone, Debug)]
pub struct Pattern {
    letters: Vec<char>,
    edits: u8,
    /// How many letters at the beginning must be the same.
    fixed: usize,
    /// What was compared last: its letters, and a row of distances after each.
    seen: Vec<char>,
    rows: Vec<u8>,
    /// So many of these letters begin something that may be near.
    alive: usize,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The whole term is this far away.
    Distance(u8),
    /// It is too far, but longer terms that begin with it may be near.
    TooShort,
    /// Nothing that begins with its first so many letters is near.
    Dead(usize),
}

impl Pattern {
    /// Terms at most `edits` (up to 2) from `word`, whose first `fixed` letters are the same.
    pub fn new(word: &str, edits: u8, fixed: usize) -> Self {
        let letters: Vec<char> = word.chars().collect();
        let first_row = (0..=letters.len()).map(|distance| distance.min(usize::from(u8::MAX)) as u8);
        let rows = first_row.collect();
        Self { fixed: fixed.min(letters.len()), letters, edits: edits.min(EDITS_MAX), seen: Vec::new(), rows, alive: 0 }
    }

    /// How many edits lead from the word to `term`, if they are few enough.
    pub fn distance(&mut self, term: &str) -> Option<u8> {
        match self.compare(term) {
            Verdict::Distance(distance) => Some(distance),
            Verdict::TooShort | Verdict::Dead(_) => None,
        }
    }

    /// Compares with a term; what it shares with the one before is not computed again.
    fn compare(&mut self, term: &str) -> Verdict {
        let width = self.letters.len() + 1;
        let mut at = 0;
        let mut shared = true;
        for letter in term.chars() {
            shared = shared && self.seen.get(at) == Some(&letter);
            if !shared {
                self.seen.truncate(at);
                self.seen.push(letter);
                self.rows.truncate((at + 1) * width);
                self.add_row(at, letter);
                self.alive = self.alive.min(at);
            }
            at += 1;
            if at > self.alive {
                if self.is_dead(at) {
                    return Verdict::Dead(at);
                }
                self.alive = at;
            }
        }
        let last = self.rows[at * width + width - 1];
        if last <= self.edits && self.shares_fixed(at) {
            Verdict::Distance(last)
        } else {
            Verdict::TooShort
        }
    }

    fn shares_fixed(&self, len: usize) -> bool {
        let fixed = &self.letters[..self.fixed];
        len >= fixed.len() && self.seen.starts_with(fixed)
    }

    /// The row of the textbook's matrix after one more letter.
    fn add_row(&mut self, at: usize, letter: char) {
        let width = self.letters.len() + 1;
        let (above, row) = (at * width, (at + 1) * width);
        self.rows.push((at + 1).min(usize::from(u8::MAX)) as u8);
        for (column, own) in (1..).zip(&self.letters) {
            let replaced = self.rows[above + column - 1] + u8::from(*own != letter);
            let other = self.rows[above + column].min(self.rows[row + column - 1]).saturating_add(1);
            let mut least = replaced.min(other);
            let swapped = column > 1 && at > 0 && self.letters[column - 2] == letter && self.seen[at - 1] == *own;
            if swapped {
                least = least.min(self.rows[above - width + column - 2] + 1);
            }
            // Bounded, so that nothing overflows.
            self.rows.push(least.min(100));
        }
    }

    /// Whether no term that begins with the first `len` letters seen is near.
    fn is_dead(&self, len: usize) -> bool {
        let checked = len.min(self.fixed);
        if self.seen[..checked] != self.letters[..checked] {
            return true;
        }
        let width = self.letters.len() + 1;
        let row = &self.rows[len * width..][..width];
        if row.iter().any(|distance| *distance <= self.edits) {
            return false;
        }
        // A swap that is half done costs one edit from the row above.
        let above = &self.rows[(len - 1) * width..][..width];
        let letter = self.seen[len - 1];
        let half_done = |(column, own): (usize, &char)| above[column - 1] < self.edits && *own == letter;
        !self.letters.iter().enumerate().skip(1).any(half_done)
    }

    /// The least letter behind `last` that may follow the first `len` seen, if one may.
    fn follower(&self, len: usize, last: char) -> Option<char> {
        if len < self.fixed {
            return self.letters.get(len).copied().filter(|letter| *letter > last);
        }
        let width = self.letters.len() + 1;
        let row = &self.rows[len * width..][..width];
        if row.iter().any(|distance| *distance < self.edits) {
            return (last..=char::MAX).nth(1);
        }
        // No edit is left: only one of the word's own letters goes on. (Half a swap has cost its edit already.)
        let own =
            row.iter().zip(&self.letters).filter(|(distance, letter)| **distance <= self.edits && **letter > last);
        own.map(|(_, letter)| *letter).min()
    }

    /// Calls `found` with every term of the index within the distance, what is known of it and its holders, until it
    /// answers `false`.
    pub fn search(
        &mut self,
        terms: &mut dyn Terms,
        found: &mut dyn FnMut(&str, u8, TermStats, u32) -> bool,
    ) -> Step<()> {
        let start: String = self.letters[..self.fixed].iter().collect();
        let mut alive = terms.seek(start.as_bytes())?;
        while alive {
            let Ok(term) = std::str::from_utf8(terms.term()) else {
                alive = terms.advance()?;
                continue;
            };
            let dead = match self.compare(term) {
                Verdict::Distance(distance) => {
                    let (stats, holders) = terms.held();
                    if !found(term, distance, stats, holders) {
                        return Ok(());
                    }
                    None
                }
                Verdict::TooShort => None,
                Verdict::Dead(len) => Some(len),
            };
            alive = match dead {
                None => terms.advance()?,
                Some(len) => match self.after_dead(len) {
                    Some(target) => terms.seek(&target)?,
                    None => false,
                },
            };
        }
        Ok(())
    }

    /// The least text after everything that begins with the first `len` letters seen and may still be near.
    fn after_dead(&self, len: usize) -> Option<Vec<u8>> {
        let mut prefix: String = self.seen[..len].iter().collect();
        let last = prefix.pop()?;
        match self.follower(len - 1, last) {
            Some(letter) => {
                prefix.push(letter);
                Some(prefix.into_bytes())
            }
            None => successor(prefix.as_bytes()).filter(|_| !prefix.is_empty()),
        }
    }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
