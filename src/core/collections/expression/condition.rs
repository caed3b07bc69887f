//! `$expr` of a filter: an expression as a condition.

use std::rc::Rc;

use super::super::filter::Condition;
use super::super::{Value, ValueRef};
use super::{truthy, Expression, Fields};
use crate::base::Result;

/// An expression that holds where its value counts as true.
#[derive(Debug)]
struct Holds {
    expression: Expression,
    fields: Fields,
    now: f64,
}

impl Condition for Holds {
    fn holds(&self, root: ValueRef<'_>) -> Result<bool> {
        let tree = match root {
            ValueRef::Tree(value) => return Ok(truthy(&*self.expression.evaluate(value, self.now)?)),
            ValueRef::Document(document) => self.fields.decode(document)?,
            ValueRef::Raw(raw) => raw.to_value(),
        };
        let truth = truthy(&*self.expression.evaluate(&tree, self.now)?);
        Ok(truth)
    }
}

/// Compiles the operands of `$expr` for `Filter::parse_with`; `now` is `$$NOW`, in milliseconds since the Unix epoch.
pub fn compile_condition(now: f64) -> impl Fn(&Value) -> Result<Rc<dyn Condition>> {
    move |operand| {
        let expression = Expression::parse(operand)?;
        let mut fields = Fields::none();
        expression.collect_fields(&mut fields);
        Ok(Rc::new(Holds { expression, fields, now }))
    }
}
