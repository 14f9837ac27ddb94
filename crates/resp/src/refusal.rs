//! Errors as clients see them: an upper-case word, the cause, and what to try. Redis's own are to the letter.

use mnemon_store::{OpError, StoreError};
use mnemon_table::TableError;

use crate::answer::Answer;

pub(crate) const WRONG_TYPE: Answer =
    Answer::error("WRONGTYPE Operation against a key holding the wrong kind of value");
pub(crate) const NOT_AN_INTEGER: Answer = Answer::error("ERR value is not an integer or out of range");
pub(crate) const NOT_A_FLOAT: Answer = Answer::error("ERR value is not a valid float");
pub(crate) const SYNTAX: Answer = Answer::error("ERR syntax error");
pub(crate) const WRONG_PASSWORD: Answer =
    Answer::error("WRONGPASS invalid username-password pair or user is disabled.");

/// What a string command answers to a refused operation.
#[cold]
pub(crate) fn of_string(error: OpError) -> Answer {
    match error {
        OpError::WrongType => WRONG_TYPE,
        OpError::NotAnInteger => NOT_AN_INTEGER,
        OpError::NotANumber => NOT_A_FLOAT,
        OpError::Overflow => Answer::error("ERR increment or decrement would overflow"),
        OpError::NotFinite => Answer::error("ERR increment would produce NaN or Infinity"),
        OpError::TooLong => Answer::error("ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
        other => Answer::failure(format!("ERR {other}")),
    }
}

/// What a hash command answers to a refused operation.
#[cold]
pub(crate) fn of_hash(error: OpError) -> Answer {
    match error {
        OpError::NotAnInteger => Answer::error("ERR hash value is not an integer"),
        OpError::NotANumber => Answer::error("ERR hash value is not a float"),
        other => of_string(other),
    }
}

/// What a `T.` command answers to a refused operation on `table`.
#[cold]
pub(crate) fn of_operation(table: &str, cause: OpError) -> Answer {
    of_table(&TableError::Refused { table: table.to_owned(), cause })
}

/// The one table of the catalog's errors.
#[cold]
pub(crate) fn of_table(error: &TableError) -> Answer {
    let word = match error {
        TableError::NoTable(_) => "NOTABLE",
        TableError::TableExists(_) | TableError::IndexExists { .. } => "EXISTS",
        TableError::BadSchema(_) => "BADSCHEMA",
        TableError::BadRecord { .. } | TableError::Term(_) => "BADRECORD",
        TableError::BadQuery(_) => "BADQUERY",
        TableError::ReadOnly(_) | TableError::ReadOnlyTransaction => "READONLY",
        TableError::NoIndex { .. } => "NOINDEX",
        TableError::TooLarge(_) => "TOOLARGE",
        TableError::Conflict | TableError::Aborted(_) => "ABORTED",
        TableError::SnapshotExpired(_) => "SNAPSHOTEXPIRED",
        TableError::DiscFull(_) => "DISCFULL",
        TableError::OutcomeUnknown(_) => "OUTCOMEUNKNOWN",
        TableError::Loading { .. } => "LOADING",
        TableError::Damaged { .. } => "DAMAGED",
        TableError::Cancelled(_) => "CANCELLED",
        TableError::NoChange(_) => "NOCHANGE",
        TableError::NotLoaded { .. } => "NOTLOADED",
        TableError::Transforming(_) => "TRYAGAIN",
        TableError::Store(StoreError::Disc(_)) => "DISCERROR",
        TableError::Refused { cause: OpError::WrongType, .. } => "WRONGTYPE",
        _ => "ERR",
    };
    match error {
        // The word says it already.
        TableError::BadSchema(cause) | TableError::BadQuery(cause) => {
            Answer::failure(format!("{word} {cause}"))
        }
        _ => Answer::failure(format!("{word} {error}")),
    }
}

/// Arguments that do not fit a command, in Redis's words.
#[cold]
pub(crate) fn arity(command: &str) -> Answer {
    Answer::failure(format!("ERR wrong number of arguments for '{command}' command"))
}

/// An option that stands among the others twice.
#[cold]
pub(crate) fn twice(option: &[u8]) -> Answer {
    quoting("ERR the option '", option, "' is given twice; give it once")
}

/// An expiry that cannot be.
#[cold]
pub(crate) fn expire_time(command: &str) -> Answer {
    Answer::failure(format!("ERR invalid expire time in '{command}' command"))
}

/// An error that repeats what the client sent.
#[cold]
pub(crate) fn quoting(before: &str, bytes: &[u8], after: &str) -> Answer {
    // Redis prints C strings of at most 128 bytes.
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = text.get(..text.len().min(128)).unwrap_or_default();
    Answer::Refusal([before.as_bytes(), text, after.as_bytes()].concat())
}
