//! Sums of numbers that are text, said plainly.

use mnemon_store::OpError;

pub(crate) fn integer(text: Option<&[u8]>) -> Result<i64, OpError> {
    let Some(text) = text else { return Ok(0) };
    let number: i64 =
        std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(OpError::NotAnInteger)?;
    // Only what the number itself would be written as.
    (number.to_string().as_bytes() == text).then_some(number).ok_or(OpError::NotAnInteger)
}

/// Digits behind the point that sums are computed with here.
const DIGITS: usize = 12;

/// A decimal number as a multiple of the last digit; `None`: it has too many for this model.
fn scaled(text: &[u8]) -> Result<Option<i128>, OpError> {
    let text = std::str::from_utf8(text).map_err(|_| OpError::NotANumber)?;
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) {
        return Err(OpError::NotANumber);
    }
    if whole.len() > 19 || fraction.len() > DIGITS {
        return Ok(None);
    }
    let number: i128 = format!("{whole}{fraction:0<DIGITS$}").parse().expect("some thirty digits");
    Ok(Some(if negative { -number } else { number }))
}

pub(crate) fn add(present: Option<&[u8]>, by: &[u8]) -> Result<String, OpError> {
    let present = present.unwrap_or(b"0");
    let (Some(one), Some(other)) = (scaled(present)?, scaled(by)?) else {
        return mnemon_store::decimal::add(present, by);
    };
    let sum = one + other;
    let (sign, sum, unit) = (if sum < 0 { "-" } else { "" }, sum.unsigned_abs(), 10u128.pow(DIGITS as u32));
    let text = format!("{sign}{}.{:0DIGITS$}", sum / unit, sum % unit);
    Ok(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}
