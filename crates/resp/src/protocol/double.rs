//! Doubles as Redis writes them: C's `%.17g`, which any reader turns back into the same double.
//!
//! No allocation: the text is built on the stack.

use std::fmt::{self, Write};

/// Significant digits: enough to tell any two doubles apart.
const DIGITS: i32 = 17;
/// From here on integers have more than [`DIGITS`] digits.
const FIXED_LIMIT: f64 = 1e17;
/// The longest text is `-2.2250738585072014e-308` or `-0.00012345678901234567`.
const CAPACITY: usize = 32;

/// The text of a double.
pub(super) struct DoubleText {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl DoubleText {
    /// Formats `value`: `3`, `0.10000000000000001`, `1e+17`, `-0`, `inf`, `-inf`, `nan`.
    pub(super) fn of(value: f64) -> Self {
        let mut text = Self { bytes: [0; CAPACITY], len: 0 };
        if value.is_nan() {
            text.push_all(b"nan");
        } else if value.is_infinite() {
            text.push_all(if value > 0.0 { b"inf" } else { b"-inf" });
        } else if value == value.trunc() && value.abs() < FIXED_LIMIT {
            if value == 0.0 && value.is_sign_negative() {
                text.push(b'-');
            }
            #[expect(clippy::cast_possible_truncation, reason = "an integer below 1e17 fits")]
            let integer = value as i64;
            text.push_all(itoa::Buffer::new().format(integer).as_bytes());
        } else {
            text.push_general(value);
        }
        text
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// `%.17g` of a finite value: scientific below 1e-4 and from 1e17, trailing zeros dropped.
    fn push_general(&mut self, value: f64) {
        let mut scientific = Self { bytes: [0; CAPACITY], len: 0 };
        // "d.dddddddddddddddde-xxx": at most 22 bytes, which always fit.
        if write!(scientific, "{:.16e}", value.abs()).is_err() {
            return;
        }
        let (digits, exponent) = scientific.into_parts();
        let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
        let digits = digits.get(..significant).unwrap_or(&digits);
        if value.is_sign_negative() {
            self.push(b'-');
        }
        if (-4..DIGITS).contains(&exponent) {
            self.push_fixed(digits, exponent);
        } else {
            self.push_scientific(digits, exponent);
        }
    }

    /// The digits and the exponent of a text that `{:.16e}` wrote.
    fn into_parts(self) -> ([u8; DIGITS as usize], i32) {
        let mut digits = [b'0'; DIGITS as usize];
        let mut parts = self.as_bytes().splitn(2, |&byte| byte == b'e');
        let mantissa = parts.next().unwrap_or_default().iter().filter(|byte| byte.is_ascii_digit());
        for (slot, digit) in digits.iter_mut().zip(mantissa) {
            *slot = *digit;
        }
        let exponent =
            parts.next().and_then(|text| str::from_utf8(text).ok()).and_then(|text| text.parse().ok());
        (digits, exponent.unwrap_or(0))
    }

    fn push_fixed(&mut self, digits: &[u8], exponent: i32) {
        let Ok(before) = usize::try_from(exponent + 1) else {
            self.push_all(b"0.");
            for _ in exponent + 1..0 {
                self.push(b'0');
            }
            return self.push_all(digits);
        };
        let (whole, fraction) = digits.split_at(before.min(digits.len()));
        self.push_all(if before == 0 { b"0" } else { whole });
        for _ in digits.len()..before {
            self.push(b'0');
        }
        if !fraction.is_empty() {
            self.push(b'.');
            self.push_all(fraction);
        }
    }

    fn push_scientific(&mut self, digits: &[u8], exponent: i32) {
        let (first, fraction) = digits.split_at(1.min(digits.len()));
        self.push_all(first);
        if !fraction.is_empty() {
            self.push(b'.');
            self.push_all(fraction);
        }
        self.push_all(if exponent < 0 { b"e-" } else { b"e+" });
        let exponent = exponent.unsigned_abs();
        if exponent < 10 {
            self.push(b'0');
        }
        self.push_all(itoa::Buffer::new().format(exponent).as_bytes());
    }

    fn push(&mut self, byte: u8) {
        self.push_all(&[byte]);
    }

    /// Appends; what does not fit is dropped (nothing a double can be is that long).
    fn push_all(&mut self, bytes: &[u8]) {
        for (slot, &byte) in self.bytes.iter_mut().skip(self.len).zip(bytes) {
            *slot = byte;
        }
        self.len = CAPACITY.min(self.len + bytes.len());
    }
}

impl Write for DoubleText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_all(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: f64) -> String {
        String::from_utf8(DoubleText::of(value).as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_text_is_that_of_printf() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-12345.0, "-12345"),
            (3.25, "3.25"),
            (0.1, "0.10000000000000001"),
            (-1.5, "-1.5"),
            (0.5, "0.5"),
            (0.0001, "0.0001"),
            (0.001_234, "0.0012340000000000001"),
            (1e-5, "1.0000000000000001e-05"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (99_999_999_999_999_984.0, "99999999999999984"),
            (123_456_789_012_345_678.0, "1.2345678901234568e+17"),
            // Eighteen digits that end in 5: a tie goes to the even digit.
            (1.0 / 33_554_432.0, "2.9802322387695312e-08"),
            (1e300, "1.0000000000000001e+300"),
            (1.5e100, "1.4999999999999999e+100"),
            (5e-324, "4.9406564584124654e-324"),
            (-2.225_073_858_507_201_4e-308, "-2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
            (2_251_799_813_685_249.5, "2251799813685249.5"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    proptest! {
        #[test]
        fn the_text_reads_back_as_the_same_double(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            prop_assert_eq!(text(value).parse::<f64>().unwrap().to_bits(), bits);
        }

        #[test]
        fn short_decimals_read_back_too(mantissa in -1_000_000_i32..1_000_000, scale in -9_i32..20) {
            let value = f64::from(mantissa) * 10_f64.powi(scale);
            prop_assert_eq!(text(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
}
