//! Numbers as key bytes: tag with sign and small exponent, larger exponent, mantissa. The format is in [`super`].

use std::fmt;
use std::ops::Deref;

use crate::key::{Keying, MAP_KEY_FLOAT, MAP_KEY_INT};
use crate::order::Mode;
use crate::view::TermRef;

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

/// Bytes of a word that every number fits: the longest has 12.
const LEN_MAX: usize = 16;
/// Where the integers end whose fractions have no more than six groups: with tag and suffix they fill a word.
const SMALL_END: u64 = 1 << 43;
/// The lowest bit of each byte.
const LOWEST_BITS: u64 = 0x0101_0101_0101_0101;

/// The key bytes of a number, which need no buffer.
///
/// ```
/// use mnemon_term::{Keying, TermRef, key, key::NumberKey};
///
/// let mut bytes = Vec::new();
/// key::encode(36, Keying::Exact, &mut bytes);
/// assert_eq!(NumberKey::new(TermRef::Int(36), Keying::Exact).as_deref(), Some(&*bytes));
/// assert!(NumberKey::new(TermRef::from("36"), Keying::Exact).is_none());
/// ```
#[derive(Clone, Copy)]
pub struct NumberKey {
    bytes: [u8; LEN_MAX],
    // As wide as it is read: a byte that is copied with its word soon after keeps the processor from looking ahead.
    len: usize,
}

impl Deref for NumberKey {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Debug for NumberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NumberKey").field(&&**self).finish()
    }
}

impl NumberKey {
    /// The key bytes of a number; `None` for any other term. O(1); allocates nothing.
    #[inline]
    #[must_use]
    pub fn new(term: TermRef<'_>, keying: Keying) -> Option<Self> {
        match term {
            TermRef::Int(value) => Some(Self::of_int(value, keying)),
            TermRef::Float(value) => Some(Self::float_in(value, keying.mode())),
            _ => None,
        }
    }

    /// The key bytes of an integer. O(1); allocates nothing. Made and used in one place, those of 1 to 2^43 let the processor look
    /// ahead to what follows: they are one word, and hashed as they were written.
    #[inline]
    #[must_use]
    pub fn of_int(value: i64, keying: Keying) -> Self {
        match u64::try_from(value) {
            Ok(value @ 1..SMALL_END) => Self::of_small(value, keying),
            _ => Self::int_in(value, keying.mode()),
        }
    }

    /// What most integer keys are. Every read by one comes through here, so this is the format without its exceptions.
    #[inline]
    fn of_small(value: u64, keying: Keying) -> Self {
        let zeros = value.leading_zeros();
        let (groups, free) = joined(spread((value << zeros) << 1));
        let mut word = u64::from(ZERO + UNIT + (63 - zeros) as u8) << 56 | groups >> 8;
        let mut len = 9 - free as usize / 8;
        if keying == Keying::Exact {
            word |= u64::from(INT_SUFFIX) << (free - 16);
            len += 1;
        }
        let mut bytes = [0; LEN_MAX];
        bytes[..8].copy_from_slice(&word.to_be_bytes());
        Self { bytes, len }
    }

    pub(crate) fn int_in(value: i64, mode: Mode) -> Self {
        let magnitude = value.unsigned_abs();
        let parts = (magnitude != 0).then(|| {
            let zeros = magnitude.leading_zeros();
            Parts { negative: value < 0, exponent: 63 - zeros as i32, fraction: (magnitude << zeros) << 1 }
        });
        Self::of_parts(parts, mode, MAP_KEY_INT, INT_SUFFIX)
    }

    pub(crate) fn float_in(value: f64, mode: Mode) -> Self {
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
        Self::of_parts(parts, mode, MAP_KEY_FLOAT, FLOAT_SUFFIX)
    }

    /// Puts the bytes together in a word, the first byte highest.
    fn of_parts(parts: Option<Parts>, mode: Mode, prefix: u8, suffix: u8) -> Self {
        let (mut word, mut len) = match parts {
            None => (at_byte(0, ZERO), 1),
            Some(parts) => {
                let (head, head_len) = parts.head();
                let (groups, count) = parts.groups();
                (head | groups >> (8 * head_len), head_len + count)
            }
        };
        if mode == Mode::Exact {
            word |= at_byte(len, suffix);
            len += 1;
        }
        if mode == Mode::MapKey {
            word = word >> 8 | at_byte(0, prefix);
            len += 1;
        }
        Self { bytes: word.to_be_bytes(), len: len as usize }
    }
}

/// A byte at its place from the left, which is in the first [`LEN_MAX`].
fn at_byte(place: u32, byte: u8) -> u128 {
    u128::from(byte) << (120 - 8 * place)
}

impl Parts {
    /// The tag and, where that does not tell it, the exponent, from the left; and how many bytes these are.
    fn head(&self) -> (u128, u32) {
        let (distance, exponent) = match self.exponent {
            exponent @ 0..=63 => (UNIT + exponent as u8, None),
            exponent if exponent < 0 => (TINY, Some(exponent + BIAS)),
            exponent => (HUGE, Some(exponent)),
        };
        let tag = at_byte(0, if self.negative { ZERO - distance } else { ZERO + distance });
        let Some(exponent) = exponent else { return (tag, 1) };
        // Exponents of floats lie between -1,074 and 1,024.
        let exponent = if self.negative { !(exponent as u16) } else { exponent as u16 };
        (tag | u128::from(exponent) << 104, 3)
    }

