//! Dates in expressions, all in UTC.

use super::super::number::{integer, number};
use super::super::Value;
use super::calendar::{days, valid, Parts, DAY};
use super::call::{at, Argument};
use super::evaluate::is_null;
use super::operator::Operator;
use crate::base::{Error, Result};

/// The reference from which bins of `$dateTrunc` count: 2000-01-01, a Saturday.
const REFERENCE: i64 = 946_684_800_000;

/// The milliseconds of a date; `None` for null.
fn ms(value: &Value) -> Result<Option<i64>> {
    match value {
        Value::Date(ms) => valid(*ms).map(Some).ok_or_else(|| Error::invalid("got an invalid date")),
        _ if is_null(value) => Ok(None),
        _ => Err(Error::invalid("needs a date: convert with $toDate")),
    }
}

/// Checks that a time zone, if given, is UTC.
fn utc(timezone: &Value) -> Result<()> {
    match timezone {
        Value::Undefined | Value::Null => Ok(()),
        Value::String(name) if matches!(&**name, "UTC" | "GMT" | "Z" | "Etc/UTC" | "+00:00" | "+0000" | "+00") => {
            Ok(())
        }
        _ => Err(Error::invalid("knows no time zone but UTC: leave 'timezone' out and shift with $dateAdd")),
    }
}

