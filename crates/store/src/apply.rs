//! Applying operations to locked rows. Deterministic: the same rows, operation and stamp give the same rows.

mod hash;
mod record;
mod string;

use crate::cell::Cell;
use crate::event::Cause;
use crate::op::{ExpireWhen, Op, OpError, Outcome, When};
use crate::row::Row;

/// Applies one operation on one key.
pub(crate) fn apply(cell: &mut Cell<'_, '_>, op: &Op<'_>) -> Result<Outcome, OpError> {
    // A read must not clear away an expired row: whether it holds the lock to do so differs from copy to copy.
    if op.is_read() {
        let live = cell.row().filter(|row| !row.is_expired(cell.stamp.now_ms));
        return Ok(Outcome::Row(live.cloned()));
    }
    // What is done most often looks for itself, so that the row is not searched for once more.
    if !matches!(op, Op::Put { .. } | Op::Increment { .. }) {
        cell.expire();
    }
    match op {
        Op::Put { body, expiry, when, over_bytes_only, .. } => {
            record::put(cell, body, *expiry, *when, *over_bytes_only)
        }
        Op::Delete { cause, version, .. } => Ok(delete(cell, *cause, *version)),
        Op::DeleteObject { body, .. } => Ok(Outcome::Changed(record::delete_object(cell, body))),
        Op::Counter { attribute, by, initial, expires_at, .. } => {
            let initial = initial.as_deref().map(|body| (body, *expires_at));
            record::counter(cell, *attribute, *by, initial).map(Outcome::Int)
        }
        Op::ExpireAt { at_ms, when, .. } => Ok(Outcome::Changed(expire_at(cell, *at_ms, *when))),
        Op::Increment { by, .. } => string::increment(cell, *by).map(Outcome::Int),
        Op::IncrementFloat { by, .. } => string::increment_float(cell, by).map(Outcome::Text),
        Op::Append { tail, .. } => string::append(cell, tail).map(Outcome::Int),
        Op::FieldPut { fields, when, .. } => hash::put(cell, fields, *when).map(Outcome::Int),
        Op::FieldDelete { fields, .. } => hash::delete(cell, fields).map(Outcome::Int),
        Op::FieldIncrement { field, by, .. } => hash::increment(cell, field, *by).map(Outcome::Int),
        Op::FieldIncrementFloat { field, by, .. } => {
            hash::increment_float(cell, field, by).map(Outcome::Text)
        }
        Op::SetRange { offset, part, .. } => string::set_range(cell, *offset, part).map(Outcome::Int),
        Op::Bits { steps, .. } => string::bits(cell, steps).map(Outcome::Integers),
        Op::PutCollection { collection, expiry, .. } => Ok(record::put_collection(cell, collection, *expiry)),
        // Answered above, and by the commit itself.
        Op::Get { .. } | Op::Clear | Op::Count | Op::Exchange { .. } => Ok(Outcome::Int(0)),
    }
}

pub(crate) fn holds(when: When, present: bool) -> bool {
    match when {
        When::Always => true,
        When::Absent => !present,
        When::Present => present,
    }
}

fn delete(cell: &mut Cell<'_, '_>, cause: Cause, version: u64) -> Outcome {
    if version != 0 && cell.row().map(Row::version) != Some(version) {
        return Outcome::Removed(None);
    }
    Outcome::Removed(cell.remove(cause))
}

fn expire_at(cell: &mut Cell<'_, '_>, at_ms: Option<u64>, when: ExpireWhen) -> bool {
    let Some(row) = cell.row() else { return false };
    let old = row.expires_at();
    let Some(new) = at_ms else {
        if old.is_none() {
            return false;
        }
        let row = row.restamped(cell.stamp.version, None);
        let old = cell.put(row);
        cell.free(old);
        return true;
    };
    let allowed = match when {
        ExpireWhen::Always => true,
        ExpireWhen::None => old.is_none(),
        ExpireWhen::Some => old.is_some(),
        ExpireWhen::Later => old.is_some_and(|old| new > old),
        ExpireWhen::Earlier => old.is_none_or(|old| new < old),
    };
    if !allowed {
        return false;
    }
    let old = if new <= cell.stamp.now_ms {
        cell.remove(Cause::Delete)
    } else {
        let row = row.restamped(cell.stamp.version, Some(new));
        cell.put(row)
    };
    cell.free(old);
    true
}
