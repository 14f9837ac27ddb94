//! When a record expires, as text: one more member or column, `$expires_at`, which no attribute can be called.
//!
//! Its value is the time in milliseconds since the epoch, or `"never"`. Left out (in CSV: empty), a record gets the table's own
//! time to live, and a value of `db0`…`db15` none.

use mnemon_store::Expiry;
use mnemon_term::{Record, Term, json};

/// The name of the member or column.
pub const EXPIRES_AT: &str = "$expires_at";
const NEVER: &str = "never";

/// As a field of CSV; JSON has the word in quotes.
pub(super) fn put_field(expires_at: Option<u64>, out: &mut Vec<u8>) {
    match expires_at {
        Some(at_ms) => out.extend_from_slice(at_ms.to_string().as_bytes()),
        None => out.extend_from_slice(NEVER.as_bytes()),
    }
}

/// As one more member of the object that `line` ends with, which has members.
pub(super) fn put_member(expiry: Expiry, line: &mut Vec<u8>) {
    let text = match expiry {
        Expiry::At(at_ms) => at_ms.to_string(),
        Expiry::Never => format!("{NEVER:?}"),
        Expiry::Keep => return,
    };
    line.pop();
    line.extend_from_slice(format!(",\"{EXPIRES_AT}\":{text}}}").as_bytes());
}

/// # Errors
/// What is wrong, in words.
pub(super) fn take_field(field: &[u8]) -> Result<Option<Expiry>, String> {
    match std::str::from_utf8(field) {
        Ok("") => Ok(None),
        Ok(NEVER) => Ok(Some(Expiry::Never)),
        Ok(text) if text.parse::<u64>().is_ok() => Ok(text.parse().ok().map(Expiry::At)),
        _ => Err(refusal(&String::from_utf8_lossy(field))),
    }
}

fn take_term(term: &Term) -> Result<Option<Expiry>, String> {
    match term {
        term if *term == Term::nil() => Ok(None),
        Term::Int(at_ms) => match u64::try_from(*at_ms) {
            Ok(at_ms) => Ok(Some(Expiry::At(at_ms))),
            Err(_) => Err(refusal(&at_ms.to_string())),
        },
        Term::Binary(word) if word == NEVER.as_bytes() => Ok(Some(Expiry::Never)),
        other => Err(refusal(&format!("{other:?}"))),
    }
}

fn refusal(found: &str) -> String {
    format!("{EXPIRES_AT} is {found}; write milliseconds since the epoch, \"never\", or leave it out")
}

/// A record of a line of JSON, and when it expires if the line says so.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn take_line(text: &[u8], names: &[&str]) -> Result<(Record, Option<Expiry>), String> {
    let told = |cause: mnemon_term::Error| cause.to_string();
    let is_object = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let mentions = text.windows(EXPIRES_AT.len()).any(|part| part == EXPIRES_AT.as_bytes());
    if !is_object || !mentions {
        return Ok((json::record_from_json(text, names).map_err(told)?, None));
    }
    let all: Vec<&str> = names.iter().copied().chain([EXPIRES_AT]).collect();
    let whole = json::record_from_json(text, &all).map_err(told)?;
    let mut terms = whole.as_ref().to_terms().map_err(told)?;
    let expiry = terms.pop().map_or(Ok(None), |term| take_term(&term))?;
    Ok((Record::new(&terms).map_err(told)?, expiry))
}
