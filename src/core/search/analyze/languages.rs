//! Further languages of Snowball, in builds that can afford their size.
//!
//! Stemmed before accents are folded: their rules know the accents. Not in the module that ships.

use rust_stemmers::{Algorithm, Stemmer};

use super::cut::cut;
use super::words::{class, walk, Class};
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
            lower.extend(word.chars().filter(|c| class(*c) != Class::Other).flat_map(char::to_lowercase));
            folded.clear();
            stemmer.stem(&lower).chars().for_each(|c| fold::fold(c, &mut folded));
            if !folded.is_empty() {
                sink(Token { term: cut(&folded), ..token });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A language, two forms of a word, and a word that is another one.
    const FORMS: [(&str, &str, &str, &str); 17] = [
        ("arabic", "الكتاب", "كتاب", "قلم"),
        ("danish", "bådene", "båden", "huset"),
        ("dutch", "boeken", "boek", "huizen"),
        ("finnish", "taloissa", "talossa", "kirja"),
        ("french", "continuellement", "continuelle", "maison"),
        ("german", "häusern", "Häuser", "bücher"),
        ("greek", "δρόμους", "δρόμος", "βιβλίο"),
        ("hungarian", "házakban", "házak", "könyv"),
        ("italian", "ragazze", "ragazzi", "libro"),
        ("norwegian", "båtene", "båten", "huset"),
        ("portuguese", "meninas", "menina", "livro"),
        ("romanian", "caselor", "casele", "munte"),
        ("russian", "книгами", "книга", "дома"),
        ("spanish", "canciones", "canción", "libro"),
        ("swedish", "flickorna", "flickor", "huset"),
        ("tamil", "வீடுகள்", "வீடு", "மரம்"),
        ("turkish", "evlerde", "evler", "kitap"),
    ];

    fn check(language: Language, text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        language.tokens(text, Purpose::Document, &mut |token| {
            assert!(text.get(token.start..token.end).is_some());
            terms.push(token.term.to_owned());
        });
        terms
    }

    #[test]
    fn every_language_joins_the_forms_of_a_word_and_nothing_else() {
        for ((name, one, other, different), (known, _)) in FORMS.into_iter().zip(LANGUAGES) {
            assert_eq!(name, known);
            let language = Language::named(name).unwrap();
            assert_eq!(language.name(), name);
            let terms = check(language, &format!("{one} {other} {different}"));
            assert!(terms.len() == 3 && terms[0] == terms[1] && terms[1] != terms[2], "{name}: {terms:?}");
        }
        assert!(Language::named("english").is_none() && Language::named("klingon").is_none());
    }
}
