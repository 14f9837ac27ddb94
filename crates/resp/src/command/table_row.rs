//! `T.` commands on single records and whole tables: each plans operations, so all work inside `MULTI`.

use std::sync::Arc;

use mnemon_store::{Cause, Expiry, Op, OpError, Outcome, TableOp, When};
use mnemon_table::schema::Kind;
use mnemon_table::{Table, TableError};
use mnemon_term::{Record, Term};

use crate::answer::Answer;
use crate::command::argument::{Once, arg, integer, is, natural};
use crate::command::plan::{Context, Plan, Target};
use crate::command::record;
use crate::protocol::{Args, Reply};
use crate::refusal;

/// The plan, or the refusal in its place.
fn planned<'a>(plan: Result<Plan<'a>, Answer>) -> Plan<'a> {
    plan.unwrap_or_else(Plan::Answered)
}

fn several<'a>(
    table: Arc<Table>,
    ops: impl Iterator<Item = Op<'a>>,
    finish: crate::command::FinishMany,
) -> Plan<'a> {
    let id = table.id();
    let ops = ops.map(|op| TableOp { table: id, op }).collect();
    Plan::Many(Target::Table(table), ops, finish)
}

/// `T.READ table key [key ...]`: the records under the keys.
pub(super) fn read<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    planned(record::table(context, arg(args, 1)).and_then(|table| {
        let key = |text: &'a [u8]| Ok(Op::Get { key: record::key_bytes(&table, text)? });
        if args.len() == 3 {
            let op = key(arg(args, 2))?;
            return Ok(Plan::One(Target::Table(table), op, |table, _, outcome| match outcome {
                Ok(outcome) => records(table, std::iter::once(outcome)),
                Err(error) => refusal::of_operation(&table.name(), error),
            }));
        }
        let ops: Vec<Op<'a>> = args.skip(2).iter().map(key).collect::<Result<_, Answer>>()?;
        Ok(several(table, ops.into_iter(), |table, _, outcomes| {
            records(table, outcomes.filter_map(Result::ok))
        }))
    }))
}

fn records(table: &Table, outcomes: impl Iterator<Item = Outcome>) -> Answer {
    let mut found = Vec::new();
    for outcome in outcomes {
        if let Outcome::Row(Some(row)) = outcome {
            record::replies(table, &row, &mut found);
        }
    }
    Reply::Array(found).into()
}

/// `T.WRITE table record [NX] [TTL ms]`: `OK`; null when `NX` was asked and the key is there.
pub(super) fn write<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    planned(plan_write(context, args))
}

fn plan_write<'a>(context: &Context<'_>, args: Args<'a>) -> Result<Plan<'a>, Answer> {
    let table = record::writable_table(context, arg(args, 1))?;
    let options = write_options(args.skip(3))?;
    let (key, body) = record::parse(&table, arg(args, 2))?;
    let ttl_ms = options.ttl_ms.or(table.schema().ttl_ms());
    let expiry = match ttl_ms {
        Some(ttl_ms) => Expiry::At(context.now_ms().saturating_add(ttl_ms)),
        None => Expiry::Never,
    };
    let op =
        Op::Put { key: key.into(), body: body.into(), expiry, when: options.when, over_bytes_only: false };
    // In a bag an object may be there already, which is no failure unless `NX` was asked.
    let finish = if options.when == When::Absent { finish_new } else { finish_write };
    Ok(Plan::One(Target::Table(table), op, finish))
}

struct WriteOptions {
    when: When,
    ttl_ms: Option<u64>,
}

fn write_options(options: Args<'_>) -> Result<WriteOptions, Answer> {
    let mut read = WriteOptions { when: When::Always, ttl_ms: None };
    let mut once = Once::default();
    let mut place = 0;
    while let Some(option) = options.get(place) {
        once.meet(option)?;
        if is("NX", option) {
            read.when = When::Absent;
            place += 1;
        } else if is("TTL", option) && place + 1 < options.len() {
            let ttl_ms = natural(arg(options, place + 1)).filter(|ttl_ms| *ttl_ms > 0);
            let refused = Answer::error("ERR TTL takes a number of milliseconds above 0");
            read.ttl_ms = Some(ttl_ms.ok_or(refused)?);
            place += 2;
        } else {
            return Err(refusal::quoting(
                "ERR unknown or incomplete option '",
                option,
                "'; T.WRITE takes table record [NX] [TTL ms]",
            ));
        }
    }
    Ok(read)
}

