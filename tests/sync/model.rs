//! What sync must amount to, in the simplest words: documents are maps, and mutations are done one after another.
//!
//! It shares no code with the product but the parsed ops.

use std::collections::BTreeMap;

use tidewell_core::collections::Value;
use tidewell_core::sync::{Action, Mutation, Op};

/// A document: its fields, whatever their order.
pub(crate) type Fields = BTreeMap<String, Value>;
/// Documents by collection and id.
pub(crate) type State = BTreeMap<(String, String), Fields>;

/// The server as the model has it. A clone of it is a backup.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) state: State,
    /// How often each mutation took effect.
    pub(crate) applied: BTreeMap<String, u32>,
}

impl Model {
    /// Does what the server says it has done.
    pub(crate) fn apply(&mut self, mutation: &Mutation) -> Result<(), String> {
        let times = self.applied.entry(mutation.id.to_string()).or_default();
        *times += 1;
        if *times > 1 {
            return Err(format!("the mutation {} took effect twice", mutation.id));
        }
        apply(&mut self.state, mutation).map_err(|why| format!("the server did what cannot be done: {why}"))
    }
}

/// Does all ops of a mutation, or none.
pub(crate) fn apply(state: &mut State, mutation: &Mutation) -> Result<(), String> {
    let mut next = state.clone();
    for op in &mutation.ops {
        let key = (op.collection.to_string(), op.id.to_string());
        match &op.action {
            Action::Create(_) if next.contains_key(&key) => return Err(format!("{key:?} exists")),
            Action::Create(document) | Action::Put(document) => drop(next.insert(key, fields(document))),
            Action::Remove => drop(next.remove(&key)),
            Action::Update(source) => {
                let document = next.get_mut(&key).ok_or_else(|| format!("{key:?} is gone"))?;
                update(document, source, op)?;
            }
        }
    }
    *state = next;
    Ok(())
}

/// The fields of a document.
pub(crate) fn fields(document: &Value) -> Fields {
    match document {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
        _ => Fields::new(),
    }
}

fn number(value: Option<&Value>) -> f64 {
    match value {
        Some(Value::Number(number)) => *number,
        _ => 0.0,
    }
}

fn update(document: &mut Fields, source: &Value, op: &Op) -> Result<(), String> {
    for (operator, operands) in fields(source) {
        for (name, operand) in fields(&operands) {
            let current = document.get(&name);
            let value = match operator.as_str() {
                "$set" => operand,
                "$inc" => Value::Number(number(current) + number(Some(&operand))),
                "$max" if current.is_some() => Value::Number(number(current).max(number(Some(&operand)))),
                "$max" => operand,
                "$unset" => {
                    document.remove(&name);
                    continue;
                }
                "$addToSet" => {
                    let Some(Value::Array(mut items)) = current.cloned() else {
                        return Err(format!("{op:?} adds to what is no array"));
                    };
                    if !items.contains(&operand) {
                        items.push(operand);
                    }
                    Value::Array(items)
                }
                _ => return Err(format!("the model does not know {operator}")),
            };
            document.insert(name, value);
        }
    }
    Ok(())
}

/// What a device is allowed to see and asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scope {
    /// The teams whose documents it may read.
    pub(crate) teams: Vec<u32>,
    /// Of the open collection, documents with at least this in `n`.
    pub(crate) at_least: Option<f64>,
}

impl Scope {
    fn holds(&self, collection: &str, document: &Fields) -> bool {
        match collection {
            "team" => self.teams.iter().any(|team| number(document.get("team")) == f64::from(*team)),
            _ => self.at_least.is_none_or(|least| document.contains_key("n") && number(document.get("n")) >= least),
        }
    }

    /// The part of a state in the scope.
    pub(crate) fn of(&self, state: &State) -> State {
        let held = state.iter().filter(|((collection, _), document)| self.holds(collection, document));
        held.map(|(key, document)| (key.clone(), document.clone())).collect()
    }
}
