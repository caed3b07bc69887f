//! Reads projections into rules, and says what is wrong with them.

use super::{Rule, Rules};
use crate::base::{Error, Result};
use crate::collections::filter::{suggestion, ElementFilter};
use crate::collections::path::Path;
use crate::collections::Value;

/// A projection's mode: it lists what to keep, or what to leave out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Include,
    Exclude,
}

struct Parser {
    mode: Option<Mode>,
    /// The path and rule of each entry, in order.
    list: Vec<(String, Rule)>,
    id: Option<bool>,
}

pub(super) fn rules(projection: &Value) -> Result<Rules> {
    let Value::Object(fields) = projection else {
        return Err(Error::invalid("a projection is an object like { title: 1, author: 1 } or { body: 0 }"));
    };
    let mut parser = Parser { mode: None, list: Vec::new(), id: None };
    parser.fields("", fields)?;
    // `{ id: 1 }` alone lists what to keep; `{ id: 0 }` and `$slice` alone leave the rest.
    let only_id = parser.list.is_empty() && parser.id == Some(true);
    let include = parser.mode == Some(Mode::Include) || only_id;
    if include && parser.id != Some(false) {
        parser.list.push(("id".into(), Rule::Keep));
    }
    if !include && parser.id == Some(false) {
        parser.list.push(("id".into(), Rule::Drop));
    }
    let mut rules = Rules { fields: Vec::new(), keeps_others: !include };
    for (path, rule) in parser.list {
        let segments: Vec<&str> = path.split('.').collect();
        insert(&mut rules, &segments, rule, !include).ok_or_else(|| {
            Error::invalid(format!("at '{path}': the projection names this path and one inside it: keep one of them"))
        })?;
    }
    Ok(rules)
}

/// Puts a rule at its place; `None` if another one stands in its way.
fn insert(rules: &mut Rules, segments: &[&str], rule: Rule, keeps_others: bool) -> Option<()> {
    let (first, rest) = segments.split_first()?;
    let at = rules.fields.iter().position(|(name, _)| **name == **first);
    match (at, rest) {
        (None, []) => rules.fields.push(((*first).into(), rule)),
        (None, _) => {
            let mut inside = Rules { fields: Vec::new(), keeps_others };
            insert(&mut inside, rest, rule, keeps_others)?;
            rules.fields.push(((*first).into(), Rule::Inside(inside)));
        }
        (Some(at), [_, ..]) => match &mut rules.fields.get_mut(at)?.1 {
            Rule::Inside(inside) => insert(inside, rest, rule, keeps_others)?,
            _ => return None,
        },
        (Some(_), []) => return None,
    }
    Some(())
}

impl Parser {
    fn fields(&mut self, prefix: &str, fields: &[(Box<str>, Value)]) -> Result<()> {
        for (name, operand) in fields {
            if name.starts_with('$') {
                return Err(Error::invalid(format!(
                    "at '{prefix}': unknown operator '{name}' in a projection{}; for expressions use the pipeline's $project",
                    suggestion(name, ["$slice", "$elemMatch"])
                )));
            }
            let path = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            self.field(path, operand)?;
        }
        Ok(())
    }

    fn field(&mut self, path: String, operand: &Value) -> Result<()> {
        let parsed = Path::parse(&path)?;
        let kept = match operand {
            Value::Bool(kept) => *kept,
            Value::Number(number) => *number != 0.0,
            Value::Object(fields) => return self.object(parsed, path, fields),
            _ => {
                return Err(Error::invalid(format!(
                    "at '{path}': a projection takes 1 or 0, $slice or $elemMatch; for expressions use the pipeline's $project"
                )));
            }
        };
        if path == "id" {
            self.id = Some(kept);
            return Ok(());
        }
        self.choose(&path, if kept { Mode::Include } else { Mode::Exclude })?;
        self.list.push((path, if kept { Rule::Keep } else { Rule::Drop }));
        Ok(())
    }

    fn object(&mut self, parsed: Path, path: String, fields: &[(Box<str>, Value)]) -> Result<()> {
        let wrong = |what: &str| Error::invalid(format!("at '{path}': {what}"));
        let rule = match fields {
            [] => return Err(wrong("an empty object projects nothing: write 1 or 0")),
            [(name, operand)] if &**name == "$slice" => slice(operand).ok_or_else(|| {
                wrong("$slice takes a whole number, or an array of how many to pass over and how many to take")
            })?,
            [(name, operand)] if &**name == "$elemMatch" => {
                self.choose(&path, Mode::Include)?;
                Rule::First(Box::new(ElementFilter::parse(&parsed, operand)?))
            }
            _ => return self.fields(&path, fields),
        };
        self.list.push((path, rule));
        Ok(())
    }

    fn choose(&mut self, path: &str, mode: Mode) -> Result<()> {
        if *self.mode.get_or_insert(mode) == mode {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "at '{path}': a projection lists either what to keep (1) or what to leave out (0), only id may differ"
        )))
    }
}

fn slice(operand: &Value) -> Option<Rule> {
    let whole = |value: &Value| match value {
        Value::Number(number) if number.trunc() == *number && number.abs() < 4e9 => Some(*number as i64),
        _ => None,
    };
    Some(match operand {
        Value::Array(parts) => match parts.as_slice() {
            [skip, take] => Rule::Slice(whole(skip)?, u64::try_from(whole(take)?).ok().filter(|take| *take > 0)?),
            _ => return None,
        },
        count => match whole(count)? {
            count if count < 0 => Rule::Slice(count, u64::MAX),
            count => Rule::Slice(0, count.unsigned_abs()),
        },
    })
}
