//! Bits of strings: `SETBIT`, `GETBIT`, `BITCOUNT`, `BITPOS`, `BITOP`.

pub(in crate::command) mod count;
pub(in crate::command) mod field;

use mnemon_store::bits::{BitAction, BitField, BitStep, Overflow, STRING_MAX};
use mnemon_store::{Cause, Expiry, Op, OpError, Outcome, Row, When};
use mnemon_table::Table;

use crate::answer::Answer;
use crate::command::argument::{arg, bytes, integer, is};
use crate::command::plan::{Context, Decision, Plan};
use crate::protocol::Args;
use crate::refusal;

const BAD_OFFSET: Answer = Answer::error("ERR bit offset is not an integer or out of range");

/// A bit's place in a string of at most 512 MiB. `#n`, where it is allowed, counts fields of `bits`.
fn offset(text: &[u8], bits: Option<u8>) -> Result<u64, Answer> {
    let (text, unit) = match (text, bits) {
        ([b'#', rest @ ..], Some(bits)) => (rest, i64::from(bits)),
        _ => (text, 1),
    };
    let offset = integer(text).and_then(|number| number.checked_mul(unit)).ok_or(BAD_OFFSET)?;
    let offset = u64::try_from(offset).map_err(|_| BAD_OFFSET)?;
    if offset >> 3 < STRING_MAX as u64 { Ok(offset) } else { Err(BAD_OFFSET) }
}

fn one_bit(offset: u64) -> BitField {
    BitField { signed: false, bits: 1, offset }
}

/// `SETBIT key offset value`
pub(super) fn setbit<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let offset = match offset(arg(args, 2), None) {
        Ok(offset) => offset,
        Err(refusal) => return refusal.into(),
    };
    let Some(bit) = integer(arg(args, 3)).filter(|bit| matches!(bit, 0 | 1)) else {
        return Answer::error("ERR bit is not an integer or out of range").into();
    };
    let step = BitStep { field: one_bit(offset), action: BitAction::Set(bit), overflow: Overflow::Wrap };
    Plan::on_database(Op::Bits { key: bytes(args, 1), steps: vec![step] }, |_, _, outcome| match outcome {
        Ok(Outcome::Integers(old)) => Answer::Int(old.first().copied().flatten().unwrap_or_default()),
        Ok(_) => Answer::ZERO,
        Err(error) => refusal::of_string(error),
    })
}

/// `GETBIT key offset`
pub(super) fn getbit<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if let Err(refusal) = offset(arg(args, 2), None) {
        return refusal.into();
    }
    Plan::on_database(Op::Get { key: bytes(args, 1) }, |_, args, outcome| match string(outcome) {
        Ok(Some(row)) => match offset(arg(args, 2), None) {
            Ok(offset) => Answer::Int(one_bit(offset).read(row.body())),
            Err(refusal) => refusal,
        },
        Ok(None) => Answer::ZERO,
        Err(refusal) => refusal,
    })
}

/// The string that was read, if there is one.
fn string(outcome: Result<Outcome, OpError>) -> Result<Option<Row>, Answer> {
    match outcome {
        Ok(Outcome::Row(Some(row))) if row.as_collection().is_some() => Err(refusal::WRONG_TYPE),
        Ok(Outcome::Row(row)) => Ok(row),
        Ok(_) => Ok(None),
        Err(error) => Err(refusal::of_string(error)),
    }
}

/// How `BITOP` combines bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Combine {
    And,
    Or,
    Xor,
    Not,
}

impl Combine {
    fn named(name: &[u8]) -> Option<Self> {
        let names = [("AND", Self::And), ("OR", Self::Or), ("XOR", Self::Xor), ("NOT", Self::Not)];
        names.into_iter().find(|(word, _)| is(word, name)).map(|(_, combine)| combine)
    }

    /// Strings are as long as the longest: what they lack is zeros.
    fn combine(self, bodies: &[&[u8]]) -> Vec<u8> {
        let len = bodies.iter().map(|body| body.len()).max().unwrap_or_default();
        let Some((first, rest)) = bodies.split_first() else { return Vec::new() };
        let mut combined = first.to_vec();
        combined.resize(len, 0);
        if self == Self::Not {
            combined.iter_mut().for_each(|byte| *byte = !*byte);
        }
        for body in rest {
            let padded = body.iter().copied().chain(std::iter::repeat(0));
            combined.iter_mut().zip(padded).for_each(|(byte, other)| match self {
                Self::And => *byte &= other,
                Self::Or => *byte |= other,
                Self::Xor | Self::Not => *byte ^= other,
            });
        }
        combined
    }
}

/// `BITOP AND|OR|XOR|NOT destkey key [key ...]`
pub(super) fn bitop<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    match Combine::named(arg(args, 1)) {
        None => refusal::SYNTAX.into(),
        Some(Combine::Not) if args.len() != 4 => {
            Answer::error("ERR BITOP NOT must be called with a single source key.").into()
        }
        Some(_) => Plan::Guarded(args.skip(3).iter().collect(), decide_bitop),
    }
}

fn decide_bitop<'a>(_: &Table, args: Args<'a>, rows: &[Option<Row>]) -> Decision<'a> {
    if rows.iter().flatten().any(|row| row.as_collection().is_some()) {
        return Decision::Answered(refusal::WRONG_TYPE);
    }
    let bodies: Vec<&[u8]> = rows.iter().map(|row| row.as_ref().map(Row::body).unwrap_or_default()).collect();
    let combined = Combine::named(arg(args, 1)).unwrap_or(Combine::Or).combine(&bodies);
    let key = bytes(args, 2);
    if combined.is_empty() {
        let delete = Op::Delete { key, cause: Cause::Delete, version: 0 };
        return Decision::Commit(vec![delete], |_, _, outcomes| {
            outcomes.for_each(drop);
            Answer::ZERO
        });
    }
    // The length is told by reading it back: a finishing function knows outcomes only.
    let put = Op::Put {
        key: key.clone(),
        body: combined.into(),
        expiry: Expiry::Never,
        when: When::Always,
        over_bytes_only: false,
    };
    Decision::Commit(vec![put, Op::Get { key }], |_, _, outcomes| match outcomes.nth(1) {
        Some(Ok(Outcome::Row(Some(row)))) => Answer::Int(row.body().len() as i64),
        _ => Answer::ZERO,
    })
}
