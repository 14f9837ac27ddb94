//! Checks records against a schema.

use std::fmt::{self, Write};

use mnemon_store::{MAX_KEY_BYTES, Row, SHORT_RECORD_BYTES, entry_keys};
use mnemon_term::{RecordRef, TermRef};

use crate::TableError;
use crate::schema::{Attribute, Schema, Storage};

/// Most characters of a value in an error message.
const SHOWN: usize = 64;

impl Schema {
    /// Checks that a record has as many attributes as the table and each of its type. O(attributes + bytes of `string`
    /// attributes); allocates nothing unless it refuses, or the record is a large one for a table on disc only.
    ///
    /// # Errors
    /// `BadRecord` that names the table, the attribute, the type and the value found; for a table on disc only also when the key, or
    /// an indexed value with it, has more than [`MAX_KEY_BYTES`] encoded.
    pub fn check(&self, record: RecordRef<'_>) -> Result<(), TableError> {
        self.checked_key(record).map(drop)
    }

    /// The key of a record that was checked. It has been read by then; to find it once more would cost a third of the check.
    ///
    /// # Errors
    /// As `check`.
    pub(crate) fn checked_key<'r>(&self, record: RecordRef<'r>) -> Result<TermRef<'r>, TableError> {
        let (expected, found) = (self.arity(), record.arity());
        if expected != found {
            let names = self.attribute_names().join(", ");
            return Err(self.refuse(format!("it has {found} attributes instead of {expected} ({names})")));
        }
        let (mut terms, mut key) = (record.iter(), TermRef::NIL);
        for (place, attribute) in self.attributes().iter().enumerate() {
            let Some(term) = terms.next() else {
                return Err(self.refuse(format!("its attribute {:?} cannot be read", attribute.name())));
            };
            if place == 0 {
                key = term;
            }
            self.check_attribute(attribute, place == 0, term)?;
        }
        if self.storage() == Storage::DiscOnly && record.as_bytes().len() > SHORT_RECORD_BYTES {
            self.check_lengths(record)?;
        }
        Ok(key)
    }

    /// Refuses a record whose key or entries of indexes no table on disc only can hold.
    #[cold]
    fn check_lengths(&self, record: RecordRef<'_>) -> Result<(), TableError> {
        let mut key = Vec::new();
        self.key_of(record, &mut key);
        let row = Row::bytes(1, None, &key, record.as_bytes());
        let entries = self.indexes().iter().flat_map(|place| entry_keys(&row, *place));
        let longest = entries.map(|entry| entry.len()).chain([key.len()]).max();
        match longest.filter(|bytes| *bytes > MAX_KEY_BYTES) {
            Some(bytes) => Err(TableError::key_too_long(self.name(), bytes, MAX_KEY_BYTES)),
            None => Ok(()),
        }
    }

    /// Checks that a term may be a key of this table.
    ///
    /// # Errors
    /// `BadRecord` as of [`check`](Self::check).
    pub fn check_key<'t>(&self, key: impl Into<TermRef<'t>>) -> Result<(), TableError> {
        match self.attributes().first() {
            Some(attribute) => self.check_attribute(attribute, true, key.into()),
            None => Ok(()),
        }
    }

    #[inline]
    fn check_attribute(&self, attribute: &Attribute, key: bool, term: TermRef<'_>) -> Result<(), TableError> {
        if attribute.attribute_type().admits(term) || (term.is_nil() && !key) {
            return Ok(());
        }
        Err(self.refuse_attribute(attribute, key, term))
    }

    #[cold]
    fn refuse_attribute(&self, attribute: &Attribute, key: bool, term: TermRef<'_>) -> TableError {
        let takes = attribute.attribute_type();
        let (role, name) = (if key { "the key" } else { "attribute" }, attribute.name());
        self.refuse(format!("{role} {name:?} takes {takes}, found {} {}", term.kind(), shortened(term)))
    }

    fn refuse(&self, cause: String) -> TableError {
        TableError::BadRecord { table: self.name().to_owned(), cause }
    }
}

/// A term for a message, cut after some characters. Takes no more time than it writes.
pub(crate) fn shortened(term: TermRef<'_>) -> String {
    let mut text = Shortened { text: String::new(), left: SHOWN };
    if write!(text, "{term:?}").is_err() {
        text.text.push('…');
    }
    text.text
}

/// Takes so many characters and then refuses, which ends the formatting.
struct Shortened {
    text: String,
    left: usize,
}

impl Write for Shortened {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(char);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use mnemon_term::{Record, Term};

    use super::*;
    use crate::schema::AttributeType;

    fn schema() -> Schema {
        Schema::builder("users")
            .attribute("id", AttributeType::Int)
            .attribute("name", AttributeType::String)
            .build()
            .unwrap()
    }

    fn refusal(terms: &[Term]) -> String {
        schema().check(Record::new(terms).unwrap().as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn a_fitting_record_passes() {
        for name in [Term::from("Ada"), Term::nil()] {
            let record = Record::new(&[Term::from(1), name]).unwrap();
            assert_eq!(schema().check(record.as_ref()), Ok(()));
        }
    }

    #[test]
    fn a_refusal_names_table_attribute_type_and_value() {
        let text = refusal(&[Term::from(1), Term::from(vec![0xFF])]);
        for part in ["\"users\"", "\"name\"", "string", "<<255>>"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(refusal(&[Term::from(1)]).contains("1 attributes instead of 2 (id, name)"));
    }

    #[test]
    fn only_the_key_must_not_be_nil() {
        assert!(
            refusal(&[Term::nil(), Term::from("a")]).contains("the key \"id\" takes int, found atom nil")
        );
        let any = Schema::builder("t").build().unwrap();
        assert_eq!(any.check_key(&Term::nil()), Ok(()));
        assert!(schema().check_key(&Term::nil()).is_err());
    }

    #[test]
    fn long_values_are_cut_in_messages() {
        let text = refusal(&[Term::from("é".repeat(10_000)), Term::nil()]);
        assert!(text.len() < 300 && text.ends_with('…'), "{text}");
        assert_eq!(shortened(Term::from("short").view()), "\"short\"");
    }

    #[test]
    fn malformed_trusted_bytes_are_refused() {
        assert!(schema().check(RecordRef::trusted(&[2, 1, 0x7F])).is_err());
        assert!(schema().check(RecordRef::trusted(&[])).is_err());
        let mut key = Vec::new();
        schema().key_of(RecordRef::trusted(&[]), &mut key);
        assert!(key.is_empty());
    }
}
