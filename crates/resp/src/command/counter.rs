//! Counters: strings that are decimal numbers.

use mnemon_store::{Op, OpError, Outcome};
use mnemon_table::Table;

use crate::answer::Answer;
use crate::command::argument::{arg, bytes, integer};
use crate::command::plan::{Context, Plan};
use crate::command::string::finish_int;
use crate::protocol::{Args, Reply};
use crate::refusal;

fn add<'a>(args: Args<'a>, by: i64) -> Plan<'a> {
    Plan::on_database(Op::Increment { key: bytes(args, 1), by }, finish_int)
}

/// `INCR key`
pub(super) fn incr<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    add(args, 1)
}

/// `DECR key`
pub(super) fn decr<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    add(args, -1)
}

/// `INCRBY key increment`
pub(super) fn incrby<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    match integer(arg(args, 2)) {
        Some(by) => add(args, by),
        None => refusal::NOT_AN_INTEGER.into(),
    }
}

/// `DECRBY key decrement`
pub(super) fn decrby<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    match integer(arg(args, 2)) {
        Some(i64::MIN) => Answer::error("ERR decrement would overflow").into(),
        Some(by) => add(args, -by),
        None => refusal::NOT_AN_INTEGER.into(),
    }
}

/// `INCRBYFLOAT key increment`
pub(super) fn incrbyfloat<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(Op::IncrementFloat { key: bytes(args, 1), by: bytes(args, 2) }, finish_text)
}

fn finish_text(_: &Table, _: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    match outcome {
        Ok(Outcome::Text(text)) => Reply::Bulk(text.into_bytes()).into(),
        Ok(_) => Answer::NULL,
        Err(error) => refusal::of_string(error),
    }
}
