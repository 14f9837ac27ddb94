//! Whole databases: their sizes, and emptying them.

use mnemon_store::{Op, TableOp};

use crate::answer::Answer;
use crate::command::argument::{arg, is};
use crate::command::plan::{Context, Plan, Target};
use crate::protocol::Args;
use crate::refusal;
use crate::session::Session;

/// `DBSIZE`
///
/// Inside `EXEC` it counts what is there when the transaction has been applied.
pub(super) fn dbsize(session: &mut Session, _: Args<'_>) -> Answer {
    Answer::Int(i64::try_from(session.database().size()).unwrap_or(i64::MAX))
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
