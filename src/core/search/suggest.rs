//! Words for what is being typed, and for what was mistyped.
//!
//! Suggestions are terms of the index: of a stemmed field these are stems, which the caller turns into words that documents
//! write. Not a log of what others searched.

use crate::engine::{Pause, Step};

use super::analyze::{Analyzer, Purpose};
use super::edit::{edits_for, Pattern};
use super::postings::{DocNumber, Postings};

/// The most suggestions.
pub const SUGGESTIONS_MAX: usize = 100;

/// A term of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The term.
    pub term: Box<str>,
    /// How many documents have it.
    pub docs: DocNumber,
    /// How many edits away it is; 0 for completions.
    pub edits: u8,
}

/// A word that no document has, and what may have been meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Where the word stands in the text, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The best first.
    pub suggestions: Vec<Suggestion>,
}

/// The most frequent terms that begin like the last word of a text.
///
/// # Errors
/// Pauses as reading does; what a custom analyzer failed with.
pub fn complete(text: &str, analyzer: &Analyzer, postings: &dyn Postings, limit: usize) -> Step<Vec<Suggestion>> {
    let mut prefix: Box<str> = Box::default();
    let stems = analyzer.stems();
    let mut keep_last = |token: super::Token<'_>| {
        let surface = text.get(token.start..token.end).unwrap_or_default();
        prefix = if stems { analyzer.unstemmed(surface) } else { token.term.into() };
    };
    analyzer.tokens(text, Purpose::Query, &mut keep_last).map_err(Pause::Failed)?;
    let mut found = Vec::new();
    if prefix.is_empty() || text.ends_with(char::is_whitespace) {
        return Ok(found);
    }
    let mut terms = postings.terms()?;
    let mut alive = terms.seek(prefix.as_bytes())?;
    while alive && terms.term().starts_with(prefix.as_bytes()) {
        if let (Ok(term), docs @ 1..) = (std::str::from_utf8(terms.term()), terms.stats().docs) {
            offer(&mut found, Suggestion { term: term.into(), docs, edits: 0 }, limit);
        }
        alive = terms.advance()?;
    }
    Ok(found)
}

/// What may have been meant by the words that no document has; nothing for words of one or two letters.
///
/// # Errors
/// Pauses as reading does; what a custom analyzer failed with.
pub fn correct(text: &str, analyzer: &Analyzer, postings: &dyn Postings, limit: usize) -> Step<Vec<Correction>> {
    let mut words: Vec<(usize, usize, Box<str>)> = Vec::new();
    let mut keep_word = |token: super::Token<'_>| words.push((token.start, token.end, token.term.into()));
    analyzer.tokens(text, Purpose::Query, &mut keep_word).map_err(Pause::Failed)?;
    let mut corrections = Vec::new();
    for (start, end, word) in words {
        let edits = edits_for(word.chars().count());
        let is_known = postings.docs(word.as_bytes())?.is_some_and(|docs| docs.stats().docs > 0);
        if edits == 0 || is_known {
            continue;
        }
        let mut suggestions = Vec::new();
        let mut terms = postings.terms()?;
        Pattern::new(&word, edits, 0).search(&mut *terms, &mut |term, edits, stats, _| {
            if stats.docs > 0 {
                offer(&mut suggestions, Suggestion { term: term.into(), docs: stats.docs, edits }, limit);
            }
            true
        })?;
        if !suggestions.is_empty() {
            corrections.push(Correction { start, end, suggestions });
        }
    }
    Ok(corrections)
}

/// The text with every word replaced by its best correction; `None` if there is none.
pub fn corrected(text: &str, corrections: &[Correction]) -> Option<String> {
    if corrections.is_empty() {
        return None;
    }
    let (mut corrected, mut at) = (String::new(), 0);
    for Correction { start, end, suggestions } in corrections {
        let (Some(before), Some(best)) = (text.get(at..*start), suggestions.first()) else { continue };
        corrected.push_str(before);
        corrected.push_str(&best.term);
        at = *end;
    }
    corrected.push_str(text.get(at..).unwrap_or_default());
    Some(corrected)
}

/// Puts a suggestion into a short list: fewer edits first, then more documents, then by term.
fn offer(found: &mut Vec<Suggestion>, new: Suggestion, limit: usize) {
    let before = |a: &Suggestion, b: &Suggestion| (a.edits, b.docs, &a.term) < (b.edits, a.docs, &b.term);
    let at = found.partition_point(|known| before(known, &new));
    if at < limit.min(SUGGESTIONS_MAX) {
        found.insert(at, new);
        found.truncate(limit.min(SUGGESTIONS_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::json;
    use crate::search::reference::MemoryIndex;
    use crate::search::{DocumentTerms, SearchSpec};

    fn index() -> MemoryIndex {
        let spec = SearchSpec::parse(&json::parse(br#""text""#).unwrap()).unwrap();
        let mut index = MemoryIndex::new(spec, vec![Analyzer::Standard]);
        let mut terms = DocumentTerms::default();
        for (text, at) in ["tide tables", "tide times", "tidal tables for the time of tide", "table"].iter().zip(0..) {
            terms.read_texts(&[Analyzer::Standard], &[text]).unwrap();
            index.add(at, &terms);
        }
        index.seal(2, None);
        index
    }

    fn terms(found: &[Suggestion]) -> Vec<&str> {
        found.iter().map(|one| &*one.term).collect()
    }

    #[test]
    fn the_word_being_typed_is_completed_by_the_most_frequent_terms() {
        let complete = |text: &str, limit| complete(text, &Analyzer::Standard, &index(), limit).unwrap();
        assert_eq!(terms(&complete("the Ti", 9)), ["tide", "tidal", "time", "times"]);
        assert_eq!(terms(&complete("the Ti", 2)), ["tide", "tidal"]);
        assert_eq!(terms(&complete("tide ", 9)), [""; 0]);
        assert_eq!(terms(&complete("", 9)), [""; 0]);
    }

    #[test]
    fn words_that_no_document_has_are_corrected_and_others_left_alone() {
        let mean = |text: &str| corrected(text, &correct(text, &Analyzer::Standard, &index(), 1).unwrap());
        assert_eq!(mean("Tdie tabels, please").as_deref(), Some("tide tables, please"));
        assert_eq!(mean("tide tables"), None);
        assert_eq!(mean("xy"), None);
    }
}