pub(super) fn part(operator: Operator, arguments: &[Argument<'_>]) -> Result<Value> {
    utc(at(arguments, 1))?;
    let Some(ms) = ms(at(arguments, 0))? else { return Ok(Value::Null) };
    let parts = Parts::of(ms);
    Ok(number(match operator {
        Operator::Year => parts.year,
        Operator::Month => parts.month,
        Operator::DayOfMonth => parts.day,
        Operator::Hour => parts.time / 3_600_000,
        Operator::Minute => parts.time / 60_000 % 60,
        Operator::Second => parts.time / 1_000 % 60,
        Operator::Millisecond => parts.time % 1_000,
        Operator::DayOfWeek => parts.iso_weekday() % 7 + 1,
        Operator::DayOfYear => parts.day_of_year(),
        Operator::IsoDayOfWeek => parts.iso_weekday(),
        Operator::IsoWeek => parts.iso_week().1,
        _ => parts.iso_week().0,
    }))
}

/// A date as ISO 8601 text.
pub(super) fn to_iso(ms: f64) -> Option<String> {
    let parts = Parts::of(valid(ms)?);
    let mut text = String::new();
    match parts.year {
        0..=9999 => digits(&mut text, parts.year, 4),
        year => {
            text.push(if year < 0 { '-' } else { '+' });
            digits(&mut text, year.abs(), 6);
        }
    }
    write(&mut text, "-%m-%dT%H:%M:%S.%LZ", parts).ok()?;
    Some(text)
}

pub(super) fn format(arguments: &[Argument<'_>]) -> Result<Value> {
    utc(at(arguments, 2))?;
    let Some(ms) = ms(at(arguments, 0))? else {
        return Ok(super::parse::missing_as_null(at(arguments, 3).clone()));
    };
    let format = match at(arguments, 1) {
        Value::Undefined => "%Y-%m-%dT%H:%M:%S.%LZ",
        Value::String(format) => format,
        other if is_null(other) => return Ok(Value::Null),
        _ => return Err(Error::invalid("needs a string in 'format'")),
    };
    let mut text = String::new();
    write(&mut text, format, Parts::of(ms))?;
    Ok(Value::String(text.into_boxed_str()))
}

fn digits(text: &mut String, value: i64, width: usize) {
    let value = value.to_string();
    for _ in value.len()..width {
        text.push('0');
    }
    text.push_str(&value);
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn write(text: &mut String, format: &str, parts: Parts) -> Result<()> {
    let month = || usize::try_from(parts.month - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or("");
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('Y') => digits(text, parts.year, 4),
            Some('G') => digits(text, parts.iso_week().0, 4),
            Some('m') => digits(text, parts.month, 2),
            Some('d') => digits(text, parts.day, 2),
            Some('H') => digits(text, parts.time / 3_600_000, 2),
            Some('M') => digits(text, parts.time / 60_000 % 60, 2),
            Some('S') => digits(text, parts.time / 1_000 % 60, 2),
            Some('L') => digits(text, parts.time % 1_000, 3),
            Some('j') => digits(text, parts.day_of_year(), 3),
            Some('u') => digits(text, parts.iso_weekday(), 1),
            Some('w') => digits(text, parts.iso_weekday() % 7 + 1, 1),
            Some('V') => digits(text, parts.iso_week().1, 2),
            Some('U') => digits(text, (parts.day_of_year() + 6 - parts.iso_weekday() % 7) / 7, 2),
            Some('b') => text.push_str(month().get(..3).unwrap_or("")),
            Some('B') => text.push_str(month()),
            Some('z') => text.push_str("+0000"),
            Some('Z') => text.push_str("+000"),
            Some('%') => text.push('%'),
            _ => {
                return Err(Error::invalid(
                    "has an unknown specifier in 'format': use %Y %m %d %H %M %S %L %j %u %w %V %U %G %b %B %z %%",
                ))
            }
        }
    }
    Ok(())
}

/// A unit of time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A number of months.
    Months(i64),
    /// A number of milliseconds.
    Fixed(i64),
}

impl Unit {
    const WEEK: Self = Self::Fixed(7 * DAY);

    fn parse(value: &Value) -> Result<Option<Self>> {
        let Value::String(name) = value else {
            return if is_null(value) { Ok(None) } else { Err(Error::invalid("needs a string in 'unit'")) };
        };
        Ok(Some(match &**name {
            "year" => Self::Months(12),
            "quarter" => Self::Months(3),
            "month" => Self::Months(1),
            "week" => Self::WEEK,
            "day" => Self::Fixed(DAY),
            "hour" => Self::Fixed(3_600_000),
            "minute" => Self::Fixed(60_000),
            "second" => Self::Fixed(1_000),
            "millisecond" => Self::Fixed(1),
            _ => {
                return Err(Error::invalid(
                    "needs year, quarter, month, week, day, hour, minute, second or millisecond in 'unit'",
                ))
            }
        }))
    }
}

/// The first day of the week, 1 (Monday) to 7 (Sunday, the default).
fn week_start(value: &Value) -> Result<i64> {
    let Value::String(name) = value else {
        return if is_null(value) { Ok(7) } else { Err(Error::invalid("needs a string in 'startOfWeek'")) };
    };
    let lower = name.to_ascii_lowercase();
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let found = (1..).zip(DAYS).find(|(_, day)| lower == *day || (lower.len() == 3 && day.starts_with(&lower)));
    found.map(|(at, _)| at).ok_or_else(|| Error::invalid("needs the English name of a day in 'startOfWeek'"))
}

fn date(ms: Option<i64>) -> Result<Value> {
    let number = ms.map(number);
    match number {
        Some(Value::Number(ms)) if valid(ms).is_some() => Ok(Value::Date(ms)),
        _ => Err(Error::invalid("went past the dates that exist")),
    }
}

pub(super) fn shift(operator: Operator, arguments: &[Argument<'_>]) -> Result<Value> {
    utc(at(arguments, 3))?;
    let amount = match at(arguments, 2) {
        Value::Number(amount) => integer(*amount).ok_or_else(|| Error::invalid("needs a whole number in 'amount'"))?,
        other if is_null(other) => return Ok(Value::Null),
        _ => return Err(Error::invalid("needs a whole number in 'amount'")),
    };
    let amount = if operator == Operator::DateAdd { amount } else { -amount };
    let (Some(start), Some(unit)) = (ms(at(arguments, 0))?, Unit::parse(at(arguments, 1))?) else {
        return Ok(Value::Null);
    };
    date(add(start, unit, amount))
}

fn add(start: i64, unit: Unit, amount: i64) -> Option<i64> {
    match unit {
        Unit::Fixed(ms) => start.checked_add(amount.checked_mul(ms)?),
        // Past some ten million months no date exists; the bound keeps the calendar from overflowing.
        Unit::Months(months) => {
            let months = amount.checked_mul(months).filter(|months| months.abs() < 10_000_000)?;
            Some(Parts::of(start).plus_months(months).to_ms())
        }
    }
}

/// The number of boundaries of the unit between the two dates.
fn boundaries(start: i64, end: i64, unit: Unit, week_start: i64) -> i64 {
    match unit {
        Unit::Months(months) => {
            let index = |ms| {
                let parts = Parts::of(ms);
                (parts.year * 12 + parts.month - 1).div_euclid(months)
            };
            index(end) - index(start)
        }
        // The epoch was a Thursday: shifted, so that weeks begin on the day asked for.
        Unit::WEEK => {
            let week = |ms: i64| (ms.div_euclid(DAY) + 4 - week_start).div_euclid(7);
            week(end) - week(start)
        }
        Unit::Fixed(length) => end.div_euclid(length) - start.div_euclid(length),
    }
}

pub(super) fn difference(arguments: &[Argument<'_>]) -> Result<Value> {
    utc(at(arguments, 3))?;
    let week_start = week_start(at(arguments, 4))?;
    match (ms(at(arguments, 0))?, ms(at(arguments, 1))?, Unit::parse(at(arguments, 2))?) {
        (Some(start), Some(end), Some(unit)) => Ok(number(boundaries(start, end, unit, week_start))),
        _ => Ok(Value::Null),
    }
}

pub(super) fn truncate(arguments: &[Argument<'_>]) -> Result<Value> {
    utc(at(arguments, 3))?;
    let week_start = week_start(at(arguments, 4))?;
    let bin = match at(arguments, 2) {
        Value::Undefined => 1,
        Value::Number(bin) if *bin >= 1.0 && *bin <= 1e11 => {
            integer(*bin).ok_or_else(|| Error::invalid("needs a whole number in 'binSize'"))?
        }
        other if is_null(other) => return Ok(Value::Null),
        _ => return Err(Error::invalid("needs a whole number from 1 in 'binSize'")),
    };
    let (Some(ms), Some(unit)) = (ms(at(arguments, 0))?, Unit::parse(at(arguments, 1))?) else {
        return Ok(Value::Null);
    };
    let mut reference = REFERENCE;
    if unit == Unit::WEEK {
        // The first such day of the week from the reference on.
        reference += (week_start - Parts::of(REFERENCE).iso_weekday()).rem_euclid(7) * DAY;
    }
    let passed = boundaries(reference, ms, unit, week_start);
    date(add(reference, unit, passed - passed.rem_euclid(bin)))
}

/// Milliseconds from ISO 8601 text: `YYYY-MM-DD`, with `THH:MM[:SS[.fff]]` and `Z` or an offset.
pub(super) fn from_iso(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let part = bytes.get(from..to)?;
        if !part.iter().all(u8::is_ascii_digit) {
            return None;
        }
        text.get(from..to)?.parse().ok()
    };
    let mark = |at: usize, wanted: u8| (bytes.get(at) == Some(&wanted)).then_some(());
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    mark(4, b'-')?;
    mark(7, b'-')?;
    if !(1..=12).contains(&month) || !(1..=super::calendar::month_days(year, month)).contains(&day) {
        return None;
    }
    let midnight = days(year, month, day) * DAY;
    if bytes.len() == 10 {
        return Some(midnight);
    }
    if !matches!(bytes.get(10), Some(b'T' | b' ')) {
        return None;
    }
    mark(13, b':')?;
    let (hour, minute) = (number(11, 13)?, number(14, 16)?);
    let (mut second, mut fraction, mut end) = (0, 0, 16);
    if bytes.get(16) == Some(&b':') {
        second = number(17, 19)?;
        end = 19;
        if bytes.get(19) == Some(&b'.') {
            let length = bytes.get(20..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
            end = 20 + length;
            let kept = length.min(3);
            let scale = [0, 100, 10, 1].get(kept).copied()?;
            fraction = number(20, 20 + kept)? * scale;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = match bytes.get(end..)? {
        b"" | b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, rest @ ..] => {
            let minutes = match rest {
                [] => [b'0', b'0'],
                [b':', m1, m2] | [m1, m2] => [*m1, *m2],
                _ => return None,
            };
            let pair = |a: u8, b: u8| {
                (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
            };
            let minutes = pair(*h1, *h2)? * 60 + pair(minutes[0], minutes[1])?;
            if *sign == b'-' {
                -minutes
            } else {
                minutes
            }
        }
        _ => return None,
    };
    Some(midnight + hour * 3_600_000 + (minute - offset) * 60_000 + second * 1_000 + fraction)
}
