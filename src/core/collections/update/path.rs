//! Where in a document an update operator works: a dotted path, and the walk that takes an edit there.
//!
//! Not the path of a filter: here a number after an array is an index, `$[]` is every element, and nothing fans out
//! by itself.

use super::super::Value;
use crate::base::{Error, Result};

/// Paths and values together may nest this deep.
pub(super) const MAX_DEPTH: usize = 64;

/// An update may pad an array with at most this many nulls.
const MAX_PADDING: usize = 100_000;

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A field, or an index if the container is an array.
    Name(Box<str>),
    /// `$[]`: every element of an array.
    All,
}

/// A parsed dotted path.
#[derive(Clone, Debug)]
pub(super) struct UpdatePath {
    /// The path as the user wrote it.
    pub(super) text: Box<str>,
    steps: Vec<Step>,
}

/// What an operator does at the place its path names.
pub(super) enum Edit {
    /// Nothing.
    Keep,
    /// It changed the value in place.
    Changed,
    /// Puts this value there, creating the objects on the way.
    Put(Value),
    /// Takes the value away (an array element becomes null).
    Remove,
}

/// An operator at work: it gets the current value, or `None` where there is none.
pub(super) type Operation<'a> = dyn FnMut(Option<&mut Value>) -> Result<Edit> + 'a;

impl UpdatePath {
    pub(super) fn parse(operator: &str, text: &str) -> Result<Self> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let step = match part {
                "" => {
                    return Err(invalid(
                        operator,
                        text,
                        "has an empty field name: write it as 'a.b', without extra dots",
                    ))
                }
                "$[]" if !steps.is_empty() => Step::All,
                _ if part.starts_with('$') => {
                    return Err(invalid(
                        operator,
                        text,
                        &format!("uses '{part}': name an index or use '$[]' for every element ('$' and '$[name]' are not supported, and fields must not start with '$')"),
                    ));
                }
                _ => Step::Name(part.into()),
            };
            steps.push(step);
        }
        if steps.len() > MAX_DEPTH {
            return Err(invalid(operator, "…", "nests deeper than 64 levels: flatten the document"));
        }
        Ok(Self { text: text.into(), steps })
    }

    /// How deep the path leads.
    pub(super) fn depth(&self) -> usize {
        self.steps.len()
    }

    /// Whether the path leads to the document's id or into it.
    pub(super) fn is_id(&self) -> bool {
        matches!(self.steps.first(), Some(Step::Name(name)) if &**name == "id")
    }

    /// Whether the two paths are the same or one leads through the other.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.steps.iter().zip(&other.steps).all(|(a, b)| a == b || *a == Step::All || *b == Step::All)
    }

    /// Whether it uses `$[]`.
    pub(super) fn has_all(&self) -> bool {
        self.steps.contains(&Step::All)
    }

    /// The value at the path, reading indexes in arrays; `None` if there is none.
    pub(super) fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(document, |value, step| match (value, step) {
            (Value::Array(items), Step::Name(name)) => items.get(index(name)?),
            (_, Step::Name(name)) => value.field(name),
            (_, Step::All) => None,
        })
    }

    /// Whether the path leads through an array in `document`.
    pub(super) fn crosses_array(&self, document: &Value) -> bool {
        let mut value = document;
        for step in &self.steps {
            let Step::Name(name) = step else { return true };
            match value.field(name) {
                _ if matches!(value, Value::Array(_)) => return true,
                Some(next) => value = next,
                None => return false,
            }
        }
        false
    }

    /// Takes `operation` to the path's place in `document`. Answers whether anything changed.
    pub(super) fn edit(&self, document: &mut Value, operation: &mut Operation<'_>) -> Result<bool> {
        self.descend(document, 0, operation)
    }

    fn descend(&self, container: &mut Value, at: usize, operation: &mut Operation<'_>) -> Result<bool> {
        let Some(step) = self.steps.get(at) else { return Ok(false) };
        let last = at + 1 == self.steps.len();
        match (step, container) {
            (Step::All, Value::Array(items)) => {
                let mut changed = false;
                for item in items {
                    changed |= if last { leaf(item, operation)? } else { self.descend(item, at + 1, operation)? };
                }
                Ok(changed)
            }
            (Step::All, _) => Err(self.error("uses '$[]' where there is no array: set the array first")),
            (Step::Name(name), Value::Object(fields)) => match fields.iter().position(|(key, _)| key == name) {
                Some(slot) if last => edit_field(fields, slot, operation),
                Some(slot) => match fields.get_mut(slot) {
                    Some((_, undefined @ Value::Undefined)) => {
                        let Some(value) = self.create(at + 1, operation)? else { return Ok(false) };
                        *undefined = value;
                        Ok(true)
                    }
                    Some((_, value)) => self.descend(value, at + 1, operation),
                    None => Ok(false),
                },
                None => {
                    let Some(value) = self.create(at + 1, operation)? else { return Ok(false) };
                    fields.push((name.clone(), value));
                    Ok(true)
                }
            },
            (Step::Name(name), Value::Array(items)) => self.descend_array(items, name, at, operation),
            (Step::Name(_), _) => match operation(None)? {
                Edit::Put(_) => Err(self.blocked(at)),
                _ => Ok(false),
            },
        }
    }

    fn descend_array(
        &self,
        items: &mut Vec<Value>,
        name: &str,
        at: usize,
        operation: &mut Operation<'_>,
    ) -> Result<bool> {
        let slot = index(name);
        if let Some(item) = slot.and_then(|slot| items.get_mut(slot)) {
            return if at + 1 == self.steps.len() {
                leaf(item, operation)
            } else {
                self.descend(item, at + 1, operation)
            };
        }
        let Some(value) = self.create(at + 1, operation)? else { return Ok(false) };
        let Some(slot) = slot else { return Err(self.blocked(at)) };
        if slot - items.len() > MAX_PADDING {
            return Err(self.error("is an index far past the array's end: at most 100000 nulls may be filled in"));
        }
        items.resize(slot, Value::Null);
        items.push(value);
        Ok(true)
    }

    /// What the operation puts where nothing is yet, wrapped in the objects that lead there.
    fn create(&self, from: usize, operation: &mut Operation<'_>) -> Result<Option<Value>> {
        let Edit::Put(mut value) = operation(None)? else { return Ok(None) };
        for step in self.steps.iter().skip(from).rev() {
            let Step::Name(name) = step else {
                return Err(self.error("uses '$[]' where there is no array: set the array first"));
            };
            value = Value::Object(vec![(name.clone(), value)]);
        }
        Ok(Some(value))
    }

    fn blocked(&self, at: usize) -> Error {
        let mut before = String::new();
        for step in self.steps.iter().take(at) {
            if !before.is_empty() {
                before.push('.');
            }
            before.push_str(match step {
                Step::Name(name) => name,
                Step::All => "$[]",
            });
        }
        self.error(&format!(
            "cannot be created: '{before}' is not an object (in an array, name an index); set '{before}' itself"
        ))
    }

    fn error(&self, what: &str) -> Error {
        Error::invalid(format!("path '{}' {what}", self.text))
    }
}

