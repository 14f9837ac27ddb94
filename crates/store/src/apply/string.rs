//! Strings of `db0`…`db15`: counters, appending, writing parts and bits.

use crate::bits::{self, BitStep, Overflow, STRING_MAX};
use crate::cell::Cell;
use crate::decimal;
use crate::op::OpError;
use crate::row::{Row, Value};

/// The string, if there is one.
fn string<'c>(cell: &'c Cell<'_, '_>) -> Result<Option<&'c [u8]>, OpError> {
    match cell.row().map(Row::value) {
        None => Ok(None),
        Some(Value::Bytes(body)) => Ok(Some(body)),
        Some(Value::Collection(_)) => Err(OpError::WrongType),
    }
}

/// The number that the bytes are, and `by`.
fn sum(body: &[u8], by: i64) -> Result<i64, OpError> {
    let present = decimal::parse_integer(body).ok_or(OpError::NotAnInteger)?;
    present.checked_add(by).ok_or(OpError::Overflow)
}

pub(super) fn increment(cell: &mut Cell<'_, '_>, by: i64) -> Result<i64, OpError> {
    // One look at the row for all that is asked of it: counters are what people count fast.
    let version = cell.stamp.version;
    if let Some(row) = cell.row_in_place()
        && let Value::Bytes(body) = row.value()
    {
        let sum = sum(body, by)?;
        if row.overwrite(version, decimal::integer_text(sum).as_bytes()) {
            return Ok(sum);
        }
    }
    let now_ms = cell.stamp.now_ms;
    let (sum, expires_at) = match cell.row() {
        None => (by, None),
        Some(row) if row.is_expired(now_ms) => {
            cell.expire();
            (by, None)
        }
        Some(row) => match row.value() {
            Value::Bytes(body) => (sum(body, by)?, row.expires_at()),
            Value::Collection(_) => return Err(OpError::WrongType),
        },
    };
    // In place it could not be done.
    cell.replace_bytes(decimal::integer_text(sum).as_bytes(), expires_at);
    Ok(sum)
}

pub(super) fn increment_float(cell: &mut Cell<'_, '_>, by: &[u8]) -> Result<String, OpError> {
    let sum = decimal::add(string(cell)?.unwrap_or(b"0"), by)?;
    let expires_at = cell.row().and_then(Row::expires_at);
    cell.put_bytes(sum.as_bytes(), expires_at);
    Ok(sum)
}

pub(super) fn append(cell: &mut Cell<'_, '_>, tail: &[u8]) -> Result<i64, OpError> {
    let present = string(cell)?.unwrap_or_default();
    let len = present.len() + tail.len();
    if len > STRING_MAX {
        return Err(OpError::TooLong);
    }
    let body = [present, tail].concat();
    let expires_at = cell.row().and_then(Row::expires_at);
    cell.put_bytes(&body, expires_at);
    i64::try_from(len).map_err(|_| OpError::TooLong)
}

/// The string as bytes that can be changed, `len` of them or more, and its expiry.
fn grown(cell: &Cell<'_, '_>, len: usize) -> Result<(Vec<u8>, Option<u64>), OpError> {
    let present = string(cell)?.unwrap_or_default();
    let mut body = Vec::with_capacity(len.max(present.len()));
    body.extend_from_slice(present);
    body.resize(len.max(present.len()), 0);
    Ok((body, cell.row().and_then(Row::expires_at)))
}

pub(super) fn set_range(cell: &mut Cell<'_, '_>, offset: u64, part: &[u8]) -> Result<i64, OpError> {
    let len = string(cell)?.map_or(0, <[u8]>::len);
    if part.is_empty() {
        return i64::try_from(len).map_err(|_| OpError::TooLong);
    }
    let first = usize::try_from(offset).map_err(|_| OpError::TooLong)?;
    let end = first.checked_add(part.len()).filter(|end| *end <= STRING_MAX).ok_or(OpError::TooLong)?;
    let write = |body: &mut [u8]| body.iter_mut().skip(first).zip(part).for_each(|(byte, new)| *byte = *new);
    if end <= len && cell.alter_bytes(write) {
        return i64::try_from(len).map_err(|_| OpError::TooLong);
    }
    let (mut body, expires_at) = grown(cell, end)?;
    write(&mut body);
    cell.put_bytes(&body, expires_at);
    i64::try_from(body.len()).map_err(|_| OpError::TooLong)
}

pub(super) fn bits(cell: &mut Cell<'_, '_>, steps: &[BitStep]) -> Result<Vec<Option<i64>>, OpError> {
    let len = string(cell)?.map_or(0, <[u8]>::len);
    let grown_len = bits::grown_len(len, steps).ok_or(OpError::TooLong)?;
    // In place only what is sure to write: whether it can be done in place differs from copy to copy, and a row that
    // was not written must keep its version on all of them.
    let writes = steps.iter().any(BitStep::writes);
    let sure = writes && steps.iter().all(|step| !step.writes() || step.overflow != Overflow::Fail);
    let mut answers = Vec::with_capacity(steps.len());
    if sure && len > 0 && grown_len == len {
        let run = |body: &mut [u8]| answers.extend(steps.iter().map(|step| step.run(body)));
        if cell.alter_bytes(run) {
            return Ok(answers);
        }
    }
    let (mut body, expires_at) = grown(cell, grown_len)?;
    let answers: Vec<Option<i64>> = steps.iter().map(|step| step.run(&mut body)).collect();
    let wrote = steps.iter().zip(&answers).any(|(step, answer)| step.writes() && answer.is_some());
    if wrote || grown_len > len {
        cell.put_bytes(&body, expires_at);
    }
    Ok(answers)
}
