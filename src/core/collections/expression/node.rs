//! The compiled form of an expression.

use super::super::sort::Sort;
use super::super::Value;
use super::operator::Operator;
use super::path::FieldPath;
use super::string::Pattern;
use super::Fields;

/// One node of the tree. Its depth is bounded by the parser.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A literal.
    Constant(Value),
    /// `$a.b`, `$$ROOT.a.b` and `$$CURRENT.a.b`.
    Field(FieldPath),
    /// `$$name.a.b`: the `slot`th variable of the `up`th frame around.
    Variable { up: usize, slot: usize, path: FieldPath },
    /// `$$NOW`.
    Now,
    /// An object of expressions; missing values are left out.
    Object(Vec<(Box<str>, Node)>),
    /// An array of expressions; missing values become null.
    Array(Vec<Node>),
    /// An operator whose arguments are all evaluated first; a named argument that was not given is `Undefined`.
    Call(Operator, Vec<Node>),
    /// `$and` (`all`) and `$or`.
    Logic { all: bool, terms: Vec<Node> },
    /// `$cond` and `$switch`.
    Switch { branches: Vec<(Node, Node)>, default: Option<Box<Node>> },
    /// `$ifNull`.
    IfNull(Vec<Node>),
    /// `$let`.
    Let { values: Vec<Node>, body: Box<Node> },
    /// `$map`.
    Map { input: Box<Node>, body: Box<Node> },
    /// `$filter`.
    Filter { input: Box<Node>, condition: Box<Node>, limit: Option<Box<Node>> },
    /// `$reduce`.
    Reduce { input: Box<Node>, initial: Box<Node>, body: Box<Node> },
    /// `$sortArray`; without `by`, whole elements.
    SortArray { input: Box<Node>, by: Option<Sort>, descending: bool },
    /// `$regexMatch` with a constant pattern, compiled once.
    Match { input: Box<Node>, pattern: Pattern },
    /// `$convert`.
    Convert { input: Box<Node>, to: Box<Node>, on_error: Option<Box<Node>>, on_null: Option<Box<Node>> },
}

impl Node {
    /// Adds the top-level fields it reads.
    pub(super) fn collect_fields(&self, fields: &mut Fields) {
        if let Self::Field(path) = self {
            match path.first() {
                Some(name) => fields.add(name),
                None => *fields = Fields::All,
            }
        }
        self.each_child(&mut |child| child.collect_fields(fields));
    }

    /// Whether `$$NOW` is in it.
    pub(super) fn uses_now(&self) -> bool {
        let mut uses = matches!(self, Self::Now);
        self.each_child(&mut |child| uses |= child.uses_now());
        uses
    }

    fn each_child(&self, visit: &mut dyn FnMut(&Self)) {
        match self {
            Self::Constant(_) | Self::Field(_) | Self::Variable { .. } | Self::Now => {}
            Self::Object(fields) => fields.iter().for_each(|(_, node)| visit(node)),
            Self::Array(nodes) | Self::Call(_, nodes) | Self::IfNull(nodes) | Self::Logic { terms: nodes, .. } => {
                nodes.iter().for_each(visit);
            }
            Self::Switch { branches, default } => {
                for (case, then) in branches {
                    visit(case);
                    visit(then);
                }
                default.iter().for_each(|node| visit(node));
            }
            Self::Let { values, body } => {
                values.iter().for_each(&mut *visit);
                visit(body);
            }
            Self::Map { input, body } => [input, body].into_iter().for_each(|node| visit(node)),
            Self::Filter { input, condition, limit } => {
                [input, condition].into_iter().chain(limit).for_each(|node| visit(node));
            }
            Self::Reduce { input, initial, body } => [input, initial, body].into_iter().for_each(|node| visit(node)),
            Self::SortArray { input, .. } | Self::Match { input, .. } => visit(input),
            Self::Convert { input, to, on_error, on_null } => {
                [input, to].into_iter().chain(on_error).chain(on_null).for_each(|node| visit(node));
            }
        }
    }
}