fn finish_write(table: &Table, _: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    outcome.map_or_else(|error| refusal::of_operation(&table.name(), error), |_| Answer::OK)
}

fn finish_new(table: &Table, args: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    match outcome {
        Ok(Outcome::Put { stored: false, .. }) => Answer::NULL,
        other => finish_write(table, args, other),
    }
}

/// `T.DELETE table key [key ...]`: how many keys had records.
pub(super) fn delete<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    planned(record::writable_table(context, arg(args, 1)).and_then(|table| {
        let delete = |text: &'a [u8]| {
            let key = record::key_bytes(&table, text)?;
            Ok(Op::Delete { key, cause: Cause::Delete, version: 0 })
        };
        let ops: Vec<Op<'a>> = args.skip(2).iter().map(delete).collect::<Result<_, Answer>>()?;
        Ok(several(table, ops.into_iter(), |_, _, outcomes| {
            let gone = outcomes.filter(|outcome| matches!(outcome, Ok(Outcome::Removed(Some(_)))));
            Answer::Int(i64::try_from(gone.count()).unwrap_or(i64::MAX))
        }))
    }))
}

/// `T.DELETEOBJECT table record`: 1 when an equal record was there.
pub(super) fn delete_object<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    planned(record::writable_table(context, arg(args, 1)).and_then(|table| {
        let (key, body) = record::parse(&table, arg(args, 2))?;
        let op = Op::DeleteObject { key: key.into(), body: body.into() };
        Ok(Plan::One(Target::Table(table), op, |table, _, outcome| match outcome {
            Ok(outcome) => matches!(outcome, Outcome::Changed(true)).into(),
            Err(error) => refusal::of_operation(&table.name(), error),
        }))
    }))
}

/// `T.COUNTER table key attribute increment`: the sum.
pub(super) fn counter<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    planned(plan_counter(context, args))
}

fn plan_counter<'a>(context: &Context<'_>, args: Args<'a>) -> Result<Plan<'a>, Answer> {
    let table = record::writable_table(context, arg(args, 1))?;
    let by = integer(arg(args, 4)).ok_or(refusal::NOT_AN_INTEGER)?;
    let (key, attribute) = (arg(args, 2), arg(args, 3));
    let op = if table.is_database() {
        if attribute != b"value" {
            return Err(refusal::quoting("ERR there is no counter '", attribute, "'; count in 'value'"));
        }
        Op::Increment { key: key.into(), by }
    } else {
        counter_op(&table, key, attribute, by).map_err(|error| refusal::of_table(&error))?
    };
    Ok(Plan::One(Target::Table(table), op, finish_count))
}

fn counter_op(table: &Table, key: &[u8], attribute: &[u8], by: i64) -> Result<Op<'static>, TableError> {
    if table.kind() == Kind::Bag {
        return Err(TableError::Unsupported { table: table.name(), cause: "a bag has no counters" });
    }
    let schema = table.schema();
    let place = std::str::from_utf8(attribute).ok().and_then(|name| schema.place_of(name));
    let Some(place) = place.filter(|place| *place > 0) else {
        let name = String::from_utf8_lossy(attribute);
        let known = schema.attribute_names().split_off(1).join(", ");
        let cause = format!("there is no attribute {name:?} to count in; there are {known}");
        return Err(TableError::BadRecord { table: table.name(), cause });
    };
    let key = record::key_term(table, key)?;
    let (zero, nil) = (Term::Int(0), Term::nil());
    let initial = Record::new((0..schema.arity()).map(|at| match at {
        0 => &key,
        at if at == usize::from(place) => &zero,
        _ => &nil,
    }))?;
    schema.check(initial.as_ref())?;
    let initial = Some(initial.into_bytes().into());
    let expires_at = table.default_expires_at();
    Ok(Op::Counter { key: table.key_bytes(&key).into(), attribute: place, by, initial, expires_at })
}

fn finish_count(table: &Table, _: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    match outcome {
        Ok(Outcome::Int(number)) => Answer::Int(number),
        Ok(_) => Answer::ZERO,
        Err(error) => refusal::of_operation(&table.name(), error),
    }
}

/// `T.CLEAR table`: how many records went.
pub(super) fn clear<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    planned(
        record::writable_table(context, arg(args, 1))
            .map(|table| Plan::One(Target::Table(table), Op::Clear, finish_count)),
    )
}
