//! Words that documents write for stems, so that people are shown words.
//!
//! Not a dictionary: it looks into a few documents that have the stem, and takes what most of them write.

use crate::base::FastMap;
use crate::collections::Document;
use crate::engine::{Pause, Read, Step};
use crate::search::analyze::Purpose;
use crate::search::edit::Pattern;
use crate::search::postings::Postings;
use crate::search::store::{Prepared, StoredPostings};
use crate::search::suggest::Suggestion;
use crate::search::terms::texts;

use super::load;

/// Documents looked into for a stem.
const DOCUMENTS: usize = 5;
/// Words so many edits away are all equally far.
const FAR: u8 = 3;

/// Where the words are looked up.
pub(super) struct Surfaces<'a, 'v> {
    pub(super) view: &'a dyn Read,
    pub(super) collection: u32,
    pub(super) prepared: &'a Prepared,
    pub(super) postings: &'a StoredPostings<'v>,
}

impl Surfaces<'_, '_> {
    /// Puts words in the place of stems.
    ///
    /// # Errors
    /// Pauses as reading does; what a custom analyzer fails with.
    pub(super) fn replace(&self, suggestions: &mut [Suggestion]) -> Step<()> {
        if !self.prepared.analyzers.iter().any(|analyzer| analyzer.stems()) {
            return Ok(());
        }
        for suggestion in suggestions {
            if let Some(word) = self.word(&suggestion.term)? {
                suggestion.term = word;
            }
        }
        Ok(())
    }

    /// The same for a word that was mistyped: the words nearest to it come first, since a stem may stand for long ones.
    ///
    /// # Errors
    /// As [`Self::replace`].
    pub(super) fn replace_near(&self, typed: &str, suggestions: &mut Vec<Suggestion>) -> Step<()> {
        self.replace(suggestions)?;
        let mut pattern = Pattern::new(typed, FAR - 1, 0);
        let mut ranked: Vec<(u8, Suggestion)> = Vec::new();
        for suggestion in suggestions.drain(..) {
            let distance = pattern.distance(&suggestion.term).unwrap_or(FAR);
            let at = ranked.partition_point(|(other, _)| *other <= distance);
            ranked.insert(at, (distance, suggestion));
        }
        suggestions.extend(ranked.into_iter().map(|(_, suggestion)| suggestion));
        Ok(())
    }

    /// The word most often written for the stem; of equally frequent ones the shortest.
    fn word(&self, stem: &str) -> Step<Option<Box<str>>> {
        let Some(mut docs) = self.postings.docs(stem.as_bytes())? else { return Ok(None) };
        let mut seen: FastMap<Box<str>, u32> = FastMap::default();
        let (mut looked, mut next) = (0, 0);
        while looked < DOCUMENTS && docs.seek(next)? {
            let block = docs.read()?;
            for number in block.docs().iter().take(DOCUMENTS - looked) {
                let id = self.postings.id(*number)?;
                self.count(stem, &load(self.view, self.collection, &id)?, &mut seen)?;
                looked += 1;
            }
            match docs.last().checked_add(1) {
                Some(after) => next = after,
                None => break,
            }
        }
        let best = |(a, many): &(Box<str>, u32), (b, more): &(Box<str>, u32)| {
            many.cmp(more).then(b.len().cmp(&a.len())).then_with(|| b.cmp(a))
        };
        Ok(seen.into_iter().max_by(best).map(|(word, _)| word))
    }

    /// Counts the words of a document that have this stem.
    fn count(&self, stem: &str, stored: &[u8], seen: &mut FastMap<Box<str>, u32>) -> Step<()> {
        let document = Document::parse(stored)?;
        for (field, analyzer) in self.prepared.spec.fields.iter().zip(&self.prepared.analyzers) {
            texts(&field.path, &document, &mut |text| {
                analyzer.tokens(text, Purpose::Document, &mut |token| {
                    if token.term == stem {
                        let word = text.get(token.start..token.end).unwrap_or_default();
                        let word = if analyzer.stems() { analyzer.unstemmed(word) } else { token.term.into() };
                        *seen.entry(word).or_default() += 1;
                    }
                })
            })
            .map_err(Pause::Failed)?;
        }
        Ok(())
    }
}
