//! English: without the most frequent words, and stemmed by Snowball's English rules (Porter's second algorithm).
//!
//! Irregular forms (ran, mice) are not known.

use std::cell::RefCell;

use rust_stemmers::{Algorithm, Stemmer};

use super::cut::cut;
use super::words::walk;
use super::{Purpose, Token};

/// The words left out: the English list of Apache Lucene (`EnglishAnalyzer.ENGLISH_STOP_WORDS_SET`), by length.
const STOP_WORDS: [&[&str]; 6] = [
    &[],
    &["a"],
    &["an", "as", "at", "be", "by", "if", "in", "is", "it", "no", "of", "on", "or", "to"],
    &["and", "are", "but", "for", "not", "the", "was"],
    &["into", "such", "that", "then", "they", "this", "will", "with"],
    &["their", "there", "these"],
];

/// How many stems are remembered; a power of two.
const REMEMBERED: usize = 4096;

/// The English analyzer with its memory of stems: a text repeats its words, and stemming costs more than looking up.
#[derive(Debug, Default)]
pub struct English {
    stems: RefCell<Vec<Remembered>>,
}

#[derive(Clone, Debug, Default)]
struct Remembered {
    word: String,
    stem: String,
}

impl English {
    /// As [`super::Analyzer::tokens`].
    pub(super) fn tokens(&self, text: &str, purpose: Purpose, sink: &mut dyn FnMut(Token<'_>)) {
        let mut stems = self.stems.take();
        stems.resize_with(REMEMBERED, Remembered::default);
        walk(text, purpose, false, &mut |token, is_word| {
            if !is_word {
                return sink(token);
            }
            if is_stop_word(token.term) {
                return;
            }
            let slot = &mut stems[slot_of(token.term)];
            if slot.word != token.term {
                slot.word.clear();
                slot.word.push_str(token.term);
                slot.stem.clear();
                slot.stem.push_str(cut(&stem(token.term)));
            }
            if !slot.stem.is_empty() {
                sink(Token { term: &slot.stem, ..token });
            }
        });
        self.stems.replace(stems);
    }
}

/// Whether the folded word is left out.
pub fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.get(word.len()).is_some_and(|words| words.contains(&word))
}

fn stem(word: &str) -> std::borrow::Cow<'_, str> {
    Stemmer::create(Algorithm::English).stem(word)
}

fn slot_of(word: &str) -> usize {
    let hash = word.bytes().fold(0u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 15)) as usize % REMEMBERED
}
