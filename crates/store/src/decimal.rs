//! Numbers kept as decimal text, as Redis keeps counters.
//!
//! Sums of numbers with a fraction are exact, and rounded to 17 digits behind the point; Redis computes them in
//! 80-bit floats and prints 17 digits, which is the same for what people count.

mod exact;

use crate::op::OpError;
use exact::Exact;

/// Digits behind the point that are kept.
const SCALE: u32 = 17;
/// Texts from here on are no numbers; so is it with Redis.
const TEXT_MAX: usize = 5 << 10;
const ONE: i128 = 10i128.pow(SCALE);

/// An integer, written as Redis writes them: no sign but `-`, no leading zeros, no spaces.
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    // Nineteen digits fit.
    let mut magnitude = 0_u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// An integer as text, without allocating.
pub(crate) fn integer_text(value: i64) -> IntegerText {
    let mut buffer = IntegerText { bytes: [0; 20], start: 20 };
    let mut rest = value.unsigned_abs();
    loop {
        buffer.start -= 1;
        buffer.bytes[buffer.start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        buffer.start -= 1;
        buffer.bytes[buffer.start] = b'-';
    }
    buffer
}

pub(crate) struct IntegerText {
    bytes: [u8; 20],
    start: usize,
}

impl IntegerText {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// The sum of two decimal numbers, as text without trailing zeros. O(digits).
///
/// # Errors
/// `NotANumber` when one is none, `NotFinite` when one is an infinity or the sum is too large.
pub fn add(one: &[u8], other: &[u8]) -> Result<String, OpError> {
    if one.len().max(other.len()) >= TEXT_MAX {
        return Err(OpError::NotANumber);
    }
    if let (Some(one), Some(other)) = (scaled(one), scaled(other))
        && let Some(sum) = one.checked_add(other)
    {
        return Ok(scaled_text(sum));
    }
    match (Exact::parse(one), Exact::parse(other)) {
        (Ok(one), Ok(other)) => Ok(one.add(other).rounded(SCALE as usize).checked()?.text()),
        // That one is no number weighs more than that the other is an infinity.
        (Err(OpError::NotANumber), _) | (_, Err(OpError::NotANumber)) => Err(OpError::NotANumber),
        (Err(cause), _) | (_, Err(cause)) => Err(cause),
    }
}

/// Refuses text that is no number that [`add`] takes.
///
/// # Errors
/// `NotANumber`, `NotFinite`.
pub fn check_number(text: &[u8]) -> Result<(), OpError> {
    if text.len() >= TEXT_MAX { Err(OpError::NotANumber) } else { Exact::parse(text).map(drop) }
}

/// Whether a number begins with a minus, and what comes after its sign.
fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

/// A plain decimal (no exponent) in units of 10^-17.
fn scaled(text: &[u8]) -> Option<i128> {
    let (negative, digits) = signed(text);
    let mut value: i128 = 0;
    let mut fraction: Option<u32> = None;
    let mut any = false;
    for byte in digits {
        match byte {
            b'.' if fraction.is_none() => fraction = Some(0),
            b'0'..=b'9' => {
                any = true;
                if let Some(count) = &mut fraction {
                    if *count == SCALE {
                        return None;
                    }
                    *count += 1;
                }
                value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
            }
            _ => return None,
        }
    }
    let value = value.checked_mul(10i128.pow(SCALE - fraction.unwrap_or(0)))?;
    any.then_some(if negative { -value } else { value })
}

fn scaled_text(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let value = value.unsigned_abs();
    let one = ONE.unsigned_abs();
    trimmed(format!("{sign}{}.{:017}", value / one, value % one))
}

fn trimmed(mut text: String) -> String {
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if text == "-0" { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_taken_as_redis_takes_them() {
        assert_eq!(parse_integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_integer(b"0"), Some(0));
        let great =
            ["9223372036854775808", "-9223372036854775809", "9999999999999999999", "99999999999999999999"];
        for bad in
            ["", "-", "-0", "01", "-01", "00", "+1", " 1", "1 ", "1.0", "1-", "--1"].into_iter().chain(great)
        {
            assert_eq!(parse_integer(bad.as_bytes()), None, "{bad}");
        }
        for value in [0, 7, -7, i64::MAX, i64::MIN] {
            assert_eq!(integer_text(value).as_str(), value.to_string());
            assert_eq!(parse_integer(integer_text(value).as_bytes()), Some(value));
        }
    }

    #[test]
    fn sums_are_exact_where_binary_floats_are_not() {
        let sum = |one: &str, other: &str| add(one.as_bytes(), other.as_bytes());
        assert_eq!(sum("0.1", "0.2").unwrap(), "0.3");
        assert_eq!(sum("10.50", "0.1").unwrap(), "10.6");
        assert_eq!(sum("5.0e3", "200").unwrap(), "5200");
        assert_eq!(sum("-1.5", "1.5").unwrap(), "0");
        assert_eq!(sum("0.1", "2e-1").unwrap(), "0.3");
        assert_eq!(sum("1", "1e-10").unwrap(), "1.0000000001");
        assert_eq!(sum("5", "1e16").unwrap(), "10000000000000005");
        assert_eq!(sum("0.5", "1e17").unwrap(), "100000000000000000.5");
        assert_eq!(sum("9007199254740993", "1e0").unwrap(), "9007199254740994");
        assert_eq!(sum("1000", "0.00012345678901234567").unwrap(), "1000.00012345678901235");
        assert_eq!(sum("1e2", "3.3").unwrap(), "103.3");
        assert_eq!(sum("1e400", "-1e400").unwrap(), "0");
        assert_eq!(sum("1e30", "1").unwrap(), "1000000000000000000000000000001");
        let nines = "9".repeat(4932);
        assert_eq!(sum(&nines, "0.9"), Ok(format!("{nines}.9")));
        assert_eq!(sum(&nines, "0.999999999999999999"), Err(OpError::NotFinite), "it is rounded up");
        assert_eq!(sum(&"0".repeat(TEXT_MAX), "1"), Err(OpError::NotANumber));
        assert_eq!(check_number("0".repeat(TEXT_MAX).as_bytes()), Err(OpError::NotANumber));
        assert_eq!(sum("inf", "1"), Err(OpError::NotFinite));
        assert_eq!(sum("inf", "x"), Err(OpError::NotANumber));
        assert_eq!(sum("x", "1"), Err(OpError::NotANumber));
        assert_eq!(sum("nan", "1"), Err(OpError::NotANumber));
    }
}
