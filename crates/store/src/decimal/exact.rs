//! Sums of decimal numbers of any size, digit by digit: for those that machine words do not hold.

use std::cmp::Ordering;
use std::iter::repeat_n;

use crate::decimal::signed;
use crate::op::OpError;

/// Digits before the point, at most; Redis's floats of 80 bits end shortly after.
const WHOLE_MAX: usize = 4932;
/// Zeros behind the point, at most.
const ZEROS_MAX: i64 = 4950;

/// A number.
#[derive(Debug)]
pub(super) struct Exact {
    negative: bool,
    /// The least significant first, each 0 to 9. None: zero.
    digits: Vec<u8>,
    /// How many of them stand behind the point.
    places: usize,
}

impl Exact {
    /// Reads digits with or without a point, an exponent, a sign.
    ///
    /// # Errors
    /// `NotANumber`, also when it is too large or too small; `NotFinite` for an infinity.
    pub(super) fn parse(text: &[u8]) -> Result<Self, OpError> {
        let (negative, text) = signed(text);
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Err(OpError::NotFinite);
        }
        let mut parts = text.splitn(2, |byte| byte.eq_ignore_ascii_case(&b'e'));
        let mut mantissa = parts.next().unwrap_or_default().splitn(2, |byte| *byte == b'.');
        let exponent = parts.next().map_or(Some(0), exponent);
        let (whole, fraction) = (mantissa.next().unwrap_or_default(), mantissa.next().unwrap_or_default());
        let all = || whole.iter().chain(fraction).copied();
        let is_number = all().all(|byte| byte.is_ascii_digit()) && all().next().is_some();
        let exponent = exponent.filter(|_| is_number).ok_or(OpError::NotANumber)?;
        let mut digits: Vec<u8> = all().map(|byte| byte - b'0').skip_while(|digit| *digit == 0).collect();
        digits.reverse();
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..zeros);
        if digits.is_empty() {
            return Ok(Self { negative, digits, places: 0 });
        }
        let lowest = exponent - fraction.len() as i64 + zeros as i64;
        let highest = lowest + digits.len() as i64;
        if highest > WHOLE_MAX as i64 || highest < -ZEROS_MAX {
            return Err(OpError::NotANumber);
        }
        let mut number = Self { negative, digits, places: usize::try_from(-lowest).unwrap_or(0) };
        number.lower(usize::try_from(lowest).unwrap_or(0));
        Ok(number)
    }

    /// Adds zeros as the least significant digits.
    fn lower(&mut self, zeros: usize) {
        if !self.digits.is_empty() {
            self.digits.splice(..0, repeat_n(0, zeros));
        }
    }

    /// The sum, exactly.
    pub(super) fn add(mut self, mut other: Self) -> Self {
        let places = self.places.max(other.places);
        for number in [&mut self, &mut other] {
            number.lower(places - number.places);
            number.places = places;
        }
        let (mut large, small) = if compare(&self.digits, &other.digits) == Ordering::Less {
            (other, self)
        } else {
            (self, other)
        };
        let is_sum = large.negative == small.negative;
        let mut carried = false;
        let others = small.digits.iter().copied().chain(repeat_n(0, large.digits.len() - small.digits.len()));
        for (digit, other) in large.digits.iter_mut().zip(others) {
            let other = other + u8::from(carried);
            carried = if is_sum { *digit + other > 9 } else { *digit < other };
            *digit = if is_sum { (*digit + other) % 10 } else { (*digit + 10 - other) % 10 };
        }
        large.digits.extend(carried.then_some(1));
        large.trim();
        large
    }

    /// The same number.
    ///
    /// # Errors
    /// `NotFinite` when it is too large to be read again.
    pub(super) fn checked(self) -> Result<Self, OpError> {
        if self.digits.len() > WHOLE_MAX + self.places { Err(OpError::NotFinite) } else { Ok(self) }
    }

    /// Drops leading zeros.
    fn trim(&mut self) {
        let used = self.digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1);
        self.digits.truncate(used);
    }

    /// With no more digits behind the point than that; a half goes to the even digit.
    pub(super) fn rounded(mut self, places: usize) -> Self {
        let Some(cut) = self.places.checked_sub(places) else { return self };
        let cut_off: Vec<u8> = self.digits.drain(..cut.min(self.digits.len())).collect();
        self.places = places;
        // A number shorter than what is cut off has zeros there.
        let first = if cut_off.len() == cut { cut_off.last().copied().unwrap_or(0) } else { 0 };
        let is_half = first == 5 && cut_off.iter().rev().skip(1).all(|digit| *digit == 0);
        let is_odd = self.digits.first().is_some_and(|digit| digit % 2 == 1);
        if first > 5 || (first == 5 && (!is_half || is_odd)) {
            self.increment();
        }
        self
    }

    /// Adds one to the least significant digit.
    fn increment(&mut self) {
        for digit in &mut self.digits {
            *digit = (*digit + 1) % 10;
            if *digit != 0 {
                return;
            }
        }
        self.digits.push(1);
    }

    /// As text, without trailing zeros behind the point.
    pub(super) fn text(&self) -> String {
        let digit = |place: usize| char::from(b'0' + self.digits.get(place).copied().unwrap_or(0));
        let whole = (self.places..self.digits.len().max(self.places + 1)).rev().map(digit);
        let sign = (self.negative && !self.digits.is_empty()).then_some('-');
        let text: String =
            sign.into_iter().chain(whole).chain(['.']).chain((0..self.places).rev().map(digit)).collect();
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// A sign and digits; a number that is too large to matter stays so.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = signed(text);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let next = |value: i64, digit: &u8| (value * 10 + i64::from(digit - b'0')).min(1 << 32);
    let value = is_number.then(|| digits.iter().fold(0, next))?;
    Some(if negative { -value } else { value })
}

