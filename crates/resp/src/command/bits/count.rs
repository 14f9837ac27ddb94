//! Counting and finding bits: `BITCOUNT` and `BITPOS`, over ranges of bytes or of bits.

use mnemon_store::{Op, OpError, Outcome};
use mnemon_table::Table;

use super::string;
use crate::answer::Answer;
use crate::command::argument::{arg, bytes, integer, is};
use crate::command::plan::{Context, Plan};
use crate::command::string::part::span;
use crate::protocol::Args;
use crate::refusal;

/// Whether a range is given in bits; `BYTE` is what it is else.
fn in_bits(unit: Option<&[u8]>) -> Result<bool, Answer> {
    match unit {
        None => Ok(false),
        Some(unit) if is("BIT", unit) => Ok(true),
        Some(unit) if is("BYTE", unit) => Ok(false),
        Some(_) => Err(refusal::SYNTAX),
    }
}

/// The bits from `start` to `end`, both included, of a string: first and last.
fn bits_of(start: i64, end: i64, bits: bool, len: usize) -> Option<(usize, usize)> {
    if bits {
        return span(start, end, len as i64 * 8);
    }
    span(start, end, len as i64).map(|(first, last)| (first * 8, last * 8 + 7))
}

/// `BITCOUNT key [start end [BYTE|BIT]]`
pub(in crate::command) fn bitcount<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(Op::Get { key: bytes(args, 1) }, finish_count)
}

fn finish_count(_: &Table, args: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    let row = match string(outcome) {
        Ok(Some(row)) => row,
        Ok(None) => return Answer::ZERO,
        Err(refusal) => return refusal,
    };
    match count_range(args, row.body().len()) {
        Ok(Some((first, last))) => Answer::Int(count(row.body(), first, last)),
        Ok(None) => Answer::ZERO,
        Err(refusal) => refusal,
    }
}

fn count_range(args: Args<'_>, len: usize) -> Result<Option<(usize, usize)>, Answer> {
    if args.len() == 2 {
        return Ok(bits_of(0, -1, false, len));
    }
    if !matches!(args.len(), 4 | 5) {
        return Err(refusal::SYNTAX);
    }
    let start = integer(arg(args, 2)).ok_or(refusal::NOT_AN_INTEGER)?;
    let end = integer(arg(args, 3)).ok_or(refusal::NOT_AN_INTEGER)?;
    if start < 0 && end < 0 && start > end {
        return Ok(None);
    }
    Ok(bits_of(start, end, in_bits(args.get(4))?, len))
}

fn count(body: &[u8], first: usize, last: usize) -> i64 {
    let bytes = body.get(first / 8..=last / 8).unwrap_or_default();
    let (words, rest) = bytes.as_chunks::<8>();
    let all: i64 = words.iter().map(|word| i64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let rest: i64 = rest.iter().map(|byte| i64::from(byte.count_ones())).sum();
    // Bits of the first and the last byte that are outside.
    let before = bytes.first().map_or(0, |byte| byte & !(u8::MAX >> (first % 8)));
    let behind = bytes.last().map_or(0, |byte| byte & !(u8::MAX << (7 - last % 8)));
    all + rest - i64::from(before.count_ones()) - i64::from(behind.count_ones())
}

/// `BITPOS key bit [start [end [BYTE|BIT]]]`
pub(in crate::command) fn bitpos<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    match integer(arg(args, 2)) {
        Some(0 | 1) => Plan::on_database(Op::Get { key: bytes(args, 1) }, finish_pos),
        Some(_) => Answer::error("ERR The bit argument must be 1 or 0.").into(),
        None => refusal::NOT_AN_INTEGER.into(),
    }
}

fn finish_pos(_: &Table, args: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    let set = integer(arg(args, 2)) == Some(1);
    let row = match string(outcome) {
        Ok(Some(row)) => row,
        // A key that is not there has zeros only.
        Ok(None) => return Answer::Int(if set { -1 } else { 0 }),
        Err(refusal) => return refusal,
    };
    match pos_range(args, row.body().len()) {
        Ok(Some((first, last))) => Answer::Int(match position(row.body(), first, last, set) {
            Some(place) => place as i64,
            // Without an end the string is followed by zeros.
            None if !set && args.len() < 5 => last as i64 + 1,
            None => -1,
        }),
        Ok(None) => Answer::Int(-1),
        Err(refusal) => refusal,
    }
}

fn pos_range(args: Args<'_>, len: usize) -> Result<Option<(usize, usize)>, Answer> {
    if args.len() > 6 {
        return Err(refusal::SYNTAX);
    }
    let start = args.get(3).map_or(Some(0), integer).ok_or(refusal::NOT_AN_INTEGER)?;
    let bits = in_bits(args.get(5))?;
    let end = args.get(4).map_or(Some(-1), integer).ok_or(refusal::NOT_AN_INTEGER)?;
    // Here, unlike in BITCOUNT, two negative places are not compared before they are counted from the end.
    let clamped = |place: i64| {
        let len = if bits { len as i64 * 8 } else { len as i64 };
        if place < 0 { place.saturating_add(len).max(0) } else { place }
    };
    Ok(bits_of(clamped(start), clamped(end), bits, len))
}

fn position(body: &[u8], first: usize, last: usize, set: bool) -> Option<usize> {
    let bytes = body.get(first / 8..=last / 8)?;
    let end = bytes.len() - 1;
    // What holds no such bit is skipped; bits outside of the range are blanked out so that none of them is found.
    let empty = if set { 0 } else { u8::MAX };
    let hit = |(at, byte): (usize, &u8)| {
        let mut inside = u8::MAX;
        if at == 0 {
            inside &= u8::MAX >> (first % 8);
        }
        if at == end {
            inside &= u8::MAX << (7 - last % 8);
        }
        let wanted = if set { byte & inside } else { !byte & inside };
        (wanted != 0).then(|| (first / 8 + at) * 8 + wanted.leading_zeros() as usize)
    };
    bytes.iter().enumerate().filter(|(_, byte)| **byte != empty).find_map(hit)
}
