//! From text to terms: words, folded and stemmed, each with its position and where it stands in the text.
//!
//! Not a linguistic toolkit: no dictionaries, no parts of speech, no language detection.

mod cut;
pub mod english;
pub mod fold;
mod grams;
#[cfg(feature = "languages")]
mod languages;
mod words;

#[cfg(test)]
mod analyze_tests;

use std::fmt;
use std::rc::Rc;

use crate::base::{Error, Result};

use super::spec::SearchSpec;

/// The longest term in bytes. Longer ones are cut, in documents and in queries alike.
pub const TERM_MAX: usize = 128;
/// The most tokens of one text. What follows is not searchable.
pub const TOKENS_MAX: u32 = 1 << 18;

/// The reason of an error about an analyzer that nobody made known.
pub const UNKNOWN_ANALYZER: &str = "unknown-analyzer";
/// The reason of an error in an analyzer of the application.
pub const ANALYZER_FAILED: &str = "analyzer-failed";

/// One occurrence of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// The term: 1 to [`TERM_MAX`] bytes.
    pub term: &'a str,
    /// Its place among the words of the text, from 0. Left-out words keep their places; positions never descend.
    pub position: u32,
    /// Where it begins in the text, in bytes. Starts never descend.
    pub start: usize,
    /// Where it ends in the text, in bytes.
    pub end: usize,
    /// The term is one sign of a script without spaces and stands for all words that begin with it (queries only).
    pub begins: bool,
}

/// What the terms are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be stored in an index.
    Document,
    /// To be looked up. In scripts without spaces a document has a term more at the end of each run of signs.
    Query,
}

/// An analyzer of the application.
pub trait CustomAnalyzer {
    /// Calls `sink` for every token in order.
    ///
    /// # Errors
    /// Whatever the application's function failed with; the write or the query fails with it.
    fn tokens(&self, text: &str, purpose: Purpose, sink: &mut dyn FnMut(Token<'_>)) -> Result<()>;

    /// The version its author gives it; an index made by another version is made again.
    fn version(&self) -> u32;
}

/// How the text of a field becomes terms.
#[derive(Clone)]
pub enum Analyzer {
    /// Words, case and accents folded; bigrams for scripts without spaces. For any language.
    Standard,
    /// As standard, without the most frequent English words, and stemmed.
    English(Rc<english::English>),
    /// The whole text as one term, spaces at its ends removed.
    Keyword,
    /// As standard, stemmed in one of Snowball's languages.
    #[cfg(feature = "languages")]
    Language(languages::Language),
    /// The application's own.
    Custom(Rc<dyn CustomAnalyzer>),
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::English(_) => "english",
            Self::Keyword => "keyword",
            #[cfg(feature = "languages")]
            Self::Language(language) => language.name(),
            Self::Custom(_) => "custom",
        })
    }
}

impl Analyzer {
    /// The English analyzer.
    pub fn english() -> Self {
        Self::English(Rc::new(english::English::default()))
    }

    /// The version of its rules, recorded with an index: another version may give other terms for the same text.
    pub fn version(&self) -> u32 {
        match self {
            Self::Custom(custom) => custom.version(),
            _ => 1,
        }
    }

    /// Whether its terms are stems.
    pub fn stems(&self) -> bool {
        match self {
            Self::English(_) => true,
            #[cfg(feature = "languages")]
            Self::Language(_) => true,
            Self::Standard | Self::Keyword | Self::Custom(_) => false,
        }
    }

    /// A word as it would be if it were not stemmed.
    pub fn unstemmed(&self, word: &str) -> Box<str> {
        let mut folded = String::new();
        words::fold_word(word, &mut folded);
        cut::cut(&folded).into()
    }

