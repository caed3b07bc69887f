//! The stages of a pipeline.

use std::rc::Rc;

use super::super::expression::{compile_condition, Expression, Fields};
use super::super::filter::{Condition, Filter};
use super::super::sort::Sort;
use super::super::Value;
use super::bucket::{Bucket, BucketAuto};
use super::group::Group;
use super::lookup::Lookup;
use super::reshape::Reshape;
use super::row::Row;
use super::unwind::Unwind;
use super::{Environment, Pipeline};
use crate::base::Result;

/// A compiled stage.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    Match(Match),
    Reshape(Reshape),
    Group(Group),
    Bucket(Bucket),
    BucketAuto(BucketAuto),
    /// `limit` is set where a `$limit` follows.
    Sort {
        sort: Sort,
        limit: Option<usize>,
    },
    Limit(u64),
    Skip(u64),
    Count(Box<str>),
    Unwind(Unwind),
    ReplaceRoot(Expression),
    Sample(usize),
    Facet(Vec<(Box<str>, Pipeline)>),
    Lookup(Box<Lookup>),
    Union(Box<str>, Pipeline),
}

/// `$match`: a filter, and the expressions of its `$expr`, which may use variables.
#[derive(Clone, Debug)]
pub(super) struct Match {
    filter: Option<Filter>,
    expressions: Vec<Expression>,
    /// What the filter and the expressions read, and the expressions alone.
    fields: Fields,
    expression_fields: Fields,
}

impl Match {
    pub(super) fn parse(operand: &Value, names: &[Box<str>]) -> Result<Self> {
        let (mut expressions, mut rest) = (Vec::new(), Vec::new());
        let Value::Object(fields) = operand else {
            return Err(super::invalid("$match", "needs a filter object"));
        };
        for (name, value) in fields {
            if &**name == "$expr" {
                expressions.push(Expression::parse_with(value, names)?);
            } else {
                rest.push((name.clone(), value.clone()));
            }
        }
        let mut expression_fields = Fields::none();
        expressions.iter().for_each(|expression| expression.collect_fields(&mut expression_fields));
        let mut fields = expression_fields.clone();
        let rest = Value::Object(rest);
        query_fields(&rest, &mut fields)?;
        let empty = matches!(&rest, Value::Object(rest) if rest.is_empty());
        let filter = if empty { None } else { Some(Filter::parse_with(&rest, &inner_condition)?) };
        Ok(Self { filter, expressions, fields, expression_fields })
    }

    pub(super) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    #[inline]
    pub(super) fn matches(&self, row: &Row<'_>, environment: &Environment) -> Result<bool> {
        if let Some(filter) = &self.filter {
            if !filter.matches_ref(row.as_ref())? {
                return Ok(false);
            }
        }
        if self.expressions.is_empty() {
            return Ok(true);
        }
        let tree = row.tree(&self.expression_fields)?;
        for expression in &self.expressions {
            if !super::super::expression::truthy(&*environment.evaluate(expression, &tree)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Compiles an `$expr` within `$or` and the like. Those are compiled before the time of the run is known.
fn inner_condition(operand: &Value) -> Result<Rc<dyn Condition>> {
    if Expression::parse(operand)?.uses_now() {
        return Err(super::invalid(
            "$match",
            "can use $$NOW only in an $expr of its own, not inside $and, $or or $nor",
        ));
    }
    compile_condition(0.0)(operand)
}

/// Adds the top-level fields that a filter reads to `fields`.
fn query_fields(query: &Value, fields: &mut Fields) -> Result<()> {
    let Value::Object(conditions) = query else { return Ok(()) };
    for (name, value) in conditions {
        match (&**name, value) {
            ("$and" | "$or" | "$nor", Value::Array(queries)) => {
                for query in queries {
                    query_fields(query, fields)?;
                }
            }
            ("$expr", value) => Expression::parse(value)?.collect_fields(fields),
            ("$comment", _) => {}
            (name, _) if name.starts_with('$') => *fields = Fields::All,
            (name, _) => fields.add(name),
        }
    }
    Ok(())
}

impl Stage {
    /// The fields it and the stages behind it need of its rows, given what those behind it need.
    pub(super) fn needs(&self, behind: &Fields) -> Fields {
        let mut fields = match self {
            Self::Group(_) | Self::Bucket(_) | Self::BucketAuto(_) | Self::Count(_) | Self::ReplaceRoot(_) => {
                Fields::none()
            }
            Self::Facet(_) => Fields::none(),
            Self::Reshape(reshape) => return reshape.fields(behind),
            _ => behind.clone(),
        };
        match self {
            Self::Match(filter) => fields.merge(&filter.fields),
            Self::Group(group) => group.collect_fields(&mut fields),
            Self::Bucket(bucket) => bucket.collect_fields(&mut fields),
            Self::BucketAuto(bucket) => bucket.collect_fields(&mut fields),
            Self::Sort { sort, .. } => sort.fields().iter().for_each(|field| fields.add(field.path.text())),
            Self::Unwind(unwind) => unwind.collect_fields(&mut fields),
            Self::ReplaceRoot(expression) => expression.collect_fields(&mut fields),
            Self::Facet(facets) => facets.iter().for_each(|(_, pipeline)| fields.merge(pipeline.fields())),
            Self::Lookup(lookup) => lookup.collect_fields(&mut fields),
            Self::Reshape(_) | Self::Limit(_) | Self::Skip(_) | Self::Count(_) | Self::Sample(_) | Self::Union(..) => {}
        }
        fields
    }

    /// Adds the other collections it reads to `names`.
    pub(super) fn collections<'s>(&'s self, names: &mut Vec<&'s str>) {
        let mut nested: Vec<&Pipeline> = Vec::new();
        match self {
            Self::Lookup(lookup) => {
                names.push(&lookup.from);
                nested.extend(lookup.pipeline());
            }
            Self::Union(from, pipeline) => {
                names.push(from);
                nested.push(pipeline);
            }
            Self::Facet(facets) => nested.extend(facets.iter().map(|(_, pipeline)| pipeline)),
            _ => {}
        }
        for pipeline in nested {
            names.extend(pipeline.collections());
        }
    }
}
