//! `$project`, `$addFields` and `$unset`: a tree of what to keep, drop and compute.
//!
//! Not the projection of `find`: this one computes, and keeps both `id` and the `_id` of a group unless told otherwise.

use super::super::expression::{Expression, Fields};
use super::super::Value;
use super::{invalid, Environment};
use crate::base::Result;

/// A compiled reshaping.
#[derive(Clone, Debug)]
pub(super) struct Reshape {
    /// Whether fields that are not named stay.
    keep_others: bool,
    tree: Tree,
    /// Computed from the whole row before anything changes; the tree refers to them by place.
    computed: Vec<Expression>,
}

type Tree = Vec<(Box<str>, Node)>;

#[derive(Clone, Debug)]
enum Node {
    Keep,
    Drop,
    Set(usize),
    Nested(Tree),
}

/// The fields that identify a row.
const IDS: [&str; 2] = ["id", "_id"];

impl Reshape {
    /// Parses the operand of `$project`.
    pub(super) fn project(operand: &Value, names: &[Box<str>]) -> Result<Self> {
        let mut builder =
            Builder { stage: "$project", names, computed: Vec::new(), tree: Vec::new(), kept: 0, dropped: 0 };
        builder.add_all("", operand, true)?;
        if builder.kept > 0 && builder.dropped > 0 {
            return Err(invalid(
                "$project",
                "mixes fields to keep and fields to drop: only id and _id may be dropped beside kept ones",
            ));
        }
        // Where only ids were named, and dropped, everything else stays.
        let keep_others = builder.kept == 0;
        for id in IDS {
            if !keep_others && !builder.tree.iter().any(|(name, _)| **name == *id) {
                builder.tree.push((id.into(), Node::Keep));
            }
        }
        Ok(Self { keep_others, tree: builder.tree, computed: builder.computed })
    }

    /// Parses the operand of `$addFields` and `$set`.
    pub(super) fn add_fields(stage: &'static str, operand: &Value, names: &[Box<str>]) -> Result<Self> {
        let mut builder = Builder { stage, names, computed: Vec::new(), tree: Vec::new(), kept: 0, dropped: 0 };
        builder.add_all("", operand, false)?;
        Ok(Self { keep_others: true, tree: builder.tree, computed: builder.computed })
    }

    /// Parses the operand of `$unset`.
    pub(super) fn unset(operand: &Value) -> Result<Self> {
        let paths = match operand {
            Value::Array(paths) => paths.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut builder =
            Builder { stage: "$unset", names: &[], computed: Vec::new(), tree: Vec::new(), kept: 0, dropped: 0 };
        for path in paths {
            let Value::String(path) = path else { return Err(invalid("$unset", "needs a path or an array of paths")) };
            builder.insert(path, Node::Drop)?;
        }
        if paths.is_empty() {
            return Err(invalid("$unset", "needs at least one path"));
        }
        Ok(Self { keep_others: true, tree: builder.tree, computed: Vec::new() })
    }

    /// The fields it reads, given those needed behind it; unnamed ones pass if they are kept.
    pub(super) fn fields(&self, behind: &Fields) -> Fields {
        let mut fields = if self.keep_others { behind.clone() } else { Fields::none() };
        for (name, node) in &self.tree {
            if matches!(node, Node::Keep | Node::Nested(_)) && behind.has(name) {
                fields.add(name);
            }
        }
        for expression in &self.computed {
            expression.collect_fields(&mut fields);
        }
        fields
    }

    /// The top-level field that becomes a `$split`, its text and its delimiter, if nothing else is computed.
    pub(super) fn split(&self) -> Option<(&str, Expression, &str)> {
        let [split] = self.computed.as_slice() else { return None };
        let (name, _) = self.tree.iter().find(|(_, node)| matches!(node, Node::Set(_)))?;
        let (text, delimiter) = split.split()?;
        Some((name, text, delimiter))
    }

    /// Reshapes a row.
    pub(super) fn apply(&self, row: Value, environment: &Environment) -> Result<Value> {
        let evaluate = |expression| Ok(environment.evaluate(expression, &row)?.into_owned());
        let computed = self.computed.iter().map(evaluate).collect::<Result<Vec<_>>>()?;
        Ok(self.shape(&self.tree, row, &computed).unwrap_or(Value::Object(Vec::new())))
    }

    /// A row reshaped, but for what is computed.
    pub(super) fn shaped(&self, row: Value) -> Value {
        self.shape(&self.tree, row, &[]).unwrap_or(Value::Object(Vec::new()))
    }

    fn shape(&self, tree: &Tree, value: Value, computed: &[Value]) -> Option<Value> {
        match value {
            Value::Object(fields) => Some(self.shape_object(tree, fields, computed)),
            Value::Array(items) => {
                Some(Value::Array(items.into_iter().filter_map(|item| self.shape(tree, item, computed)).collect()))
            }
            _ if sets(tree) => Some(self.shape_object(tree, Vec::new(), computed)),
            scalar => self.keep_others.then_some(scalar),
        }
    }

    fn shape_object(&self, tree: &Tree, fields: Vec<(Box<str>, Value)>, computed: &[Value]) -> Value {
        let mut shaped = Vec::with_capacity(fields.len().max(tree.len()));
        for (name, value) in fields {
            match tree.iter().find(|(known, _)| *known == name) {
                None if self.keep_others => shaped.push((name, value)),
                None | Some((_, Node::Drop)) => {}
                Some((_, Node::Keep)) => shaped.push((name, value)),
                // A place for the value, so that a field keeps its position; a projection appends instead.
                Some((_, Node::Set(_))) if self.keep_others => shaped.push((name, Value::Undefined)),
                Some((_, Node::Set(_))) => {}
                Some((_, Node::Nested(inner))) => {
                    shaped.extend(self.shape(inner, value, computed).map(|value| (name, value)));
                }
            }
        }
        for (name, node) in tree {
            let place = shaped.iter_mut().find(|(known, _)| known == name);
            match (node, place) {
                (Node::Set(slot), place) => {
                    let value = computed.get(*slot).cloned().unwrap_or(Value::Undefined);
                    match place {
                        Some((_, old)) => *old = value,
                        None => shaped.push((name.clone(), value)),
                    }
                }
                (Node::Nested(inner), None) if sets(inner) => {
                    shaped.push((name.clone(), self.shape_object(inner, Vec::new(), computed)));
                }
                _ => {}
            }
        }
        shaped.retain(|(name, value)| *value != Value::Undefined || !is_set(tree, name));
        Value::Object(shaped)
    }
}

fn is_set(tree: &Tree, name: &str) -> bool {
    tree.iter().any(|(known, node)| **known == *name && matches!(node, Node::Set(_)))
}

fn sets(tree: &Tree) -> bool {
    tree.iter().any(|(_, node)| match node {
        Node::Set(_) => true,
        Node::Nested(inner) => sets(inner),
        Node::Keep | Node::Drop => false,
    })
}

/// Builds the tree path by path.
struct Builder<'n> {
    stage: &'static str,
    names: &'n [Box<str>],
    computed: Vec<Expression>,
    tree: Tree,
    kept: usize,
    dropped: usize,
}

