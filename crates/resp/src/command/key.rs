//! Keys of any type: existence, type, expiry.

pub(in crate::command) mod carry;
pub(in crate::command) mod object;
pub(in crate::command) mod walk;

use mnemon_store::{Cause, ExpireWhen, Op, OpError, Outcome, Row};
use mnemon_table::Table;

use crate::answer::Answer;
use crate::command::argument::{arg, bytes};
use crate::command::expiry::{self, Condition, From, Unit};
use crate::command::plan::{Context, Decision, Outcomes, Plan};
use crate::protocol::{Args, Reply};
use crate::refusal;

/// `DEL key [key ...]`, `UNLINK key [key ...]`
pub(super) fn del<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let delete = |key: &'a [u8]| Op::Delete { key: key.into(), cause: Cause::Delete, version: 0 };
    if args.len() == 2 {
        return Plan::on_database(delete(arg(args, 1)), |_, _, outcome| match outcome {
            Ok(Outcome::Removed(row)) => row.is_some().into(),
            Ok(_) => Answer::ZERO,
            Err(error) => refusal::of_string(error),
        });
    }
    Plan::all_on_database(context, args.skip(1).iter().map(delete), |_, _, outcomes| {
        count(outcomes, |outcome| matches!(outcome, Outcome::Removed(Some(_))))
    })
}

fn count(outcomes: &mut Outcomes<'_>, counts: fn(&Outcome) -> bool) -> Answer {
    let number = outcomes.filter(|outcome| outcome.as_ref().is_ok_and(counts)).count();
    Answer::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The row that was read.
fn found(outcome: Result<Outcome, OpError>) -> Option<Row> {
    match outcome {
        Ok(Outcome::Row(row)) => row,
        _ => None,
    }
}

fn read(args: Args<'_>) -> Op<'_> {
    Op::Get { key: bytes(args, 1) }
}

/// `EXISTS key [key ...]`, `TOUCH key [key ...]`
pub(super) fn exists<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if args.len() == 2 {
        return Plan::on_database(read(args), |_, _, outcome| found(outcome).is_some().into());
    }
    let reads = args.skip(1).iter().map(|key| Op::Get { key: key.into() });
    Plan::all_on_database(context, reads, |_, _, outcomes| {
        count(outcomes, |outcome| matches!(outcome, Outcome::Row(Some(_))))
    })
}

/// `TYPE key`
pub(super) fn type_of<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |_, _, outcome| {
        let name = match found(outcome) {
            None => "none",
            Some(row) => row.as_collection().map_or("string", |collection| collection.type_name()),
        };
        Reply::simple(name).into()
    })
}

fn expire_in<'a>(context: &Context<'_>, args: Args<'a>, command: &str, unit: Unit, from: From) -> Plan<'a> {
    let condition = match expiry::expire_condition(args.skip(3)) {
        Ok(condition) => condition,
        Err(refusal) => return refusal.into(),
    };
    let at_ms = match expiry::key_expiry(context.database, command, arg(args, 2), unit, from) {
        Ok(at_ms) => at_ms,
        Err(refusal) => return refusal.into(),
    };
    match condition {
        Condition::When(when) => {
            Plan::on_database(Op::ExpireAt { key: bytes(args, 1), at_ms: Some(at_ms), when }, finish_changed)
        }
        Condition::Shorten => Plan::Guarded(vec![arg(args, 1)], shorten(unit, from)),
    }
}

fn finish_changed(_: &Table, _: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    matches!(outcome, Ok(Outcome::Changed(true))).into()
}

/// Decides `XX LT`: the row must have an expiry, and a later one.
fn shorten(unit: Unit, from: From) -> crate::command::plan::Decide {
    match (unit, from) {
        (Unit::Seconds, From::Now) => {
            |table, args, rows| shorten_to(table, args, rows, Unit::Seconds, From::Now)
        }
        (Unit::Seconds, From::Epoch) => {
            |table, args, rows| shorten_to(table, args, rows, Unit::Seconds, From::Epoch)
        }
        (Unit::Milliseconds, From::Now) => {
            |table, args, rows| shorten_to(table, args, rows, Unit::Milliseconds, From::Now)
        }
        (Unit::Milliseconds, From::Epoch) => {
            |table, args, rows| shorten_to(table, args, rows, Unit::Milliseconds, From::Epoch)
        }
    }
}

fn shorten_to<'a>(
    table: &Table,
    args: Args<'a>,
    rows: &[Option<Row>],
    unit: Unit,
    from: From,
) -> Decision<'a> {
    let expires = rows.iter().flatten().any(|row| row.expires_at().is_some());
    match expiry::key_expiry(table, "expire", arg(args, 2), unit, from) {
        Err(refusal) => Decision::Answered(refusal),
        Ok(_) if !expires => Decision::Answered(Answer::ZERO),
        Ok(at_ms) => {
            let key = bytes(args, 1);
            let expire = Op::ExpireAt { key, at_ms: Some(at_ms), when: ExpireWhen::Earlier };
            Decision::Commit(vec![expire], |_, _, outcomes| {
                matches!(outcomes.next(), Some(Ok(Outcome::Changed(true)))).into()
            })
        }
    }
}

/// `EXPIRE key seconds [NX|XX|GT|LT]`
pub(super) fn expire<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    expire_in(context, args, "expire", Unit::Seconds, From::Now)
}

/// `PEXPIRE key milliseconds [NX|XX|GT|LT]`
pub(super) fn pexpire<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    expire_in(context, args, "pexpire", Unit::Milliseconds, From::Now)
}

/// `EXPIREAT key unix-time-seconds [NX|XX|GT|LT]`
pub(super) fn expireat<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    expire_in(context, args, "expireat", Unit::Seconds, From::Epoch)
}

/// `PEXPIREAT key unix-time-milliseconds [NX|XX|GT|LT]`
pub(super) fn pexpireat<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    expire_in(context, args, "pexpireat", Unit::Milliseconds, From::Epoch)
}

/// `PERSIST key`
pub(super) fn persist<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let op = Op::ExpireAt { key: bytes(args, 1), at_ms: None, when: ExpireWhen::Always };
    Plan::on_database(op, finish_changed)
}

/// -2 without a row, -1 without an expiry, else what `of` makes of the expiry and the present time, in milliseconds.
fn time_of(table: &Table, outcome: Result<Outcome, OpError>, of: fn(u64, u64) -> u64) -> Answer {
    match found(outcome).map(|row| row.expires_at()) {
        None => Answer::Int(-2),
        Some(None) => Answer::Int(-1),
        Some(Some(at_ms)) => {
            Answer::Int(i64::try_from(of(at_ms, table.store().now_ms())).unwrap_or(i64::MAX))
        }
    }
}

/// `TTL key`
pub(super) fn ttl<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |table, _, outcome| {
        time_of(table, outcome, |at_ms, now_ms| at_ms.saturating_sub(now_ms).saturating_add(500) / 1000)
    })
}

/// `PTTL key`
pub(super) fn pttl<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |table, _, outcome| {
        time_of(table, outcome, |at_ms, now_ms| at_ms.saturating_sub(now_ms))
    })
}

/// `EXPIRETIME key`
pub(super) fn expiretime<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |table, _, outcome| {
        time_of(table, outcome, |at_ms, _| at_ms.saturating_add(500) / 1000)
    })
}

/// `PEXPIRETIME key`
pub(super) fn pexpiretime<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(read(args), |table, _, outcome| time_of(table, outcome, |at_ms, _| at_ms))
}
