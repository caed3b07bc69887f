//! From an array of stages to the compiled pipeline.

use std::rc::Rc;

use super::super::expression::{Expression, Fields};
use super::super::number::integer;
use super::super::sort::Sort;
use super::super::Value;
use super::bucket::{Bucket, BucketAuto};
use super::group::Group;
use super::lookup::Lookup;
use super::pieces::Pieces;
use super::reshape::Reshape;
use super::stage::{Match, Stage};
use super::unwind::Unwind;
use super::{invalid, Pipeline, Stages};
use crate::base::{Error, Result};

/// Most stages of one pipeline.
const MAX_STAGES: usize = 200;
/// Pipelines nest at most this deep in `$lookup`, `$facet` and `$unionWith`.
const MAX_DEPTH: usize = 8;

impl Pipeline {
    /// Compiles stages that may use the variables `names`, `depth` pipelines deep.
    pub(super) fn parse_nested(stages: &Value, names: &[Box<str>], depth: usize) -> Result<Self> {
        let Value::Array(items) = stages else {
            return Err(Error::invalid("a pipeline must be an array of stages such as { $match: { field: value } }"));
        };
        if items.len() > MAX_STAGES {
            return Err(Error::invalid(format!("a pipeline has at most {MAX_STAGES} stages")));
        }
        if depth > MAX_DEPTH {
            return Err(Error::invalid(format!("pipelines nest at most {MAX_DEPTH} deep")));
        }
        let mut stages = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let stage = match item {
                Value::Object(fields) => match fields.as_slice() {
                    [(name, operand)] => parse_stage(name, operand, names, depth, &mut stages),
                    _ => Err(Error::invalid("a stage must be an object with exactly one field, its operator")),
                },
                _ => Err(Error::invalid("a stage must be an object such as { $match: { field: value } }")),
            };
            stage.map_err(|error| Error::new(error.kind(), format!("stage {at}: {}", error.message())))?;
        }
        limit_sorts(&mut stages);
        let mut needs = vec![Fields::All];
        for stage in stages.iter().rev() {
            needs.push(stage.needs(needs.last().unwrap_or(&Fields::All)));
        }
        needs.reverse();
        let pieces = Pieces::find(&stages, &needs);
        Ok(Self(Rc::new(Stages { stages, needs, pieces })))
    }
}

/// Tells each `$sort` how many rows a `$limit` behind it wants.
fn limit_sorts(stages: &mut [Stage]) {
    for at in 0..stages.len() {
        let mut skipped = 0_u64;
        let behind = stages.get(at + 1..).unwrap_or_default();
        let wanted = behind.iter().find_map(|stage| match stage {
            Stage::Skip(count) => {
                skipped = skipped.saturating_add(*count);
                None
            }
            Stage::Limit(count) => Some(usize::try_from(skipped.saturating_add(*count)).ok()),
            _ => Some(None),
        });
        if let Some(Stage::Sort { limit, .. }) = stages.get_mut(at) {
            *limit = wanted.flatten();
        }
    }
}

