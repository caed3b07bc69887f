//! What a write did to a document, as an op that the server can repeat.
//!
//! It looks at no store.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::collections::write::InsertMode;
use crate::collections::{json, Update, Value};
use crate::sync::op::{is_modest, is_within, Action, Op, DEPTH_MAX};

/// How a document came to be what it is, as far as the server should know.
#[derive(Clone, Debug, Default)]
pub(in super::super) enum Intent {
    /// Whatever was there, it is this now.
    #[default]
    Put,
    /// It must not have been there.
    Create,
    /// These operators did it.
    Update(Rc<Value>),
    /// Something that only this end can repeat did it: what it changed counts.
    Changed,
}

impl Intent {
    /// The intent of a write of whole documents.
    pub(in super::super) fn of_mode(mode: InsertMode) -> Self {
        match mode {
            InsertMode::Insert => Self::Create,
            InsertMode::Put | InsertMode::Replace => Self::Put,
        }
    }

    /// The intent of an update; `plain` says that it has no conditions on elements.
    pub(in super::super) fn of_update(update: Value, plain: bool) -> Self {
        let Value::Object(mut operators) = update else { return Self::Changed };
        // A document that exists is not inserted.
        operators.retain(|(name, _)| &**name != "$setOnInsert");
        let clock = operators.iter().any(|(name, _)| &**name == "$currentDate");
        if clock || !plain || operators.is_empty() {
            return Self::Changed;
        }
        Self::Update(Rc::new(Value::Object(operators)))
    }

    /// The op that does it to a document elsewhere.
    ///
    /// # Errors
    /// `Invalid` with reason `synced` for a document that no message can hold.
    pub(super) fn op(&self, collection: &str, id: &str, old: Option<&Value>, new: Option<&Value>) -> Result<Op> {
        let action = match (self, old, new) {
            (_, _, None) => Action::Remove,
            (Self::Put, _, Some(new)) => Action::Put(new.clone()),
            (_, None, Some(new)) => Action::Create(new.clone()),
            (Self::Update(update), Some(_), Some(_)) if is_modest(update) => Action::Update(Value::clone(update)),
            (_, Some(old), Some(new)) => match difference(old, new).filter(is_modest) {
                Some(update) => Action::Update(update),
                None => Action::Put(new.clone()),
            },
        };
        let update = if let Action::Update(update) = &action { Some(update) } else { None };
        // By a path of many names an update makes a document deeper than itself.
        for value in new.into_iter().chain(update) {
            check_depth(value, id)?;
        }
        Ok(Op::new(collection, id, action))
    }
}

fn check_depth(value: &Value, id: &str) -> Result<()> {
    match is_within(value, DEPTH_MAX) {
        true => Ok(()),
        false => Err(Error::invalid(format!("document '{id}' nests deeper than a synced one may: {DEPTH_MAX} levels"))
            .with_reason("synced")),
    }
}

/// `$set` and `$unset` that make `old` to `new`; `None` if they cannot, down to the order of fields.
fn difference(old: &Value, new: &Value) -> Option<Value> {
    let (mut set, mut unset) = (Vec::new(), Vec::new());
    compare(old, new, "", &mut set, &mut unset)?;
    let mut operators = Vec::new();
    if !set.is_empty() {
        operators.push(("$set".into(), Value::Object(set)));
    }
    if !unset.is_empty() {
        operators.push(("$unset".into(), Value::Object(unset)));
    }
    let update = Value::Object(operators);
    let mut after = old.clone();
    Update::parse(&update).ok()?.apply(&mut after, 0.0).ok()?;
    (json::to_json(&after) == json::to_json(new)).then_some(update)
}

type Members = Vec<(Box<str>, Value)>;

