//! `BITFIELD` and `BITFIELD_RO`: numbers of any width inside strings.

use mnemon_store::bits::{BitAction, BitField, BitStep, Overflow};
use mnemon_store::{Op, Outcome};

use super::{offset, string};
use crate::answer::Answer;
use crate::command::argument::{arg, bytes, integer, is};
use crate::command::plan::{Context, Plan};
use crate::protocol::{Args, Reply};
use crate::refusal;

/// `BITFIELD key [GET type offset | [OVERFLOW WRAP|SAT|FAIL] SET|INCRBY type offset value ...]`
pub(in crate::command) fn bitfield<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    match steps(args) {
        Err(refusal) => refusal.into(),
        Ok(steps) if steps.iter().any(BitStep::writes) => {
            Plan::on_database(Op::Bits { key: bytes(args, 1), steps }, |_, _, outcome| match outcome {
                Ok(Outcome::Integers(numbers)) => {
                    let reply = |number: Option<i64>| number.map_or(Reply::Null, Reply::Int);
                    Reply::Array(numbers.into_iter().map(reply).collect()).into()
                }
                Ok(_) => Answer::NULL,
                Err(error) => refusal::of_string(error),
            })
        }
        Ok(_) => read(args),
    }
}

/// `BITFIELD_RO key [GET type offset ...]`
pub(in crate::command) fn bitfield_ro<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    match steps(args) {
        Err(refusal) => refusal.into(),
        Ok(steps) if steps.iter().any(BitStep::writes) => {
            Answer::error("ERR BITFIELD_RO only supports the GET subcommand").into()
        }
        Ok(_) => read(args),
    }
}

fn read(args: Args<'_>) -> Plan<'_> {
    Plan::on_database(Op::Get { key: bytes(args, 1) }, |_, args, outcome| {
        let row = match string(outcome) {
            Ok(row) => row,
            Err(refusal) => return refusal,
        };
        let body = row.as_ref().map(mnemon_store::Row::body).unwrap_or_default();
        let number = |step: &BitStep| Reply::Int(step.field.read(body));
        match steps(args) {
            Ok(steps) => Reply::Array(steps.iter().map(number).collect()).into(),
            Err(refusal) => refusal,
        }
    })
}

fn steps(args: Args<'_>) -> Result<Vec<BitStep>, Answer> {
    let mut steps = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut place = 2;
    while let Some(word) = args.get(place) {
        let behind = args.len() - place - 1;
        if is("OVERFLOW", word) && behind >= 1 {
            overflow = overflow_named(arg(args, place + 1))?;
            place += 2;
            continue;
        }
        let writes = is("SET", word) || is("INCRBY", word);
        if !(is("GET", word) && behind >= 2 || writes && behind >= 3) {
            return Err(refusal::SYNTAX);
        }
        let field = field(arg(args, place + 1), arg(args, place + 2))?;
        let mut action = BitAction::Get;
        if writes {
            let number = integer(arg(args, place + 3)).ok_or(refusal::NOT_AN_INTEGER)?;
            action = if is("SET", word) { BitAction::Set(number) } else { BitAction::Add(number) };
        }
        steps.push(BitStep { field, action, overflow });
        place += if writes { 4 } else { 3 };
    }
    Ok(steps)
}

fn overflow_named(name: &[u8]) -> Result<Overflow, Answer> {
    let names = [("WRAP", Overflow::Wrap), ("SAT", Overflow::Saturate), ("FAIL", Overflow::Fail)];
    let found = names.into_iter().find(|(word, _)| is(word, name)).map(|(_, overflow)| overflow);
    found.ok_or(Answer::error("ERR Invalid OVERFLOW type specified"))
}

fn field(kind: &[u8], place: &[u8]) -> Result<BitField, Answer> {
    let (signed, digits) = match kind {
        [b'i', digits @ ..] => (true, digits),
        [b'u', digits @ ..] => (false, digits),
        _ => (true, &[][..]),
    };
    let bits = integer(digits).and_then(|bits| u8::try_from(bits).ok());
    let bits = bits.filter(|bits| (1..=if signed { 64 } else { 63 }).contains(bits)).ok_or(Answer::error(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
    ))?;
    Ok(BitField { signed, bits, offset: offset(place, Some(bits))? })
}