/// Appends the stage called `name`; some are short for several.
fn parse_stage(name: &str, operand: &Value, names: &[Box<str>], depth: usize, stages: &mut Vec<Stage>) -> Result<()> {
    let stage = match name {
        "$match" => Stage::Match(Match::parse(operand, names)?),
        "$project" => Stage::Reshape(Reshape::project(operand, names)?),
        "$addFields" => Stage::Reshape(Reshape::add_fields("$addFields", operand, names)?),
        "$set" => Stage::Reshape(Reshape::add_fields("$set", operand, names)?),
        "$unset" => Stage::Reshape(Reshape::unset(operand)?),
        "$group" => Stage::Group(Group::parse(operand, names)?),
        "$bucket" => Stage::Bucket(Bucket::parse(operand, names)?),
        "$bucketAuto" => Stage::BucketAuto(BucketAuto::parse(operand, names)?),
        "$sort" => Stage::Sort { sort: Sort::parse(operand)?, limit: None },
        "$sortByCount" => {
            stages.push(Stage::Group(Group::counting(operand, names)?));
            let descending = Value::Object(vec![("count".into(), Value::Number(-1.0))]);
            Stage::Sort { sort: Sort::parse(&descending)?, limit: None }
        }
        "$limit" => Stage::Limit(count(name, operand, 1)?),
        "$skip" => Stage::Skip(count(name, operand, 0)?),
        "$count" => match operand {
            Value::String(field) if !field.is_empty() && !field.starts_with('$') && !field.contains('.') => {
                Stage::Count(field.clone())
            }
            _ => return Err(invalid(name, "needs a field name without '$' and '.'")),
        },
        "$unwind" => Stage::Unwind(Unwind::parse(operand)?),
        "$replaceRoot" => {
            let root = operand.field("newRoot").ok_or_else(|| invalid(name, "needs an expression in 'newRoot'"))?;
            Stage::ReplaceRoot(Expression::parse_with(root, names)?)
        }
        "$replaceWith" => Stage::ReplaceRoot(Expression::parse_with(operand, names)?),
        "$sample" => {
            let size = operand.field("size").ok_or_else(|| invalid(name, "needs the number of rows in 'size'"))?;
            Stage::Sample(usize::try_from(count(name, size, 1)?).unwrap_or(usize::MAX))
        }
        "$facet" => Stage::Facet(facets(operand, names, depth)?),
        "$lookup" => Stage::Lookup(Box::new(Lookup::parse(operand, names, depth)?)),
        "$unionWith" => union(operand, names, depth)?,
        _ => {
            return Err(Error::invalid(format!(
                "unknown stage '{name}': use $match $project $addFields $set $unset $group $sort $sortByCount $unwind $lookup \
                 $count $facet $bucket $bucketAuto $limit $skip $replaceRoot $replaceWith $sample or $unionWith"
            )))
        }
    };
    stages.push(stage);
    Ok(())
}

fn count(stage: &str, operand: &Value, least: u64) -> Result<u64> {
    let count = match operand {
        Value::Number(count) => integer(*count).and_then(|count| u64::try_from(count).ok()),
        _ => None,
    };
    count
        .filter(|count| *count >= least)
        .ok_or_else(|| invalid(stage, &format!("needs a whole number from {least} on")))
}

fn facets(operand: &Value, names: &[Box<str>], depth: usize) -> Result<Vec<(Box<str>, Pipeline)>> {
    let Value::Object(fields) = operand else {
        return Err(invalid("$facet", "needs an object of pipelines"));
    };
    if fields.is_empty() || fields.len() > 100 {
        return Err(invalid("$facet", "needs 1 to 100 pipelines"));
    }
    let parse = |(name, pipeline): &(Box<str>, Value)| {
        if name.is_empty() || name.starts_with('$') || name.contains('.') {
            return Err(invalid("$facet", &format!("cannot name a field '{name}'")));
        }
        let pipeline = Pipeline::parse_nested(pipeline, names, depth + 1)
            .map_err(|error| invalid("$facet", &format!("'{name}': {}", error.message())))?;
        if pipeline.0.stages.iter().any(|stage| matches!(stage, Stage::Facet(_))) {
            return Err(invalid("$facet", "cannot hold another $facet"));
        }
        Ok((name.clone(), pipeline))
    };
    fields.iter().map(parse).collect()
}

fn union(operand: &Value, names: &[Box<str>], depth: usize) -> Result<Stage> {
    let empty = Value::Array(Vec::new());
    let (from, pipeline) = match operand {
        Value::String(_) => (Some(operand), &empty),
        _ => (operand.field("coll"), operand.field("pipeline").unwrap_or(&empty)),
    };
    match from {
        Some(Value::String(from)) if !from.is_empty() => {
            Ok(Stage::Union(from.clone(), Pipeline::parse_nested(pipeline, names, depth + 1)?))
        }
        _ => Err(invalid("$unionWith", "needs a collection's name, or { coll, pipeline }")),
    }
}
