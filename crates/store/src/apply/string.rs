//! Strings of `db0`…`db15`: counters and appending.

use crate::cell::Cell;
use crate::decimal;
use crate::op::OpError;
use crate::row::{Row, Value};

/// The longest string, Redis's `proto-max-bulk-len`.
const STRING_MAX: usize = 512 * 1024 * 1024;

/// The string, if there is one.
fn string<'c>(cell: &'c Cell<'_, '_>) -> Result<Option<&'c [u8]>, OpError> {
    match cell.row().map(Row::value) {
        None => Ok(None),
        Some(Value::Bytes(body)) => Ok(Some(body)),
        Some(Value::Collection(_)) => Err(OpError::WrongType),
    }
}

pub(super) fn increment(cell: &mut Cell<'_, '_>, by: i64) -> Result<i64, OpError> {
    // One look at the row for all that is asked of it: counters are what people count fast.
    let (present, expires_at) = match cell.row() {
        None => (0, None),
        Some(row) => match row.value() {
            Value::Bytes(body) => {
                (decimal::parse_integer(body).ok_or(OpError::NotAnInteger)?, row.expires_at())
            }
            Value::Collection(_) => return Err(OpError::WrongType),
        },
    };
    let sum = present.checked_add(by).ok_or(OpError::Overflow)?;
    cell.put_bytes(decimal::integer_text(sum).as_bytes(), expires_at);
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
