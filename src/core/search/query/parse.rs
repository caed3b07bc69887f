//! Queries as objects: every field is known, or refused by name.

use crate::base::{Error, Result};
use crate::collections::Value;
use crate::search::spec::SearchSpec;

use super::options::{boost, fields, whole, wrong, Options};
use super::string::parse_string;
use super::{Query, DEPTH_MAX, SLOP_MAX, TERMS_MAX, TEXT_MAX};

type Entries = [(Box<str>, Value)];

pub(super) struct Parser<'a> {
    pub(super) spec: &'a SearchSpec,
    /// How many queries were met.
    pub(super) clauses: usize,
}

impl Parser<'_> {
    /// A query at a place.
    pub(super) fn query(&mut self, value: &Value, defaults: &Options, at: &str, depth: usize) -> Result<Query> {
        self.clauses += 1;
        if self.clauses > TERMS_MAX {
            return Err(Error::invalid(format!("{at}: more than {TERMS_MAX} clauses: split the query")));
        }
        if depth > DEPTH_MAX {
            return Err(Error::invalid(format!("{at}: nested more than {DEPTH_MAX} levels deep: flatten the query")));
        }
        let entries = match value {
            Value::String(text) => return self.string(text, defaults, 1.0, at),
            Value::Object(entries) => entries,
            _ => return Err(Error::invalid(format!("{at}: must be a string, or an object like {{ text: '…' }}"))),
        };
        let has = |name: &str| entries.iter().any(|(key, _)| &**key == name);
        if has("text") || has("query") {
            return self.text(entries, defaults, at);
        }
        if has("phrase") {
            return self.phrase(entries, defaults, at);
        }
        if has("must") || has("should") || has("not") {
            return self.combination(entries, defaults, at, depth);
        }
        Err(Error::invalid(format!("{at}: says nothing to look for: give text, query, phrase, must, should or not")))
    }

    fn string(&self, text: &str, defaults: &Options, boost: f32, at: &str) -> Result<Query> {
        check_length(text, at)?;
        let query = parse_string(text, defaults, self.spec);
        Ok(if boost == 1.0 {
            query
        } else {
            Query::Bool { must: vec![query], should: Vec::new(), not: Vec::new(), minimum: 0, boost }
        })
    }

    fn text(&mut self, entries: &Entries, defaults: &Options, at: &str) -> Result<Query> {
        let (mut options, mut text, mut typed, mut factor) = (defaults.clone(), None, None, 1.0);
        for (name, value) in entries {
            match (&**name, value) {
                ("text", Value::String(words)) => text = Some(words),
                ("query", Value::String(words)) => typed = Some(words),
                ("text" | "query", _) => return Err(wrong(at, name, "a string")),
                ("boost", _) => factor = boost(value, at, name)?,
                _ if options.set(name, value, at, self.spec)? => {}
                _ => {
                    return Err(unknown(at, name, "text, query, match, prefix, fuzzy, prefixLength, fields and boost"))
                }
            }
        }
        match (text, typed) {
            (Some(text), None) => {
                check_length(text, at)?;
                Ok(Query::Text { text: text.clone(), options, boost: factor })
            }
            (None, Some(typed)) => self.string(typed, &options, factor, at),
            _ => Err(Error::invalid(format!("{at}: has both text and query: text is plain, query has operators"))),
        }
    }

    fn phrase(&mut self, entries: &Entries, defaults: &Options, at: &str) -> Result<Query> {
        let (mut text, mut slop, mut scope, mut factor) = (None, 0, defaults.fields.clone(), 1.0);
        for (name, value) in entries {
            match (&**name, value) {
                ("phrase", Value::String(words)) => text = Some(words.clone()),
                ("phrase", _) => return Err(wrong(at, name, "a string")),
                ("slop", _) => slop = whole(value, at, name, 0, SLOP_MAX)?,
                ("fields", _) => scope = fields(value, at, self.spec)?,
                ("boost", _) => factor = boost(value, at, name)?,
                _ => return Err(unknown(at, name, "phrase, slop, fields and boost")),
            }
        }
        let text = text.unwrap_or_default();
        check_length(&text, at)?;
        Ok(Query::Phrase { text, slop, fields: scope, boost: factor })
    }

    fn combination(&mut self, entries: &Entries, defaults: &Options, at: &str, depth: usize) -> Result<Query> {
        let (mut must, mut should, mut not, mut least, mut factor) = (Vec::new(), Vec::new(), Vec::new(), None, 1.0);
        let mut options = defaults.clone();
        for (name, value) in entries {
            match &**name {
                "minimum" => least = Some(whole(value, at, name, 0, TERMS_MAX as u32)?),
                "boost" => factor = boost(value, at, name)?,
                "must" | "should" | "not" => {}
                _ if options.set(name, value, at, self.spec)? => {}
                _ => return Err(unknown(at, name, "must, should, not, minimum, boost and the options of text")),
            }
        }
        for (name, value) in entries {
            let list = match &**name {
                "must" => &mut must,
                "should" => &mut should,
                "not" => &mut not,
                _ => continue,
            };
            self.list(value, &options, &format!("{at}.{name}"), depth, list)?;
        }
        let minimum = least.unwrap_or(u32::from(must.is_empty()));
        Ok(Query::Bool { must, should, not, minimum, boost: factor })
    }

    /// One query or several.
    fn list(&mut self, value: &Value, options: &Options, at: &str, depth: usize, list: &mut Vec<Query>) -> Result<()> {
        let Value::Array(items) = value else {
            list.push(self.query(value, options, at, depth + 1)?);
            return Ok(());
        };
        for (index, item) in items.iter().enumerate() {
            list.push(self.query(item, options, &format!("{at}[{index}]"), depth + 1)?);
        }
        Ok(())
    }
}

fn check_length(text: &str, at: &str) -> Result<()> {
    if text.len() > TEXT_MAX {
        return Err(Error::invalid(format!("{at}: the text is longer than {TEXT_MAX} bytes: shorten it")));
    }
    Ok(())
}

fn unknown(at: &str, name: &str, known: &str) -> Error {
    Error::invalid(format!("{at}.{name}: unknown: there are {known}"))
}
