//! Compiles filters, and says what is wrong with them.

use super::constant::{Constant, Relation};
use super::test::{Set, Test, TypeSet};
use super::{suggestion, CompileCondition, ElementFilter, FieldTest, Node};
use crate::base::{Error, Result};
use crate::collections::path::Path;
use crate::collections::pattern::Pattern;
use crate::collections::Value;

/// The operators that stand for a value.
const OPERATORS: [&str; 17] = [
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$exists",
    "$type",
    "$regex",
    "$options",
    "$all",
    "$elemMatch",
    "$size",
    "$mod",
    "$not",
];

/// The operators that stand in a field's place.
const LOGIC: [&str; 5] = ["$and", "$or", "$nor", "$expr", "$comment"];

pub(super) struct Parser<'a> {
    pub(super) compile: CompileCondition<'a>,
}

/// Where a test applies.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a Path,
    /// Elements of an array at the path's end are tested too; not so inside `$elemMatch`.
    fans_out: bool,
}

impl Place<'_> {
    fn error(self, message: &str) -> Error {
        match self.path.text() {
            "" => Error::invalid(format!("in $elemMatch: {message}")),
            path => Error::invalid(format!("at '{path}': {message}")),
        }
    }

    fn field(self, test: Test) -> Node {
        let fans_out = self.fans_out && test.fans_out();
        Node::Field(FieldTest { path: self.path.clone(), test, fans_out })
    }
}

fn not(node: Node) -> Node {
    Node::Not(Box::new(node))
}

fn all(mut nodes: Vec<Node>) -> Node {
    match (nodes.len(), nodes.pop()) {
        (1, Some(node)) => node,
        (_, last) => {
            nodes.extend(last);
            Node::All(nodes.into())
        }
    }
}

