//! Values of `db0`…`db15` as records of two attributes, `key` and `value`, so that the same text says them.
//!
//! A string is its bytes: text where they are UTF-8, `{"$binary":"base64"}` where not. A hash is a map of its fields: a JSON object
//! where all fields are text, `{"$map":[[field,value],…]}` where not; its fields have no order.

use std::sync::Arc;

use mnemon_store::{Collection, Expiry, Op, Row, Value};
use mnemon_table::schema::{AttributeType, Schema};
use mnemon_term::{Record, RecordRef, Term};

/// The schema of that text.
pub(super) fn schema(name: &str) -> Schema {
    Schema::builder(name)
        .attribute("key", AttributeType::Binary)
        .attribute("value", AttributeType::Any)
        .build()
        .expect("names of databases are names of tables, and the attributes are fixed")
}

/// How a field of CSV is read and written: values stand as they are, as keys do.
pub(super) const FIELD: AttributeType = AttributeType::Binary;

/// The record that a row is written as.
///
/// # Errors
/// As of a record that is too large.
pub(super) fn record_of(row: &Row) -> Result<Record, mnemon_term::Error> {
    let bytes = |bytes: &[u8]| Term::Binary(bytes.to_vec());
    let value = match row.value() {
        Value::Bytes(body) => bytes(body),
        Value::Collection(Collection::Hash(hash)) => {
            Term::map(hash.iter().map(|element| (bytes(element.field()), bytes(element.value()))))
        }
        // A database has no others; nil would be refused on its way back.
        Value::Collection(_) => Term::nil(),
    };
    Record::new(&[bytes(row.key()), value])
}

/// The operation that makes the value of a record.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn op_of(record: RecordRef<'_>, expiry: Option<Expiry>) -> Result<Op<'static>, String> {
    let expiry = expiry.unwrap_or(Expiry::Never);
    let terms = record.to_terms().map_err(|cause| cause.to_string())?;
    let [key, value] = <[Term; 2]>::try_from(terms).map_err(|_| "it is not a key and a value".to_owned())?;
    let key = bytes_of(key).ok_or("a key is a text, a number or {\"$binary\":…}")?;
    if let Term::Map(fields) = value {
        let mut hash = mnemon_store::collection::Hash::default();
        for (field, value) in fields {
            let (Some(field), Some(value)) = (bytes_of(field), bytes_of(value)) else {
                return Err(
                    "fields of a hash and their values are texts, numbers or {\"$binary\":…}".to_owned()
                );
            };
            hash.insert(&field, &value);
        }
        if hash.is_empty() {
            return Err("a hash has a field at least".to_owned());
        }
        return Ok(Op::PutCollection {
            key: key.into(),
            collection: Arc::new(Collection::Hash(hash)),
            expiry,
        });
    }
    let body = bytes_of(value)
        .ok_or("a value is a text, a number, {\"$binary\":…} or an object of such, which is a hash")?;
    Ok(Op::Put {
        key: key.into(),
        body: body.into(),
        expiry,
        when: mnemon_store::When::Always,
        over_bytes_only: false,
    })
}

/// Whole numbers stand for their digits, as in Redis.
fn bytes_of(term: Term) -> Option<Vec<u8>> {
    match term {
        Term::Binary(bytes) => Some(bytes),
        Term::Int(number) => Some(number.to_string().into_bytes()),
        _ => None,
    }
}
