//! What must hold for whatever JSON people write.

use mnemon_table::TableError;
use mnemon_table::schema::{AttributeType, Schema};
use mnemon_term::{Error, MAX_DEPTH, Record, RecordRef, Term, TermRef, json};
use serde::de::IgnoredAny;

use crate::shelf;

/// JSON as a term, and as a record of tables with and without types.
///
/// Holds that what is read is at most [`MAX_DEPTH`] deep, can be stored, and reads back the same from what is written of
/// it; that what is refused although it is JSON is refused for a reason of terms; that a record is taken by a table
/// exactly if it has the table's types, and is then found under its key as it was written.
///
/// # Panics
/// When any of this does not hold.
pub fn json_record(bytes: &[u8]) {
    hold_term(bytes);
    hold_record(bytes, plain());
    hold_record(bytes, typed());
}

fn plain() -> Schema {
    let schema = Schema::builder("plain").attribute("k", AttributeType::Any);
    schema.attribute("v", AttributeType::Any).attribute("w", AttributeType::Any).build().expect("fixed")
}

/// An attribute of each type.
fn typed() -> Schema {
    let schema = Schema::builder("typed").attribute("k", AttributeType::Number);
    let schema = schema.attribute("i", AttributeType::Int).attribute("d", AttributeType::Float);
    let schema = schema.attribute("s", AttributeType::String).attribute("b", AttributeType::Binary);
    let schema = schema.attribute("a", AttributeType::Atom).attribute("f", AttributeType::Bool);
    let schema = schema.attribute("l", AttributeType::List).attribute("m", AttributeType::Map);
    schema.attribute("t", AttributeType::Tuple).build().expect("fixed")
}

fn hold_term(bytes: &[u8]) {
    let parsed = json::parse(bytes);
    agree(bytes, parsed.as_ref());
    let Ok(term) = parsed else {
        let form = serde_json::from_slice::<IgnoredAny>(bytes);
        let key = form.is_err().then(|| Term::from(bytes));
        assert_eq!(json::parse_key(bytes).ok(), key, "what is no JSON is a key as it is");
        return;
    };
    assert_eq!(json::parse_key(bytes).as_ref(), Ok(&term), "JSON as a key");
    assert!(levels(&term) <= MAX_DEPTH, "{} levels", levels(&term));
    let text = term.to_string();
    assert_eq!(json::parse(text.as_bytes()).as_ref(), Ok(&term), "{text}");
    let record = Record::new([&term]).expect("what was read can be stored");
    let stored = RecordRef::parse(record.as_bytes()).expect("what was stored can be read");
    assert_eq!(stored.to_terms(), Ok(vec![term]), "{text}");
    assert_eq!(stored.key().map(|term| term.to_string()), Some(text), "the same from record bytes");
}

/// `serde_json` decides what is JSON; this product only what it means. It stops at 128 levels, which are fewer than
/// a term's can be.
fn agree(bytes: &[u8], parsed: Result<&Term, &Error>) {
    match (serde_json::from_slice::<serde_json::Value>(bytes), parsed) {
        (Ok(_), Err(Error::Json(error))) => panic!("it is JSON, but refused as if not: {error}"),
        (Err(error), Ok(term)) => {
            let deep = error.to_string().starts_with("recursion limit exceeded");
            assert!(deep, "it is no JSON ({error}), but read as {term:?}");
        }
        _ => {}
    }
}

fn levels(term: &Term) -> usize {
    match term {
        Term::Tuple(terms) | Term::List(terms) => 1 + terms.iter().map(levels).max().unwrap_or(0),
        Term::Map(pairs) => {
            1 + pairs.iter().map(|(key, value)| levels(key).max(levels(value))).max().unwrap_or(0)
        }
        _ => 0,
    }
}

fn hold_record(bytes: &[u8], schema: Schema) {
    let names = schema.attribute_names();
    let Ok(record) = json::record_from_json(bytes, &names) else { return };
    assert_eq!(record.as_ref().arity(), names.len());
    assert_eq!(RecordRef::parse(record.as_bytes()), Ok(record.as_ref()), "record bytes are checked bytes");
    let mut text = Vec::new();
    json::write_record(record.as_ref(), &names, &mut text).expect("a value for each attribute");
    assert_eq!(json::record_from_json(&text, &names).as_ref(), Ok(&record), "{}", text.escape_ascii());
    let terms = record.as_ref().to_terms().expect("record bytes are checked bytes");
    let by_place = Term::List(terms.clone()).to_string();
    if terms.iter().all(|term| levels(term) < MAX_DEPTH) {
        assert_eq!(json::record_from_json(by_place.as_bytes(), &names).as_ref(), Ok(&record), "{by_place}");
    }
    for (place, term) in terms.iter().enumerate() {
        assert_eq!(record.as_ref().with(place, term).as_ref(), Ok(&record), "attribute {place} put anew");
    }
    write(&record, &terms, schema);
}

/// Writes the record into a table, which takes it exactly if its types fit.
fn write(record: &Record, terms: &[Term], schema: Schema) {
    let typed = schema.attributes().iter().zip(terms).enumerate();
    let fits = typed.clone().all(|(place, (attribute, term))| {
        belongs(term, attribute.attribute_type()) || (place > 0 && term.is_nil())
    });
    let Some(key) = terms.first() else { return };
    let mut key_bytes = Vec::new();
    schema.encode_key(key, &mut key_bytes);
    let table = shelf::table(schema);
    match table.dirty_write(record.as_ref()) {
        Ok(()) => assert!(fits, "{record:?} is taken"),
        Err(error) => assert!(!fits && matches!(error, TableError::BadRecord { .. }), "{record:?}: {error}"),
    }
    let found = table.dirty_read(key).expect("the table is there");
    let found = found.map(|object| object.to_record().expect("tables hold records"));
    assert_eq!(found.as_ref(), fits.then_some(record), "what is found under the key");
    if fits {
        let mut bytes = Vec::new();
        table.schema().key_of(record.as_ref(), &mut bytes);
        assert_eq!(bytes, key_bytes, "the key of the record and of its term");
        assert_eq!(table.dirty_delete_object(record.as_ref()), Ok(true), "the record that was written");
        assert_eq!(table.size(), 0);
    }
}

/// The types as the documentation of [`AttributeType`] has them, said once more.
fn belongs(term: &Term, takes: AttributeType) -> bool {
    match (takes, term.view()) {
        (AttributeType::Any, _)
        | (AttributeType::Int | AttributeType::Number, TermRef::Int(_))
        | (AttributeType::Float | AttributeType::Number, TermRef::Float(_))
        | (AttributeType::Binary, TermRef::Binary(_))
        | (AttributeType::Atom, TermRef::Atom(_))
        | (AttributeType::Bool, TermRef::Atom("true" | "false"))
        | (AttributeType::List, TermRef::List(_))
        | (AttributeType::Map, TermRef::Map(_))
        | (AttributeType::Tuple, TermRef::Tuple(_)) => true,
        (AttributeType::String, TermRef::Binary(bytes)) => std::str::from_utf8(bytes).is_ok(),
        _ => false,
    }
}