/// Collects the paths that differ; `None` where a name cannot stand in a path.
fn compare(old: &Value, new: &Value, at: &str, set: &mut Members, unset: &mut Members) -> Option<()> {
    let (Value::Object(before), Value::Object(after)) = (old, new) else { return None };
    let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    for (name, _) in before.iter().filter(|(name, _)| new.field(name).is_none()) {
        unset.push((path(name).into(), Value::String("".into())));
    }
    for (name, value) in after {
        let same = old.field(name).is_some_and(|old| json::to_json(old) == json::to_json(value));
        if same {
            continue;
        }
        if name.is_empty() || name.starts_with('$') || name.contains('.') {
            return None;
        }
        match old.field(name) {
            Some(inner @ Value::Object(_)) if matches!(value, Value::Object(_)) => {
                compare(inner, value, &path(name), set, unset)?;
            }
            _ => set.push((path(name).into(), value.clone())),
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        json::parse(text.as_bytes()).unwrap()
    }

    fn check(intent: &Intent, old: Option<&str>, new: Option<&str>, wire: &str) {
        let (old, new) = (old.map(value), new.map(value));
        let op = intent.op("c", "a", old.as_ref(), new.as_ref()).unwrap();
        assert_eq!(String::from_utf8(json::to_json(&op.to_value())).unwrap(), wire);
    }

    #[test]
    fn a_write_becomes_what_the_server_can_repeat() {
        let (old, new) = (Some(r#"{"id":"a","n":1,"o":{"x":1,"y":2}}"#), Some(r#"{"id":"a","n":2,"o":{"x":1,"z":3}}"#));
        let inc = value(r#"{"$inc":{"n":1},"$setOnInsert":{"m":1}}"#);
        let update = r#"{"c":"c","id":"a","update":{"$inc":{"n":1}}}"#;
        check(&Intent::of_update(inc.clone(), true), old, new, update);
        let changed = r#"{"c":"c","id":"a","update":{"$set":{"n":2,"o.z":3},"$unset":{"o.y":""}}}"#;
        check(&Intent::of_update(inc.clone(), false), old, new, changed);
        check(&Intent::of_update(value(r#"{"$currentDate":{"n":true}}"#), true), old, new, changed);
        let create = r#"{"c":"c","id":"a","create":{"id":"a"}}"#;
        check(&Intent::of_update(inc, true), None, Some(r#"{"id":"a"}"#), create);
        check(&Intent::Create, None, Some(r#"{"id":"a"}"#), create);
        check(&Intent::Put, None, Some(r#"{"id":"a"}"#), r#"{"c":"c","id":"a","put":{"id":"a"}}"#);
        check(&Intent::Put, old, None, r#"{"c":"c","id":"a","remove":true}"#);
    }

    #[test]
    fn what_no_path_can_say_is_a_whole_document() {
        let put = r#"{"c":"c","id":"a","put":{"id":"a","x.y":2}}"#;
        check(&Intent::Changed, Some(r#"{"id":"a","x.y":1}"#), Some(r#"{"id":"a","x.y":2}"#), put);
        let order = r#"{"c":"c","id":"a","put":{"b":2,"id":"a"}}"#;
        check(&Intent::Changed, Some(r#"{"id":"a"}"#), Some(r#"{"b":2,"id":"a"}"#), order);
    }

    #[test]
    fn what_nests_too_deep_for_a_message_is_refused() {
        let deep = format!(r#"{{"id":"a","d":{}1{}}}"#, "[".repeat(60), "]".repeat(60));
        let error = Intent::Put.op("c", "a", None, Some(&value(&deep))).unwrap_err();
        assert_eq!(error.reason(), Some("synced"));
        // An update whose path alone leads that deep.
        let update = value(&format!(r#"{{"$set":{{"{}":1}}}}"#, vec!["d"; 60].join(".")));
        let (old, mut new) = (value(r#"{"id":"a"}"#), value(r#"{"id":"a"}"#));
        Update::parse(&update).unwrap().apply(&mut new, 0.0).unwrap();
        let error = Intent::of_update(update, true).op("c", "a", Some(&old), Some(&new)).unwrap_err();
        assert_eq!(error.reason(), Some("synced"));
    }

    #[test]
    fn an_update_of_very_many_paths_goes_as_the_document() {
        let fields: Vec<String> = (0..1001).map(|n| format!(r#""f{n}":{n}"#)).collect();
        let (old, new) = (value(r#"{"id":"a"}"#), value(&format!(r#"{{"id":"a",{}}}"#, fields.join(","))));
        let update = value(&format!(r#"{{"$set":{{{}}}}}"#, fields.join(",")));
        let op = Intent::of_update(update.clone(), true).op("c", "a", Some(&old), Some(&new)).unwrap();
        assert!(matches!(op.action, Action::Put(_)));
        assert!(Op::update("c", "a", update).is_err());
    }
}
