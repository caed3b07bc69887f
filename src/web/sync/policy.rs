//! What the operator decides, from JSON: rules by collection and which schemas are taken.
//!
//! A setting that makes no sense is refused with a sentence that names it.

use tidewell_core::base::{Error, Result};
use tidewell_core::collections::{json, Value};
use tidewell_core::sync::server::Policy;
use tidewell_core::sync::{Access, Rule};

/// How long a client waits that was told to try again, in milliseconds.
const RETRY_MS: u64 = 5000;

/// Reads `{ rules: { collection: { read, write } }, schemaMin, schemaMax }`. Without rules everybody of a tenant may do everything.
pub(crate) fn parse(text: &str) -> Result<Policy> {
    let mut policy = Policy { retry_ms: RETRY_MS, ..Policy::open() };
    for (name, value) in members(json::parse(text.as_bytes())?, "the policy")? {
        match &*name {
            "rules" => policy.access = access(value)?,
            "schemaMin" => policy.schema_min = number(&value, "schemaMin")?,
            "schemaMax" => policy.schema_max = number(&value, "schemaMax")?,
            _ => return Err(Error::invalid(format!("the policy has no member '{name}'"))),
        }
    }
    Ok(policy)
}

fn access(rules: Value) -> Result<Access> {
    let (mut parsed, mut others) = (Vec::new(), Rule::default());
    for (collection, value) in members(rules, "rules")? {
        let mut rule = Rule::default();
        for (name, filter) in members(value, &format!("the rule of '{collection}'"))? {
            match &*name {
                "read" => rule.read = Some(filter),
                "write" => rule.write = Some(filter),
                _ => return Err(Error::invalid(format!("the rule of '{collection}' has no member '{name}'"))),
            }
        }
        if &*collection == "*" {
            others = rule;
        } else {
            parsed.push((collection, rule));
        }
    }
    Access::new(parsed, others)
}

fn members(value: Value, what: &str) -> Result<Vec<(Box<str>, Value)>> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Error::invalid(format!("{what} must be an object"))),
    }
}

fn number(value: &Value, what: &str) -> Result<u64> {
    match value {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
        Value::Number(number) if *number >= 0.0 && *number < 9_007_199_254_740_992.0 => Ok(*number as u64),
        _ => Err(Error::invalid(format!("{what} must be a whole number from 0"))),
    }
}
