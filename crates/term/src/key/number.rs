//! Numbers as key bytes: tag with sign and small exponent, larger exponent, mantissa. The format is in [`super`].

use crate::key::{MAP_KEY_FLOAT, MAP_KEY_INT};
use crate::order::Mode;

/// The tag of zero; negative numbers lie below, positive ones above.
pub(crate) const ZERO: u8 = 0x48;
/// Distance from [`ZERO`] of exponents below 0, of exponent 0, and of exponents above 63.
pub(crate) const TINY: u8 = 1;
const UNIT: u8 = 2;
pub(crate) const HUGE: u8 = 66;
/// What ends a number in exact keys.
const INT_SUFFIX: u8 = 1;
const FLOAT_SUFFIX: u8 = 2;
/// Added to negative exponents.
const BIAS: i32 = 32_768;

/// A number in parts: ±1.fraction × 2^exponent; the fraction's first bit is the highest.
struct Parts {
    negative: bool,
    exponent: i32,
    fraction: u64,
}

#[inline]
pub(crate) fn put_int(value: i64, mode: Mode, out: &mut Vec<u8>) {
    let magnitude = value.unsigned_abs();
    let parts = (magnitude != 0).then(|| {
        let zeros = magnitude.leading_zeros();
        Parts { negative: value < 0, exponent: 63 - zeros as i32, fraction: (magnitude << zeros) << 1 }
    });
    put(parts, mode, MAP_KEY_INT, INT_SUFFIX, out);
}

#[inline]
pub(crate) fn put_float(value: f64, mode: Mode, out: &mut Vec<u8>) {
    let bits = value.to_bits();
    let (negative, mantissa) = (value.is_sign_negative(), bits & ((1 << 52) - 1));
    let parts = match (bits >> 52 & 0x7FF) as i32 {
        0 if mantissa == 0 => None,
        0 => {
            // Subnormal: the leading one is not implied but found, 11 zeros being the sign's and exponent's place.
            let zeros = mantissa.leading_zeros();
            let exponent = -1022 - (zeros as i32 - 11);
            Some(Parts { negative, exponent, fraction: (mantissa << zeros) << 1 })
        }
        biased => Some(Parts { negative, exponent: biased - 1023, fraction: mantissa << 12 }),
    };
    put(parts, mode, MAP_KEY_FLOAT, FLOAT_SUFFIX, out);
}

#[inline]
fn put(parts: Option<Parts>, mode: Mode, prefix: u8, suffix: u8, out: &mut Vec<u8>) {
    // The longest number: prefix, tag, 2 of exponent, 64 bits in 10 groups, suffix. One copy into the buffer.
    let mut bytes = Short { bytes: [0; SHORT_LEN], len: 0 };
    if mode == Mode::MapKey {
        bytes.push(prefix);
    }
    match parts {
        None => bytes.push(ZERO),
        Some(parts) => bytes.push_parts(&parts),
    }
    if mode == Mode::Exact {
        bytes.push(suffix);
    }
    // A copy of fixed length is two instructions, one of `len` bytes a call.
    let end = out.len() + bytes.len;
    out.extend_from_slice(&bytes.bytes);
    out.truncate(end);
}

/// A power of two, so that a masked index needs no check.
const SHORT_LEN: usize = 16;

struct Short {
    bytes: [u8; SHORT_LEN],
    len: usize,
}

impl Short {
    #[inline]
    fn push(&mut self, byte: u8) {
        self.bytes[self.len % SHORT_LEN] = byte;
        self.len += 1;
    }

    #[inline]
    fn push_parts(&mut self, parts: &Parts) {
        let flip = if parts.negative { 0xFF } else { 0 };
        let (distance, exponent) = match parts.exponent {
            exponent @ 0..=63 => (UNIT + exponent as u8, None),
            exponent if exponent < 0 => (TINY, Some(exponent + BIAS)),
            exponent => (HUGE, Some(exponent)),
        };
        self.push(if parts.negative { ZERO - distance } else { ZERO + distance });
        if let Some(exponent) = exponent {
            // Exponents of floats lie between -1,074 and 1,024.
            for byte in (exponent as u16).to_be_bytes() {
                self.push(byte ^ flip);
            }
        }
        let mut fraction = parts.fraction;
        loop {
            let group = (fraction >> 57) as u8;
            fraction <<= 7;
            let more = fraction != 0;
            self.push((group << 1 | u8::from(more)) ^ flip);
            if !more {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Keying, TermRef, key};

    fn bytes(term: TermRef<'_>, keying: Keying) -> Vec<u8> {
        let mut bytes = Vec::new();
        key::encode(term, keying, &mut bytes);
        bytes
    }

    #[test]
    fn small_integers_are_short() {
        for (value, longest) in [(0, 2), (1, 3), (-255, 3), (65_535, 5), (1_000_000, 5), (i64::MAX, 11)] {
            let len = bytes(TermRef::Int(value), Keying::Exact).len();
            assert!(len <= longest, "{value} takes {len} bytes");
        }
    }

    #[test]
    fn the_format_does_not_change() {
        assert_eq!(bytes(TermRef::Int(0), Keying::Exact), [0x48, 0x01]);
        assert_eq!(bytes(TermRef::Int(5), Keying::Exact), [0x4C, 0x40, 0x01]);
        assert_eq!(bytes(TermRef::Int(-5), Keying::Numeric), [0x44, 0xBF]);
        assert_eq!(bytes(TermRef::Float(0.5), Keying::Numeric), [0x49, 0x7F, 0xFF, 0x00]);
        assert_eq!(bytes(TermRef::Float(1e30), Keying::Numeric)[..3], [0x8A, 0x00, 0x63]);
        assert_eq!(bytes(TermRef::Int(i64::MIN), Keying::Numeric), [0x07, 0xFF]);
        assert_eq!(bytes(TermRef::Float(-(2f64.powi(63))), Keying::Numeric), [0x07, 0xFF]);
    }

    #[test]
    fn floats_of_every_magnitude_are_ordered() {
        let mut ladder = vec![f64::MIN, -1e300, -2f64.powi(64), -2f64.powi(63), -1.5, -1.0, -0.5];
        let largest_subnormal = f64::from_bits((1 << 52) - 1);
        ladder.extend([
            -f64::MIN_POSITIVE,
            -largest_subnormal,
            -1e-320,
            -5e-324,
            0.0,
            5e-324,
            1e-323,
            1e-320,
        ]);
        ladder.push(largest_subnormal);
        ladder.extend([f64::MIN_POSITIVE, 0.1, 0.5, 0.75, 1.0, 1.0 + f64::EPSILON, 2.0, 2f64.powi(63)]);
        ladder.extend([2f64.powi(64), 2f64.powi(65), 1e300, f64::MAX]);
        for keying in [Keying::Exact, Keying::Numeric] {
            let keys: Vec<_> = ladder.iter().map(|&value| bytes(TermRef::Float(value), keying)).collect();
            assert!(keys.is_sorted_by(|a, b| a < b));
        }
        assert_eq!(bytes(TermRef::Float(-0.0), Keying::Exact), bytes(TermRef::Float(0.0), Keying::Exact));
    }
}
