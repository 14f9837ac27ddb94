//! Whether two stores answered the same, and how a person is told when they did not.

use mnemon_store::{Applied, Collection, Outcome, Row, StoreError, Value};
use mnemon_term::RecordRef;

/// Whether two rows are alike in all that a reader can see.
pub(crate) fn same_row(one: &Row, other: &Row) -> bool {
    let head = |row: &Row| (row.version(), row.expires_at());
    head(one) == head(other)
        && one.key() == other.key()
        && match (one.value(), other.value()) {
            (Value::Bytes(one), Value::Bytes(other)) => one == other,
            // A hash's equality forgets the order of its fields, which readers see.
            (Value::Collection(Collection::Hash(one)), Value::Collection(Collection::Hash(other))) => {
                one.iter().eq(other.iter())
            }
            (Value::Collection(one), Value::Collection(other)) => one == other,
            _ => false,
        }
}

fn same_option(one: Option<&Row>, other: Option<&Row>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_row(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn same_outcome(one: &Outcome, other: &Outcome) -> bool {
    match (one, other) {
        (Outcome::Row(one), Outcome::Row(other)) | (Outcome::Removed(one), Outcome::Removed(other)) => {
            same_option(one.as_ref(), other.as_ref())
        }
        (Outcome::Put { stored, old }, Outcome::Put { stored: other_stored, old: other_old }) => {
            stored == other_stored && same_option(old.as_ref(), other_old.as_ref())
        }
        (Outcome::Changed(one), Outcome::Changed(other)) => one == other,
        (Outcome::Int(one), Outcome::Int(other)) => one == other,
        (Outcome::Text(one), Outcome::Text(other)) => one == other,
        (Outcome::Integers(one), Outcome::Integers(other)) => one == other,
        _ => false,
    }
}

/// Whether two stores did the same with a commit.
pub(crate) fn same_answer(one: &Result<Applied, StoreError>, other: &Result<Applied, StoreError>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            one.clock == other.clock
                && one.outcomes.len() == other.outcomes.len()
                && one.outcomes.iter().zip(&other.outcomes).all(|pair| match pair {
                    (Ok(one), Ok(other)) => same_outcome(one, other),
                    (Err(one), Err(other)) => one == other,
                    _ => false,
                })
        }
        (Err(one), Err(other)) => one == other,
        _ => false,
    }
}

/// Bytes for people: a record when they are one, else text with escapes.
fn bytes_text(bytes: &[u8]) -> String {
    match RecordRef::parse(bytes) {
        Ok(record) => format!("{record:?}"),
        Err(_) => format!("\"{}\"", bytes.escape_ascii()),
    }
}

/// A row for people.
pub(crate) fn row_text(row: &Row) -> String {
    let key = row.key().escape_ascii();
    let expiry = row.expires_at().map_or(String::new(), |at_ms| format!(" until {at_ms}"));
    let value = match row.value() {
        Value::Bytes(body) => bytes_text(body),
        Value::Collection(Collection::Bag(bag)) => {
            let objects: Vec<String> = bag.iter().map(bytes_text).collect();
            format!("[{}]", objects.join(", "))
        }
        Value::Collection(collection) => format!("{collection:?}"),
    };
    format!("\"{key}\" version {}{expiry} = {value}", row.version())
}

/// A commit's answer for people.
pub(crate) fn answer_text(answer: &Result<Applied, StoreError>) -> String {
    let rows = |row: &Option<Row>| row.as_ref().map_or("nothing".to_owned(), row_text);
    match answer {
        Err(error) => format!("refused: {error}"),
        Ok(applied) => {
            let outcomes: Vec<String> = applied
                .outcomes
                .iter()
                .map(|outcome| match outcome {
                    Ok(Outcome::Row(row)) => format!("row {}", rows(row)),
                    Ok(Outcome::Removed(row)) => format!("removed {}", rows(row)),
                    Ok(Outcome::Put { stored, old }) => format!("stored {stored} over {}", rows(old)),
                    other => format!("{other:?}"),
                })
                .collect();
            format!("clock {}: {}", applied.clock, outcomes.join("; "))
        }
    }
}
