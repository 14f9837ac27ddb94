//! What a row of a backup is, record by record, and whether it may be one of its table.

use mnemon_store::{Collection, Kind, Row, Value};
use mnemon_table::schema::Schema;
use mnemon_term::RecordRef;

use crate::format::BackedTable;

/// One thing that a backup holds.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Entry<'a> {
    /// A record of a user's table; of a bag, one of those under a key.
    Record {
        /// The record.
        record: RecordRef<'a>,
        /// When it expires, in milliseconds since the epoch.
        expires_at: Option<u64>,
    },
    /// A key of `db0`…`db15` with its value, a string or a collection.
    Value {
        /// The key's bytes.
        key: &'a [u8],
        /// The value.
        value: Value<'a>,
        /// When it expires, in milliseconds since the epoch.
        expires_at: Option<u64>,
    },
}

/// Visits what a row holds; the row must have passed [`check_row`].
pub(crate) fn each<'a, E>(
    table: &BackedTable,
    row: &'a Row,
    mut visit: impl FnMut(Entry<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let expires_at = row.expires_at();
    if table.database {
        return visit(Entry::Value { key: row.key(), value: row.value(), expires_at });
    }
    bodies(row).try_for_each(|body| visit(Entry::Record { record: RecordRef::trusted(body), expires_at }))
}

/// The records of a row of a user's table.
pub(crate) fn bodies(row: &Row) -> impl Iterator<Item = &[u8]> {
    let (bag, body) = match row.value() {
        Value::Collection(Collection::Bag(bag)) => (Some(bag), None),
        Value::Bytes(body) => (None, Some(body)),
        Value::Collection(_) => (None, None),
    };
    bag.into_iter().flat_map(|bag| bag.iter()).chain(body)
}

/// Whether a row, which may have come from anywhere, can be one of a table with this schema.
///
/// # Errors
/// What does not fit, in words.
pub(crate) fn check_row(schema: &Schema, database: bool, row: &Row) -> Result<(), String> {
    match (row.value(), database, schema.kind()) {
        (Value::Bytes(_), true, _) | (Value::Collection(Collection::Hash(_)), true, _) => return Ok(()),
        (Value::Bytes(_), false, Kind::Set | Kind::OrderedSet) => {}
        (Value::Collection(Collection::Bag(bag)), false, Kind::Bag) if !bag.is_empty() => {}
        _ => return Err(format!("a row is of another kind than {:?}", schema.kind())),
    }
    let mut key = Vec::with_capacity(row.key().len());
    for body in bodies(row) {
        let record =
            RecordRef::parse(body).map_err(|cause| format!("a record is not understood: {cause}"))?;
        schema.check(record).map_err(|cause| cause.to_string())?;
        key.clear();
        schema.key_of(record, &mut key);
        if key != row.key() {
            return Err("a record stands under another key than its own".to_owned());
        }
    }
    Ok(())
}
