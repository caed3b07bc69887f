//! BigInts as decimal digits: validity, the nearest f64, and what that leaves over.
//!
//! Not arithmetic: only what ordering integers beside f64 numbers needs.

use std::cmp::Ordering;

use super::json::number;

/// Most digits a BigInt may have (about 3,400 bits): comparing costs the square of it.
pub const MAX_DIGITS: usize = 1024;

/// Whether `digits` is a BigInt's canonical decimal form of at most [`MAX_DIGITS`] digits.
pub fn is_valid(digits: &str) -> bool {
    let magnitude = digits.strip_prefix('-').unwrap_or(digits);
    let canonical = match magnitude.as_bytes() {
        [] => false,
        [b'0'] => digits.len() == 1,
        [first, ..] => *first != b'0',
    };
    canonical && magnitude.len() <= MAX_DIGITS && magnitude.bytes().all(|digit| digit.is_ascii_digit())
}

/// A BigInt as the nearest finite f64 plus the exact difference, so that pairs order as the numbers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residual {
    /// `Less` if the BigInt lies below its nearest f64, `Greater` above, `Equal` if the f64 is exact.
    pub sign: Ordering,
    /// The distance, big-endian without leading zeros.
    pub magnitude: Vec<u8>,
}

impl Residual {
    const ZERO: Self = Self { sign: Ordering::Equal, magnitude: Vec::new() };
}

/// The finite f64 nearest to a valid BigInt, and what is left over.
pub fn split(digits: &str) -> (f64, Residual) {
    let nearest = number::parse(digits.as_bytes()).map_or(0.0, |(nearest, _)| nearest);
    if digits.len() <= 15 {
        return (nearest, Residual::ZERO);
    }
    let nearest = nearest.clamp(f64::MIN, f64::MAX);
    let exact = limbs_of_digits(digits.trim_start_matches('-'));
    let rounded = limbs_of_f64(nearest.abs());
    let (sign, difference) = match compare_limbs(&exact, &rounded) {
        Ordering::Equal => return (nearest, Residual::ZERO),
        Ordering::Greater => (Ordering::Greater, subtract(&exact, &rounded)),
        Ordering::Less => (Ordering::Less, subtract(&rounded, &exact)),
    };
    let sign = if digits.starts_with('-') { sign.reverse() } else { sign };
    let bytes: Vec<u8> = difference.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    let leading = bytes.iter().take_while(|&&byte| byte == 0).count();
    (nearest, Residual { sign, magnitude: bytes[leading..].to_vec() })
}

/// The digits of the BigInt that [`split`] took apart; `None` if `nearest` is no finite integer or the parts make no BigInt.
pub fn join(nearest: f64, residual: &Residual) -> Option<String> {
    if !nearest.is_finite() || nearest.trunc() != nearest || residual.magnitude.len() > 2048 {
        return None;
    }
    let rounded = limbs_of_f64(nearest.abs());
    let mut difference: Vec<u32> = Vec::new();
    for chunk in residual.magnitude.rchunks(4) {
        difference.push(chunk.iter().fold(0, |limb, &byte| limb << 8 | u32::from(byte)));
    }
    let outward = residual.sign == if nearest < 0.0 { Ordering::Less } else { Ordering::Greater };
    let (limbs, flipped) = match (outward, compare_limbs(&rounded, &difference)) {
        (true, _) => (add(&rounded, &difference), false),
        (false, Ordering::Less) => (subtract(&difference, &rounded), true),
        (false, _) => (subtract(&rounded, &difference), false),
    };
    let digits = digits_of_limbs(limbs);
    let negative = (nearest < 0.0) != flipped && digits != "0";
    let signed = if negative { format!("-{digits}") } else { digits };
    is_valid(&signed).then_some(signed)
}

/// Orders two valid BigInts.
pub fn compare(a: &str, b: &str) -> Ordering {
    match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (None, None) => compare_digits(a, b),
        (Some(a), Some(b)) => compare_digits(b, a),
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    }
}

fn compare_digits(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Orders a valid BigInt beside an f64; NaN comes first.
pub fn compare_to_f64(digits: &str, number: f64) -> Ordering {
    if number.is_nan() || number == f64::NEG_INFINITY {
        return Ordering::Greater;
    }
    if number == f64::INFINITY {
        return Ordering::Less;
    }
    let (nearest, residual) = split(digits);
    nearest.partial_cmp(&number).unwrap_or(Ordering::Equal).then(residual.sign)
}

/// Little-endian limbs of decimal digits.
fn limbs_of_digits(digits: &str) -> Vec<u32> {
    let mut limbs = vec![0u32];
    for chunk in digits.as_bytes().chunks(9) {
        let (mut scale, mut carry) = (1u64, 0u64);
        for &digit in chunk {
            scale *= 10;
            carry = carry * 10 + u64::from(digit.wrapping_sub(b'0'));
        }
        for limb in &mut limbs {
            carry += u64::from(*limb) * scale;
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            limbs.push(carry as u32);
        }
    }
    limbs
}

/// Little-endian limbs of a finite, integral, non-negative f64.
fn limbs_of_f64(number: f64) -> Vec<u32> {
    let bits = number.to_bits();
    let exponent = (bits >> 52) as i32 - 1075;
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    if exponent <= 0 {
        let integer = mantissa >> exponent.unsigned_abs().min(63);
        return vec![integer as u32, (integer >> 32) as u32];
    }
    let (whole, shift) = (exponent as usize / 32, exponent as u32 % 32);
    let wide = u128::from(mantissa) << shift;
    let mut limbs = vec![0; whole];
    limbs.extend([wide as u32, (wide >> 32) as u32, (wide >> 64) as u32]);
    limbs
}

fn compare_limbs(a: &[u32], b: &[u32]) -> Ordering {
    let limb = |limbs: &[u32], i: usize| limbs.get(i).copied().unwrap_or(0);
    let longest = a.len().max(b.len());
    (0..longest).rev().map(|i| limb(a, i).cmp(&limb(b, i))).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// `a - b`, where `a` is not smaller.
fn subtract(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut borrow = 0i64;
    let mut out = Vec::with_capacity(a.len());
    for (i, &limb) in a.iter().enumerate() {
        let difference = i64::from(limb) - i64::from(b.get(i).copied().unwrap_or(0)) + borrow;
        out.push(difference as u32);
        borrow = difference >> 32;
    }
    out
}

fn add(a: &[u32], b: &[u32]) -> Vec<u32> {
    let limb = |limbs: &[u32], i: usize| u64::from(limbs.get(i).copied().unwrap_or(0));
    let mut carry = 0u64;
    let mut out = Vec::new();
    for i in 0..=a.len().max(b.len()) {
        carry += limb(a, i) + limb(b, i);
        out.push(carry as u32);
        carry >>= 32;
    }
    out
}

fn digits_of_limbs(mut limbs: Vec<u32>) -> String {
    let mut digits = Vec::new();
    while limbs.iter().any(|&limb| limb != 0) {
        let mut rest = 0u64;
        for limb in limbs.iter_mut().rev() {
            rest = rest << 32 | u64::from(*limb);
            *limb = (rest / 10) as u32;
            rest %= 10;
        }
        digits.push(b'0' + rest as u8);
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
    }
    if digits.is_empty() {
        digits.push(b'0');
    }
    digits.iter().rev().map(|&digit| char::from(digit)).collect()
}