    /// Calls `sink` for every token of the text in order, at most [`TOKENS_MAX`] times.
    ///
    /// # Errors
    /// Only a custom analyzer fails.
    pub fn tokens(&self, text: &str, purpose: Purpose, sink: &mut dyn FnMut(Token<'_>)) -> Result<()> {
        match self {
            Self::Standard => words::standard(text, purpose, sink),
            Self::English(english) => english.tokens(text, purpose, sink),
            Self::Keyword => keyword(text, sink),
            #[cfg(feature = "languages")]
            Self::Language(language) => language.tokens(text, purpose, sink),
            Self::Custom(custom) => return bounded(&**custom, text, purpose, sink),
        }
        Ok(())
    }
}

fn keyword(text: &str, sink: &mut dyn FnMut(Token<'_>)) {
    let word = text.trim();
    if word.is_empty() {
        return;
    }
    let start = text.len() - text.trim_start().len();
    sink(Token { term: cut::cut(word), position: 0, start, end: start + word.len(), begins: false });
}

/// What the application's function answers is held to the promises of [`Token`].
fn bounded(custom: &dyn CustomAnalyzer, text: &str, purpose: Purpose, sink: &mut dyn FnMut(Token<'_>)) -> Result<()> {
    let (mut count, mut position, mut start) = (0, 0, 0);
    custom.tokens(text, purpose, &mut |token| {
        if count == TOKENS_MAX || token.term.is_empty() {
            return;
        }
        count += 1;
        position = token.position.clamp(position, TOKENS_MAX.max(position));
        start = token.start.clamp(start, text.len().max(start));
        let end = token.end.clamp(start, text.len().max(start));
        sink(Token { term: cut::cut(token.term), position, start, end, ..token });
    })
}

/// The analyzers an application can name: the built-in ones, and its own.
#[derive(Clone, Debug, Default)]
pub struct Analyzers {
    custom: Vec<(Box<str>, Analyzer)>,
}

impl Analyzers {
    /// The names that are built in.
    pub const BUILT_IN: [&'static str; 3] = ["standard", "english", "keyword"];

    /// Makes an analyzer of the application known by its name, in place of an earlier one of that name.
    ///
    /// # Errors
    /// `Invalid` if the name is that of a built-in analyzer, or cannot be kept.
    pub fn register(&mut self, name: &str, custom: Rc<dyn CustomAnalyzer>) -> Result<()> {
        if built_in(name).is_some() {
            return Err(Error::invalid(format!("the analyzer '{name}' is built in: give yours another name")));
        }
        super::spec::check_name(name, "search")?;
        self.custom.retain(|(known, _)| &**known != name);
        self.custom.push((name.into(), Analyzer::Custom(custom)));
        Ok(())
    }

    /// The analyzer of that name.
    ///
    /// # Errors
    /// `Invalid` with reason `unknown-analyzer` if there is none.
    pub fn get(&self, name: &str) -> Result<Analyzer> {
        let custom = || self.custom.iter().find(|(known, _)| &**known == name).map(|(_, analyzer)| analyzer.clone());
        built_in(name).or_else(custom).ok_or_else(|| {
            let known = Self::BUILT_IN.join(", ");
            let problem =
                format!("there is no analyzer '{name}': built in are {known}; declare the search with yours first");
            Error::invalid(problem).with_reason(UNKNOWN_ANALYZER)
        })
    }

    /// The analyzer of each field.
    ///
    /// # Errors
    /// As [`Analyzers::get`]; the message names the field.
    pub fn of(&self, spec: &SearchSpec) -> Result<Vec<Analyzer>> {
        let mut analyzers: Vec<(&str, Analyzer)> = Vec::new();
        for field in &spec.fields {
            // Fields that share an analyzer share its memory of stems.
            let shared = analyzers.iter().find(|(name, _)| *name == &*field.analyzer).map(|(_, one)| one.clone());
            let named = |error: Error| {
                let message = format!("search.{}.analyzer: {}", field.path.text(), error.message());
                Error::invalid(message).with_reason(UNKNOWN_ANALYZER)
            };
            let analyzer = shared.map_or_else(|| self.get(&field.analyzer).map_err(named), Ok)?;
            analyzers.push((&field.analyzer, analyzer));
        }
        Ok(analyzers.into_iter().map(|(_, analyzer)| analyzer).collect())
    }
}

/// Whether a character is of a script without spaces.
pub fn is_sign(c: char) -> bool {
    words::class(c) == words::Class::Sign
}

fn built_in(name: &str) -> Option<Analyzer> {
    match name {
        "standard" => Some(Analyzer::Standard),
        "english" => Some(Analyzer::english()),
        "keyword" => Some(Analyzer::Keyword),
        #[cfg(feature = "languages")]
        _ => languages::Language::named(name).map(Analyzer::Language),
        #[cfg(not(feature = "languages"))]
        _ => None,
    }
}
