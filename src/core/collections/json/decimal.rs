//! Decimal digits to the nearest f64, exactly, without tables.
//!
//! The standard library does it faster for the rare long numbers, with 10 KB of tables that do not compress. Not for the
//! common case: `number.rs` reads short numbers itself.

/// More significant digits than this cannot change the nearest f64, except by being there at all.
const DIGITS_MAX: usize = 800;

/// The f64 nearest to `digits × 10^exponent`, ties to even; `digits` are ASCII digits.
pub(super) fn nearest(digits: &[u8], exponent: i64) -> f64 {
    let leading = digits.iter().take_while(|&&digit| digit == b'0').count();
    let digits = &digits[leading..];
    // Beyond these the answer is infinity or zero whatever the digits are.
    let point = exponent.saturating_add(digits.len() as i64);
    if digits.is_empty() || point < -330 {
        return 0.0;
    }
    if point > 310 {
        return f64::INFINITY;
    }
    let (kept, cut) = digits.split_at(digits.len().min(DIGITS_MAX));
    let exponent = exponent + cut.len() as i64;
    let sticky = cut.iter().any(|&digit| digit != b'0');
    if kept.len() <= 19 && exponent.unsigned_abs() <= 27 {
        return within_words(kept, exponent as i32, sticky);
    }
    let mut limbs = vec![0u32];
    for chunk in kept.chunks(9) {
        let number = chunk.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        multiply(&mut limbs, 10u64.pow(chunk.len() as u32), number);
    }
    if exponent >= 0 {
        scale(exponent as u64, |power| multiply(&mut limbs, power, 0));
        return top(&limbs, 0, sticky);
    }
    // Enough bits below that the quotient still has more than two words; 10^k takes fewer than 10k/3 bits.
    let shift = exponent.unsigned_abs() as usize * 10 / 3 / 32 + 5;
    limbs.splice(0..0, std::iter::repeat_n(0, shift));
    let mut rest = sticky;
    scale(exponent.unsigned_abs(), |power| rest |= divide(&mut limbs, power) != 0);
    top(&limbs, -(shift as i32 * 32), rest)
}

/// Calls `step` with powers of ten up to 10^9 that make 10^`exponent` together.
fn scale(mut exponent: u64, mut step: impl FnMut(u64)) {
    while exponent > 0 {
        let part = exponent.min(9);
        step(10u64.pow(part as u32));
        exponent -= part;
    }
}

/// [`nearest`] for at most 19 digits and powers of ten whose factor of five fits a word.
fn within_words(digits: &[u8], exponent: i32, sticky: bool) -> f64 {
    let mantissa = digits.iter().fold(0u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    let five = 5u64.pow(exponent.unsigned_abs());
    if exponent >= 0 {
        return round(u128::from(mantissa) * u128::from(five), exponent, sticky);
    }
    let shift = mantissa.leading_zeros();
    let dividend = u128::from(mantissa << shift) << 64;
    let (quotient, rest) = (dividend / u128::from(five), dividend % u128::from(five));
    round(quotient, exponent - 64 - shift as i32, sticky || rest != 0)
}

/// The f64 nearest to `limbs × 2^exponent`, plus a little if `sticky`.
fn top(limbs: &[u32], exponent: i32, mut sticky: bool) -> f64 {
    let used = limbs.len() - limbs.iter().rev().take_while(|&&limb| limb == 0).count();
    let low = used.saturating_sub(4);
    let bits = limbs[low..used].iter().rev().fold(0u128, |bits, &limb| bits << 32 | u128::from(limb));
    sticky |= limbs[..low].iter().any(|&limb| limb != 0);
    round(bits, exponent + low as i32 * 32, sticky)
}

/// The f64 nearest to `bits × 2^exponent`, plus a little if `sticky`; ties to even.
fn round(bits: u128, exponent: i32, sticky: bool) -> f64 {
    if bits == 0 {
        return 0.0;
    }
    // The exponent of the leading bit, and how many bits the result has room for: fewer for subnormal numbers.
    let leading = 127 - bits.leading_zeros() as i32 + exponent;
    if leading > 1023 {
        return f64::INFINITY;
    }
    let room = if leading >= -1022 { 53 } else { 53 - (-1022 - leading) };
    if room < 0 {
        return 0.0;
    }
    // Align the leading bit to the top, so that the bits to drop are the lowest ones.
    let aligned = bits << bits.leading_zeros();
    let kept = if room == 0 { 0 } else { (aligned >> (128 - room)) as u64 };
    let dropped = if room == 0 { aligned } else { aligned << room };
    let half = 1u128 << 127;
    let up = dropped > half || (dropped == half && (sticky || kept & 1 == 1));
    let mantissa = kept + u64::from(up);
    // The fields of an f64 are such that a carry out of the mantissa raises the exponent, up to infinity.
    let biased = (leading.max(-1023) + 1023) as u64;
    if biased == 0 {
        return f64::from_bits(mantissa);
    }
    f64::from_bits(((biased - 1) << 52) + mantissa)
}

fn multiply(limbs: &mut Vec<u32>, factor: u64, addend: u64) {
    let mut carry = addend;
    for limb in limbs.iter_mut() {
        carry += u64::from(*limb) * factor;
        *limb = carry as u32;
        carry >>= 32;
    }
    if carry > 0 {
        limbs.push(carry as u32);
    }
}

/// Divides in place; answers the remainder.
fn divide(limbs: &mut [u32], divisor: u64) -> u64 {
    let mut rest = 0u64;
    for limb in limbs.iter_mut().rev() {
        rest = rest << 32 | u64::from(*limb);
        *limb = (rest / divisor) as u32;
        rest %= divisor;
    }
    rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn check(text: &str) {
        let (value, length) = super::super::number::parse(text.as_bytes()).unwrap();
        let expected: f64 = text.parse().unwrap();
        assert_eq!((value.to_bits(), length), (expected.to_bits(), text.len()), "{text}");
    }

    #[test]
    fn the_edges_of_f64_are_met() {
        for text in [
            "5e-324",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324",
            "2.2250738585072014e-308",
            "2.225073858507201e-308",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "1.797693134862315808e308",
            "1.7976931348623159e308",
            "1e400",
            "1e-400",
            "0e999999999999",
            "9007199254740993",
            "9007199254740993.0000000000000000000000000000001",
            "0.1",
            "123456789012345678",
            "6.631236846766476e-316",
            "1e23",
            "8.533e+68",
            "4.35e-322",
            "1e-27",
            "1e27",
            "179769313486231580793e289",
        ] {
            check(text);
            check(&format!("-{text}"));
        }
        check(&format!("0.{}1", "0".repeat(1200)));
        check(&format!("1{}", "0".repeat(1200)));
        check(&format!("9007199254740993{}1e-900", "0".repeat(899)));
    }

    proptest! {
        #[test]
        fn every_f64_reads_back_from_its_digits(bits: u64, digits in 0usize..30) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            check(&format!("{value:e}"));
            check(&format!("{value:.digits$e}"));
        }

        #[test]
        fn half_way_points_round_to_even_and_anything_above_them_up(mantissa in 1u128 << 52..1 << 53, shift in 0u32..70) {
            let half = (2 * mantissa + 1) << shift;
            check(&half.to_string());
            check(&(half - 1).to_string());
            check(&format!("{half}.{}1", "0".repeat(40)));
            check(&format!("{half}e-70"));
        }
    }
}
