//! Between Rust values and what tables hold: keys as bytes, records as bytes, rows as values.
//!
//! Keys and records go straight into their encoded form and out of it; no tree of terms is built on the way. What
//! an encoded value means is `mnemon_term`'s.

use mnemon_store::{Collection, Row, Value};
use mnemon_table::{Object, Table, TableError};
use mnemon_term::key::{KeyBytes, NumberKey};
use mnemon_term::{Record, RecordRef, Term, from_record, to_int, to_key, to_record, to_term};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes by which a table finds the rows of a key.
pub(crate) fn key_bytes<K: Serialize + ?Sized>(table: &Table, key: &K) -> Result<KeyBytes, TableError> {
    Ok(to_key(key, table.kind().keying())?)
}

/// The row under a key.
pub(crate) fn row<K: Serialize + ?Sized>(table: &Table, key: &K) -> Result<Option<Row>, TableError> {
    match to_int(key) {
        // Its bytes stay where they are made, which is worth a third of a read from a large table.
        Some(key) => table.row(&NumberKey::of_int(key, table.kind().keying())),
        None => table.row(&key_bytes(table, key)?),
    }
}

/// A key or value where the layer below takes terms.
pub(crate) fn term<V: Serialize + ?Sized>(value: &V) -> Result<Term, TableError> {
    Ok(to_term(value)?)
}

/// The record of a value, encoded.
pub(crate) fn record<T: Serialize>(table: &Table, value: &T) -> Result<Record, TableError> {
    to_record(value).map_err(|cause| TableError::BadRecord { table: table.name(), cause: cause.to_string() })
}

/// The value of an encoded record.
pub(crate) fn value<T: DeserializeOwned>(record: RecordRef<'_>) -> Result<T, TableError> {
    Ok(from_record(record)?)
}

/// The first value under a key.
pub(crate) fn first<T: DeserializeOwned>(row: &Row) -> Result<Option<T>, TableError> {
    match row.value() {
        // What rows of all tables but bags are: the iterator over either is larger than what it gives.
        Value::Bytes(body) => value(RecordRef::trusted(body)).map(Some),
        Value::Collection(_) => bodies(row).next().map(|body| value(RecordRef::trusted(body))).transpose(),
    }
}

/// All values under a key.
pub(crate) fn all<T: DeserializeOwned>(row: &Row) -> Result<Vec<T>, TableError> {
    bodies(row).map(|body| value(RecordRef::trusted(body))).collect()
}

/// The values of what a query found.
pub(crate) fn values<T: DeserializeOwned>(objects: &[Object]) -> Result<Vec<T>, TableError> {
    objects.iter().map(|object| value(object.record())).collect()
}

/// The encoded records of a row: one, or those of a bag's key in the order of their insertion.
pub(crate) fn bodies(row: &Row) -> impl Iterator<Item = &[u8]> {
    let (one, bag) = match row.value() {
        Value::Bytes(body) => (Some(body), None),
        Value::Collection(Collection::Bag(bag)) => (None, Some(bag)),
        Value::Collection(_) => (None, None),
    };
    one.into_iter().chain(bag.into_iter().flat_map(|bag| bag.iter()))
}