/// An array index in canonical decimal form.
pub(super) fn index(name: &str) -> Option<usize> {
    let canonical = name == "0" || !name.starts_with('0');
    let digits = !name.is_empty() && name.len() <= 9 && name.bytes().all(|byte| byte.is_ascii_digit());
    if canonical && digits {
        name.parse().ok()
    } else {
        None
    }
}

fn edit_field(fields: &mut Vec<(Box<str>, Value)>, slot: usize, operation: &mut Operation<'_>) -> Result<bool> {
    let Some((_, value)) = fields.get_mut(slot) else { return Ok(false) };
    match operation(Some(value))? {
        Edit::Keep => return Ok(false),
        Edit::Changed => {}
        Edit::Put(new) => *value = new,
        Edit::Remove => {
            fields.remove(slot);
        }
    }
    Ok(true)
}

/// Edits an array element: it cannot go away, so it becomes null.
fn leaf(value: &mut Value, operation: &mut Operation<'_>) -> Result<bool> {
    match operation(Some(value))? {
        Edit::Keep => return Ok(false),
        Edit::Changed => {}
        Edit::Put(new) => *value = new,
        Edit::Remove if *value == Value::Null => return Ok(false),
        Edit::Remove => *value = Value::Null,
    }
    Ok(true)
}

pub(super) fn invalid(operator: &str, path: &str, what: &str) -> Error {
    Error::invalid(format!("{operator}: path '{path}' {what}"))
}
