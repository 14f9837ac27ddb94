//! Strings: values of plain bytes.

pub(in crate::command) mod lcs;
pub(in crate::command) mod part;

use mnemon_store::{Cause, ExpireWhen, Expiry, Op, OpError, Outcome, Row, When};
use mnemon_table::Table;

use crate::answer::Answer;
use crate::command::argument::{arg, bytes};
use crate::command::expiry::{self, Of, Unit};
use crate::command::plan::{Context, Decision, Plan};
use crate::protocol::Args;
use crate::refusal;

fn put<'a>(args: Args<'a>, value: usize, expiry: Expiry, when: When, over_bytes_only: bool) -> Op<'a> {
    Op::Put { key: bytes(args, 1), body: bytes(args, value), expiry, when, over_bytes_only }
}

/// The string of a row as an answer; `WRONGTYPE` for anything else.
#[inline]
fn body(row: Option<Row>) -> Answer {
    match row {
        Some(row) if row.as_collection().is_none() => Answer::Body(row),
        Some(_) => refusal::WRONG_TYPE,
        None => Answer::NULL,
    }
}

/// `GET key`
pub(super) fn get<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(Op::Get { key: bytes(args, 1) }, finish_get)
}

fn finish_get(_: &Table, _: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    match outcome {
        Ok(Outcome::Row(row)) => body(row),
        Ok(_) => Answer::NULL,
        Err(error) => refusal::of_string(error),
    }
}

/// `STRLEN key`
pub(super) fn strlen<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(Op::Get { key: bytes(args, 1) }, |_, _, outcome| match outcome {
        Ok(Outcome::Row(Some(row))) if row.as_collection().is_some() => refusal::WRONG_TYPE,
        Ok(Outcome::Row(Some(row))) => Answer::Int(i64::try_from(row.body().len()).unwrap_or(i64::MAX)),
        Ok(_) => Answer::ZERO,
        Err(error) => refusal::of_string(error),
    })
}

/// `SET key value [NX|XX] [GET] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]`
pub(super) fn set<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if args.len() == 3 {
        return Plan::on_database(put(args, 2, Expiry::Never, When::Always, false), finish_set);
    }
    let options = expiry::value_options(Of::Set, args.skip(3));
    let expiry = options.and_then(|options| Ok((options.expiry(context.database, "set")?, options)));
    match expiry {
        Err(refusal) => refusal.into(),
        Ok((expiry, options)) => {
            let finish = if options.get { finish_old } else { finish_set };
            Plan::on_database(put(args, 2, expiry, options.when, options.get), finish)
        }
    }
}

fn finish_set(_: &Table, _: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    match outcome {
        Ok(Outcome::Put { stored: false, .. }) => Answer::NULL,
        Ok(_) => Answer::OK,
        Err(error) => refusal::of_string(error),
    }
}

/// Answers what stood there before.
fn finish_old(_: &Table, _: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    match outcome {
        Ok(Outcome::Put { old, .. }) => body(old),
        Ok(_) => Answer::NULL,
        Err(error) => refusal::of_string(error),
    }
}

/// `GETSET key value`
pub(super) fn getset<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(put(args, 2, Expiry::Never, When::Always, true), finish_old)
}

/// `SETNX key value`
pub(super) fn setnx<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(put(args, 2, Expiry::Never, When::Absent, false), |_, _, outcome| match outcome {
        Ok(Outcome::Put { stored, .. }) => stored.into(),
        Ok(_) => Answer::ZERO,
        Err(error) => refusal::of_string(error),
    })
}

fn set_for<'a>(context: &Context<'_>, args: Args<'a>, command: &str, unit: Unit) -> Plan<'a> {
    match expiry::value_expiry(context.database, command, arg(args, 2), unit, expiry::From::Now) {
        Ok(at_ms) => Plan::on_database(put(args, 3, Expiry::At(at_ms), When::Always, false), finish_set),
        Err(refusal) => refusal.into(),
    }
}

/// `SETEX key seconds value`
pub(super) fn setex<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    set_for(context, args, "setex", Unit::Seconds)
}

/// `PSETEX key milliseconds value`
pub(super) fn psetex<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    set_for(context, args, "psetex", Unit::Milliseconds)
}

/// `APPEND key value`
pub(super) fn append<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::on_database(Op::Append { key: bytes(args, 1), tail: bytes(args, 2) }, finish_int)
}

