//! Whole databases: their sizes, and emptying them.

use mnemon_store::{Op, TableOp};

use crate::answer::Answer;
use crate::command::argument::{self, arg, integer, is};
use crate::command::plan::{Context, Plan, Target};
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

/// `SWAPDB index1 index2`: the two databases exchange all they hold, in O(1).
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
    let exchange = TableOp { table: one.id(), op: Op::Exchange { with: other.id() } };
    Plan::Many(Target::Table(one.clone()), vec![exchange], |_, _, outcomes| {
        outcomes.for_each(drop);
        Answer::OK
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
