//! Records as JSON: an object by attribute names, or an array by position.

use std::fmt;

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};
use crate::json::read::{Source, Value, read};
use crate::json::write::{comma, put, put_text};
use crate::record::{Record, RecordRef};
use crate::term::Term;

/// Reads a record from an object by attribute name, or from an array by position.
///
/// In an object every name must be one of `attributes` and none may come twice; a missing one is `nil`, but for the
/// first, the key. An array must have a value for each attribute. O(bytes + members × attributes).
///
/// # Errors
/// [`Error::UnknownAttribute`], [`Error::DuplicateAttribute`], [`Error::MissingKey`], [`Error::Arity`], and those of
/// [`parse`](crate::json::parse) and [`Record::new`].
///
/// ```
/// use mnemon_term::json;
///
/// let attributes = ["id", "name", "age"];
/// let record = json::record_from_json(br#"{"name": "Ada", "id": 1}"#, &attributes)?;
/// assert_eq!(record, json::record_from_json(br#"[1, "Ada", null]"#, &attributes)?);
/// assert!(json::record_from_json(br#"{"id": 1, "nmae": "Ada"}"#, &attributes).is_err());
/// # Ok::<(), mnemon_term::Error>(())
/// ```
pub fn record_from_json(input: &[u8], attributes: &[impl AsRef<str>]) -> Result<Record> {
    let terms = read(input, |source, tokens| tokens.deserialize_any(Row { source, attributes }))?;
    Record::new(&terms)
}

/// Appends a record as a JSON object in the order of `attributes`.
///
/// # Errors
/// [`Error::Arity`] when the record has not one value for each attribute, [`Error::Malformed`] for malformed
/// [`trusted`](RecordRef::trusted) bytes; then `out` is as it was.
pub fn write_record(record: RecordRef<'_>, attributes: &[impl AsRef<str>], out: &mut Vec<u8>) -> Result<()> {
    if record.arity() != attributes.len() {
        return Err(Error::Arity { expected: attributes.len(), found: record.arity() });
    }
    let start = out.len();
    out.push(b'{');
    let mut written = 0;
    for (at, (name, term)) in attributes.iter().zip(record.iter()).enumerate() {
        comma(at, out);
        put_text(name.as_ref(), out);
        out.push(b':');
        put(term, out);
        written += 1;
    }
    if written != attributes.len() {
        out.truncate(start);
        return Err(crate::view::unreadable());
    }
    out.push(b'}');
    Ok(())
}

/// The visitor of a record; its attributes come out as terms by position.
struct Row<'s, 'i, 'n, N> {
    source: &'s Source<'i>,
    attributes: &'n [N],
}

impl<'s, 'i, N: AsRef<str>> Row<'s, 'i, '_, N> {
    fn value(&self) -> Value<'s, 'i> {
        Value { source: self.source, nesting: 1 }
    }

    fn position<E: serde::de::Error>(&self, name: &str) -> Result<usize, E> {
        let position = self.attributes.iter().position(|known| known.as_ref() == name);
        position.ok_or_else(|| {
            let known: Vec<&str> = self.attributes.iter().map(AsRef::as_ref).collect();
            self.source.fail(Error::UnknownAttribute { name: name.to_owned(), known: known.join(", ") })
        })
    }
}

impl<'de, N: AsRef<str>> Visitor<'de> for Row<'_, '_, '_, N> {
    type Value = Vec<Term>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record: an object by attribute name or an array by position")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Vec<Term>, A::Error> {
        let mut terms: Vec<Option<Term>> = self.attributes.iter().map(|_| None).collect();
        while let Some(name) = members.next_key::<String>()? {
            let position = self.position(&name)?;
            let value = members.next_value_seed(self.value())?;
            let term = value.checked().map_err(|error| self.source.fail(error))?;
            match terms.get_mut(position) {
                Some(slot @ None) => *slot = Some(term),
                _ => return Err(self.source.fail(Error::DuplicateAttribute { name })),
            }
        }
        if let (Some(None), Some(key)) = (terms.first(), self.attributes.first()) {
            return Err(self.source.fail(Error::MissingKey { name: key.as_ref().to_owned() }));
        }
        Ok(terms.into_iter().map(|term| term.unwrap_or(Term::nil())).collect())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<Term>, A::Error> {
        let expected = self.attributes.len();
        let (mut terms, mut found) = (Vec::with_capacity(expected), 0);
        while let Some(value) = elements.next_element_seed(self.value())? {
            found += 1;
            // Elements past the end are read, so that the error can say how many there are, but not kept.
            if found <= expected {
                terms.push(value.checked().map_err(|error| self.source.fail(error))?);
            }
        }
        if found == expected { Ok(terms) } else { Err(self.source.fail(Error::Arity { expected, found })) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["id", "name", "age"];

    fn refused(input: &str) -> Error {
        record_from_json(input.as_bytes(), &NAMES).unwrap_err()
    }

    #[test]
    fn a_missing_attribute_is_nil() {
        let record = record_from_json(br#"{"age":3,"id":{"$atom":"x"}}"#, &NAMES).unwrap();
        assert_eq!(record.as_ref().to_terms().unwrap(), [Term::atom("x"), Term::nil(), Term::from(3)]);
    }

    #[test]
    fn refusals_name_the_attribute() {
        let known = "id, name, age".to_owned();
        assert_eq!(refused(r#"{"id":1,"nick":2}"#), Error::UnknownAttribute { name: "nick".into(), known });
        assert_eq!(refused(r#"{"id":1,"id":2}"#), Error::DuplicateAttribute { name: "id".into() });
        assert_eq!(refused(r#"{"name":1}"#), Error::MissingKey { name: "id".into() });
        assert_eq!(refused("{}"), Error::MissingKey { name: "id".into() });
    }

    #[test]
    fn an_array_must_have_a_value_for_each_attribute() {
        assert_eq!(refused("[1,2]"), Error::Arity { expected: 3, found: 2 });
        assert_eq!(refused("[1,2,3,4]"), Error::Arity { expected: 3, found: 4 });
        assert_eq!(refused("[]"), Error::Arity { expected: 3, found: 0 });
        assert!(record_from_json(b"[1,2,3]", &NAMES).is_ok());
    }

    #[test]
    fn other_json_is_refused() {
        for input in ["1", "\"a\"", "null", "", "{", "[1,2,3]x"] {
            assert!(matches!(refused(input), Error::Json(_)), "{input}");
        }
        assert_eq!(refused("[1,2,99999999999999999999]"), Error::JsonInteger("99999999999999999999".into()));
        assert_eq!(refused(&format!("{{\"id\":{}", "[".repeat(200_000))), Error::TooDeep);
    }

    #[test]
    fn a_written_record_reads_back() {
        let record = Record::new(&[Term::atom("k"), Term::tuple([]), Term::from(vec![0xFF])]).unwrap();
        let mut text = Vec::new();
        write_record(record.as_ref(), &NAMES, &mut text).unwrap();
        assert_eq!(record_from_json(&text, &NAMES).unwrap(), record);
        let wrong = write_record(record.as_ref(), &NAMES[..2], &mut text);
        assert_eq!(wrong, Err(Error::Arity { expected: 2, found: 3 }));
    }

    #[test]
    fn malformed_trusted_bytes_are_an_error_and_write_nothing() {
        let mut text = b"before".to_vec();
        assert!(write_record(RecordRef::trusted(&[3, 1, 0x7F]), &NAMES, &mut text).is_err());
        assert_eq!(text, b"before");
    }
}
