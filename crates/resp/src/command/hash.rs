//! Hashes: fields with values under one key.

pub(in crate::command) mod part;

use mnemon_store::collection::Hash;
use mnemon_store::{Collection, Op, OpError, Outcome, Row, Value, When, decimal};
use mnemon_table::Table;

use crate::answer::{Answer, HashPart};
use crate::command::argument::{arg, bytes, integer};
use crate::command::plan::{Context, Plan};
use crate::protocol::{Args, Reply};
use crate::refusal;

fn read(args: Args<'_>) -> Op<'_> {
    Op::Get { key: bytes(args, 1) }
}

/// The hash that was read, if there is one.
fn found(outcome: Result<Outcome, OpError>) -> Result<Option<Row>, Answer> {
    match outcome {
        Ok(Outcome::Row(Some(row))) if hash(&row).is_none() => Err(refusal::WRONG_TYPE),
        Ok(Outcome::Row(row)) => Ok(row),
        Ok(_) => Ok(None),
        Err(error) => Err(refusal::of_hash(error)),
    }
}

pub(super) fn hash(row: &Row) -> Option<&Hash> {
    match row.value() {
        Value::Collection(Collection::Hash(hash)) => Some(hash),
        _ => None,
    }
}

/// Answers about the hash that was read; `of` gets `None` when there is no row.
pub(super) fn about(outcome: Result<Outcome, OpError>, of: impl FnOnce(Option<&Hash>) -> Answer) -> Answer {
    match found(outcome) {
        Ok(row) => of(row.as_ref().and_then(hash)),
        Err(refusal) => refusal,
    }
}

fn number(count: usize) -> Answer {
    Answer::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// `HGET key field`
pub(super) fn hget<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |_, args, outcome| about(outcome, |hash| value(hash, arg(args, 2)).into()))
}

fn value(hash: Option<&Hash>, field: &[u8]) -> Reply {
    hash.and_then(|hash| hash.get(field)).map_or(Reply::Null, Reply::bulk)
}

/// `HMGET key field [field ...]`
pub(super) fn hmget<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |_, args, outcome| {
        about(outcome, |hash| {
            Reply::Array(args.skip(2).iter().map(|field| value(hash, field)).collect()).into()
        })
    })
}

fn whole(outcome: Result<Outcome, OpError>, part: HashPart) -> Answer {
    match found(outcome) {
        Ok(Some(row)) => Answer::Hash(row, part),
        Ok(None) if part == HashPart::All => Reply::Map(Vec::new()).into(),
        Ok(None) => Reply::Array(Vec::new()).into(),
        Err(refusal) => refusal,
    }
}

/// `HGETALL key`
pub(super) fn hgetall<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |_, _, outcome| whole(outcome, HashPart::All))
}

/// `HKEYS key`
pub(super) fn hkeys<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |_, _, outcome| whole(outcome, HashPart::Fields))
}

/// `HVALS key`
pub(super) fn hvals<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |_, _, outcome| whole(outcome, HashPart::Values))
}

/// `HLEN key`
pub(super) fn hlen<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |_, _, outcome| about(outcome, |hash| number(hash.map_or(0, Hash::len))))
}

/// `HEXISTS key field`
pub(super) fn hexists<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |_, args, outcome| {
        about(outcome, |hash| hash.is_some_and(|hash| hash.get(arg(args, 2)).is_some()).into())
    })
}

/// `HSTRLEN key field`
pub(super) fn hstrlen<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |_, args, outcome| {
        about(outcome, |hash| number(hash.and_then(|hash| hash.get(arg(args, 2))).map_or(0, <[u8]>::len)))
    })
}

fn put_fields<'a>(args: Args<'a>, when: When) -> Op<'a> {
    let fields = (2..args.len()).step_by(2).map(|place| (bytes(args, place), bytes(args, place + 1)));
    Op::FieldPut { key: bytes(args, 1), fields: fields.collect(), when }
}

/// `HSET key field value [field value ...]`
pub(super) fn hset<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if !args.len().is_multiple_of(2) {
        return refusal::arity("hset").into();
    }
    Plan::on_database(put_fields(args, When::Always), finish_int)
}

/// `HMSET key field value [field value ...]`
pub(super) fn hmset<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if !args.len().is_multiple_of(2) {
        return refusal::arity("hmset").into();
    }
    Plan::on_database(put_fields(args, When::Always), |_, _, outcome| {
        outcome.map_or_else(refusal::of_hash, |_| Answer::OK)
    })
}

/// `HSETNX key field value`
pub(super) fn hsetnx<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(put_fields(args, When::Absent), finish_int)
}

/// `HDEL key field [field ...]`
pub(super) fn hdel<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let fields = args.skip(2).iter().map(Into::into).collect();
    Plan::on_database(Op::FieldDelete { key: bytes(args, 1), fields }, finish_int)
}

/// `HINCRBY key field increment`
pub(super) fn hincrby<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let Some(by) = integer(arg(args, 3)) else { return refusal::NOT_AN_INTEGER.into() };
    let op = Op::FieldIncrement { key: bytes(args, 1), field: bytes(args, 2), by };
    Plan::on_database(op, finish_int)
}

/// `HINCRBYFLOAT key field increment`
pub(super) fn hincrbyfloat<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let by = arg(args, 3);
    match decimal::check_number(by) {
        Ok(()) => {}
        Err(OpError::NotFinite) => return Answer::error("ERR value is NaN or Infinity").into(),
        Err(_) => return refusal::NOT_A_FLOAT.into(),
    }
    let op = Op::FieldIncrementFloat { key: bytes(args, 1), field: bytes(args, 2), by: by.into() };
    Plan::on_database(op, |_, _, outcome| match outcome {
        Ok(Outcome::Text(text)) => Reply::Bulk(text.into_bytes()).into(),
        Ok(_) => Answer::NULL,
        Err(error) => refusal::of_hash(error),
    })
}

fn finish_int(_: &Table, _: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    match outcome {
        Ok(Outcome::Int(number)) => Answer::Int(number),
        Ok(_) => Answer::ZERO,
        Err(error) => refusal::of_hash(error),
    }
}
