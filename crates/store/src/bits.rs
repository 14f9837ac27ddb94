//! Bits of strings, as Redis's `SETBIT` and `BITFIELD` number them: bit 0 is the highest of the first byte.
//!
//! A field has 1 to 64 bits (63 without a sign) at any offset; what lies behind a string's end reads as zeros. Which
//! strings may grow, and how far, is decided by who applies a step.

use serde::{Deserialize, Serialize};

/// The longest string in bytes, Redis's `proto-max-bulk-len`.
pub const STRING_MAX: usize = 512 * 1024 * 1024;
/// Bits of the longest string.
const BITS_MAX: u64 = STRING_MAX as u64 * 8;

/// Some bits that are one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitField {
    /// Whether the highest bit is the sign.
    pub signed: bool,
    /// How many bits: 1 to 64, to 63 without a sign.
    pub bits: u8,
    /// The first bit.
    pub offset: u64,
}

/// What is done when a number does not fit its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overflow {
    /// Its low bits are taken.
    Wrap,
    /// The nearest number that fits is taken.
    Saturate,
    /// Nothing is written.
    Fail,
}

/// What is done to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BitAction {
    /// It is read.
    Get,
    /// It is set; the answer is what it was.
    Set(i64),
    /// A number is added; the answer is the sum.
    Add(i64),
}

/// One step of a `BITFIELD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitStep {
    /// The field.
    pub field: BitField,
    /// What is done to it.
    pub action: BitAction,
    /// When the new number does not fit.
    pub overflow: Overflow,
}

impl BitField {
    /// Whether this is a field of a string that can be.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let most = if self.signed { 64 } else { 63 };
        (1..=most).contains(&self.bits) && self.offset < BITS_MAX
    }

    /// Bytes that a string must have to hold the field.
    fn end_byte(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.bits)).div_ceil(8)
    }

    /// Where the field lies: its first byte, and the bits behind it in the nine bytes from there.
    fn place(&self) -> (usize, u32) {
        let first = usize::try_from(self.offset / 8).unwrap_or(usize::MAX);
        (first, 72 - (self.offset % 8) as u32 - u32::from(self.bits))
    }

    fn mask(&self) -> u128 {
        (1 << u32::from(self.bits)) - 1
    }

    /// The least and the greatest number that fit.
    fn range(&self) -> (i128, i128) {
        let bits = u32::from(self.bits);
        if self.signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
    }

    /// The low bits of a number, as the field holds them.
    fn wrapped(&self, number: i128) -> i64 {
        let low = number.cast_unsigned() & self.mask();
        let negative = self.signed && low >> (self.bits - 1) & 1 == 1;
        (if negative { low | !self.mask() } else { low }) as i64
    }

    /// The number in a string; 0 for a field that is not valid. O(1).
    #[must_use]
    pub fn read(&self, body: &[u8]) -> i64 {
        if !self.is_valid() {
            return 0;
        }
        let (first, behind) = self.place();
        let window = window(body, first);
        self.wrapped((window >> behind).cast_signed())
    }

    /// Writes the low bits of a number; the string must be long enough.
    fn write(&self, body: &mut [u8], number: i64) {
        let (first, behind) = self.place();
        let bits = (number as u128 & self.mask()) << behind;
        let window = window(body, first) & !(self.mask() << behind) | bits;
        let bytes = window.to_be_bytes();
        for (byte, new) in body.iter_mut().skip(first).zip(&bytes[7..]) {
            *byte = *new;
        }
    }
}

/// Nine bytes from `first` on; zeros behind the end.
fn window(body: &[u8], first: usize) -> u128 {
    let bytes = body.get(first..).unwrap_or_default().iter().copied().chain(std::iter::repeat(0));
    bytes.take(9).fold(0, |window, byte| window << 8 | u128::from(byte))
}

impl BitStep {
    /// Whether the step may write.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.action != BitAction::Get
    }

    /// What the field is to hold, unless it cannot.
    fn next(&self, old: i64) -> Option<i64> {
        let field = &self.field;
        let wanted = match self.action {
            BitAction::Get => i128::from(old),
            // A field without a sign takes the bits of a negative number for a great one.
            BitAction::Set(value) if field.signed => i128::from(value),
            BitAction::Set(value) => i128::from(value.cast_unsigned()),
            BitAction::Add(by) => i128::from(old) + i128::from(by),
        };
        let (least, greatest) = field.range();
        if (least..=greatest).contains(&wanted) {
            return Some(wanted as i64);
        }
        match self.overflow {
            Overflow::Wrap => Some(field.wrapped(wanted)),
            // Redis subtracts in 64 bits here and takes what overflows for too great; clients see it, so it is kept.
            Overflow::Saturate
                if matches!(self.action, BitAction::Set(_)) && greatest - wanted > i128::from(i64::MAX) =>
            {
                Some(greatest as i64)
            }
            Overflow::Saturate => Some(wanted.clamp(least, greatest) as i64),
            Overflow::Fail => None,
        }
    }

    /// Performs the step on a string that is long enough; the answer is `None` when the number did not fit and nothing
    /// was to be done then.
    pub(crate) fn run(&self, body: &mut [u8]) -> Option<i64> {
        let old = self.field.read(body);
        if !self.writes() {
            return Some(old);
        }
        let new = self.next(old)?;
        self.field.write(body, new);
        Some(if matches!(self.action, BitAction::Set(_)) { old } else { new })
    }
}

