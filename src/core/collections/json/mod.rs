//! Tagged JSON: the text form of values at every border and in every stored document.
//!
//! It is JSON as `JSON.stringify` writes it, plus single-key objects for what JSON lacks: `{"$date":ms|null}`,
//! `{"$bytes":"base64"}`, `{"$bigint":"-12"}`, `{"$undefined":true}`, `{"$number":"NaN"|"Infinity"|"-Infinity"|"-0"}`,
//! `{"$regexp":["pattern","flags"]}`, and `{"$escape":{…}}` around a user's object whose only key is one of these names.
//! Not a general JSON library: no streaming, no comments, no formatting.

pub mod base64;
mod decimal;
pub mod number;
pub mod parse;
pub mod text;
pub mod write;

pub use parse::parse;
pub use write::{to_json, write, write_key, write_number, write_string};

/// Deepest nesting of arrays and objects, counting the outermost and every tag.
pub const MAX_DEPTH: usize = 64;

/// A name that gives a single-key object a meaning of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `{"$date":ms|null}`.
    Date,
    /// `{"$bytes":"base64"}`.
    Bytes,
    /// `{"$bigint":"-12"}`.
    BigInt,
    /// `{"$undefined":true}`.
    Undefined,
    /// `{"$number":"NaN"}` and its three siblings.
    Number,
    /// `{"$regexp":["pattern","flags"]}`.
    Regex,
    /// `{"$escape":{…}}`.
    Escape,
}

impl Tag {
    /// The tag of this name, if it is one.
    pub fn named(name: &[u8]) -> Option<Self> {
        if name.first() != Some(&b'$') {
            return None;
        }
        Some(match name {
            b"$date" => Self::Date,
            b"$bytes" => Self::Bytes,
            b"$bigint" => Self::BigInt,
            b"$undefined" => Self::Undefined,
            b"$number" => Self::Number,
            b"$regexp" => Self::Regex,
            b"$escape" => Self::Escape,
            _ => return None,
        })
    }

    /// What the tag's value must be, for messages.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Date => "$date takes a number of milliseconds since 1970, or null for an invalid date",
            Self::Bytes => "$bytes takes a string of padded base64",
            Self::BigInt => "$bigint takes a string of decimal digits, at most 1,024, without leading zeros",
            Self::Undefined => "$undefined takes true",
            Self::Number => "$number takes \"NaN\", \"Infinity\", \"-Infinity\" or \"-0\"",
            Self::Regex => "$regexp takes an array of a pattern and flags",
            Self::Escape => "$escape takes an object",
        }
    }
}

#[cfg(test)]
mod json_tests;
