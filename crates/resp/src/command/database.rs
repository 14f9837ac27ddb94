//! Whole databases: their sizes, and emptying them.

use std::collections::BTreeSet;

use mnemon_store::{Cause, Op, TableOp};
use mnemon_table::State;

use crate::answer::Answer;
use crate::command::argument::{self, arg, integer, is};
use crate::command::key::carry::carried;
use crate::command::plan::{Context, Decision, Plan, Target};
use crate::command::string::finish_int;
use crate::protocol::Args;
use crate::refusal;

/// `DBSIZE`
pub(super) fn dbsize<'a>(_: &Context<'_>, _: Args<'a>) -> Plan<'a> {
    Plan::on_database(Op::Count, finish_int)
}

/// Whether the one option is `ASYNC` or `SYNC`; both empty at once and free memory behind the commit.
fn takes_option(args: Args<'_>) -> bool {
    args.len() == 1 || (args.len() == 2 && (is("ASYNC", arg(args, 1)) || is("SYNC", arg(args, 1))))
}

/// `FLUSHDB [ASYNC|SYNC]`
pub(super) fn flushdb<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if !takes_option(args) {
        return refusal::SYNTAX.into();
    }
    Plan::on_database(Op::Clear, |_, _, outcome| outcome.map_or_else(refusal::of_string, |_| Answer::OK))
}

/// Keys that two databases may hold together when they are exchanged.
const SWAPPED_MAX: usize = 1 << 16;

/// `SWAPDB index1 index2`: every value goes to the same key of the other database, in one commit.
///
/// A key that is made meanwhile stays where it was made, as if that had come later.
pub(super) fn swapdb<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    const FIRST: Answer = Answer::error("ERR invalid first DB index");
    const SECOND: Answer = Answer::error("ERR invalid second DB index");
    let number = |place| integer(arg(args, place)).filter(|number| i32::try_from(*number).is_ok());
    let (Some(one), Some(other)) = (number(1), number(2)) else {
        return if number(1).is_none() { FIRST.into() } else { SECOND.into() };
    };
    let (one, other) = match (argument::database(arg(args, 1)), argument::database(arg(args, 2))) {
        (Ok(_), Ok(_)) if one == other => return Answer::OK.into(),
        (Ok(one), Ok(other)) => (context.catalog.database(one), context.catalog.database(other)),
        (Err(refusal), _) | (_, Err(refusal)) => return refusal.into(),
    };
    let mut keys = BTreeSet::new();
    for table in [one, other] {
        let met = table.sweep_each(State::Present, 0, &mut |row| {
            keys.insert(row.key().to_vec());
            keys.len() <= SWAPPED_MAX
        });
        if let Err(error) = met {
            return refusal::of_table(&error).into();
        }
    }
    if keys.len() > SWAPPED_MAX {
        let text =
            "TOOLARGE databases of more than 65536 keys cannot be exchanged; use SELECT or RENAME instead";
        return Answer::error(text).into();
    }
    let of_both = |key: Vec<u8>| [(one.clone(), key.clone().into()), (other.clone(), key.into())];
    Plan::Across(keys.into_iter().flat_map(of_both).collect(), |places, _, rows| {
        let mut ops = Vec::with_capacity(rows.len());
        for (places, rows) in places.chunks_exact(2).zip(rows.chunks_exact(2)) {
            let there = places.iter().zip(rows.iter().rev());
            ops.extend(there.map(|((table, key), row)| TableOp {
                table: table.id(),
                op: match row {
                    Some(row) => carried(row, key.to_vec()),
                    None => Op::Delete { key: key.to_vec().into(), cause: Cause::Delete, version: 0 },
                },
            }));
        }
        Decision::CommitAcross(ops, |_, _, outcomes| {
            outcomes.for_each(drop);
            Answer::OK
        })
    })
}

/// `FLUSHALL [ASYNC|SYNC]`: all numbered databases, not the tables of their own.
pub(super) fn flushall<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if !takes_option(args) {
        return refusal::SYNTAX.into();
    }
    let clear = context.catalog.databases().map(|(_, table)| TableOp { table: table.id(), op: Op::Clear });
    Plan::Many(Target::Database, clear.collect(), |_, _, outcomes| {
        outcomes.for_each(drop);
        Answer::OK
    })
}
