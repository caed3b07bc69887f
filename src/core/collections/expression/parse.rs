//! From a value to the compiled tree.

use super::super::sort::Sort;
use super::super::Value;
use super::node::Node;
use super::operator::{Arguments, Operator};
use super::path::FieldPath;
use super::string::Pattern;
use crate::base::{Error, Result};

/// Expressions nest at most this deep, so that no recursion can exhaust the stack.
const MAX_DEPTH: usize = 100;

/// Compiles one expression; knows the variables in scope.
pub(super) struct Parser {
    /// Names of the variables, a list for each frame, the innermost last.
    frames: Vec<Vec<Box<str>>>,
    depth: usize,
}

type Fields = [(Box<str>, Value)];

impl Parser {
    pub(super) fn new(names: &[Box<str>]) -> Self {
        Self { frames: vec![names.to_vec()], depth: 0 }
    }

    pub(super) fn parse(&mut self, value: &Value) -> Result<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::invalid("the expression nests deeper than 100 levels: split it into several stages"));
        }
        let node = match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => self.list(items).map(array),
            Value::Object(fields) => self.object(fields),
            other => Ok(Node::Constant(other.clone())),
        };
        self.depth -= 1;
        node
    }

    fn boxed(&mut self, value: &Value) -> Result<Box<Node>> {
        self.parse(value).map(Box::new)
    }

    fn optional(&mut self, value: Option<&Value>) -> Result<Option<Box<Node>>> {
        value.map(|value| self.boxed(value)).transpose()
    }

    fn list(&mut self, items: &[Value]) -> Result<Vec<Node>> {
        items.iter().map(|item| self.parse(item)).collect()
    }

    fn string(&self, text: &str) -> Result<Node> {
        if let Some(variable) = text.strip_prefix("$$") {
            return self.variable(variable);
        }
        match text.strip_prefix('$') {
            Some("") => Err(Error::invalid("'$' alone is no field path: name a field, or use { $literal: '$' }")),
            Some(path) => FieldPath::parse(path).map(Node::Field),
            None => Ok(Node::Constant(Value::String(text.into()))),
        }
    }

    fn variable(&self, text: &str) -> Result<Node> {
        let (name, rest) = text.split_once('.').unwrap_or((text, ""));
        let path = FieldPath::parse(rest)?;
        for (up, frame) in self.frames.iter().rev().enumerate() {
            if let Some(slot) = frame.iter().position(|known| &**known == name) {
                return Ok(Node::Variable { up, slot, path });
            }
        }
        match name {
            "ROOT" | "CURRENT" => Ok(Node::Field(path)),
            "NOW" => Ok(Node::Now),
            "REMOVE" => Ok(Node::Constant(Value::Undefined)),
            _ => Err(Error::invalid(format!(
                "unknown variable '$${name}': define it with $let, or write a string that starts with '$' with $literal"
            ))),
        }
    }

    fn object(&mut self, fields: &Fields) -> Result<Node> {
        match fields {
            [(name, operand)] if name.starts_with('$') => self.operator(name, operand),
            _ => {
                if let Some((name, _)) = fields.iter().find(|(name, _)| name.starts_with('$')) {
                    return Err(Error::invalid(format!("operator '{name}' must stand alone in its object")));
                }
                let parse = |(name, value): &(Box<str>, Value)| Ok((name.clone(), self.parse(value)?));
                Ok(object(fields.iter().map(parse).collect::<Result<_>>()?))
            }
        }
    }

    fn operator(&mut self, name: &str, operand: &Value) -> Result<Node> {
        match name {
            "$literal" => Ok(Node::Constant(operand.clone())),
            "$and" | "$or" => Ok(Node::Logic { all: name == "$and", terms: self.list(listed(operand))? }),
            "$cond" => self.cond(operand),
            "$switch" => self.switch(operand),
            "$ifNull" => match listed(operand) {
                items if items.len() >= 2 => self.list(items).map(Node::IfNull),
                _ => Err(wrong(name, "needs an array of at least two expressions")),
            },
            "$let" => self.bind(operand),
            "$map" => {
                let [input, body, variable] = named(name, operand, ["input", "in", "as"], 2)?;
                let input = self.boxed(required(name, input)?)?;
                let body = self.inside(vec![variable_name(name, variable)?], required(name, body)?)?;
                Ok(Node::Map { input, body })
            }
            "$filter" => {
                let [input, condition, variable, limit] = named(name, operand, ["input", "cond", "as", "limit"], 2)?;
                let (input, limit) = (self.boxed(required(name, input)?)?, self.optional(limit)?);
                let condition = self.inside(vec![variable_name(name, variable)?], required(name, condition)?)?;
                Ok(Node::Filter { input, condition, limit })
            }
            "$reduce" => {
                let [input, initial, body] = named(name, operand, ["input", "initialValue", "in"], 3)?;
                let (input, initial) = (self.boxed(required(name, input)?)?, self.boxed(required(name, initial)?)?);
                let body = self.inside(vec!["this".into(), "value".into()], required(name, body)?)?;
                Ok(Node::Reduce { input, initial, body })
            }
            "$sortArray" => self.sort_array(operand),
            "$convert" => {
                let [input, to, on_error, on_null] = named(name, operand, ["input", "to", "onError", "onNull"], 2)?;
                let (input, to) = (self.boxed(required(name, input)?)?, self.boxed(required(name, to)?)?);
                Ok(Node::Convert { input, to, on_error: self.optional(on_error)?, on_null: self.optional(on_null)? })
            }
            _ => self.call(name, operand),
        }
    }

    fn call(&mut self, name: &str, operand: &Value) -> Result<Node> {
        let Some((operator, arguments)) = Operator::find(name) else {
            return Err(Error::invalid(format!(
                "unknown expression operator '{name}': see docs/QUERY.md for the list"
            )));
        };
        let nodes = match arguments {
            Arguments::Listed(min, max) => {
                let items = listed(operand);
                if items.len() < min || items.len() > max {
                    return Err(wrong(name, &format!("takes {}, got {}", count(min, max), items.len())));
                }
                self.list(items)?
            }
            Arguments::Named { names, required } => self.named_nodes(operator, operand, names, required)?,
            Arguments::Date => match operand {
                Value::Object(fields) if fields.iter().any(|(key, _)| &**key == "date") => {
                    self.named_nodes(operator, operand, &["date", "timezone"], 1)?
                }
                _ => match listed(operand) {
                    [date] => vec![self.parse(date)?],
                    _ => return Err(wrong(name, "takes one date")),
                },
            },
        };
        Pattern::precompile(operator, nodes)
    }

    fn named_nodes(
        &mut self,
        operator: Operator,
        operand: &Value,
        names: &[&str],
        required: usize,
    ) -> Result<Vec<Node>> {
        let name = operator.name();
        if operator == Operator::GetField
            && !matches!(operand, Value::Object(fields) if fields.iter().all(|(key, _)| !key.starts_with('$')))
        {
            return Ok(vec![self.parse(operand)?, Node::Field(FieldPath::default())]);
        }
        let Value::Object(fields) = operand else {
            return Err(wrong(name, &format!("needs an object of {}", names.join(", "))));
        };
        known(name, fields, names)?;
        let mut nodes = Vec::new();
        for (at, argument) in names.iter().enumerate() {
            nodes.push(match operand.field(argument) {
                Some(value) => self.parse(value)?,
                None if at < required => return Err(wrong(name, &format!("needs '{argument}'"))),
                None if operator == Operator::GetField => Node::Field(FieldPath::default()),
                None => Node::Constant(Value::Undefined),
            });
        }
        Ok(nodes)
    }

    fn cond(&mut self, operand: &Value) -> Result<Node> {
        let [case, then, default] = match operand {
            Value::Array(items) => match items.as_slice() {
                [case, then, default] => [case, then, default],
                _ => return Err(wrong("$cond", "needs [if, then, else]")),
            },
            _ => {
                let [case, then, default] = named("$cond", operand, ["if", "then", "else"], 3)?;
                [required("$cond", case)?, required("$cond", then)?, required("$cond", default)?]
            }
        };
        let branches = vec![(self.parse(case)?, self.parse(then)?)];
        Ok(Node::Switch { branches, default: Some(self.boxed(default)?) })
    }

    fn switch(&mut self, operand: &Value) -> Result<Node> {
        let [branches, default] = named("$switch", operand, ["branches", "default"], 1)?;
        let Some(Value::Array(items)) = branches else {
            return Err(wrong("$switch", "needs an array of branches { case, then }"));
        };
        let branch = |item: &Value| {
            let [case, then] = named("$switch branch", item, ["case", "then"], 2)?;
            Ok((self.parse(required("$switch", case)?)?, self.parse(required("$switch", then)?)?))
        };
        let branches = items.iter().map(branch).collect::<Result<Vec<_>>>()?;
        if branches.is_empty() {
            return Err(wrong("$switch", "needs at least one branch"));
        }
        Ok(Node::Switch { branches, default: self.optional(default)? })
    }

    fn bind(&mut self, operand: &Value) -> Result<Node> {
        let [vars, body] = named("$let", operand, ["vars", "in"], 2)?;
        let Some(Value::Object(vars)) = vars else { return Err(wrong("$let", "needs an object in 'vars'")) };
        let mut names = Vec::new();
        let mut values = Vec::new();
        for (name, value) in vars {
            check_variable("$let", name)?;
            names.push(name.clone());
            values.push(self.parse(value)?);
        }
        Ok(Node::Let { values, body: self.inside(names, required("$let", body)?)? })
    }

    /// Parses `body` with `names` as the innermost variables.
    fn inside(&mut self, names: Vec<Box<str>>, body: &Value) -> Result<Box<Node>> {
        self.frames.push(names);
        let node = self.boxed(body);
        self.frames.pop();
        node
    }

    fn sort_array(&mut self, operand: &Value) -> Result<Node> {
        let [input, by] = named("$sortArray", operand, ["input", "sortBy"], 2)?;
        let input = self.boxed(required("$sortArray", input)?)?;
        let (by, descending) = match by {
            Some(Value::Number(number)) if number.abs() == 1.0 => (None, *number < 0.0),
            Some(spec @ Value::Object(_)) => (Some(Sort::parse(spec)?), false),
            _ => return Err(wrong("$sortArray", "needs 1, -1 or { field: 1 } in 'sortBy'")),
        };
        Ok(Node::SortArray { input, by, descending })
    }
}