/// Which of two numbers with as many places is the larger one, whatever their signs.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.iter().rev().cmp(other.iter().rev()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against integers of 128 bits, with the point anywhere.
        #[test]
        fn sums_are_those_of_integers(one in -10i128.pow(36)..10i128.pow(36), other in any::<i64>(), places in 0usize..30) {
            let left = Exact::parse(format!("{one}e-{places}").as_bytes()).unwrap();
            let sum = left.add(Exact::parse(format!("{other}E-{places}").as_bytes()).unwrap()).text();
            let back = Exact::parse(format!("{sum}e{places}").as_bytes()).unwrap().text();
            prop_assert_eq!(back, (one + i128::from(other)).to_string(), "{}", sum);
        }

        #[test]
        fn any_text_is_a_number_or_none(text in "[-+]?[0-9.eE+-]{0,12}|.{0,8}") {
            if let Ok(number) = Exact::parse(text.as_bytes()) {
                let shown = number.text();
                prop_assert_eq!(Exact::parse(shown.as_bytes()).unwrap().text(), shown);
            }
        }
    }

    #[test]
    fn rounding_is_to_the_nearest_and_of_halves_to_the_even() {
        let cases = [("5e-18", "0"), ("15e-18", "0.00000000000000002"), ("25e-18", "0.00000000000000002")];
        let more = [("6e-18", "0.00000000000000001"), ("-6e-18", "-0.00000000000000001"), ("4e-4000", "0")];
        let carried = [
            ("0.999999999999999999", "1"),
            ("-9.9999999999999999951", "-10"),
            ("51e-19", "0.00000000000000001"),
        ];
        for (text, expected) in cases.into_iter().chain(more).chain(carried) {
            assert_eq!(Exact::parse(text.as_bytes()).unwrap().rounded(17).text(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_out_of_range_is_refused() {
        for text in
            ["", ".", "-", "e5", "1e", "1e+", " 1", "1 ", "1e1.5", "1..2", "0x10", "nan", "1e5000", "1e-5000"]
        {
            assert_eq!(Exact::parse(text.as_bytes()).err(), Some(OpError::NotANumber), "{text}");
        }
        for text in ["inf", "-INF", "+Infinity"] {
            assert_eq!(Exact::parse(text.as_bytes()).err(), Some(OpError::NotFinite), "{text}");
        }
        let largest = || Exact::parse(b"9e4931").unwrap();
        assert_eq!(largest().add(largest()).checked().err(), Some(OpError::NotFinite));
        for (text, shown) in [
            ("0e9999999999999", "0"),
            ("-0", "0"),
            (".5", "0.5"),
            ("5.", "5"),
            ("00012", "12"),
            ("+1e2", "100"),
        ] {
            assert_eq!(Exact::parse(text.as_bytes()).unwrap().text(), shown, "{text}");
        }
    }
}
