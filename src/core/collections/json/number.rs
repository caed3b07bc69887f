//! Numbers of JSON text: strict grammar, exact f64, and a fast path for what documents mostly hold.
//!
//! Not BigInts: those are tagged strings (see `bigint.rs`).

use std::io::Write;

use super::decimal;

/// Powers of ten that f64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The number at the start of `text` and its length in bytes; `None` if no JSON number stands there.
#[inline]
pub fn parse(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let mut at = start;
    let mut mantissa = 0u64;
    while let Some(digit) = digit_at(text, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        at += 1;
    }
    let digits = at - start;
    if digits == 0 || (digits > 1 && text[start] == b'0') {
        return None;
    }
    let fractional = matches!(text.get(at), Some(b'.' | b'e' | b'E'));
    if digits <= 15 && !fractional {
        let value = mantissa as f64;
        return Some((if negative { -value } else { value }, at));
    }
    parse_long(text, start, at, mantissa, negative)
}

/// The rest of [`parse`]: fractions, exponents and many digits.
fn parse_long(text: &[u8], start: usize, mut at: usize, mut mantissa: u64, negative: bool) -> Option<(f64, usize)> {
    let mut digits = at - start;
    let mut exponent = 0i64;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let fraction = at;
        while let Some(digit) = digit_at(text, at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            at += 1;
        }
        if at == fraction {
            return None;
        }
        digits += at - fraction;
        exponent -= (at - fraction) as i64;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        let minus = text.get(at) == Some(&b'-');
        at += usize::from(matches!(text.get(at), Some(b'-' | b'+')));
        let mut written = 0i64;
        let first = at;
        while let Some(digit) = digit_at(text, at) {
            written = (written * 10 + digit as i64).min(1 << 40);
            at += 1;
        }
        if at == first {
            return None;
        }
        exponent += if minus { -written } else { written };
    }
    if digits <= 15 && exponent.unsigned_abs() <= 22 {
        let power = POWERS[exponent.unsigned_abs() as usize];
        let value = if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
        return Some((if negative { -value } else { value }, at));
    }
    let written = text[start..at].iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let digits: Vec<u8> = written.copied().filter(|&byte| byte != b'.').collect();
    let value = decimal::nearest(&digits, exponent);
    Some((if negative { -value } else { value }, at))
}

#[inline]
fn digit_at(text: &[u8], at: usize) -> Option<u64> {
    let digit = text.get(at)?.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

/// Appends a finite number in its shortest form that reads back the same, integers without a fraction.
/// -0, NaN and the infinities have no JSON form: the caller tags them.
pub fn write(value: f64, out: &mut Vec<u8>) {
    let magnitude = value.abs();
    if magnitude < 1e15 && value.trunc() == value {
        write_integer(value as i64, out);
        return;
    }
    // Writing to a Vec cannot fail.
    let _ = if (1e-6..1e21).contains(&magnitude) { write!(out, "{value}") } else { write!(out, "{value:e}") };
}

/// Appends a decimal integer.
pub fn write_integer(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}