fn array(nodes: Vec<Node>) -> Node {
    if !nodes.iter().all(|node| matches!(node, Node::Constant(_))) {
        return Node::Array(nodes);
    }
    let constant = |node| if let Node::Constant(value) = node { missing_as_null(value) } else { Value::Null };
    Node::Constant(Value::Array(nodes.into_iter().map(constant).collect()))
}

fn object(fields: Vec<(Box<str>, Node)>) -> Node {
    if !fields.iter().all(|(_, node)| matches!(node, Node::Constant(value) if *value != Value::Undefined)) {
        return Node::Object(fields);
    }
    let constant = |(name, node)| if let Node::Constant(value) = node { Some((name, value)) } else { None };
    Node::Constant(Value::Object(fields.into_iter().filter_map(constant).collect()))
}

pub(super) fn missing_as_null(value: Value) -> Value {
    if value == Value::Undefined {
        Value::Null
    } else {
        value
    }
}

/// The arguments in an array, or the single one that stands without.
fn listed(operand: &Value) -> &[Value] {
    match operand {
        Value::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

/// The values of the named arguments, in the order of `names`, of which the first `required` must be there.
fn named<'a, const N: usize>(
    operator: &str,
    operand: &'a Value,
    names: [&str; N],
    required: usize,
) -> Result<[Option<&'a Value>; N]> {
    let Value::Object(fields) = operand else {
        return Err(wrong(operator, &format!("needs an object of {}", names.join(", "))));
    };
    known(operator, fields, &names)?;
    if let Some(missing) = names.iter().take(required).find(|name| operand.field(name).is_none()) {
        return Err(wrong(operator, &format!("needs '{missing}'")));
    }
    Ok(names.map(|name| operand.field(name)))
}

fn known(operator: &str, fields: &Fields, names: &[&str]) -> Result<()> {
    match fields.iter().find(|(key, _)| !names.contains(&&**key)) {
        Some((key, _)) => Err(wrong(operator, &format!("has no argument '{key}': use {}", names.join(", ")))),
        None => Ok(()),
    }
}

fn required<'a>(operator: &str, value: Option<&'a Value>) -> Result<&'a Value> {
    value.ok_or_else(|| wrong(operator, "lacks an argument"))
}

