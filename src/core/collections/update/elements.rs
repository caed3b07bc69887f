//! Which elements of an array an update reaches: those of `$[name]`, by the conditions of `arrayFilters`, and the one of
//! `$`, by the conditions of the update's filter.
//!
//! Not the walk to the array: that is `path`.

use std::cell::Cell;
use std::rc::Rc;

use super::super::filter::Filter;
use super::super::Value;
use super::path::index;
use crate::base::{Error, Result};

/// What an update may say about elements beside its paths.
#[derive(Debug, Default)]
pub struct Elements<'f> {
    named: Vec<(Rc<Pick>, Cell<bool>)>,
    filter: Option<&'f Value>,
}

/// The elements that one step of a path stands for.
#[derive(Debug)]
pub(super) struct Pick {
    /// `x` of `$[x]`; empty for `$`.
    name: Box<str>,
    /// The fields that lead to the array in what the conditions are matched against; for `$[x]` it is `x` alone, without array.
    within: Vec<Box<str>>,
    conditions: Vec<Filter>,
}

impl<'f> Elements<'f> {
    /// Reads `arrayFilters`; by `filter`, which found the documents, `$` finds its element.
    ///
    /// # Errors
    /// `Invalid` if the conditions are no array of filters, or one of them is not about one name, or two are about the same.
    pub fn parse(array_filters: Option<&Value>, filter: Option<&'f Value>) -> Result<Self> {
        let mut named: Vec<(Rc<Pick>, Cell<bool>)> = Vec::new();
        for condition in conditions(array_filters)? {
            let name = name_of(condition)?;
            if named.iter().any(|(pick, _)| pick.name == name) {
                return Err(wrong(&format!("says twice what '{name}' is: combine the conditions with $and")));
            }
            let conditions = vec![Filter::parse(condition).map_err(|error| wrong(error.message()))?];
            named.push((Rc::new(Pick { within: vec![name.clone()], name, conditions }), Cell::new(false)));
        }
        Ok(Self { named, filter })
    }

    /// What `$[name]` stands for.
    pub(super) fn named(&self, name: &str) -> Option<Rc<Pick>> {
        let (pick, used) = self.named.iter().find(|(pick, _)| &*pick.name == name)?;
        used.set(true);
        Some(Rc::clone(pick))
    }

    /// What `$` stands for behind the fields `within`; `None` if the filter says nothing about the array there.
    pub(super) fn positional(&self, within: Vec<Box<str>>) -> Result<Option<Rc<Pick>>> {
        let mut conditions = Vec::new();
        about(self.filter, &within.join("."), &mut conditions)?;
        let known = !conditions.is_empty();
        Ok(known.then(|| Rc::new(Pick { name: "".into(), within, conditions })))
    }

    /// Fails if a condition is about a name that no path used.
    pub(super) fn finish(&self) -> Result<()> {
        match self.named.iter().find(|(_, used)| !used.get()) {
            Some((pick, _)) => Err(wrong(&format!("is about '{0}', but no path has '$[{0}]'", pick.name))),
            None => Ok(()),
        }
    }
}

impl Pick {
    /// The step as it is written.
    pub(super) fn text(&self) -> String {
        if self.is_positional() {
            return "$".into();
        }
        format!("$[{}]", self.name)
    }

    /// Whether it is `$`.
    pub(super) fn is_positional(&self) -> bool {
        self.name.is_empty()
    }

    /// The numbers of the elements: every one that meets the conditions of `$[name]`; for `$` the first that meets all
    /// conditions of the filter by itself, or else the first that meets one of them.
    pub(super) fn choose(&self, items: &[Value]) -> Result<Vec<usize>> {
        let mut chosen = Vec::new();
        let mut second = None;
        for (at, item) in items.iter().enumerate() {
            let shown = self.show(item);
            let mut met = 0;
            for condition in &self.conditions {
                met += usize::from(condition.matches_value(&shown)?);
            }
            if met == self.conditions.len() {
                chosen.push(at);
                if self.is_positional() {
                    return Ok(chosen);
                }
            } else if met > 0 {
                second = second.or(Some(at));
            }
        }
        if self.is_positional() {
            chosen.extend(second);
        }
        Ok(chosen)
    }

    /// A document in which the conditions see one element only.
    fn show(&self, item: &Value) -> Value {
        let item = if self.is_positional() { Value::Array(vec![item.clone()]) } else { item.clone() };
        self.within.iter().rev().fold(item, |value, name| Value::Object(vec![(name.clone(), value)]))
    }
}

/// A step is the same as another if it is written so: within one update a name stands for one condition.
impl PartialEq for Pick {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

fn conditions(array_filters: Option<&Value>) -> Result<&[Value]> {
    match array_filters {
        None => Ok(&[]),
        Some(Value::Array(conditions)) => Ok(conditions),
        Some(_) => Err(wrong("must be an array of filters, such as [{ 'x.done': false }] for paths with '$[x]'")),
    }
}

/// The name that every field of a condition begins with.
fn name_of(condition: &Value) -> Result<Box<str>> {
    let mut name = None;
    collect(condition, &mut name)?;
    let name = name.ok_or_else(|| wrong("has a condition without a name: write { x: … } or { 'x.field': … }"))?;
    let plain =
        name.bytes().all(|byte| byte.is_ascii_alphanumeric()) && name.starts_with(|c: char| c.is_ascii_lowercase());
    if !plain {
        return Err(wrong(&format!(
            "has the name '{name}': it must be letters and digits and begin with a small letter"
        )));
    }
    Ok(name.into())
}

fn collect<'v>(condition: &'v Value, name: &mut Option<&'v str>) -> Result<()> {
    let Value::Object(fields) = condition else { return Err(wrong("has a condition that is not an object")) };
    for (path, value) in fields {
        match (&**path, value) {
            ("$and" | "$or" | "$nor", Value::Array(parts)) => parts.iter().try_for_each(|part| collect(part, name))?,
            (operator, _) if operator.starts_with('$') => {
                return Err(wrong(&format!("has '{operator}' where a name is expected: write {{ x: {{ … }} }}")));
            }
            (path, _) => {
                let first = path.split('.').next().unwrap_or(path);
                if *name.get_or_insert(first) != first {
                    return Err(wrong("has a condition about two names: give each a condition of its own"));
                }
            }
        }
    }
    Ok(())
}

/// The conditions that a filter makes about the array at `path` or the fields of its elements.
fn about(filter: Option<&Value>, path: &str, found: &mut Vec<Filter>) -> Result<()> {
    let Some(Value::Object(fields)) = filter else { return Ok(()) };
    for (field, condition) in fields {
        match (&**field, condition) {
            ("$and", Value::Array(parts)) => parts.iter().try_for_each(|part| about(Some(part), path, found))?,
            (field, condition) => {
                let rest = field.strip_prefix(path);
                let within = rest.and_then(|rest| rest.strip_prefix('.')).and_then(|rest| rest.split('.').next());
                if rest == Some("") || within.is_some_and(|next| index(next).is_none()) {
                    found.push(Filter::parse(&Value::Object(vec![(field.into(), condition.clone())]))?);
                }
            }
        }
    }
    Ok(())
}

fn wrong(what: &str) -> Error {
    Error::invalid(format!("arrayFilters {what}"))
}
