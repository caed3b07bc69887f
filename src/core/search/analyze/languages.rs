//! Further languages of Snowball, in builds that can afford their size.
//!
//! Stemmed before accents are folded: their rules know the accents. Not in the module that ships.

use rust_stemmers::{Algorithm, Stemmer};

use super::cut::cut;
use super::words::walk;
use super::{fold, Purpose, Token};

/// A language by its stemmer.
#[derive(Clone, Copy, Debug)]
pub struct Language(Algorithm);

/// The languages by name.
const LANGUAGES: [(&str, Algorithm); 17] = [
    ("arabic", Algorithm::Arabic),
    ("danish", Algorithm::Danish),
    ("dutch", Algorithm::Dutch),
    ("finnish", Algorithm::Finnish),
    ("french", Algorithm::French),
    ("german", Algorithm::German),
    ("greek", Algorithm::Greek),
    ("hungarian", Algorithm::Hungarian),
    ("italian", Algorithm::Italian),
    ("norwegian", Algorithm::Norwegian),
    ("portuguese", Algorithm::Portuguese),
    ("romanian", Algorithm::Romanian),
    ("russian", Algorithm::Russian),
    ("spanish", Algorithm::Spanish),
    ("swedish", Algorithm::Swedish),
    ("tamil", Algorithm::Tamil),
    ("turkish", Algorithm::Turkish),
];

impl Language {
    /// The language of that name.
    pub fn named(name: &str) -> Option<Self> {
        LANGUAGES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| Self(*algorithm))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        LANGUAGES.iter().find(|(_, algorithm)| *algorithm == self.0).map_or("", |(name, _)| *name)
    }

    /// As [`super::Analyzer::tokens`].
    pub(super) fn tokens(&self, text: &str, purpose: Purpose, sink: &mut dyn FnMut(Token<'_>)) {
        let stemmer = Stemmer::create(self.0);
        let (mut lower, mut folded) = (String::new(), String::new());
        walk(text, purpose, true, &mut |token, is_word| {
            if !is_word {
                return sink(token);
            }
            let word = text.get(token.start..token.end).unwrap_or_default();
            lower.clear();
            lower.extend(word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase));
            folded.clear();
            stemmer.stem(&lower).chars().for_each(|c| fold::fold(c, &mut folded));
            if !folded.is_empty() {
                sink(Token { term: cut(&folded), ..token });
            }
        });
    }
}