/// Answers a number.
pub(super) fn finish_int(_: &Table, _: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    match outcome {
        Ok(Outcome::Int(number)) => Answer::Int(number),
        Ok(_) => Answer::ZERO,
        Err(error) => refusal::of_string(error),
    }
}

/// `MGET key [key ...]`
pub(super) fn mget<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let reads = args.skip(1).iter().map(|key| Op::Get { key: key.into() });
    Plan::all_on_database(context, reads, |_, _, outcomes| {
        // A value of another type is null here, not an error.
        let value = |outcome| match outcome {
            Ok(Outcome::Row(Some(row))) if row.as_collection().is_none() => Answer::Body(row),
            _ => Answer::NULL,
        };
        Answer::All(outcomes.map(value).collect())
    })
}

fn pairs<'a>(args: Args<'a>) -> impl Iterator<Item = Op<'a>> {
    (1..args.len()).step_by(2).map(move |place| Op::Put {
        key: bytes(args, place),
        body: bytes(args, place + 1),
        expiry: Expiry::Never,
        when: When::Always,
        over_bytes_only: false,
    })
}

/// `MSET key value [key value ...]`
pub(super) fn mset<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if args.len().is_multiple_of(2) {
        return refusal::arity("mset").into();
    }
    Plan::all_on_database(context, pairs(args), |_, _, outcomes| {
        outcomes.for_each(drop);
        Answer::OK
    })
}

/// `MSETNX key value [key value ...]`
pub(super) fn msetnx<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if args.len().is_multiple_of(2) {
        return refusal::arity("msetnx").into();
    }
    let keys = (1..args.len()).step_by(2).map(|place| arg(args, place)).collect();
    Plan::Guarded(keys, |_, args, rows| {
        if rows.iter().any(Option::is_some) {
            return Decision::Answered(Answer::ZERO);
        }
        Decision::Commit(pairs(args).collect(), |_, _, outcomes| {
            outcomes.for_each(drop);
            Answer::ONE
        })
    })
}

/// `GETDEL key`
pub(super) fn getdel<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::Guarded(vec![arg(args, 1)], |_, args, rows| match present(rows) {
        Err(answer) => Decision::Answered(answer),
        Ok(_) => {
            let delete = Op::Delete { key: bytes(args, 1), cause: Cause::Delete, version: 0 };
            Decision::Commit(vec![delete], |_, _, outcomes| match outcomes.next() {
                Some(Ok(Outcome::Removed(row))) => body(row),
                _ => Answer::NULL,
            })
        }
    })
}

/// The one string that was asked for, or what to answer when there is none.
fn present(rows: &[Option<Row>]) -> Result<&Row, Answer> {
    match rows.first() {
        Some(Some(row)) if row.as_collection().is_none() => Ok(row),
        Some(Some(_)) => Err(refusal::WRONG_TYPE),
        _ => Err(Answer::NULL),
    }
}

/// `GETEX key [EX s|PX ms|EXAT s|PXAT ms|PERSIST]`
pub(super) fn getex<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    match expiry::value_options(Of::Getex, args.skip(2)) {
        Err(refusal) => refusal.into(),
        Ok(options) if !options.has_time() && !options.persist => get(context, args),
        Ok(_) => Plan::Guarded(vec![arg(args, 1)], decide_getex),
    }
}

/// A bad time matters only when there is a string whose expiry it could be.
fn decide_getex<'a>(table: &Table, args: Args<'a>, rows: &[Option<Row>]) -> Decision<'a> {
    let expiry = present(rows).and_then(|_| {
        let options = expiry::value_options(Of::Getex, args.skip(2))?;
        options.expiry(table, "getex")
    });
    let at_ms = match expiry {
        Err(answer) => return Decision::Answered(answer),
        Ok(Expiry::At(at_ms)) => Some(at_ms),
        Ok(_) => None,
    };
    let read = Op::Get { key: bytes(args, 1) };
    let expire = Op::ExpireAt { key: bytes(args, 1), at_ms, when: ExpireWhen::Always };
    Decision::Commit(vec![read, expire], |_, _, outcomes| {
        let value = match outcomes.next() {
            Some(Ok(Outcome::Row(row))) => body(row),
            _ => Answer::NULL,
        };
        outcomes.for_each(drop);
        value
    })
}