fn variable_name(operator: &str, name: Option<&Value>) -> Result<Box<str>> {
    match name {
        None => Ok("this".into()),
        Some(Value::String(name)) => check_variable(operator, name).map(|()| name.clone()),
        Some(_) => Err(wrong(operator, "needs a string in 'as'")),
    }
}

/// Whether `name` may be bound by the user.
pub(in super::super) fn check_variable(operator: &str, name: &str) -> Result<()> {
    let ordinary = name.starts_with(|first: char| first.is_ascii_lowercase() || !first.is_ascii());
    let rest = name.chars().all(|other| other.is_ascii_alphanumeric() || other == '_' || !other.is_ascii());
    if ordinary && rest {
        return Ok(());
    }
    Err(wrong(
        operator,
        &format!("cannot bind '{name}': a variable starts with a lower-case letter and has letters, digits and '_'"),
    ))
}

fn count(min: usize, max: usize) -> String {
    match (min, max) {
        (1, 1) => "one argument".into(),
        (_, usize::MAX) => format!("at least {min} arguments"),
        _ if min == max => format!("{min} arguments"),
        _ => format!("{min} to {max} arguments"),
    }
}

pub(super) fn wrong(operator: &str, what: &str) -> Error {
    Error::invalid(format!("{operator} {what}"))
}
