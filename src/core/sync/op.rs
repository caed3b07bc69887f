//! What a mutation does to one document, and how it is done: the same code on both ends.
//!
//! It is not access control, and it needs no clock: operators that read one are refused.

use super::fields::{number, object, text, Fields};
use crate::base::{Error, Result};
use crate::collections::document::{ID_MAX, JSON_MAX};
use crate::collections::{json, Update, Value};

/// What is done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Makes a document that must not exist.
    Create(Value),
    /// Makes or replaces a document.
    Put(Value),
    /// Changes fields of a document that must exist, by update operators.
    Update(Value),
    /// Removes a document; of one that is gone already, nothing.
    Remove,
}

/// One document's part of a mutation.
#[derive(Clone, Debug)]
pub struct Op {
    /// The collection.
    pub collection: Box<str>,
    /// The document.
    pub id: Box<str>,
    /// Only if nobody else changed the document after this version.
    pub if_version: Option<u64>,
    /// What is done.
    pub action: Action,
}

/// Why a mutation was refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A fixed word: `gone`, `exists`, `version`, `forbidden` or `invalid`.
    pub code: Box<str>,
    /// For people.
    pub reason: Box<str>,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: &str, reason: impl Into<Box<str>>) -> Self {
        Self { code: code.into(), reason: reason.into() }
    }
}

/// Levels of a document: messages need some around it, and tags of values some within.
pub const DEPTH_MAX: usize = json::MAX_DEPTH - 8;
/// The most paths that an update names: each is compared with all others.
const PATHS_MAX: usize = 1000;
/// The most bytes of memory that an update may come to build, were it ever so unlucky with the document.
const BUILT_MAX: u64 = 64 << 20;
/// So many elements may a document have (`{},` each), where an update reaches all of them.
const ELEMENTS_MAX: u64 = JSON_MAX as u64 / 3;
/// What a null takes in memory, and a byte of JSON at most.
const NULL_BYTES: u64 = 16;
const VALUE_BYTES: u64 = 8;

/// Operators whose result depends on more than the document.
const UNREPEATABLE: [&str; 2] = ["$currentDate", "$setOnInsert"];

impl Op {
    /// An op without a condition.
    pub fn new(collection: &str, id: &str, action: Action) -> Self {
        Self { collection: collection.into(), id: id.into(), if_version: None, action }
    }

    /// An update by field operators.
    ///
    /// # Errors
    /// `Invalid` for a malformed update, or one with operators that read the clock.
    pub fn update(collection: &str, id: &str, update: Value) -> Result<Self> {
        Ok(Self::new(collection, id, parse_update(update)?))
    }

    /// Reads an op from the wire.
    ///
    /// # Errors
    /// `Invalid`, naming what is wrong.
    pub fn parse(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "an op")?;
        let collection = fields.text("c", 128)?;
        crate::collections::catalog::check_collection_name(&collection)?;
        let id = fields.text("id", ID_MAX)?;
        if id.is_empty() {
            return Err(Error::invalid("'id' of an op must not be empty"));
        }
        let if_version = fields.number_if_any("if")?;
        let action = if let Some(document) = fields.take("create") {
            Action::Create(own_document(document, &id)?)
        } else if let Some(document) = fields.take("put") {
            Action::Put(own_document(document, &id)?)
        } else if let Some(update) = fields.take("update") {
            parse_update(update)?
        } else if fields.flag("remove")? {
            Action::Remove
        } else {
            return Err(Error::invalid("an op needs one of 'create', 'put', 'update' and 'remove': true"));
        };
        fields.finish()?;
        Ok(Self { collection, id, if_version, action })
    }

    /// Writes the JSON of [`Op::to_value`], without making that.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"c\":");
        json::write_string(&self.collection, out);
        out.extend_from_slice(b",\"id\":");
        json::write_string(&self.id, out);
        let (name, value) = match &self.action {
            Action::Create(document) => ("create", document),
            Action::Put(document) => ("put", document),
            Action::Update(source) => ("update", source),
            Action::Remove => ("remove", &Value::Bool(true)),
        };
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        json::write(value, out);
        if let Some(version) = self.if_version {
            out.extend_from_slice(format!(",\"if\":{version}").as_bytes());
        }
        out.push(b'}');
    }

    /// The op as it goes over the wire.
    pub fn to_value(&self) -> Value {
        let (name, value) = match &self.action {
            Action::Create(document) => ("create", document.clone()),
            Action::Put(document) => ("put", document.clone()),
            Action::Update(source) => ("update", source.clone()),
            Action::Remove => ("remove", Value::Bool(true)),
        };
        let mut op = object([("c", text(&self.collection)), ("id", text(&self.id)), (name, value)]);
        if let (Value::Object(fields), Some(version)) = (&mut op, self.if_version) {
            fields.push(("if".into(), number(version)));
        }
        op
    }

    /// What the document is afterwards.
    ///
    /// # Errors
    /// The refusal, if it cannot be done.
    pub fn apply(&self, current: Option<&Value>) -> Result<Option<Value>, Refusal> {
        let after = match (&self.action, current) {
            (Action::Create(_), Some(_)) => return Err(Refusal::new("exists", self.named("exists already"))),
            (Action::Create(document) | Action::Put(document), _) => document.clone(),
            (Action::Remove, _) => return Ok(None),
            (Action::Update(_), None) => return Err(Refusal::new("gone", self.named("does not exist"))),
            (Action::Update(update), Some(current)) => {
                let mut after = current.clone();
                let done = Update::parse(update).and_then(|update| update.apply(&mut after, 0.0));
                done.map_err(|error| Refusal::new("invalid", error.message()))?;
                after
            }
        };
        if !is_within(&after, DEPTH_MAX) {
            return Err(Refusal::new("invalid", self.named(&format!("would nest deeper than {DEPTH_MAX} levels"))));
        }
        if json::to_json(&after).len() > JSON_MAX {
            return Err(Refusal::new("invalid", self.named(&format!("would exceed {JSON_MAX} bytes"))));
        }
        Ok(Some(after))
    }

    /// A sentence about the document.
    pub(super) fn named(&self, what: &str) -> String {
        format!("the document '{}' of '{}' {what}", self.id, self.collection)
    }
}

