//! Hashes of `db0`…`db15`, field by field.

use crate::apply::holds;
use crate::cell::Cell;
use crate::collection::{Collection, Hash};
use crate::decimal;
use crate::event::FieldChange;
use crate::op::{Bytes, OpError, When};
use crate::row::{Row, Value};

fn hash<'c>(cell: &'c Cell<'_, '_>) -> Result<Option<&'c Hash>, OpError> {
    match cell.row().map(Row::value) {
        None => Ok(None),
        Some(Value::Collection(Collection::Hash(hash))) => Ok(Some(hash)),
        Some(_) => Err(OpError::WrongType),
    }
}

/// Changes the hash; call it only when `hash(cell)` is no error.
fn change<R: Default>(
    cell: &mut Cell<'_, '_>,
    change: impl FnOnce(&mut Hash) -> R,
    fields: impl FnOnce() -> Vec<FieldChange>,
) -> R {
    cell.change_collection(
        || Collection::Hash(Hash::default()),
        |collection| match collection {
            Collection::Hash(hash) => change(hash),
            Collection::Bag(_) => R::default(),
        },
        fields,
    )
}

pub(super) fn put(
    cell: &mut Cell<'_, '_>,
    fields: &[(Bytes<'_>, Bytes<'_>)],
    when: When,
) -> Result<i64, OpError> {
    if when == When::Always
        && let Some(new) = put_in_place(cell, fields)
    {
        return Ok(new);
    }
    let present = hash(cell)?;
    let has = |field: &[u8]| present.is_some_and(|hash| hash.get(field).is_some());
    let wanted: Vec<bool> = match when {
        When::Always => Vec::new(),
        _ => fields.iter().map(|(field, _)| holds(when, has(field))).collect(),
    };
    if when != When::Always && !wanted.contains(&true) {
        return Ok(0);
    }
    let chosen = || fields.iter().enumerate().filter(|(at, _)| wanted.get(*at).copied().unwrap_or(true));
    Ok(change(
        cell,
        |hash| chosen().map(|(_, (field, value))| i64::from(hash.insert(field, value))).sum(),
        || chosen().map(|(_, (field, value))| ((**field).into(), Some((**value).into()))).collect(),
    ))
}

/// Sets fields of a hash that is there and can be changed where it is, with one look at the row: how many are new.
fn put_in_place(cell: &mut Cell<'_, '_>, fields: &[(Bytes<'_>, Bytes<'_>)]) -> Option<i64> {
    let put = |collection: &mut Collection| match collection {
        Collection::Hash(hash) => {
            fields.iter().map(|(field, value)| i64::from(hash.insert(field, value))).sum()
        }
        Collection::Bag(_) => 0,
    };
    cell.change_in_place(|collection| matches!(collection, Collection::Hash(_)), put).ok()
}

pub(super) fn delete(cell: &mut Cell<'_, '_>, fields: &[Bytes<'_>]) -> Result<i64, OpError> {
    let Some(present) = hash(cell)? else { return Ok(0) };
    if fields.iter().all(|field| present.get(field).is_none()) {
        return Ok(0);
    }
    let gone: Vec<FieldChange> = if cell.subscribed {
        let there = fields.iter().filter(|field| present.get(field).is_some());
        there.map(|field| ((**field).into(), None)).collect()
    } else {
        Vec::new()
    };
    Ok(change(cell, |hash| fields.iter().map(|field| i64::from(hash.remove(field))).sum(), || gone))
}

fn set(cell: &mut Cell<'_, '_>, field: &[u8], value: &str) {
    change(
        cell,
        |hash| hash.insert(field, value.as_bytes()),
        || vec![(field.into(), Some(value.as_bytes().into()))],
    );
}

pub(super) fn increment(cell: &mut Cell<'_, '_>, field: &[u8], by: i64) -> Result<i64, OpError> {
    let present = match hash(cell)?.and_then(|hash| hash.get(field)) {
        None => 0,
        Some(value) => decimal::parse_integer(value).ok_or(OpError::NotAnInteger)?,
    };
    let sum = present.checked_add(by).ok_or(OpError::Overflow)?;
    set(cell, field, decimal::integer_text(sum).as_str());
    Ok(sum)
}

pub(super) fn increment_float(cell: &mut Cell<'_, '_>, field: &[u8], by: &[u8]) -> Result<String, OpError> {
    let present = hash(cell)?.and_then(|hash| hash.get(field)).unwrap_or(b"0");
    let sum = decimal::add(present, by)?;
    set(cell, field, &sum);
    Ok(sum)
}
