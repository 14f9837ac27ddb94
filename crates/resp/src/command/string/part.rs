//! Parts of strings: `GETRANGE`, `SUBSTR`, `SETRANGE`.

use mnemon_store::{Op, OpError, Outcome};
use mnemon_table::Table;

use crate::answer::Answer;
use crate::command::argument::{arg, bytes, integer};
use crate::command::plan::{Context, Plan};
use crate::command::string::finish_int;
use crate::protocol::{Args, Reply};
use crate::refusal;

/// `GETRANGE key start end`, `SUBSTR key start end`
pub(in crate::command) fn getrange<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if integer(arg(args, 2)).is_none() || integer(arg(args, 3)).is_none() {
        return refusal::NOT_AN_INTEGER.into();
    }
    Plan::on_database(Op::Get { key: bytes(args, 1) }, finish_getrange)
}

fn finish_getrange(_: &Table, args: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    let row = match outcome {
        Ok(Outcome::Row(Some(row))) if row.as_collection().is_some() => return refusal::WRONG_TYPE,
        Ok(Outcome::Row(Some(row))) => row,
        Ok(_) => return Reply::StaticBulk("").into(),
        Err(error) => return refusal::of_string(error),
    };
    // The planner has read them already.
    let bound = |place| integer(arg(args, place)).unwrap_or_default();
    let body = row.body();
    match span(bound(2), bound(3), body.len() as i64) {
        Some((first, last)) => Reply::bulk(body.get(first..=last).unwrap_or_default()).into(),
        None => Reply::StaticBulk("").into(),
    }
}

/// The places from `start` to `end`, both included, of a string (or a row of bits) of this length. Negative places
/// count from the end. `None`: there are none.
pub(in crate::command) fn span(start: i64, end: i64, len: i64) -> Option<(usize, usize)> {
    if start < 0 && end < 0 && start > end {
        return None;
    }
    let from_front = |place: i64| if place < 0 { place.saturating_add(len).max(0) } else { place };
    let (first, last) = (from_front(start), from_front(end).min(len - 1));
    if first > last { None } else { Some((usize::try_from(first).ok()?, usize::try_from(last).ok()?)) }
}

/// `SETRANGE key offset value`
pub(in crate::command) fn setrange<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let Some(offset) = integer(arg(args, 2)) else { return refusal::NOT_AN_INTEGER.into() };
    let Ok(offset) = u64::try_from(offset) else { return Answer::error("ERR offset is out of range").into() };
    Plan::on_database(Op::SetRange { key: bytes(args, 1), offset, part: bytes(args, 3) }, finish_int)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_count_from_either_end_and_stay_inside() {
        for (start, end, len, expected) in [
            (0, -1, 5, Some((0, 4))),
            (-3, -2, 5, Some((2, 3))),
            (-99, 99, 5, Some((0, 4))),
            (3, 1, 5, None),
            (-1, -3, 5, None),
            (5, 9, 5, None),
            (0, 0, 0, None),
            (i64::MIN, i64::MAX, 5, Some((0, 4))),
            (i64::MIN, i64::MIN, 5, Some((0, 0))),
        ] {
            assert_eq!(span(start, end, len), expected, "{start} {end} {len}");
        }
    }
}
