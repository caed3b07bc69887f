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
const REMEMBERED: usize = 16_384;
/// The most bytes of a word and its stem together that are remembered; others are rare.
const REMEMBERED_BYTES: usize = 30;

/// The English analyzer with its memory of stems: a text repeats its words, and stemming costs more than looking up.
#[derive(Debug, Default)]
pub struct English {
    stems: RefCell<Vec<Remembered>>,
}

/// A word and behind it its stem, in place: half a line of a processor's cache.
#[derive(Clone, Copy, Debug, Default)]
struct Remembered {
    word: u8,
    stem: u8,
    bytes: [u8; REMEMBERED_BYTES],
}

impl Remembered {
    fn of(word: &str, stem: &str) -> Option<Self> {
        let mut own = Self { word: word.len() as u8, stem: stem.len() as u8, bytes: [0; REMEMBERED_BYTES] };
        let (first, second) = own.bytes.get_mut(..word.len() + stem.len())?.split_at_mut(word.len());
        first.copy_from_slice(word.as_bytes());
        second.copy_from_slice(stem.as_bytes());
        Some(own)
    }

    /// The stem, if that is the word.
    fn stem_of(&self, word: &str) -> Option<&str> {
        let rest = self.bytes.strip_prefix(word.as_bytes()).filter(|_| usize::from(self.word) == word.len())?;
        std::str::from_utf8(rest.get(..usize::from(self.stem))?).ok()
    }
}

impl English {
    /// As [`super::Analyzer::tokens`].
    pub(super) fn tokens(&self, text: &str, purpose: Purpose, sink: &mut dyn FnMut(Token<'_>)) {
        let mut stems = self.stems.take();
        stems.resize(REMEMBERED, Remembered::default());
        walk(text, purpose, false, &mut |token, is_word| {
            if !is_word {
                return sink(token);
            }
            if is_stop_word(token.term) {
                return;
            }
            let slot = &mut stems[slot_of(token.term)];
            if let Some(stem) = slot.stem_of(token.term) {
                return sink(Token { term: stem, ..token });
            }
            let stem = stem(token.term);
            let stem = cut(&stem);
            if !stem.is_empty() {
                *slot = Remembered::of(token.term, stem).unwrap_or(*slot);
                sink(Token { term: stem, ..token });
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
