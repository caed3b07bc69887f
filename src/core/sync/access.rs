//! Who may read and write what: one rule a collection, in the query language, over the document and the caller's claims.
//!
//! It is not authentication: whoever hands a [`Caller`] in has verified the token.

use super::fields::{object, text};
use crate::base::Result;
use crate::collections::{Filter, Value};

/// Strings of a rule that begin so stand for a claim of the caller.
const CLAIM: &str = "$claims.";

/// Who asks: verified claims.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user, to whom replicas belong.
    pub user: Box<str>,
    /// All claims of the token.
    pub claims: Value,
}

/// What callers may do with the documents of a collection. Without a filter: nothing.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Documents that match this may be read.
    pub read: Option<Value>,
    /// Documents that match this before and after may be written.
    pub write: Option<Value>,
}

/// The rules of all collections.
#[derive(Clone, Debug, Default)]
pub struct Access {
    rules: Vec<(Box<str>, Rule)>,
    others: Rule,
}

impl Access {
    /// Rules by collection, and the one of all others.
    ///
    /// # Errors
    /// `Invalid` if a filter is malformed.
    pub fn new(rules: Vec<(Box<str>, Rule)>, others: Rule) -> Result<Self> {
        for rule in rules.iter().map(|(_, rule)| rule).chain([&others]) {
            for filter in [&rule.read, &rule.write].into_iter().flatten() {
                Filter::parse(&sample(filter, false))?;
            }
        }
        Ok(Self { rules, others })
    }

    /// Everybody of a tenant may do everything.
    pub fn open() -> Self {
        let all = || Some(Value::Object(Vec::new()));
        Self { rules: Vec::new(), others: Rule { read: all(), write: all() } }
    }

    fn rule(&self, collection: &str) -> &Rule {
        self.rules.iter().find(|(name, _)| &**name == collection).map_or(&self.others, |(_, rule)| rule)
    }

    /// What the caller may read of a collection; `None` for nothing.
    pub(super) fn read(&self, collection: &str, caller: &Caller) -> Option<Value> {
        self.rule(collection).read.as_ref().and_then(|filter| with_claims(filter, &caller.claims, true))
    }

    /// What the caller may write to a collection; `None` for nothing.
    pub(super) fn write(&self, collection: &str, caller: &Caller) -> Option<Value> {
        self.rule(collection).write.as_ref().and_then(|filter| with_claims(filter, &caller.claims, true))
    }
}

/// Both filters in one.
pub(super) fn both(a: Value, b: Value) -> Value {
    object([("$and", Value::Array(vec![a, b]))])
}

/// The filter with the claims in their places; `None` if a claim is missing or is no plain value, so that the rule denies. `grants` says
/// that what matches is allowed, not denied as below `$nor` and `$not`.
fn with_claims(filter: &Value, claims: &Value, grants: bool) -> Option<Value> {
    match filter {
        Value::String(template) => match template.strip_prefix(CLAIM) {
            Some(path) => {
                let claim = path.split('.').try_fold(claims, |value, name| value.field(name))?;
                is_plain(claim).then(|| claim.clone())
            }
            None => Some(text(template)),
        },
        Value::Array(items) => {
            items.iter().map(|item| with_claims(item, claims, grants)).collect::<Option<_>>().map(Value::Array)
        }
        Value::Object(fields) => {
            let replaced = fields.iter().map(|(name, value)| {
                let grants = grants != matches!(&**name, "$nor" | "$not");
                Some((name.clone(), with_claims(value, claims, grants)?))
            });
            let replaced = replaced.collect::<Option<_>>().map(Value::Object)?;
            Some(
                fields
                    .iter()
                    .filter(|(name, value)| grants && is_owner(name, value))
                    .fold(replaced, |filter, (path, _)| both(filter, no_arrays(path))),
            )
        }
        _ => Some(filter.clone()),
    }
}

/// Whether a field is to equal a claim.
fn is_owner(name: &str, value: &Value) -> bool {
    let claim = if let Value::Object(_) = value { value.field("$eq") } else { Some(value) };
    !name.starts_with('$') && matches!(claim, Some(Value::String(template)) if template.starts_with(CLAIM))
}

/// No array on the way: of a list it would be enough if one of its values equalled the claim, so whoever is in it could give a document to
/// everybody else who is.
fn no_arrays(path: &str) -> Value {
    let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
    let no_array = |end| (path[..end].into(), object([("$not", object([("$type", text("array"))]))]));
    Value::Object(ends.map(no_array).collect())
}

