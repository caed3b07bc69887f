//! Numbers in expressions. A null or missing operand makes the result null; anything else but a number is an error.

use super::super::compare::compare;
use super::super::number::{integer, number, Numeric};
use super::super::Value;
use super::call::Argument;
use super::evaluate::is_null;
use super::operator::Operator;
use super::parse::wrong;
use crate::base::{Error, Result};

/// The number in `value`, `None` for null.
fn numeric(operator: &str, value: &Value) -> Result<Option<Numeric>> {
    if is_null(value) {
        return Ok(None);
    }
    Numeric::of(value)?.map(Some).ok_or_else(|| wrong(operator, "needs numbers: convert with $toDouble"))
}

pub(super) fn add(arguments: &[Argument<'_>]) -> Result<Value> {
    let mut sum = Numeric::Double(0.0);
    let mut date = false;
    if arguments.iter().any(|value| is_null(value)) {
        return Ok(Value::Null);
    }
    for value in arguments {
        let term = match &**value {
            Value::Date(_) if date => return Err(wrong("$add", "takes at most one date")),
            Value::Date(ms) => {
                date = true;
                Numeric::Double(*ms)
            }
            other => numeric("$add", other)?.unwrap_or(Numeric::Double(0.0)),
        };
        sum = sum.plus(term)?;
    }
    Ok(if date { Value::Date(sum.to_f64().round()) } else { sum.into_value() })
}

pub(super) fn subtract(a: &Value, b: &Value) -> Result<Value> {
    match (a, b) {
        _ if is_null(a) || is_null(b) => Ok(Value::Null),
        (Value::Date(a), Value::Date(b)) => Ok(Value::Number(a - b)),
        (Value::Date(date), _) => match Numeric::of(b)? {
            Some(ms) => Ok(Value::Date(date - ms.to_f64().round())),
            None => Err(wrong("$subtract", "takes a date or milliseconds from a date")),
        },
        _ => match (Numeric::of(a)?, Numeric::of(b)?) {
            (Some(a), Some(b)) => a.minus(b).map(Numeric::into_value),
            _ => Err(wrong("$subtract", "needs two numbers, two dates, or a date and milliseconds")),
        },
    }
}

pub(super) fn multiply(arguments: &[Argument<'_>]) -> Result<Value> {
    if arguments.iter().any(|value| is_null(value)) {
        return Ok(Value::Null);
    }
    let mut product = Numeric::Double(1.0);
    for value in arguments {
        product = product.times(numeric("$multiply", value)?.unwrap_or(Numeric::Double(1.0)))?;
    }
    Ok(product.into_value())
}

pub(super) fn divide(a: &Value, b: &Value) -> Result<Value> {
    let (Some(a), Some(b)) = (numeric("$divide", a)?, numeric("$divide", b)?) else { return Ok(Value::Null) };
    if b.to_f64() == 0.0 {
        return Err(wrong("$divide", "cannot divide by zero: guard it with $cond"));
    }
    Ok(Value::Number(a.to_f64() / b.to_f64()))
}

pub(super) fn modulo(a: &Value, b: &Value) -> Result<Value> {
    let (Some(a), Some(b)) = (numeric("$mod", a)?, numeric("$mod", b)?) else { return Ok(Value::Null) };
    if b.to_f64() == 0.0 {
        return Err(wrong("$mod", "cannot divide by zero: guard it with $cond"));
    }
    a.modulo(b).map(Numeric::into_value)
}

pub(super) fn binary(operator: Operator, a: &Value, b: &Value) -> Result<Value> {
    let name = operator.name();
    let (Some(a), Some(b)) = (numeric(name, a)?, numeric(name, b)?) else { return Ok(Value::Null) };
    let (a, b) = (a.to_f64(), b.to_f64());
    match operator {
        Operator::Pow if a == 0.0 && b < 0.0 => Err(wrong(name, "cannot raise zero to a negative power")),
        Operator::Pow => Ok(Value::Number(power(a, b))),
        _ if a <= 0.0 => Err(wrong(name, "needs a positive number")),
        _ if b <= 0.0 || b == 1.0 => Err(wrong(name, "needs a positive base other than 1")),
        _ => Ok(Value::Number(a.ln() / b.ln())),
    }
}

/// A power as JavaScript has it: one to the power of NaN or infinity is no number.
fn power(a: f64, b: f64) -> f64 {
    if a.abs() == 1.0 && !b.is_finite() {
        f64::NAN
    } else {
        a.powf(b)
    }
}

pub(super) fn unary(operator: Operator, value: &Value) -> Result<Value> {
    let name = operator.name();
    let Some(value) = numeric(name, value)? else { return Ok(Value::Null) };
    if let (Numeric::Big(big), Operator::Abs | Operator::Ceil | Operator::Floor) = (value, operator) {
        let abs = if operator == Operator::Abs { big.checked_abs() } else { Some(big) };
        let abs = abs.ok_or_else(|| wrong(name, "went past 128 bits"))?;
        return Ok(Numeric::Big(abs).into_value());
    }
    let value = value.to_f64();
    Ok(Value::Number(match operator {
        Operator::Abs => value.abs(),
        Operator::Ceil => value.ceil(),
        Operator::Floor => value.floor(),
        Operator::Exp => value.exp(),
        Operator::Sqrt if value < 0.0 => return Err(wrong(name, "needs a number that is not negative")),
        Operator::Sqrt => value.sqrt(),
        _ if value <= 0.0 => return Err(wrong(name, "needs a positive number")),
        Operator::Ln => value.ln(),
        _ => value.log10(),
    }))
}

/// `$round` (half to even) and `$trunc`, to `place` decimal places (negative: tens, hundreds …).
pub(super) fn round(operator: Operator, value: &Value, place: Option<&Value>) -> Result<Value> {
    let name = operator.name();
    let Some(value) = numeric(name, value)? else { return Ok(Value::Null) };
    let place = match place {
        None => 0,
        Some(place) if is_null(place) => return Ok(Value::Null),
        Some(Value::Number(place)) if (-20.0..=100.0).contains(place) => match integer(*place).map(i32::try_from) {
            Some(Ok(place)) => place,
            _ => return Err(wrong(name, "needs a whole number of places")),
        },
        Some(_) => return Err(wrong(name, "needs a number of places between -20 and 100")),
    };
    let whole = |value: f64| if operator == Operator::Trunc { value.trunc() } else { value.round_ties_even() };
    if let Numeric::Big(big) = value {
        if place >= 0 {
            return Ok(value.into_value());
        }
        let unit = 10_i128.pow(place.unsigned_abs());
        let (quotient, rest) = (big / unit, big % unit);
        let twice = rest.unsigned_abs() * 2;
        let up = operator == Operator::Round
            && (twice > unit.unsigned_abs() || (twice == unit.unsigned_abs() && quotient % 2 != 0));
        let rounded = quotient + if up { big.signum() } else { 0 };
        return rounded.checked_mul(unit).map(|big| Numeric::Big(big).into_value()).ok_or_else(overflow);
    }
    let value = value.to_f64();
    if !value.is_finite() || place == 0 {
        return Ok(Value::Number(whole(value)));
    }
    let unit = 10_f64.powi(place.abs());
    let scaled = if place > 0 { value * unit } else { value / unit };
    if !scaled.is_finite() {
        return Ok(Value::Number(value));
    }
    Ok(Value::Number(if place > 0 { whole(scaled) / unit } else { whole(scaled) * unit }))
}

fn overflow() -> Error {
    Error::invalid("went past 128 bits")
}

/// `$sum`, `$avg`, `$min` and `$max` as expressions: over the arguments, or over the one array given.
pub(super) fn summary(operator: Operator, arguments: &[Argument<'_>]) -> Result<Value> {
    match arguments {
        [only] => match &**only {
            Value::Array(items) => summarise(operator, &mut items.iter()),
            other => summarise(operator, &mut std::iter::once(other)),
        },
        _ => summarise(operator, &mut arguments.iter().map(|argument| &**argument)),
    }
}

fn summarise(operator: Operator, values: &mut dyn Iterator<Item = &Value>) -> Result<Value> {
    if matches!(operator, Operator::Min | Operator::Max) {
        let mut best: Option<&Value> = None;
        for value in values.filter(|value| !is_null(value)) {
            let better = best.is_none_or(|best| {
                let order = compare(value, best);
                if operator == Operator::Min {
                    order.is_lt()
                } else {
                    order.is_gt()
                }
            });
            if better {
                best = Some(value);
            }
        }
        return Ok(best.cloned().unwrap_or(Value::Null));
    }
    let (mut sum, mut count) = (Numeric::Double(0.0), 0_i64);
    for value in values {
        if let Some(term) = Numeric::of(value)? {
            sum = sum.plus(term)?;
            count += 1;
        }
    }
    Ok(match operator {
        Operator::Sum => sum.into_value(),
        _ if count == 0 => Value::Null,
        _ => Value::Number(sum.to_f64() / Numeric::of(&number(count))?.map_or(1.0, Numeric::to_f64)),
    })
}