impl Parser<'_> {
    /// A whole filter: fields and logic.
    pub(super) fn filter(&self, filter: &Value) -> Result<Node> {
        let Value::Object(fields) = filter else {
            return Err(Error::invalid("a filter is an object like { status: 'open', due: { $lt: … } }"));
        };
        let mut nodes = Vec::with_capacity(fields.len());
        for (name, operand) in fields {
            match &**name {
                "$comment" => {}
                "$and" => nodes.push(all(self.branches(name, operand)?)),
                "$or" => nodes.push(Node::Any(self.branches(name, operand)?.into())),
                "$nor" => nodes.push(not(Node::Any(self.branches(name, operand)?.into()))),
                "$expr" => nodes.push(Node::Condition((self.compile)(operand)?)),
                _ if name.starts_with('$') => return Err(misplaced(name)),
                _ => {
                    let path = Path::parse(name)?;
                    self.operand(Place { path: &path, fans_out: true }, operand, &mut nodes)?;
                }
            }
        }
        Ok(all(nodes))
    }

    fn branches(&self, name: &str, operand: &Value) -> Result<Vec<Node>> {
        match operand {
            Value::Array(filters) if !filters.is_empty() => {
                let branch = |(i, filter)| {
                    self.filter(filter).map_err(|error| Error::invalid(format!("in {name}[{i}]: {}", error.message())))
                };
                filters.iter().enumerate().map(branch).collect()
            }
            _ => Err(Error::invalid(format!("{name} takes an array of one or more filters"))),
        }
    }

    /// What a field must be: operators, a pattern, or a value to equal.
    fn operand(&self, place: Place<'_>, operand: &Value, nodes: &mut Vec<Node>) -> Result<()> {
        match operand {
            Value::Regex(parts) => nodes.push(place.field(Test::Regex(regex(place, &parts.0, &parts.1)?))),
            Value::Object(fields) if fields.first().is_some_and(|(name, _)| name.starts_with('$')) => {
                self.operators(place, fields, nodes)?;
            }
            Value::Object(fields) => {
                if let Some((name, _)) = fields.iter().find(|(name, _)| OPERATORS.contains(&&**name)) {
                    return Err(place.error(&format!(
                        "the operator '{name}' stands beside plain keys: use operators only, or $eq with the whole object"
                    )));
                }
                nodes.push(place.field(Test::Compare(Relation::Equal, Constant::new(operand))));
            }
            _ => nodes.push(place.field(Test::Compare(Relation::Equal, Constant::new(operand)))),
        }
        Ok(())
    }

    fn operators(&self, place: Place<'_>, fields: &[(Box<str>, Value)], nodes: &mut Vec<Node>) -> Result<()> {
        for (name, operand) in fields {
            match &**name {
                "$options" if fields.iter().any(|(name, _)| &**name == "$regex") => {}
                "$options" => return Err(place.error("$options stands without $regex")),
                "$regex" => {
                    let options = fields.iter().find(|(name, _)| &**name == "$options").map(|(_, options)| options);
                    nodes.push(place.field(Test::Regex(regex_operator(place, operand, options)?)));
                }
                "$not" => nodes.push(self.negation(place, operand)?),
                "$all" => self.all(place, operand, nodes)?,
                "$elemMatch" => nodes.push(place.field(Test::Element(Box::new(element(place.path, operand)?)))),
                _ => nodes.push(self.operator(place, name, operand)?),
            }
        }
        Ok(())
    }

    fn operator(&self, place: Place<'_>, name: &str, operand: &Value) -> Result<Node> {
        let compare = |relation| Test::Compare(relation, Constant::new(operand));
        Ok(match name {
            "$eq" => place.field(compare(Relation::Equal)),
            "$ne" if matches!(operand, Value::Regex(..)) => {
                return Err(place.error("$ne takes no regular expression: use $not"));
            }
            "$ne" => not(place.field(compare(Relation::Equal))),
            "$gt" => place.field(compare(Relation::Greater)),
            "$gte" => place.field(compare(Relation::GreaterOrEqual)),
            "$lt" => place.field(compare(Relation::Less)),
            "$lte" => place.field(compare(Relation::LessOrEqual)),
            "$in" => place.field(set(place, name, operand)?),
            "$nin" => not(place.field(set(place, name, operand)?)),
            "$exists" => {
                let exists = place.field(Test::Exists);
                match truth(operand) {
                    Some(true) => exists,
                    Some(false) => not(exists),
                    None => return Err(place.error("$exists takes true or false")),
                }
            }
            "$type" => place.field(Test::Type(types(place, operand)?)),
            "$size" => match operand {
                Value::Number(size) if *size >= 0.0 && size.trunc() == *size && *size < 4e9 => {
                    place.field(Test::Size(*size as usize))
                }
                _ => return Err(place.error("$size takes a whole number from 0 on")),
            },
            "$mod" => place.field(modulo(place, operand)?),
            _ => return Err(unknown(place, name)),
        })
    }

    fn negation(&self, place: Place<'_>, operand: &Value) -> Result<Node> {
        let mut nodes = Vec::new();
        match operand {
            Value::Regex(..) => self.operand(place, operand, &mut nodes)?,
            Value::Object(fields) if !fields.is_empty() => {
                if let Some((name, _)) = fields.iter().find(|(name, _)| !name.starts_with('$')) {
                    return Err(
                        place.error(&format!("$not takes operators, not the key '{name}': use $ne for a value"))
                    );
                }
                self.operators(place, fields, &mut nodes)?;
            }
            _ => return Err(place.error("$not takes operators or a regular expression: use $ne for a value")),
        }
        Ok(not(all(nodes)))
    }

    fn all(&self, place: Place<'_>, operand: &Value, nodes: &mut Vec<Node>) -> Result<()> {
        let Value::Array(values) = operand else {
            return Err(place.error("$all takes an array of values"));
        };
        if values.is_empty() {
            nodes.push(Node::Any(Box::default()));
        }
        for value in values {
            match value {
                Value::Object(fields) if fields.first().is_some_and(|(name, _)| &**name == "$elemMatch") => {
                    self.operators(place, fields, nodes)?;
                }
                Value::Object(fields) if fields.first().is_some_and(|(name, _)| OPERATORS.contains(&&**name)) => {
                    return Err(place.error("$all takes values or $elemMatch, no other operators"));
                }
                _ => self.equality(place, value, nodes)?,
            }
        }
        Ok(())
    }

    fn equality(&self, place: Place<'_>, value: &Value, nodes: &mut Vec<Node>) -> Result<()> {
        match value {
            Value::Object(_) => nodes.push(place.field(Test::Compare(Relation::Equal, Constant::new(value)))),
            _ => self.operand(place, value, nodes)?,
        }
        Ok(())
    }
}

/// Whether an object that is asked of elements holds operators for each; otherwise it is a filter for those that are objects.
pub(in super::super) fn has_operators(fields: &[(Box<str>, Value)]) -> bool {
    fields.first().is_some_and(|(name, _)| name.starts_with('$') && !LOGIC.contains(&&**name))
}

