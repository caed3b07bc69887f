//! Dotted paths (`a.b.0.c`) and how they reach into values, as MongoDB does it.
//!
//! A path through an array fans out into its objects; a numeric segment also picks the element. A key that itself
//! contains a dot cannot be named by a path. Not for updates: those create what is missing.

use super::document::{key_hash, Document};
use super::json::MAX_DEPTH;
use super::raw::RawValue;
use super::ValueRef;
use crate::base::{Error, Result};

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    name: Box<str>,
    hash: u16,
    index: Option<usize>,
}

impl Segment {
    fn new(name: &str) -> Self {
        let canonical = name == "0" || !name.starts_with('0');
        let digits = name.len() <= 9 && name.bytes().all(|byte| byte.is_ascii_digit());
        let index = if canonical && digits { name.parse().ok() } else { None };
        Self { name: name.into(), hash: key_hash(name.as_bytes()) as u16, index }
    }

    /// The segment as written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The low 16 bits of the `document::key_hash` of its name.
    #[inline]
    pub fn hash(&self) -> u16 {
        self.hash
    }

    /// The array element it picks, if it is a canonical number.
    pub fn index(&self) -> Option<usize> {
        self.index
    }
}

/// A parsed dotted path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: Box<str>,
    segments: Box<[Segment]>,
}

impl Path {
    /// Parses `a.b.0.c`.
    ///
    /// # Errors
    /// `Invalid` if the path or one of its segments is empty, or it has more than 64 segments.
    pub fn parse(text: &str) -> Result<Self> {
        let segments: Box<[Segment]> = text.split('.').map(Segment::new).collect();
        if segments.iter().any(|segment| segment.name.is_empty()) {
            return Err(Error::invalid(format!("the path '{text}' has an empty segment: write it like 'a.b.0.c'")));
        }
        if segments.len() > MAX_DEPTH {
            return Err(Error::invalid(format!("the path '{text}' has more than {MAX_DEPTH} segments")));
        }
        Ok(Self { text: text.into(), segments })
    }

    /// The path of the value itself: no segments.
    pub fn this() -> Self {
        Self { text: "".into(), segments: Box::default() }
    }

    /// The path as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its segments.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The value at the path, entering arrays by numeric segments only.
    pub fn get<'a>(&self, root: ValueRef<'a>) -> Option<ValueRef<'a>> {
        self.segments.iter().try_fold(root, step)
    }

    /// As [`Self::get`], within a stored document.
    pub(crate) fn get_raw<'a>(&self, document: &Document<'a>) -> Option<RawValue<'a>> {
        let Some((first, rest)) = self.segments.split_first() else { return Some(document.as_raw()) };
        let start = ValueRef::Raw(document.field_hashed(first.name.as_bytes(), first.hash)?);
        match rest.iter().try_fold(start, step)? {
            ValueRef::Raw(raw) => Some(raw),
            ValueRef::Tree(_) | ValueRef::Document(_) => None,
        }
    }

    /// Calls `found` for every value the path reaches, and with `None` where an object lacks it, until `found` answers
    /// `true`; answers whether it did. An array at the end of the path is one value here, not its elements.
    #[inline]
    pub fn visit<'a>(&self, root: ValueRef<'a>, found: &mut dyn FnMut(Option<ValueRef<'a>>) -> bool) -> bool {
        walk(root, &self.segments, found)
    }
}

impl Path {
    /// Calls `found` for everything the path reaches, at least once; arrays at its end are replaced by their elements,
    /// and nothing or an empty array is `None`. Answers whether an array took part, so that there may be several.
    pub fn leaves<'a>(&self, root: ValueRef<'a>, found: &mut dyn FnMut(Option<ValueRef<'a>>)) -> bool {
        let (mut calls, mut arrays) = (0usize, false);
        self.visit(root, &mut |value| {
            calls += 1;
            match value {
                None => found(None),
                Some(array) if array.is_array() => {
                    arrays = true;
                    let mut items = array.items().peekable();
                    if items.peek().is_none() {
                        found(None);
                    }
                    items.for_each(|item| found(Some(item)));
                }
                Some(value) => found(Some(value)),
            }
            false
        });
        if calls == 0 {
            found(None);
        }
        arrays || calls != 1
    }
}

fn step<'a>(value: ValueRef<'a>, segment: &Segment) -> Option<ValueRef<'a>> {
    if value.is_array() {
        return value.items().nth(segment.index?);
    }
    if !value.is_object() {
        return None;
    }
    value.field_hashed(&segment.name, segment.hash)
}

fn walk<'a>(value: ValueRef<'a>, segments: &[Segment], found: &mut dyn FnMut(Option<ValueRef<'a>>) -> bool) -> bool {
    let Some((segment, rest)) = segments.split_first() else { return found(Some(value)) };
    if value.is_array() {
        return fan_out(value, segment, segments, found);
    }
    let field = if value.is_object() { value.field_hashed(&segment.name, segment.hash) } else { None };
    match field {
        Some(field) => walk(field, rest, found),
        None => found(None),
    }
}

fn fan_out<'a>(
    array: ValueRef<'a>,
    segment: &Segment,
    segments: &[Segment],
    found: &mut dyn FnMut(Option<ValueRef<'a>>) -> bool,
) -> bool {
    for (i, item) in array.items().enumerate() {
        if segment.index == Some(i) && walk(item, &segments[1..], found) {
            return true;
        }
        // An element that lacks a numeric key is not missing anything: the number meant a place.
        let enters =
            item.is_object() && (segment.index.is_none() || item.field_hashed(&segment.name, segment.hash).is_some());
        if enters && walk(item, segments, found) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod path_tests;
