//! One borrowed view of a value, whether it stands in stored text or in a tree, so that matching, sorting and key
//! encoding are written once.
//!
//! It owns nothing and decodes nothing until [`ValueRef::shape`] is asked for.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::bigint;
use super::compare::{compare_f64, TypeClass};
use super::document::Document;
use super::json::{Tag, MAX_DEPTH};
use super::raw::{RawFields, RawItems, RawValue};
use super::Value;

/// A borrowed value.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// In stored JSON text.
    Raw(RawValue<'a>),
    /// In a tree.
    Tree(&'a Value),
    /// A whole stored document, with its directory of fields.
    Document(&'a Document<'a>),
}

/// What a value is, one level deep.
pub enum Shape<'a> {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A BigInt's digits.
    BigInt(&'a str),
    /// A string's UTF-8.
    String(Cow<'a, [u8]>),
    /// A Uint8Array.
    Bytes(Cow<'a, [u8]>),
    /// A date in milliseconds.
    Date(f64),
    /// A regular expression's pattern and flags.
    Regex(&'a str, &'a str),
    /// An array's elements.
    Array(Items<'a>),
    /// An object's fields.
    Object(Fields<'a>),
}

impl<'a> ValueRef<'a> {
    /// What the value is.
    pub fn shape(self) -> Shape<'a> {
        match self {
            Self::Raw(raw) => raw_shape(raw),
            Self::Document(document) => Shape::Object(Fields::Raw(document.as_raw().fields())),
            Self::Tree(value) => match value {
                Value::Undefined => Shape::Undefined,
                Value::Null => Shape::Null,
                Value::Bool(value) => Shape::Bool(*value),
                Value::Number(number) => Shape::Number(*number),
                Value::BigInt(digits) => Shape::BigInt(digits),
                Value::String(text) => Shape::String(Cow::Borrowed(text.as_bytes())),
                Value::Bytes(bytes) => Shape::Bytes(Cow::Borrowed(bytes)),
                Value::Date(ms) => Shape::Date(*ms),
                Value::Regex(regex) => Shape::Regex(&regex.0, &regex.1),
                Value::Array(items) => Shape::Array(Items::Tree(items.iter())),
                Value::Object(fields) => Shape::Object(Fields::Tree(fields.iter())),
            },
        }
    }

    /// The class of the value in the order of values.
    pub fn class(self) -> TypeClass {
        match self {
            Self::Raw(raw) => raw.class(),
            Self::Document(_) => TypeClass::Object,
            Self::Tree(value) => TypeClass::of(value),
        }
    }

    /// Whether this is an array.
    #[inline]
    pub fn is_array(self) -> bool {
        match self {
            Self::Raw(raw) => raw.is_array(),
            Self::Tree(value) => matches!(value, Value::Array(_)),
            Self::Document(_) => false,
        }
    }

    /// Whether this is an object.
    #[inline]
    pub fn is_object(self) -> bool {
        match self {
            Self::Raw(raw) => raw.is_object(),
            Self::Tree(value) => matches!(value, Value::Object(_)),
            Self::Document(_) => true,
        }
    }

    /// The field `name` of an object, whose `document::key_hash` (its low 16 bits) is `hash`.
    #[inline]
    pub fn field_hashed(self, name: &str, hash: u16) -> Option<ValueRef<'a>> {
        match self {
            Self::Document(document) => document.field_hashed(name.as_bytes(), hash).map(Self::Raw),
            Self::Raw(raw) => raw.field(name.as_bytes()).map(Self::Raw),
            Self::Tree(value) => value.field(name).map(Self::Tree),
        }
    }

    /// The elements of an array; of anything else, none.
    pub fn items(self) -> Items<'a> {
        match self {
            Self::Raw(raw) => Items::Raw(raw.items()),
            Self::Tree(Value::Array(items)) => Items::Tree(items.iter()),
            Self::Tree(_) | Self::Document(_) => Items::Tree([].iter()),
        }
    }

    /// The value as a tree; damaged text reads as undefined.
    pub fn to_value(self) -> Value {
        match self {
            Self::Raw(raw) => raw.to_value(),
            Self::Tree(value) => value.clone(),
            Self::Document(document) => document.as_raw().to_value(),
        }
    }

    /// The total order of values.
    pub fn compare(self, other: ValueRef<'_>) -> Ordering {
        compare_shapes(self.shape(), other.shape())
    }
}

fn raw_shape(raw: RawValue<'_>) -> Shape<'_> {
    let shape = match raw.first_byte() {
        b'"' => raw.inside_string().map(Shape::String),
        b'[' => Some(Shape::Array(Items::Raw(raw.items()))),
        b'{' => match raw.tag() {
            None | Some((Tag::Escape, _)) => Some(Shape::Object(Fields::Raw(raw.fields()))),
            Some((Tag::Date, ms)) => Some(Shape::Date(ms.as_f64().unwrap_or(f64::NAN))),
            Some((Tag::Bytes, _)) => raw.as_bytes().map(|bytes| Shape::Bytes(Cow::Owned(bytes))),
            Some((Tag::Number, _)) => raw.as_f64().map(Shape::Number),
            Some((Tag::BigInt, digits)) => {
                let digits = digits.quoted().and_then(|(digits, _)| std::str::from_utf8(digits).ok());
                digits.filter(|digits| bigint::is_valid(digits)).map(Shape::BigInt)
            }
            Some((Tag::Undefined | Tag::Regex, _)) => None,
        },
        b't' => Some(Shape::Bool(true)),
        b'f' => Some(Shape::Bool(false)),
        b'n' => Some(Shape::Null),
        _ => raw.as_f64().map(Shape::Number),
    };
    shape.unwrap_or(Shape::Undefined)
}

impl Shape<'_> {
    /// The class of the value in the order of values.
    pub fn class(&self) -> TypeClass {
        match self {
            Self::Undefined | Self::Null => TypeClass::Null,
            Self::Bool(_) => TypeClass::Bool,
            Self::Number(_) | Self::BigInt(_) => TypeClass::Number,
            Self::String(_) => TypeClass::String,
            Self::Bytes(_) => TypeClass::Bytes,
            Self::Date(_) => TypeClass::Date,
            Self::Regex(..) => TypeClass::Regex,
            Self::Array(_) => TypeClass::Array,
            Self::Object(_) => TypeClass::Object,
        }
    }
}

/// The total order of values, on shapes.
pub fn compare_shapes(a: Shape<'_>, b: Shape<'_>) -> Ordering {
    compare_at(a, b, 0)
}

fn compare_at(a: Shape<'_>, b: Shape<'_>, depth: usize) -> Ordering {
    let classes = a.class().cmp(&b.class());
    if classes.is_ne() {
        return classes;
    }
    match (a, b) {
        (Shape::Number(a), Shape::Number(b)) | (Shape::Date(a), Shape::Date(b)) => compare_f64(a, b),
        (Shape::BigInt(a), Shape::BigInt(b)) => bigint::compare(a, b),
        (Shape::BigInt(a), Shape::Number(b)) => bigint::compare_to_f64(a, b),
        (Shape::Number(a), Shape::BigInt(b)) => bigint::compare_to_f64(b, a).reverse(),
        (Shape::String(a), Shape::String(b)) => a.cmp(&b),
        (Shape::Bytes(a), Shape::Bytes(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(&b)),
        (Shape::Bool(a), Shape::Bool(b)) => a.cmp(&b),
        (Shape::Regex(a, x), Shape::Regex(b, y)) => a.cmp(b).then_with(|| x.cmp(y)),
        // Nothing that was stored properly nests deeper: damaged text must not exhaust the stack.
        (Shape::Array(a), Shape::Array(b)) if depth <= MAX_DEPTH => compare_arrays(a, b, depth + 1),
        (Shape::Object(a), Shape::Object(b)) if depth <= MAX_DEPTH => compare_objects(a, b, depth + 1),
        _ => Ordering::Equal,
    }
}

/// Element by element; the array that ends first is smaller.
fn compare_arrays(mut a: Items<'_>, mut b: Items<'_>, depth: usize) -> Ordering {
    loop {
        let order = match (a.next(), b.next()) {
            (Some(a), Some(b)) => compare_at(a.shape(), b.shape(), depth),
            (a, b) => return a.is_some().cmp(&b.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Field by field: class of the value, then key, then value; the object that ends first is smaller.
fn compare_objects(mut a: Fields<'_>, mut b: Fields<'_>, depth: usize) -> Ordering {
    loop {
        let order = match (a.next(), b.next()) {
            (Some((a_key, a)), Some((b_key, b))) => {
                let (a, b) = (a.shape(), b.shape());
                a.class().cmp(&b.class()).then_with(|| a_key.cmp(&b_key)).then_with(|| compare_at(a, b, depth))
            }
            (a, b) => return a.is_some().cmp(&b.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Walks the elements of an array.
#[derive(Clone, Debug)]
pub enum Items<'a> {
    /// In stored text.
    Raw(RawItems<'a>),
    /// In a tree.
    Tree(std::slice::Iter<'a, Value>),
}

impl<'a> Iterator for Items<'a> {
    type Item = ValueRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<ValueRef<'a>> {
        match self {
            Self::Raw(items) => items.next().map(ValueRef::Raw),
            Self::Tree(items) => items.next().map(ValueRef::Tree),
        }
    }
}

/// Walks the fields of an object: keys as UTF-8, and values.
#[derive(Clone, Debug)]
pub enum Fields<'a> {
    /// In stored text.
    Raw(RawFields<'a>),
    /// In a tree.
    Tree(std::slice::Iter<'a, (Box<str>, Value)>),
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Cow<'a, [u8]>, ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Raw(fields) => fields.next().map(|(key, value)| (key.to_bytes(), ValueRef::Raw(value))),
            Self::Tree(fields) => {
                fields.next().map(|(key, value)| (Cow::Borrowed(key.as_bytes()), ValueRef::Tree(value)))
            }
        }
    }
}
