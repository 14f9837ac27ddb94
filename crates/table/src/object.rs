//! What a read of a table gives: a record, still in the row it was found in.

use mnemon_store::{Collection, Row, Value};
use mnemon_term::{Record, RecordRef};

use crate::error::TableError;

/// A record read from a table. Holds the row it came from, so reading it copies nothing.
#[derive(Clone, Debug)]
pub struct Object(Form);

#[derive(Clone, Debug)]
enum Form {
    Row(Row),
    /// One of several under a bag's key.
    Own {
        record: Record,
        version: u64,
    },
}

impl Object {
    /// The record.
    #[must_use]
    pub fn record(&self) -> RecordRef<'_> {
        match &self.0 {
            Form::Row(row) => RecordRef::trusted(row.body()),
            Form::Own { record, .. } => record.as_ref(),
        }
    }

    /// The commit clock of the commit that wrote it; for a bag, of the last change under its key.
    #[must_use]
    pub fn version(&self) -> u64 {
        match &self.0 {
            Form::Row(row) => row.version(),
            Form::Own { version, .. } => *version,
        }
    }

    /// The record as an owned value.
    ///
    /// # Errors
    /// `Term`: none in practice, since a table holds only records that were checked.
    pub fn to_record(&self) -> Result<Record, TableError> {
        Ok(self.record().to_record()?)
    }
}

/// The records under one key: one in a set, any number in a bag, in order of their insertion.
pub(crate) fn objects(row: &Row) -> Vec<Object> {
    match row.value() {
        Value::Bytes(_) => vec![Object(Form::Row(row.clone()))],
        Value::Collection(Collection::Bag(bag)) => bag
            .iter()
            .filter_map(|body| RecordRef::trusted(body).to_record().ok())
            .map(|record| Object(Form::Own { record, version: row.version() }))
            .collect(),
        Value::Collection(_) => Vec::new(),
    }
}

/// The first record under a key.
#[inline]
pub(crate) fn first_object(row: Row) -> Option<Object> {
    match row.value() {
        Value::Bytes(_) => Some(Object(Form::Row(row))),
        Value::Collection(_) => objects(&row).into_iter().next(),
    }
}
