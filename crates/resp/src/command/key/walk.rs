//! Walks over the keys of a database: `SCAN`, `KEYS`, `RANDOMKEY`.
//!
//! A cursor is a place in the order of hashes and needs no memory on the server: every key that is there during the
//! whole walk is given at least once, however the database grows or shrinks.

use mnemon_store::Row;
use mnemon_table::{State, Table, TableError};

use crate::answer::Answer;
use crate::command::argument::{arg, integer, is};
use crate::command::plan::{Context, Plan};
use crate::command::request::Request;
use crate::dice;
use crate::glob;
use crate::protocol::{Args, Reply};
use crate::refusal;

/// Up to this many rows are looked at on the I/O thread.
const SHORT: usize = 4096;
/// How long `KEYS` may take.
const KEYS_DEADLINE_MS: u64 = 60_000;
/// Rows among which `RANDOMKEY` draws.
const DRAWN_FROM: usize = 64;
/// Bits of a place.
const PLACE_BITS: u32 = 53;

/// What is wanted of the keys.
pub(crate) enum KeyWalk {
    /// About so many keys from a place on.
    Scan(Scan),
    /// All keys that match a pattern, as of one state.
    Keys(Vec<u8>),
    /// Any key; with a random number.
    Random(u64),
}

/// The options of `SCAN` and `HSCAN`.
pub(crate) struct Scan {
    pub(crate) from: u64,
    pub(crate) count: usize,
    pub(crate) pattern: Option<Vec<u8>>,
    kind: Option<Vec<u8>>,
}

/// A cursor as `strtoul` reads it, which is what Redis asks.
///
/// # Errors
/// The refusal to answer.
pub(crate) fn cursor(text: &[u8]) -> Result<u64, Answer> {
    const REFUSED: Answer = Answer::error("ERR invalid cursor");
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if text.is_empty() {
        return Ok(0);
    }
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(REFUSED);
    }
    let number: u64 = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(REFUSED)?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

/// Reads `[MATCH pattern] [COUNT count]` and, where keys are walked, `[TYPE type]`.
///
/// # Errors
/// The refusal to answer.
pub(crate) fn scan_options(from: u64, options: Args<'_>, of_keys: bool) -> Result<Scan, Answer> {
    let mut scan = Scan { from, count: 10, pattern: None, kind: None };
    let mut place = 0;
    while let Some(option) = options.get(place) {
        let Some(value) = options.get(place + 1) else { return Err(refusal::SYNTAX) };
        place += 2;
        if is("COUNT", option) {
            let count = integer(value).ok_or(refusal::NOT_AN_INTEGER)?;
            scan.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(refusal::SYNTAX)?;
        } else if is("MATCH", option) {
            scan.pattern = (value != b"*").then(|| value.to_vec());
        } else if of_keys && is("TYPE", option) {
            scan.kind = Some(value.to_vec());
        } else {
            return Err(refusal::SYNTAX);
        }
    }
    Ok(scan)
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`
pub(in crate::command) fn scan<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    match cursor(arg(args, 1)).and_then(|from| scan_options(from, args.skip(2), true)) {
        Ok(scan) => ask(context, KeyWalk::Scan(scan)),
        Err(refusal) => refusal.into(),
    }
}

/// `KEYS pattern`
pub(in crate::command) fn keys<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    ask(context, KeyWalk::Keys(arg(args, 1).to_vec()))
}

/// `RANDOMKEY`
pub(in crate::command) fn randomkey<'a>(context: &Context<'_>, _: Args<'a>) -> Plan<'a> {
    ask(context, KeyWalk::Random(context.dice.roll()))
}

fn ask<'a>(context: &Context<'_>, walk: KeyWalk) -> Plan<'a> {
    Plan::Query(Box::new(Request::keys(context.database.clone(), walk)))
}

impl Scan {
    fn wants(&self, row: &Row) -> bool {
        let kind = || row.as_collection().map_or("string", |collection| collection.type_name());
        self.pattern.as_ref().is_none_or(|pattern| glob::matches_exactly(pattern, row.key()))
            && self.kind.as_ref().is_none_or(|wanted| is(kind(), wanted))
    }
}

impl KeyWalk {
    /// Whether so few rows are looked at that others may wait.
    pub(crate) fn is_short(&self, table: &Table) -> bool {
        match self {
            Self::Scan(scan) => scan.count <= SHORT,
            Self::Keys(_) => table.size() <= SHORT,
            Self::Random(_) => true,
        }
    }

    /// Answers from the present state.
    pub(crate) fn answer(&self, table: &Table) -> Answer {
        match self {
            // Only a snapshot shows all keys of one moment.
            Self::Keys(_) => {
                let snapshot = table.store().snapshot(KEYS_DEADLINE_MS);
                self.answer_in(table, State::Snapshot(&snapshot))
            }
            _ => self.answer_in(table, State::Present),
        }
    }

    /// Answers from some state.
    pub(crate) fn answer_in(&self, table: &Table, state: State<'_>) -> Answer {
        let answer = match self {
            Self::Scan(scan) => scan_page(scan, table, state),
            Self::Keys(pattern) => matching(pattern, table, state),
            Self::Random(random) => any_key(*random, table, state),
        };
        answer.unwrap_or_else(|error| refusal::of_table(&error))
    }
}

fn scan_page(scan: &Scan, table: &Table, state: State<'_>) -> Result<Answer, TableError> {
    let swept = table.sweep(state, scan.from, scan.count)?;
    let keys = swept.rows.into_iter().filter(|row| scan.wants(row)).map(Answer::Key).collect();
    let next = Reply::Bulk(swept.next.unwrap_or(0).to_string().into_bytes());
    Ok(Answer::All(vec![next.into(), Answer::All(keys)]))
}

fn matching(pattern: &[u8], table: &Table, state: State<'_>) -> Result<Answer, TableError> {
    // Copied: the thread that writes the answer has other clients, and shall not wait for the memory of all rows.
    let mut keys = Vec::new();
    table.sweep_each(state, 0, &mut |row| {
        if pattern == b"*" || glob::matches_exactly(pattern, row.key()) {
            keys.push(Reply::bulk(row.key()));
        }
        true
    })?;
    Ok(Reply::Array(keys).into())
}

/// One of the rows behind a random place, on a ring: the first row comes after the last. All rows of a small table have the
/// same chance; of a big one, those in a region with wide gaps are drawn a little more often.
fn any_key(random: u64, table: &Table, state: State<'_>) -> Result<Answer, TableError> {
    let swept = table.sweep(state, random >> (u64::BITS - PLACE_BITS), DRAWN_FROM)?;
    let mut rows = swept.rows;
    if swept.next.is_none() {
        let first = table.sweep(state, 0, DRAWN_FROM)?;
        if first.next.is_none() {
            rows = first.rows;
        } else {
            let wanted = DRAWN_FROM.saturating_sub(rows.len());
            rows.extend(first.rows.into_iter().take(wanted));
        }
    }
    let draw = dice::nth(random, 1).checked_rem(rows.len() as u64);
    let row = draw.and_then(|draw| rows.get(usize::try_from(draw).ok()?));
    Ok(row.map_or(Answer::NULL, |row| Answer::Key(row.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("-1", Some(u64::MAX)),
            ("+7", Some(7)),
            ("18446744073709551616", None),
            (" 1", None),
            ("1 ", None),
            ("x", None),
            ("-", None),
        ] {
            assert_eq!(cursor(text.as_bytes()).ok(), expected, "{text}");
        }
    }
}
