//! Records and keys of the `T.` commands: JSON on the wire, encoded bytes in the rows.
//!
//! In `db0`…`db15` keys are the raw bytes of the argument and values are strings; everywhere else both are terms.

use std::borrow::Cow;
use std::sync::Arc;

use mnemon_store::{Collection, Row, Value};
use mnemon_table::schema::{AccessMode, Attribute, AttributeType};
use mnemon_table::{Table, TableError};
use mnemon_term::{Record, RecordRef, Term, TermRef, json};

use crate::answer::Answer;
use crate::command::plan::Context;
use crate::protocol::Reply;
use crate::refusal;

/// The attributes of the databases.
const DATABASE_ATTRIBUTES: [&str; 2] = ["key", "value"];

/// The table that an argument names.
///
/// # Errors
/// The refusal to answer.
pub(crate) fn table(context: &Context<'_>, name: &[u8]) -> Result<Arc<Table>, Answer> {
    let found = match std::str::from_utf8(name) {
        Ok(name) => context.catalog.table(name),
        Err(_) => Err(TableError::NoTable(String::from_utf8_lossy(name).into_owned())),
    };
    found.map_err(|error| refusal::of_table(&error))
}

/// The same for a command that changes rows. A table's own submission checks this again; a commit of several
/// operations does not.
///
/// # Errors
/// The refusal to answer.
pub(super) fn writable_table(context: &Context<'_>, name: &[u8]) -> Result<Arc<Table>, Answer> {
    let table = table(context, name)?;
    if table.schema().access() == AccessMode::ReadOnly {
        return Err(refusal::of_table(&TableError::ReadOnly(table.name())));
    }
    Ok(table)
}

/// The bytes under which the row of a key argument stands.
///
/// # Errors
/// The refusal to answer.
pub(super) fn key_bytes<'a>(table: &Table, text: &'a [u8]) -> Result<Cow<'a, [u8]>, Answer> {
    if table.is_database() {
        return Ok(Cow::Borrowed(text));
    }
    let key = key_term(table, text).map_err(|error| refusal::of_table(&error))?;
    Ok(Cow::Owned(table.key_bytes(&key)))
}