    /// The fraction's groups of 7 bits, each with the bit that says whether another follows, from the left; and how many
    /// they are: 1 to 9.
    fn groups(&self) -> (u128, u32) {
        // The lowest bit of 64 is free: a number's highest is not written.
        let ninth = self.fraction as u8;
        let (groups, count) = if ninth == 0 {
            let (groups, free) = joined(spread(self.fraction));
            (u128::from(groups) << 64, 8 - free / 8)
        } else {
            // Eight are followed, the last of them too, even if it is empty.
            let eight = spread(self.fraction) | LOWEST_BITS;
            (u128::from(eight) << 64 | u128::from(ninth) << 56, 9)
        };
        let flip = if self.negative { !(u128::MAX >> (8 * count)) } else { 0 };
        (groups ^ flip, count)
    }
}

/// Groups with the bits that say whether another follows; and how many bits behind the last one are free.
#[inline]
fn joined(groups: u64) -> (u64, u32) {
    // The first group is there even if it is empty.
    let free = (groups | 1 << 56).trailing_zeros() & !7;
    (groups | (LOWEST_BITS << 8) << free, free)
}

/// The highest 56 bits in groups of seven, each in the upper bits of a byte: spread by halves, twice seven bits and seven.
#[inline]
fn spread(fraction: u64) -> u64 {
    let all = fraction >> 8;
    let halves = (all & 0x00FF_FFFF_F000_0000) << 4 | all & 0x0FFF_FFFF;
    let quarters = (halves & 0x0FFF_C000_0FFF_C000) << 2 | halves & 0x0000_3FFF_0000_3FFF;
    let eighths = (quarters & 0x3F80_3F80_3F80_3F80) << 1 | quarters & 0x007F_007F_007F_007F;
    eighths << 1
}

#[cfg(test)]
mod tests {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE};
    use proptest::prelude::*;

    use super::*;
    use crate::key;

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

    /// A number as the format's text says it, group by group.
    fn group_by_group(negative: bool, exponent: i32, mut fraction: u64) -> Vec<u8> {
        let flip = if negative { 0xFF } else { 0 };
        let (distance, rest) = match exponent {
            0..=63 => (UNIT + exponent as u8, None),
            ..0 => (TINY, Some((exponent + BIAS) as u16)),
            _ => (HUGE, Some(exponent as u16)),
        };
        let mut bytes = vec![if negative { ZERO - distance } else { ZERO + distance }];
        bytes.extend(rest.into_iter().flat_map(u16::to_be_bytes).map(|byte| byte ^ flip));
        loop {
            let group = (fraction >> 57) as u8;
            fraction <<= 7;
            bytes.push((group << 1 | u8::from(fraction != 0)) ^ flip);
            if fraction == 0 {
                return bytes;
            }
        }
    }

    proptest! {
        #[test]
        fn integers_are_their_groups(shift in 0..64u32, value in any::<i64>(), trailing in 0..64u32) {
            let value = value >> shift >> trailing << trailing;
            prop_assume!(value != 0);
            check_int(value)?;
        }

        #[test]
        fn floats_are_their_groups(
            value in POSITIVE | NEGATIVE | NORMAL,
            trailing in 0..53u32,
        ) {
            let bits = value.to_bits() >> trailing << trailing;
            let (value, negative) = (f64::from_bits(bits), bits >> 63 == 1);
            let exponent = (bits >> 52 & 0x7FF) as i32 - 1023;
            let mut expected = group_by_group(negative, exponent, bits << 12);
            prop_assert_eq!(bytes(TermRef::Float(value), Keying::Numeric), &*expected);
            expected.push(FLOAT_SUFFIX);
            prop_assert_eq!(bytes(TermRef::Float(value), Keying::Exact), &*expected);
        }
    }

    /// Both ways to the key of an integer other than 0 give what the format says.
    fn check_int(value: i64) -> Result<(), TestCaseError> {
        let zeros = value.unsigned_abs().leading_zeros();
        let fraction = (value.unsigned_abs() << zeros) << 1;
        let mut expected = group_by_group(value < 0, 63 - zeros as i32, fraction);
        prop_assert_eq!(bytes(TermRef::Int(value), Keying::Numeric), &*expected);
        prop_assert_eq!(&*NumberKey::of_int(value, Keying::Numeric), &*expected);
        expected.push(INT_SUFFIX);
        prop_assert_eq!(bytes(TermRef::Int(value), Keying::Exact), &*expected);
        prop_assert_eq!(&*NumberKey::of_int(value, Keying::Exact), &*expected);
        expected.insert(0, MAP_KEY_INT);
        let in_map = NumberKey::int_in(value, Mode::MapKey);
        prop_assert_eq!(&*in_map, &expected[..expected.len() - 1]);
        Ok(())
    }

    #[test]
    fn integers_where_a_key_gets_longer_are_their_groups() {
        let edges = (0..63).map(|bit| 1_i64 << bit).flat_map(|power| [power - 1, power, power + 1]);
        for value in edges.chain([i64::MAX, 1_000_003]).filter(|value| *value > 0) {
            check_int(value).unwrap();
            check_int(-value).unwrap();
        }
        check_int(i64::MIN).unwrap();
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
