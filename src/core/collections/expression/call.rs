//! From an operator and its evaluated arguments to the function that computes it.

use std::borrow::Cow;

use super::super::Value;
use super::operator::Operator;
use super::parse::wrong;
use super::{arithmetic, array, convert, date, evaluate, object, string, Scope};
use crate::base::Result;

/// An evaluated argument.
pub(super) type Argument<'v> = Cow<'v, Value>;

/// Computes `operator`. Arguments may be taken out of `arguments`; names not given are `Undefined`.
#[expect(clippy::too_many_lines, reason = "one line for each operator")]
pub(super) fn call<'v>(operator: Operator, arguments: &mut [Argument<'v>], scope: &Scope<'v>) -> Result<Argument<'v>> {
    use Operator as O;
    let value = match operator {
        O::Add => arithmetic::add(arguments),
        O::Subtract => arithmetic::subtract(at(arguments, 0), at(arguments, 1)),
        O::Multiply => arithmetic::multiply(arguments),
        O::Divide => arithmetic::divide(at(arguments, 0), at(arguments, 1)),
        O::Mod => arithmetic::modulo(at(arguments, 0), at(arguments, 1)),
        O::Pow | O::Log => arithmetic::binary(operator, at(arguments, 0), at(arguments, 1)),
        O::Round | O::Trunc => arithmetic::round(operator, at(arguments, 0), arguments.get(1).map(|place| &**place)),
        O::Abs | O::Ceil | O::Floor | O::Sqrt | O::Exp | O::Ln | O::Log10 => {
            arithmetic::unary(operator, at(arguments, 0))
        }
        O::Sum | O::Avg | O::Min | O::Max => arithmetic::summary(operator, arguments),
        O::Eq | O::Ne | O::Gt | O::Gte | O::Lt | O::Lte | O::Cmp => {
            Ok(evaluate::comparison(operator, at(arguments, 0), at(arguments, 1)))
        }
        O::Not => Ok(Value::Bool(!evaluate::truthy(at(arguments, 0)))),
        O::Size => array::size(at(arguments, 0)),
        O::ArrayElemAt => return array::element(take(arguments, 0), at(arguments, 1)),
        O::First | O::Last => return array::end(operator, take(arguments, 0)),
        O::FirstN | O::LastN => array::ends(operator, at(arguments, 0), at(arguments, 1)),
        O::Slice => array::slice(arguments),
        O::ConcatArrays => array::concat(arguments, scope),
        O::In => array::contains(at(arguments, 0), at(arguments, 1)),
        O::Range => array::range(arguments, scope),
        O::ReverseArray => array::reverse(take(arguments, 0)),
        O::IndexOfArray => array::index_of(arguments),
        O::IsArray => Ok(Value::Bool(matches!(at(arguments, 0), Value::Array(_)))),
        O::Zip => array::zip(at(arguments, 0), at(arguments, 1), at(arguments, 2), scope),
        O::SetUnion | O::SetIntersection | O::SetDifference => array::set(operator, arguments, scope),
        O::SetIsSubset | O::SetEquals => array::set_relation(operator, arguments),
        O::AnyElementTrue | O::AllElementsTrue => array::truth(operator, at(arguments, 0)),
        O::Concat => string::concat(arguments, scope),
        O::ToLower | O::ToUpper => string::change_case(operator, at(arguments, 0)),
        O::Substr | O::SubstrBytes => string::substring_bytes(arguments),
        O::SubstrCP => string::substring(arguments),
        O::StrLenCP | O::StrLenBytes => string::length(operator, at(arguments, 0)),
        O::Split => string::split(at(arguments, 0), at(arguments, 1), scope),
        O::Trim | O::TrimLeft | O::TrimRight => string::trim(operator, at(arguments, 0), at(arguments, 1)),
        O::IndexOfCP => string::index_of(arguments),
        O::ReplaceOne | O::ReplaceAll => string::replace(operator, arguments, scope),
        O::RegexMatch => string::regex_match(arguments),
        O::StrCaseCmp => string::compare_ignoring_case(at(arguments, 0), at(arguments, 1)),
        O::MergeObjects => object::merge(arguments, scope),
        O::ObjectToArray => object::to_array(take(arguments, 0), scope),
        O::ArrayToObject => object::from_array(at(arguments, 0), scope),
        O::GetField => {
            let input = take(arguments, 1);
            return object::get(at(arguments, 0), input);
        }
        O::SetField => object::set(arguments, scope),
        O::UnsetField => object::unset(arguments, scope),
        O::Year
        | O::Month
        | O::DayOfMonth
        | O::Hour
        | O::Minute
        | O::Second
        | O::Millisecond
        | O::DayOfWeek
        | O::DayOfYear
        | O::IsoDayOfWeek
        | O::IsoWeek
        | O::IsoWeekYear => date::part(operator, arguments),
        O::DateToString => date::format(arguments),
        O::DateTrunc => date::truncate(arguments),
        O::DateAdd | O::DateSubtract => date::shift(operator, arguments),
        O::DateDiff => date::difference(arguments),
        O::Type => Ok(Value::String(convert::type_name(at(arguments, 0)).into())),
        O::IsNumber => Ok(Value::Bool(matches!(at(arguments, 0), Value::Number(_) | Value::BigInt(_)))),
        O::ToString => convert::to(convert::Target::String, at(arguments, 0)),
        O::ToInt => convert::to(convert::Target::Int, at(arguments, 0)),
        O::ToLong => convert::to(convert::Target::Long, at(arguments, 0)),
        O::ToDouble => convert::to(convert::Target::Double, at(arguments, 0)),
        O::ToBool => convert::to(convert::Target::Bool, at(arguments, 0)),
        O::ToDate => convert::to(convert::Target::Date, at(arguments, 0)),
    };
    value.map(Cow::Owned).map_err(|error| named(operator, error))
}

/// The error, naming the operator unless it does.
fn named(operator: Operator, error: crate::base::Error) -> crate::base::Error {
    if error.message().starts_with('$') {
        error
    } else {
        wrong(operator.name(), error.message())
    }
}

/// The argument at `index`; `Undefined` if there are fewer.
pub(super) fn at<'a>(arguments: &'a [Argument<'_>], index: usize) -> &'a Value {
    arguments.get(index).map_or(&Value::Undefined, |argument| &**argument)
}

/// Takes the argument at `index` out.
pub(super) fn take<'v>(arguments: &mut [Argument<'v>], index: usize) -> Argument<'v> {
    arguments
        .get_mut(index)
        .map_or(Cow::Owned(Value::Undefined), |argument| std::mem::replace(argument, Cow::Owned(Value::Undefined)))
}