/// Reads a record argument: the key's bytes and the row's body.
///
/// # Errors
/// The refusal to answer.
pub(super) fn parse(table: &Table, text: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Answer> {
    read(table, text).map_err(|error| refusal::of_table(&error))
}

fn read(table: &Table, text: &[u8]) -> Result<(Vec<u8>, Vec<u8>), TableError> {
    if table.is_database() {
        let record = json::record_from_json(text, &DATABASE_ATTRIBUTES)?;
        return Ok((raw(table, &record, 0)?, raw(table, &record, 1)?));
    }
    let schema = table.schema();
    let record = json::record_from_json(text, &schema.attribute_names())?;
    schema.check(record.as_ref())?;
    let mut key = Vec::with_capacity(24);
    schema.key_of(record.as_ref(), &mut key);
    Ok((key, record.into_bytes()))
}

/// A term of a database's record as the bytes it is kept as: strings and numbers have such.
fn raw(table: &Table, record: &Record, place: usize) -> Result<Vec<u8>, TableError> {
    let term = record.as_ref().get(place);
    match term {
        Some(TermRef::Binary(bytes)) => Ok(bytes.to_vec()),
        Some(number @ (TermRef::Int(_) | TermRef::Float(_))) => {
            let mut text = Vec::new();
            json::write(number, &mut text);
            Ok(text)
        }
        _ => {
            let found = term.map_or("nothing", TermRef::kind);
            let name = DATABASE_ATTRIBUTES.get(place).copied().unwrap_or_default();
            let cause = format!("{name:?} takes a string or a number, found {found}");
            Err(TableError::BadRecord { table: table.name(), cause })
        }
    }
}

/// A key argument as a term.
///
/// # Errors
/// For JSON that is no term.
pub(super) fn key_term(table: &Table, text: &[u8]) -> Result<Term, TableError> {
    attribute_term(table, 0, text)
}

/// An argument that is a value of an attribute: JSON, or a bare word. Where the attribute takes strings only, text
/// that is no JSON string is the string itself, so that `12345` finds the zip code and not a number.
///
/// # Errors
/// For JSON that is no term.
pub(super) fn attribute_term(table: &Table, place: u16, text: &[u8]) -> Result<Term, TableError> {
    let schema = table.schema();
    let takes = schema.attributes().get(usize::from(place)).map(Attribute::attribute_type);
    if let Some(AttributeType::String | AttributeType::Binary) = takes {
        return Ok(match json::parse(text) {
            Ok(string @ Term::Binary(_)) => string,
            _ => Term::Binary(text.to_vec()),
        });
    }
    Ok(json::parse_key(text)?)
}

/// Appends the records of a row as JSON replies.
pub(super) fn replies(table: &Table, row: &Row, out: &mut Vec<Reply>) {
    if table.is_database() {
        out.push(Reply::Bulk(database_json(row)));
        return;
    }
    let schema = table.schema_of(row.version());
    let names = schema.attribute_names();
    each_record(row, |record| out.push(Reply::Bulk(record_json(record, &names))));
}

fn each_record(row: &Row, mut visit: impl FnMut(RecordRef<'_>)) {
    match row.value() {
        Value::Bytes(body) => visit(RecordRef::trusted(body)),
        Value::Collection(Collection::Bag(bag)) => {
            bag.iter().for_each(|body| visit(RecordRef::trusted(body)));
        }
        Value::Collection(_) => {}
    }
}

/// A record as a JSON object. Rows hold only records that were checked, so failing to write one is an empty object.
pub(super) fn record_json(record: RecordRef<'_>, names: &[&str]) -> Vec<u8> {
    let mut text = Vec::with_capacity(record.as_bytes().len() * 2);
    if json::write_record(record, names, &mut text).is_err() {
        text.extend_from_slice(b"{}");
    }
    text
}

/// A row of a database: a string with its value, a collection with type and size.
fn database_json(row: &Row) -> Vec<u8> {
    let mut text = b"{\"key\":".to_vec();
    json::write(TermRef::Binary(row.key()), &mut text);
    match row.value() {
        Value::Bytes(body) => {
            text.extend_from_slice(b",\"value\":");
            json::write(TermRef::Binary(body), &mut text);
        }
        Value::Collection(collection) => {
            let facts = format!(",\"type\":\"{}\",\"size\":{}", collection.type_name(), collection.len());
            text.extend_from_slice(facts.as_bytes());
        }
    }
    text.push(b'}');
    text
}

/// A row for an event: its record, or an array of a bag's.
pub(super) fn row_json(table: &Table, row: &Row) -> Vec<u8> {
    if table.is_database() {
        return database_json(row);
    }
    let schema = table.schema_of(row.version());
    let names = schema.attribute_names();
    if let Value::Bytes(body) = row.value() {
        return record_json(RecordRef::trusted(body), &names);
    }
    let mut text = b"[".to_vec();
    each_record(row, |record| {
        if text.len() > 1 {
            text.push(b',');
        }
        text.extend_from_slice(&record_json(record, &names));
    });
    text.push(b']');
    text
}

/// A row's key for an event.
pub(super) fn key_json(table: &Table, row: &Row) -> Vec<u8> {
    let mut text = Vec::new();
    if table.is_database() {
        json::write(TermRef::Binary(row.key()), &mut text);
        return text;
    }
    let mut key = None;
    each_record(row, |record| {
        if key.is_none() {
            key = record.key().and_then(|term| term.to_term().ok());
        }
    });
    match &key {
        Some(key) => json::write(key, &mut text),
        None => text.extend_from_slice(b"null"),
    }
    text
}