impl Builder<'_> {
    /// Adds the fields of an object; `flags` says whether 0 and 1 have their meaning in a projection.
    fn add_all(&mut self, prefix: &str, operand: &Value, flags: bool) -> Result<()> {
        let Value::Object(fields) = operand else {
            return Err(invalid(self.stage, "needs an object of fields"));
        };
        if fields.is_empty() {
            return Err(invalid(self.stage, "needs at least one field"));
        }
        for (name, value) in fields {
            let path = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            self.add(&path, value, flags)?;
        }
        Ok(())
    }

    fn add(&mut self, path: &str, value: &Value, flags: bool) -> Result<()> {
        let flag = match value {
            Value::Bool(keep) if flags => Some(*keep),
            Value::Number(number) if flags => Some(*number != 0.0),
            _ => None,
        };
        match (flag, value) {
            (Some(true), _) => {
                self.kept += 1;
                self.insert(path, Node::Keep)
            }
            (Some(false), _) => {
                // An id may be dropped beside fields that are kept.
                self.dropped += usize::from(!IDS.contains(&path));
                self.insert(path, Node::Drop)
            }
            (None, Value::Object(fields))
                if !fields.is_empty() && !fields.iter().any(|(name, _)| name.starts_with('$')) =>
            {
                self.add_all(path, value, flags)
            }
            (None, _) => {
                self.kept += 1;
                let expression = Expression::parse_with(value, self.names)
                    .map_err(|error| invalid(self.stage, &format!("field '{path}': {}", error.message())))?;
                self.computed.push(expression);
                self.insert(path, Node::Set(self.computed.len() - 1))
            }
        }
    }

    fn insert(&mut self, path: &str, node: Node) -> Result<()> {
        let mut parts = path.split('.').peekable();
        if path.split('.').any(|part| part.is_empty() || part.starts_with('$')) || path.split('.').count() > 64 {
            return Err(invalid(
                self.stage,
                &format!(
                    "cannot use the path '{path}': names are not empty, do not start with '$' and nest at most 64 deep"
                ),
            ));
        }
        let collision = || invalid(self.stage, &format!("names the path '{path}' twice, or a path and a part of it"));
        let mut tree = &mut self.tree;
        while let Some(part) = parts.next() {
            let at = tree.iter().position(|(name, _)| &**name == part);
            if parts.peek().is_none() {
                if at.is_some() {
                    return Err(collision());
                }
                tree.push((part.into(), node));
                return Ok(());
            }
            let at = at.unwrap_or_else(|| {
                tree.push((part.into(), Node::Nested(Vec::new())));
                tree.len() - 1
            });
            match tree.get_mut(at) {
                Some((_, Node::Nested(inner))) => tree = inner,
                _ => return Err(collision()),
            }
        }
        Ok(())
    }
}
