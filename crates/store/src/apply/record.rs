//! Writing whole rows and records: put, delete object, counters.

use std::sync::Arc;

use mnemon_term::{RecordRef, Term, TermRef};

use crate::apply::holds;
use crate::cell::Cell;
use crate::collection::{Bag, Collection};
use crate::copy::Kind;
use crate::event::Cause;
use crate::op::{Expiry, OpError, Outcome, When};
use crate::row::{Row, Value};

pub(super) fn put(
    cell: &mut Cell<'_, '_>,
    body: &[u8],
    expiry: Expiry,
    when: When,
    over_bytes_only: bool,
) -> Result<Outcome, OpError> {
    if cell.is_plain_set() && when == When::Always && !over_bytes_only && expiry != Expiry::Keep {
        // What stands there does not matter, so it is found once, when it is replaced.
        let expires_at = cell.expiry(expiry);
        cell.put_bytes(body, expires_at);
        return Ok(Outcome::Put { stored: true, old: None });
    }
    cell.expire();
    let present = cell.row();
    if over_bytes_only && present.is_some_and(|row| row.as_collection().is_some()) {
        return Err(OpError::WrongType);
    }
    if !holds(when, present.is_some()) {
        return Ok(Outcome::Put { stored: false, old: present.cloned() });
    }
    let expires_at = cell.expiry(expiry);
    if cell.copy.spec().kind == Kind::Bag {
        return Ok(put_object(cell, body, expires_at));
    }
    if over_bytes_only {
        let old = cell.replace_bytes(body, expires_at);
        return Ok(Outcome::Put { stored: true, old });
    }
    cell.put_bytes(body, expires_at);
    Ok(Outcome::Put { stored: true, old: None })
}

/// Writes a row that shares a collection with whoever gave it.
pub(super) fn put_collection(
    cell: &mut Cell<'_, '_>,
    collection: &Arc<Collection>,
    expiry: Expiry,
) -> Outcome {
    if collection.is_empty() {
        let old = cell.remove(Cause::Delete);
        cell.free(old);
        return Outcome::Put { stored: false, old: None };
    }
    let expires_at = cell.expiry(expiry);
    let old = cell.put(Row::collection(cell.stamp.version, expires_at, cell.at.key, collection.clone()));
    cell.free(old);
    Outcome::Put { stored: true, old: None }
}

/// Adds an object to a bag's key. Version and expiry belong to the key, so both change with it.
fn put_object(cell: &mut Cell<'_, '_>, body: &[u8], expires_at: Option<u64>) -> Outcome {
    if cell.row().and_then(Row::expires_at) != expires_at {
        return put_object_until(cell, body, expires_at);
    }
    let stored = cell.change_collection(
        || Collection::Bag(Bag::default()),
        |collection| match collection {
            Collection::Bag(bag) => bag.insert(body),
            Collection::Hash(_) => false,
        },
        Vec::new,
    );
    Outcome::Put { stored, old: None }
}

/// The same where the key's expiry changes: with its objects, as one change.
fn put_object_until(cell: &mut Cell<'_, '_>, body: &[u8], expires_at: Option<u64>) -> Outcome {
    let mut bag = match cell.row().map(Row::value) {
        Some(Value::Collection(Collection::Bag(bag))) => bag.clone(),
        _ => Bag::default(),
    };
    let stored = bag.insert(body);
    let collection = Arc::new(Collection::Bag(bag));
    let old = cell.put(Row::collection(cell.stamp.version, expires_at, cell.at.key, collection));
    cell.free(old);
    Outcome::Put { stored, old: None }
}

/// Deletes the object that equals `body`; in a set, the row when it is that object.
pub(super) fn delete_object(cell: &mut Cell<'_, '_>, body: &[u8]) -> bool {
    match cell.row().map(Row::value) {
        None => false,
        Some(Value::Bytes(present)) => {
            let same = present == body;
            if same {
                let old = cell.remove(Cause::Delete);
                cell.free(old);
            }
            same
        }
        Some(Value::Collection(Collection::Bag(bag))) if bag.contains(body) => cell.change_collection(
            || Collection::Bag(Bag::default()),
            |collection| match collection {
                Collection::Bag(bag) => bag.remove(body),
                Collection::Hash(_) => false,
            },
            Vec::new,
        ),
        Some(Value::Collection(_)) => false,
    }
}

/// Adds to an integer attribute. `initial`: the record to begin with, and when it expires.
pub(super) fn counter(
    cell: &mut Cell<'_, '_>,
    attribute: u16,
    by: i64,
    initial: Option<(&[u8], Option<u64>)>,
) -> Result<i64, OpError> {
    let (body, expires_at) = match cell.row() {
        Some(row) => match row.value() {
            Value::Bytes(body) => (body, row.expires_at()),
            Value::Collection(_) => return Err(OpError::WrongType),
        },
        None => initial.ok_or(OpError::Missing)?,
    };
    let record = RecordRef::trusted(body);
    let place = usize::from(attribute);
    let Some(TermRef::Int(present)) = record.get(place) else {
        return Err(OpError::NotACounter);
    };
    let sum = present.checked_add(by).ok_or(OpError::Overflow)?;
    let changed = record.with(place, &Term::Int(sum)).map_err(|_| OpError::NotACounter)?;
    cell.put_bytes(changed.as_bytes(), expires_at);
    Ok(sum)
}