/// `$elemMatch`: operators for the elements themselves, or a filter for elements that are objects.
pub(super) fn element(path: &Path, operand: &Value) -> Result<ElementFilter> {
    let within = |error: Error| Error::invalid(format!("at '{}': {}", path.text(), error.message()));
    let Value::Object(fields) = operand else {
        return Err(within(Error::invalid("$elemMatch takes an object: operators, or a filter for the elements")));
    };
    let refuse = |_: &Value| Err(Error::invalid("$expr stands at the top of a filter, not inside $elemMatch"));
    let parser = Parser { compile: &refuse };
    if has_operators(fields) {
        let mut nodes = Vec::new();
        parser.operators(Place { path: &Path::this(), fans_out: false }, fields, &mut nodes).map_err(within)?;
        return Ok(ElementFilter { node: all(nodes), objects: false });
    }
    Ok(ElementFilter { node: parser.filter(operand).map_err(within)?, objects: true })
}

fn regex(place: Place<'_>, pattern: &str, flags: &str) -> Result<Pattern> {
    Pattern::parse(pattern, flags).map_err(|error| place.error(error.message()))
}

fn regex_operator(place: Place<'_>, operand: &Value, options: Option<&Value>) -> Result<Pattern> {
    let given = match options {
        None => None,
        Some(Value::String(options)) => Some(&**options),
        Some(_) => return Err(place.error("$options takes a string of flags like 'i'")),
    };
    match operand {
        Value::Regex(parts) => regex(place, &parts.0, given.unwrap_or(&parts.1)),
        Value::String(pattern) => regex(place, pattern, given.unwrap_or("")),
        _ => Err(place.error("$regex takes a regular expression or a string")),
    }
}

fn set(place: Place<'_>, name: &str, operand: &Value) -> Result<Test> {
    let Value::Array(items) = operand else {
        return Err(place.error(&format!("{name} takes an array of values")));
    };
    let (mut values, mut patterns) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        match item {
            Value::Regex(parts) => patterns.push(regex(place, &parts.0, &parts.1)?),
            Value::Object(fields) if fields.first().is_some_and(|(name, _)| OPERATORS.contains(&&**name)) => {
                return Err(place.error(&format!("{name} takes values, no operators: use $or")));
            }
            _ => values.push(item.clone()),
        }
    }
    Ok(Test::In(Box::new(Set::new(values, patterns))))
}

fn types(place: Place<'_>, operand: &Value) -> Result<TypeSet> {
    let names = match operand {
        Value::Array(names) => names.as_slice(),
        name => std::slice::from_ref(name),
    };
    let mut types = TypeSet::EMPTY;
    for name in names {
        if !types.add(name) {
            let hint = match name {
                Value::String(name) => suggestion(name, TypeSet::names()),
                _ => String::new(),
            };
            return Err(place.error(&format!("$type takes names of types like 'string' or 'number'{hint}")));
        }
    }
    Ok(types)
}

fn modulo(place: Place<'_>, operand: &Value) -> Result<Test> {
    let whole = |value: &Value| match value {
        Value::Number(number) if number.abs() < 9.2e18 => Some(number.trunc() as i64),
        Value::BigInt(digits) => digits.parse().ok(),
        _ => None,
    };
    let parts = match operand {
        Value::Array(parts) => parts.iter().map(whole).collect::<Option<Vec<i64>>>(),
        _ => None,
    };
    match parts.as_deref() {
        Some([0, _]) => Err(place.error("$mod cannot divide by 0")),
        Some([divisor, remainder]) => Ok(Test::Mod(*divisor, *remainder)),
        _ => Err(place.error("$mod takes an array of a divisor and a remainder")),
    }
}

/// Whether JavaScript counts the value as true, where that is a sensible thing to ask.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => Some(*number != 0.0),
        Value::Null | Value::Undefined => Some(false),
        _ => None,
    }
}

fn misplaced(name: &str) -> Error {
    if OPERATORS.contains(&name) {
        return Error::invalid(format!(
            "the operator '{name}' stands where a field is expected: write {{ field: {{ {name}: … }} }}"
        ));
    }
    Error::invalid(format!("unknown operator '{name}'{}", suggestion(name, LOGIC)))
}

fn unknown(place: Place<'_>, name: &str) -> Error {
    if !name.starts_with('$') {
        return place.error(&format!("the key '{name}' stands beside operators: use operators only"));
    }
    if LOGIC.contains(&name) {
        return place.error(&format!("'{name}' stands in a field's place: write {{ {name}: [{{ field: … }}] }}"));
    }
    place.error(&format!("unknown operator '{name}'{}", suggestion(name, OPERATORS)))
}
