//! Queries as people type them: words with a few signs. Whatever is typed means something.
//!
//! ```text
//! tide tables     words                       "tide tables"   a phrase
//! +tide           must match                  "tide tables"~2 a phrase with slop
//! -tide           must not match              tide~ tide~2    fuzzy, by length or so many edits
//! tid*            all that begins so          title:tide      in one field (only if it is declared)
//!                                             tide^2          counts twice
//! ```
//!
//! A sign in another place is text. There are no parentheses and no AND, OR, NOT: objects combine queries.

use crate::search::edit::EDITS_MAX;
use crate::search::spec::{SearchSpec, WEIGHT_MAX};

use super::options::{Fuzzy, Matching, Options, Prefix};
use super::{Query, SLOP_MAX, TERMS_MAX};

/// What came of a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occur {
    Must,
    Should,
    Not,
}

/// Reads a query as typed. Plain words stay one text, with the options given; of more than [`TERMS_MAX`] parts with
/// signs, the rest is ignored.
pub fn parse_string(text: &str, defaults: &Options, spec: &SearchSpec) -> Query {
    let mut parts = Vec::new();
    let (mut plain, mut plain_at_end) = (String::new(), false);
    let mut rest = text;
    while !rest.trim_start().is_empty() && parts.len() < TERMS_MAX {
        let (part, left) = part(rest.trim_start(), defaults, spec);
        rest = left;
        plain_at_end = false;
        match part {
            (Occur::Should, Part::Plain(word)) => {
                plain.push_str(if plain.is_empty() { "" } else { " " });
                plain.push_str(word);
                plain_at_end = true;
            }
            (occur, part) => parts.push((occur, part.into_query(defaults))),
        }
    }
    let mut options = defaults.clone();
    // The word that is being typed is the last of the whole, or none. The plain words have lost the space behind them.
    let typing = plain_at_end && !text.ends_with(char::is_whitespace);
    if !typing && options.prefix == Prefix::Last {
        options.prefix = Prefix::No;
    }
    let words = Query::Text { text: plain.as_str().into(), options, boost: 1.0 };
    if parts.is_empty() {
        return words;
    }
    combine(words, plain.is_empty(), parts, defaults.matching == Matching::All)
}

fn combine(words: Query, no_words: bool, parts: Vec<(Occur, Query)>, all: bool) -> Query {
    let (mut must, mut should, mut not) = (Vec::new(), Vec::new(), Vec::new());
    let all_parts = (!no_words).then_some((Occur::Should, words)).into_iter().chain(parts);
    for (occur, query) in all_parts {
        match occur {
            Occur::Not => not.push(query),
            Occur::Should if !all => should.push(query),
            Occur::Must | Occur::Should => must.push(query),
        }
    }
    let minimum = u32::from(must.is_empty());
    Query::Bool { must, should, not, minimum, boost: 1.0 }
}

