//! Where in a document an update operator works: a dotted path, and the walk that takes an edit there.
//!
//! Not the path of a filter: here a number after an array is an index, `$[]` is every element, and nothing fans out
//! by itself. Which elements `$[name]` and `$` are is in `elements`; before an edit they become indexes.

use std::rc::Rc;

use super::super::Value;
use super::elements::{Elements, Pick};
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
    /// `$[name]` or `$`: the elements that meet conditions. An edit does not see it: `expand` comes before.
    Some(Rc<Pick>),
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
    /// Parses a path without `$[name]` and `$`.
    pub(super) fn parse(operator: &str, text: &str) -> Result<Self> {
        Self::parse_with(operator, text, &Elements::default())
    }

    /// Parses a path whose `$[name]` and `$` mean what `elements` says.
    pub(super) fn parse_with(operator: &str, text: &str, elements: &Elements<'_>) -> Result<Self> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let step = match part {
                "" => {
                    let what = "has an empty field name: write it as 'a.b', without extra dots";
                    return Err(invalid(operator, text, what));
                }
                _ if part.starts_with('$') => {
                    special(part, &steps, elements).map_err(|what| what.at(operator, text, part))?
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

    /// Whether the two paths are the same or one leads through the other. Of two different conditions this is not known
    /// before `expand`.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.steps.iter().zip(&other.steps).all(|(a, b)| match (a, b) {
            (Step::Name(_), Step::Name(_)) | (Step::Some(_), Step::Some(_)) => a == b,
            (Step::Name(name), _) | (_, Step::Name(name)) => index(name).is_some(),
            _ => true,
        })
    }

    /// Whether it reaches elements otherwise than by an index.
    pub(super) fn has_elements(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step, Step::Name(_)))
    }

    /// Whether `expand` has something to do.
    pub(super) fn has_conditions(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Some(_)))
    }

    /// The paths in `document` that this one stands for, with indexes in place of conditions.
    ///
    /// # Errors
    /// `Invalid` where there is no array, or no element that `$` could mean.
    pub(super) fn expand(&self, document: &Value) -> Result<Vec<Self>> {
        let mut paths = vec![(Vec::new(), document)];
        let last = self.steps.iter().rposition(|step| matches!(step, Step::Some(_))).map_or(0, |at| at + 1);
        let (leading, rest) = self.steps.split_at(last);
        for step in leading {
            let mut longer = Vec::with_capacity(paths.len());
            for (steps, value) in paths {
                for (step, value) in self.branches(step, value)? {
                    longer.push(([steps.as_slice(), &[step]].concat(), value));
                }
            }
            paths = longer;
        }
        let path = |steps: Vec<Step>| Self { text: self.text.clone(), steps: [steps.as_slice(), rest].concat() };
        Ok(paths.into_iter().map(|(steps, _)| path(steps)).collect())
    }

    /// Where one step of `expand` leads.
    fn branches<'v>(&self, step: &Step, value: &'v Value) -> Result<Vec<(Step, &'v Value)>> {
        let chosen = match (step, value) {
            (Step::Name(name), Value::Array(items)) => index(name).into_iter().filter(|at| *at < items.len()).collect(),
            (Step::Name(name), _) => {
                let next = value.field(name).ok_or_else(|| self.no_array())?;
                return Ok(vec![(step.clone(), next)]);
            }
            (Step::All, Value::Array(items)) => (0..items.len()).collect(),
            (Step::Some(pick), Value::Array(items)) => pick.choose(items)?,
            _ => return Err(self.no_array()),
        };
        if chosen.is_empty() && matches!(step, Step::Some(pick) if pick.is_positional()) {
            return Err(
                self.error("uses '$', but no single element meets the filter's conditions: name it by arrayFilters")
            );
        }
        let Value::Array(items) = value else { return Err(self.no_array()) };
        let branch = |at: usize| items.get(at).map(|item| (Step::Name(at.to_string().into()), item));
        Ok(chosen.into_iter().filter_map(branch).collect())
    }

    /// The steps as text: equal for equal places, unlike `text` after `expand`.
    pub(super) fn place(&self) -> String {
        self.steps.iter().map(Step::text).collect::<Vec<_>>().join(".")
    }

    /// The places that the path leads through, with its own.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = String> {
        let place = self.place();
        let ends: Vec<_> = place.match_indices('.').map(|(at, _)| at).chain([place.len()]).collect();
        ends.into_iter().filter_map(move |end| place.get(..end).map(str::to_owned))
    }

    fn no_array(&self) -> Error {
        self.error("reaches for elements where there is no array: set the array first")
    }

    /// The value at the path, reading indexes in arrays; `None` if there is none.
    pub(super) fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(document, |value, step| match (value, step) {
            (Value::Array(items), Step::Name(name)) => items.get(index(name)?),
            (_, Step::Name(name)) => value.field(name),
            (_, Step::All | Step::Some(_)) => None,
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
            (Step::All | Step::Some(_), _) => Err(self.no_array()),
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
                return Err(self.no_array());
            };
            value = Value::Object(vec![(name.clone(), value)]);
        }
        Ok(Some(value))
    }

    fn blocked(&self, at: usize) -> Error {
        let before: Vec<_> = self.steps.iter().take(at).map(Step::text).collect();
        let before = before.join(".");
        self.error(&format!(
            "cannot be created: '{before}' is not an object (in an array, name an index); set '{before}' itself"
        ))
    }

    fn error(&self, what: &str) -> Error {
        Error::invalid(format!("path '{}' {what}", self.text))
    }
}

impl Step {
    /// The step as it is written.
    fn text(&self) -> String {
        match self {
            Self::Name(name) => name.to_string(),
            Self::All => "$[]".into(),
            Self::Some(pick) => pick.text(),
        }
    }
}

/// Why a step that begins with `$` is refused.
enum Refused {
    /// It means nothing.
    Unknown,
    /// `$[name]` without a condition.
    Unnamed,
    /// `$` without an array in the filter, or in a place where it has no meaning.
    Unfiltered,
    /// A condition of the filter is wrong.
    Failed(Error),
}

impl Refused {
    fn at(self, operator: &str, path: &str, part: &str) -> Error {
        let what = match self {
            Self::Failed(error) => return error,
            Self::Unknown => "name an index, or use '$[]' for every element, '$[name]' with arrayFilters, or '$' with a filter on the array (fields must not start with '$')",
            Self::Unnamed => "arrayFilters has no condition for it",
            Self::Unfiltered => "it needs an update by a filter with a condition on the array, which plain field names lead to",
        };
        invalid(operator, path, &format!("uses '{part}': {what}"))
    }
}

/// The step that `part`, which begins with `$`, is behind `before`.
fn special(part: &str, before: &[Step], elements: &Elements<'_>) -> std::result::Result<Step, Refused> {
    if before.is_empty() {
        return Err(Refused::Unknown);
    }
    if part == "$" {
        let name = |step: &Step| if let Step::Name(name) = step { Some(name.clone()) } else { None };
        let within = before.iter().map(name).collect::<Option<Vec<_>>>().ok_or(Refused::Unfiltered)?;
        let pick = elements.positional(within).map_err(Refused::Failed)?;
        return pick.map(Step::Some).ok_or(Refused::Unfiltered);
    }
    match part.strip_prefix("$[").and_then(|rest| rest.strip_suffix(']')) {
        Some("") => Ok(Step::All),
        Some(name) => elements.named(name).map(Step::Some).ok_or(Refused::Unnamed),
        None => Err(Refused::Unknown),
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