/// The filter with something of the right kind in the place of each claim, to see whether it is one.
fn sample(filter: &Value, wants_array: bool) -> Value {
    match filter {
        Value::String(template) if wants_array && template.starts_with(CLAIM) => Value::Array(vec![filter.clone()]),
        Value::Array(items) => Value::Array(items.iter().map(|item| sample(item, false)).collect()),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), sample(value, matches!(&**name, "$in" | "$nin" | "$all"))))
                .collect(),
        ),
        _ => filter.clone(),
    }
}

/// Scalars and arrays of them: an object could smuggle an operator into the rule.
fn is_plain(claim: &Value) -> bool {
    let scalar = |value: &Value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
    scalar(claim) || matches!(claim, Value::Array(items) if items.iter().all(scalar))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::json;

    fn check(rule: &str, claims: &str, document: &str, expected: bool) {
        let value = |text: &str| json::parse(text.as_bytes()).unwrap();
        let held = Rule { read: Some(value(rule)), write: None };
        let access = Access::new(vec![("notes".into(), held)], Rule::default()).unwrap();
        let caller = Caller { user: "ann".into(), claims: value(claims) };
        let read = access.read("notes", &caller).is_some_and(|filter| {
            Filter::parse(&filter).is_ok_and(|filter| filter.matches_value(&value(document)).unwrap_or(false))
        });
        assert_eq!(read, expected, "{rule:?} {claims} {document}");
        assert!(access.read("others", &caller).is_none());
        assert!(access.write("notes", &caller).is_none());
    }

    #[test]
    fn a_claim_stands_where_the_rule_names_it() {
        check(r#"{"owner":"$claims.sub"}"#, r#"{"sub":"ann"}"#, r#"{"id":"1","owner":"ann"}"#, true);
        check(r#"{"owner":"$claims.sub"}"#, r#"{"sub":"bob"}"#, r#"{"id":"1","owner":"ann"}"#, false);
        check(
            r#"{"team":{"$in":"$claims.app.teams"}}"#,
            r#"{"app":{"teams":["a","b"]}}"#,
            r#"{"id":"1","team":"b"}"#,
            true,
        );
    }

    #[test]
    fn nobody_shares_what_a_rule_gives_to_one() {
        for rule in
            [r#"{"owner":"$claims.sub"}"#, r#"{"owner":{"$eq":"$claims.sub"}}"#, r#"{"$or":[{"owner":"$claims.sub"}]}"#]
        {
            check(rule, r#"{"sub":"ann"}"#, r#"{"id":"1","owner":"ann"}"#, true);
            check(rule, r#"{"sub":"ann"}"#, r#"{"id":"1","owner":["ann","bob"]}"#, false);
            check(rule, r#"{"sub":"ann"}"#, r#"{"id":"1"}"#, false);
        }
        for rule in [r#"{"$nor":[{"blocked":"$claims.sub"}]}"#, r#"{"blocked":{"$not":{"$eq":"$claims.sub"}}}"#] {
            check(rule, r#"{"sub":"ann"}"#, r#"{"id":"1","blocked":["ann","bob"]}"#, false);
            check(rule, r#"{"sub":"ann"}"#, r#"{"id":"1","blocked":["bob"]}"#, true);
        }
        let rule = r#"{"a.owner":"$claims.sub","kind":"note"}"#;
        check(rule, r#"{"sub":"ann"}"#, r#"{"id":"1","kind":"note","a":{"owner":"ann"}}"#, true);
        check(rule, r#"{"sub":"ann"}"#, r#"{"id":"1","kind":"page","a":{"owner":"ann"}}"#, false);
        check(rule, r#"{"sub":"ann"}"#, r#"{"id":"1","kind":"note","a":[{"owner":"ann"},{"owner":"bob"}]}"#, false);
        check(
            r#"{"members":{"$in":["$claims.sub"]}}"#,
            r#"{"sub":"ann"}"#,
            r#"{"id":"1","members":["ann","bob"]}"#,
            true,
        );
    }

    #[test]
    fn a_missing_claim_and_one_that_holds_operators_deny() {
        check(r#"{"owner":"$claims.sub"}"#, r"{}", r#"{"id":"1"}"#, false);
        check(r#"{"owner":"$claims.sub"}"#, r#"{"sub":null}"#, r#"{"id":"1"}"#, false);
        check(r#"{"owner":"$claims.sub"}"#, r#"{"sub":{"$ne":0}}"#, r#"{"id":"1","owner":"ann"}"#, false);
        check(r#"{"owner":"$claims.sub"}"#, r#"{"sub":[{"$ne":0}]}"#, r#"{"id":"1","owner":"ann"}"#, false);
    }
}