/// A part between spaces, or between quotes.
enum Part<'a> {
    Plain(&'a str),
    Word { text: &'a str, signs: Signs, fields: Option<Vec<(usize, f32)>> },
    Phrase { text: &'a str, signs: Signs, fields: Option<Vec<(usize, f32)>> },
}

/// What stands behind a word.
#[derive(Clone, Copy, Default)]
struct Signs {
    prefix: bool,
    /// `~` with its number.
    near: Option<Option<u32>>,
    boost: Option<f32>,
}

impl Signs {
    fn any(self) -> bool {
        self.prefix || self.near.is_some() || self.boost.is_some()
    }
}

impl Part<'_> {
    fn into_query(self, defaults: &Options) -> Query {
        match self {
            Part::Plain(text) => Query::Text { text: text.into(), options: single(defaults), boost: 1.0 },
            Part::Phrase { text, signs, fields } => Query::Phrase {
                text: text.into(),
                slop: signs.near.map_or(0, |slop| slop.unwrap_or(1).min(SLOP_MAX)),
                fields: fields.or_else(|| defaults.fields.clone()),
                boost: signs.boost.unwrap_or(1.0),
            },
            Part::Word { text, signs, fields } => {
                let mut options = single(defaults);
                if signs.prefix {
                    options.prefix = Prefix::All;
                }
                match signs.near {
                    Some(None) => options.fuzzy = Fuzzy::Auto,
                    Some(Some(edits)) => options.fuzzy = Fuzzy::Edits(edits.min(u32::from(EDITS_MAX)) as u8),
                    None => {}
                }
                options.fields = fields.or(options.fields);
                Query::Text { text: text.into(), options, boost: signs.boost.unwrap_or(1.0) }
            }
        }
    }
}

/// The options of one word: it matches whole, even where it is several terms.
fn single(defaults: &Options) -> Options {
    let prefix = if defaults.prefix == Prefix::Last { Prefix::No } else { defaults.prefix };
    Options { matching: Matching::All, prefix, ..defaults.clone() }
}

/// Takes the next part off a text that does not begin with space.
fn part<'a>(text: &'a str, defaults: &Options, spec: &SearchSpec) -> ((Occur, Part<'a>), &'a str) {
    let (occur, signed) = match text.as_bytes() {
        [b'+', next, ..] if !next.is_ascii_whitespace() => (Occur::Must, &text[1..]),
        [b'-', next, ..] if !next.is_ascii_whitespace() => (Occur::Not, &text[1..]),
        _ => (Occur::Should, text),
    };
    let (fields, inner) = field(signed, defaults, spec);
    if let Some(quoted) = inner.strip_prefix('"') {
        // A quote that is not closed yet is being typed.
        let (phrase, rest) = quoted.split_once('"').unwrap_or((quoted, ""));
        let (tail, rest) = split_at_space(rest);
        let (signs, left) = signs(tail);
        // What sticks to the closing quote is a part of its own.
        let rest = if left.is_empty() { rest } else { &quoted[phrase.len() + 1..] };
        let signs = if left.is_empty() { signs } else { Signs::default() };
        return ((occur, Part::Phrase { text: phrase, signs, fields }), rest);
    }
    let (word, rest) = split_at_space(inner);
    let (signs, bare) = signs(word);
    if occur == Occur::Should && fields.is_none() && !signs.any() {
        return ((occur, Part::Plain(word)), rest);
    }
    ((occur, Part::Word { text: bare, signs, fields }), rest)
}

fn split_at_space(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// A declared field's name and a colon at the beginning.
fn field<'a>(text: &'a str, defaults: &Options, spec: &SearchSpec) -> (Option<Vec<(usize, f32)>>, &'a str) {
    let named = text.split_once(':').and_then(|(name, rest)| {
        let place = spec.field(name)?;
        let fields = defaults.fields.as_deref().unwrap_or_default();
        let boost = fields.iter().find(|(field, _)| *field == place).map_or(1.0, |(_, boost)| *boost);
        (!rest.is_empty() && !rest.starts_with(char::is_whitespace)).then_some((vec![(place, boost)], rest))
    });
    named.map_or((None, text), |(fields, rest)| (Some(fields), rest))
}

/// Takes `*`, `~n` and `^n` off the end of a word; answers what is left.
fn signs(word: &str) -> (Signs, &str) {
    let mut signs = Signs::default();
    let mut bare = word;
    if let Some((before, number)) = bare.rsplit_once('^') {
        if let Some(boost) = number.parse::<f32>().ok().filter(|boost| (0.001..=WEIGHT_MAX as f32).contains(boost)) {
            (signs.boost, bare) = (Some(boost), before);
        }
    }
    if let Some((before, number)) = bare.rsplit_once('~') {
        if number.is_empty() || (number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit())) {
            (signs.near, bare) = (Some(number.parse().ok()), before);
        }
    }
    if let Some(before) = bare.strip_suffix('*') {
        (signs.prefix, bare) = (true, before);
    }
    (signs, bare)
}