/// The length that a string of `len` bytes gets by these steps; `None` when one of them is not valid or the string
/// would get too long.
pub(crate) fn grown_len(len: usize, steps: &[BitStep]) -> Option<usize> {
    if steps.iter().any(|step| !step.field.is_valid()) {
        return None;
    }
    let ends = steps.iter().filter(|step| step.writes()).map(|step| step.field.end_byte());
    let end = usize::try_from(ends.max().unwrap_or(0)).ok()?;
    (end <= STRING_MAX).then_some(len.max(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bit(body: &[u8], at: u64) -> u128 {
        let byte = body.get((at / 8) as usize).copied().unwrap_or_default();
        u128::from(byte >> (7 - at % 8) & 1)
    }

    fn field() -> impl Strategy<Value = BitField> {
        (any::<bool>(), 1..=64u8, 0..200u64).prop_map(|(signed, bits, offset)| BitField {
            signed,
            bits: if signed { bits } else { bits.min(63) },
            offset,
        })
    }

    proptest! {
        #[test]
        fn a_field_reads_bit_by_bit(body in prop::collection::vec(any::<u8>(), 0..32), field in field()) {
            let bits = (0..u64::from(field.bits)).fold(0, |sum, at| sum << 1 | bit(&body, field.offset + at));
            let negative = field.signed && bits >> (field.bits - 1) == 1;
            let expected = bits.cast_signed() - if negative { 1 << field.bits } else { 0 };
            prop_assert_eq!(i128::from(field.read(&body)), expected);
        }

        #[test]
        fn a_field_that_is_written_comes_back_and_others_stay(
            mut body in prop::collection::vec(any::<u8>(), 40),
            field in field(),
            number in any::<i64>(),
        ) {
            let before = body.clone();
            field.write(&mut body, number);
            prop_assert_eq!(field.read(&body), field.wrapped(i128::from(number)));
            for at in (0..320).filter(|at| !(field.offset..field.offset + u64::from(field.bits)).contains(at)) {
                prop_assert_eq!(bit(&body, at), bit(&before, at));
            }
        }
    }

    #[test]
    fn what_does_not_fit_wraps_saturates_or_fails() {
        let field = BitField { signed: true, bits: 8, offset: 4 };
        let run = |overflow| {
            let mut body = vec![0; 2];
            field.write(&mut body, 100);
            BitStep { field, action: BitAction::Add(100), overflow }.run(&mut body)
        };
        assert_eq!(run(Overflow::Wrap), Some(-56));
        assert_eq!(run(Overflow::Saturate), Some(127));
        assert_eq!(run(Overflow::Fail), None);
        let unsigned = BitField { signed: false, ..field };
        let set = BitStep { field: unsigned, action: BitAction::Set(-1), overflow: Overflow::Saturate };
        let mut body = vec![0; 2];
        assert_eq!((set.run(&mut body), unsigned.read(&body)), (Some(0), 255));
    }

    #[test]
    fn a_number_far_below_the_least_saturates_as_in_redis() {
        for (bits, value, expected) in [
            (8, i64::MIN, 127),
            (8, -9_223_372_036_854_775_681, 127),
            (8, -9_223_372_036_854_775_680, -128),
            (8, -200, -128),
            (16, -9_223_372_036_854_775_000, 32_767),
            (63, i64::MIN, 4_611_686_018_427_387_903),
            (63, -200, -200),
            (64, i64::MIN, i64::MIN),
        ] {
            let field = BitField { signed: true, bits, offset: 0 };
            let step = BitStep { field, action: BitAction::Set(value), overflow: Overflow::Saturate };
            let mut body = vec![0; 8];
            step.run(&mut body);
            assert_eq!(field.read(&body), expected, "SET i{bits} {value}");
        }
    }

    #[test]
    fn a_string_grows_to_its_limit_and_no_further() {
        let step = |bits, offset| BitStep {
            field: BitField { signed: true, bits, offset },
            action: BitAction::Set(1),
            overflow: Overflow::Wrap,
        };
        assert_eq!(grown_len(3, &[step(1, 0)]), Some(3));
        assert_eq!(grown_len(0, &[step(1, 8), step(5, 2)]), Some(2));
        assert_eq!(grown_len(0, &[step(1, BITS_MAX - 1)]), Some(STRING_MAX));
        assert_eq!(grown_len(0, &[step(2, BITS_MAX - 1)]), None);
        assert_eq!(grown_len(0, &[step(0, 0)]), None);
    }
}