/// Whether a value nests no deeper than so many levels.
pub fn is_within(value: &Value, levels: usize) -> bool {
    match (value, levels.checked_sub(1)) {
        (_, None) => false,
        (Value::Array(items), Some(levels)) => items.iter().all(|item| is_within(item, levels)),
        (Value::Object(members), Some(levels)) => members.iter().all(|(_, member)| is_within(member, levels)),
        (_, Some(_)) => true,
    }
}

/// Whether an update costs no more than its length lets one expect: it names few paths, and what it may put into elements, and fill in
/// before indexes, is bounded.
pub fn is_modest(update: &Value) -> bool {
    let Value::Object(operators) = update else { return true };
    let (mut paths, mut built) = (0, 0_u64);
    for (_, of) in operators {
        let Value::Object(fields) = of else { continue };
        paths += fields.len();
        for (path, operand) in fields {
            let index = path.split('.').filter_map(|step| step.parse::<u64>().ok()).max().unwrap_or(0);
            let nulls = index.saturating_mul(NULL_BYTES);
            let bytes = match path.contains('$') {
                true => {
                    nulls.saturating_add(VALUE_BYTES * json::to_json(operand).len() as u64).saturating_mul(ELEMENTS_MAX)
                }
                false => nulls,
            };
            built = built.saturating_add(bytes);
        }
    }
    paths <= PATHS_MAX && built <= BUILT_MAX
}

fn parse_update(source: Value) -> Result<Action> {
    if !is_modest(&source) {
        let message =
            format!("an op's update names at most {PATHS_MAX} paths and builds {BUILT_MAX} bytes: put the document");
        return Err(Error::invalid(message));
    }
    if let Some(name) = UNREPEATABLE.iter().find(|name| source.field(name).is_some()) {
        return Err(Error::invalid(format!("{name} cannot be synced: it does not give the same result on both ends")));
    }
    Update::parse(&source)?;
    Ok(Action::Update(source))
}

/// The document, if it is an object and names itself as the op does.
pub(super) fn own_document(document: Value, id: &str) -> Result<Value> {
    match document.field("id") {
        Some(Value::String(own)) if **own == *id => Ok(document),
        _ => Err(Error::invalid(format!("the document of an op must be an object whose id is '{id}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_builds_no_more_than_a_server_bears() {
        let modest = |update: &str| is_modest(&json::parse(update.as_bytes()).unwrap());
        assert!(modest(r#"{"$set":{"a.100000":1,"b.2024.x":1},"$inc":{"c.$[].7":1}}"#));
        assert!(!modest(r#"{"$set":{"a.$[].b.1000":1}}"#));
        assert!(!modest(&format!(r#"{{"$push":{{"a.$[].b":"{}"}}}}"#, "x".repeat(1000))));
        let many: Vec<String> = (0..42).map(|n| format!(r#""f{n}.100000":1"#)).collect();
        assert!(!modest(&format!(r#"{{"$set":{{{}}}}}"#, many.join(","))));
    }

    #[test]
    fn an_update_that_makes_a_document_too_deep_to_be_told_is_refused() {
        let at = |levels: usize| format!(r#"{{"$set":{{"{}":{{"$date":0}}}}}}"#, vec!["d"; levels].join("."));
        let document = json::parse(br#"{"id":"a"}"#).unwrap();
        let applied = |levels| {
            let op = Op::update("c", "a", json::parse(at(levels).as_bytes()).unwrap()).unwrap();
            op.apply(Some(&document)).map(drop).map_err(|refusal| refusal.code)
        };
        assert_eq!(applied(DEPTH_MAX - 1), Ok(()));
        assert_eq!(applied(DEPTH_MAX), Err("invalid".into()));
        assert_eq!(applied(64), Err("invalid".into()));
    }
}
