//! Projections: which parts of a document a query answers, written straight from its stored text.
//!
//! Inclusion (`{ title: 1 }`), exclusion (`{ body: 0 }`), `$slice` and `$elemMatch`, on nested paths too. The id comes along
//! unless `{ id: 0 }`. It computes nothing: for expressions there is the pipeline's `$project`.

mod parse;

use super::document::Document;
use super::filter::ElementFilter;
use super::json::{text, Tag, MAX_DEPTH};
use super::raw::{RawField, RawValue};
use super::{Value, ValueRef};
use crate::base::Result;

/// A parsed projection.
#[derive(Clone, Debug)]
pub struct Projection {
    rules: Rules,
}

/// What happens to the fields of an object.
#[derive(Clone, Debug, Default)]
struct Rules {
    fields: Vec<(Box<str>, Rule)>,
    /// Fields without a rule are kept.
    keeps_others: bool,
}

/// What happens to a field.
#[derive(Clone, Debug)]
enum Rule {
    Keep,
    Drop,
    /// Its own fields, or those of the objects in its array, have rules.
    Inside(Rules),
    /// Part of its array: how many to pass over (from the end if negative), and how many to take.
    Slice(i64, u64),
    /// The first element of its array that matches.
    First(Box<ElementFilter>),
}

impl Projection {
    /// Parses a projection.
    ///
    /// # Errors
    /// `Invalid` if inclusion and exclusion are mixed, paths collide or an operand is malformed; the message names the path.
    pub fn parse(projection: &Value) -> Result<Self> {
        parse::rules(projection).map(|rules| Self { rules })
    }

    /// Whether nothing but the id is answered: then the document need not be read.
    pub fn is_id_only(&self) -> bool {
        let Rules { fields, keeps_others } = &self.rules;
        matches!(fields.as_slice(), [(name, Rule::Keep)] if &**name == "id") && !keeps_others
    }

    /// Appends the projected document as minified tagged JSON; answers whether the text may hold tagged values.
    pub fn write(&self, document: &Document<'_>, out: &mut Vec<u8>) -> bool {
        let mut escaped = false;
        write_fields(document.fields(), &self.rules, out, &mut escaped);
        escaped || document.is_extended()
    }
}

fn write_fields<'a>(fields: impl Iterator<Item = RawField<'a>>, rules: &Rules, out: &mut Vec<u8>, escaped: &mut bool) {
    let start = out.len();
    out.push(b'{');
    let mut count = 0;
    for RawField { key, value, text } in fields {
        let before = out.len();
        if count > 0 {
            out.push(b',');
        }
        let rule = rules.fields.iter().find(|(name, _)| key.is(name.as_bytes())).map(|(_, rule)| rule);
        let kept = match rule {
            None if rules.keeps_others => copy(text, out),
            Some(Rule::Keep) => copy(text, out),
            None | Some(Rule::Drop) => false,
            Some(rule) => {
                let key_length = text.len() - value.text().len();
                out.extend_from_slice(&text[..key_length]);
                write_value(value, rule, out, escaped)
            }
        };
        if kept {
            count += 1;
        } else {
            out.truncate(before);
        }
    }
    out.push(b'}');
    // What is left may look like a tagged value that it is not.
    if count == 1 && is_tag(&out[start..]) {
        out.splice(start..start, *b"{\"$escape\":");
        out.push(b'}');
        *escaped = true;
    }
}

fn copy(text: &[u8], out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(text);
    true
}

/// Whether the first key of an object with fields is the name of a tag.
fn is_tag(object: &[u8]) -> bool {
    let key = text::string_end(object, 2).and_then(|(end, _)| object.get(2..end));
    key.is_some_and(|key| Tag::named(key).is_some())
}

/// Writes what a rule leaves of a value; `false` if that is nothing.
fn write_value(value: RawValue<'_>, rule: &Rule, out: &mut Vec<u8>, escaped: &mut bool) -> bool {
    match rule {
        Rule::Keep => copy(value.json(), out),
        Rule::Drop => false,
        Rule::Inside(rules) => write_inside(value, rules, out, escaped, 0),
        Rule::Slice(skip, take) => {
            if !value.is_array() {
                return copy(value.json(), out);
            }
            let skip = match usize::try_from(*skip) {
                Ok(skip) => skip,
                Err(_) => {
                    value.items().count().saturating_sub(usize::try_from(skip.unsigned_abs()).unwrap_or(usize::MAX))
                }
            };
            let take = usize::try_from(*take).unwrap_or(usize::MAX);
            write_items(value.items().skip(skip).take(take), out, |item, out| copy(item.json(), out))
        }
        Rule::First(filter) => {
            let matching = |item: &RawValue<'_>| filter.matches(ValueRef::Raw(*item));
            value.is_array()
                && value.items().any(|item| matching(&item))
                && write_items(value.items().filter(matching).take(1), out, |item, out| copy(item.json(), out))
        }
    }
}

/// Applies the rules of a path's rest: to an object, or to the objects of an array, also of arrays in it.
fn write_inside(value: RawValue<'_>, rules: &Rules, out: &mut Vec<u8>, escaped: &mut bool, arrays: usize) -> bool {
    if value.is_array() {
        // Nothing that was stored properly nests so deep: damaged text must not exhaust the stack.
        let items = value.items().take(if arrays > MAX_DEPTH { 0 } else { usize::MAX });
        return write_items(items, out, |item, out| write_inside(item, rules, out, escaped, arrays + 1));
    }
    if !value.is_object() {
        return rules.keeps_others && copy(value.json(), out);
    }
    write_fields(value.entries(), rules, out, escaped);
    true
}

fn write_items<'a>(
    items: impl Iterator<Item = RawValue<'a>>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(RawValue<'a>, &mut Vec<u8>) -> bool,
) -> bool {
    out.push(b'[');
    let start = out.len();
    for item in items {
        let before = out.len();
        if before > start {
            out.push(b',');
        }
        if !write(item, out) {
            out.truncate(before);
        }
    }
    out.push(b']');
    true
}

#[cfg(test)]
mod projection_tests;
