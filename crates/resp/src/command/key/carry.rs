//! Commands that carry a value with its expiry from one key to another: `RENAME`, `RENAMENX`, `COPY`, `MOVE`.
//!
//! A string's bytes are copied, a collection is shared until one of the two changes, so large ones cost no more than
//! small ones. The row gets a version of its own.

use std::borrow::Cow;
use std::sync::Arc;

use mnemon_store::{Cause, Expiry, Op, Row, TableOp, When};
use mnemon_table::Table;

use crate::answer::Answer;
use crate::command::argument::{self, arg, bytes, is};
use crate::command::plan::{Context, Decision, Outcomes, Place, Plan};
use crate::protocol::Args;
use crate::refusal;

const NO_SUCH_KEY: Answer = Answer::error("ERR no such key");
const SAME: Answer = Answer::error("ERR source and destination objects are the same");

/// The operation that writes a row's value and expiry under another key.
pub(in crate::command) fn carried<'a>(row: &Row, key: impl Into<Cow<'a, [u8]>>) -> Op<'a> {
    let key = key.into();
    let expiry = row.expires_at().map_or(Expiry::Never, Expiry::At);
    match row.as_collection() {
        Some(collection) => Op::PutCollection { key, collection: collection.clone(), expiry },
        None => Op::Put {
            key,
            body: row.body().to_vec().into(),
            expiry,
            when: When::Always,
            over_bytes_only: false,
        },
    }
}

fn removed(key: &[u8]) -> Op<'_> {
    Op::Delete { key: key.into(), cause: Cause::Delete, version: 0 }
}

fn done(outcomes: &mut Outcomes<'_>, answer: Answer) -> Answer {
    outcomes.for_each(drop);
    answer
}

/// `RENAME key newkey`
pub(in crate::command) fn rename<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::Guarded(args.skip(1).iter().collect(), |_, args, rows| decide_rename(args, rows, false))
}

/// `RENAMENX key newkey`
pub(in crate::command) fn renamenx<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    Plan::Guarded(args.skip(1).iter().collect(), |_, args, rows| decide_rename(args, rows, true))
}

fn decide_rename<'a>(args: Args<'a>, rows: &[Option<Row>], only_new: bool) -> Decision<'a> {
    let (from, to) = (arg(args, 1), arg(args, 2));
    let [Some(row), there] = rows else { return Decision::Answered(NO_SUCH_KEY) };
    if only_new && there.is_some() {
        return Decision::Answered(Answer::ZERO);
    }
    if from == to {
        return Decision::Answered(Answer::OK);
    }
    let ops = vec![removed(from), carried(row, to)];
    if only_new {
        return Decision::Commit(ops, |_, _, outcomes| done(outcomes, Answer::ONE));
    }
    Decision::Commit(ops, |_, _, outcomes| done(outcomes, Answer::OK))
}

/// `COPY source destination [DB destination-db] [REPLACE]`
pub(in crate::command) fn copy<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let to = match copy_options(context, args) {
        Ok((to, _)) => to,
        Err(refusal) => return refusal.into(),
    };
    let (from_key, to_key) = (arg(args, 1), arg(args, 2));
    if to.id() == context.database.id() && from_key == to_key {
        return SAME.into();
    }
    Plan::Across(vec![(context.database.clone(), from_key.into()), (to, to_key.into())], decide_copy)
}

fn copy_options(context: &Context<'_>, args: Args<'_>) -> Result<(Arc<Table>, bool), Answer> {
    let (mut to, mut replace) = (context.database.clone(), false);
    let mut place = 3;
    while let Some(option) = args.get(place) {
        place += 1;
        if is("REPLACE", option) {
            replace = true;
        } else if is("DB", option) && place < args.len() {
            to = context.catalog.database(argument::database(arg(args, place))?).clone();
            place += 1;
        } else {
            return Err(refusal::SYNTAX);
        }
    }
    Ok((to, replace))
}

/// Whether the options, which the planner has read already, have `REPLACE` among them.
fn replaces(args: Args<'_>) -> bool {
    args.skip(3).iter().any(|option| is("REPLACE", option))
}

fn decide_copy<'a>(places: &[Place<'a>], args: Args<'a>, rows: &[Option<Row>]) -> Decision<'a> {
    let ([Some(row), there], [_, (to, _)]) = (rows, places) else {
        return Decision::Answered(Answer::ZERO);
    };
    if there.is_some() && !replaces(args) {
        return Decision::Answered(Answer::ZERO);
    }
    let ops = vec![TableOp { table: to.id(), op: carried(row, arg(args, 2)) }];
    Decision::CommitAcross(ops, |_, _, outcomes| done(outcomes, Answer::ONE))
}

/// `MOVE key db`
pub(in crate::command) fn move_key<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let to = match argument::database(arg(args, 2)) {
        Ok(number) => context.catalog.database(number).clone(),
        Err(refusal) => return refusal.into(),
    };
    if to.id() == context.database.id() {
        return SAME.into();
    }
    let key = arg(args, 1);
    Plan::Across(vec![(context.database.clone(), key.into()), (to, key.into())], |places, args, rows| {
        let ([Some(row), None], [(from, _), (to, _)]) = (rows, places) else {
            return Decision::Answered(Answer::ZERO);
        };
        let key = arg(args, 1);
        let ops = vec![
            TableOp {
                table: from.id(),
                op: Op::Delete { key: bytes(args, 1), cause: Cause::Delete, version: 0 },
            },
            TableOp { table: to.id(), op: carried(row, key) },
        ];
        Decision::CommitAcross(ops, |_, _, outcomes| done(outcomes, Answer::ONE))
    })
}
