//! The values documents are made of, as a tree. Hot paths read stored bytes instead; this is for constants,
//! updates, pipelines and everything that must change.
//!
//! Not a JavaScript value: functions, symbols, class instances and cycles never get here.

/// A value. Objects keep the order of their keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JavaScript's `undefined`: kept where it was given, treated like a missing field by comparisons.
    Undefined,
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number: any f64, including -0, NaN and the infinities.
    Number(f64),
    /// A BigInt as decimal digits with an optional leading `-`, without leading zeros.
    BigInt(Box<str>),
    /// A string. Lone surrogates are replaced at the boundary.
    String(Box<str>),
    /// A Uint8Array.
    Bytes(Box<[u8]>),
    /// A Date: milliseconds since the Unix epoch; NaN for an invalid one.
    Date(f64),
    /// A regular expression (only in queries): pattern and flags. Behind one pointer, so that it does not make every value wider.
    Regex(Box<(Box<str>, Box<str>)>),
    /// An array.
    Array(Vec<Value>),
    /// An object: keys are unique and keep their order. `__proto__` is a key like any other.
    Object(Vec<(Box<str>, Value)>),
}

impl Value {
    /// The field `name` of an object, if this is one and has it.
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(fields) => fields.iter().find(|(key, _)| &**key == name).map(|(_, value)| value),
            _ => None,
        }
    }
}
