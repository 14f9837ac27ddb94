//! Plans: what a command wants of the store, as data, and how outcomes become its answer.
//!
//! Planning apart from running is what lets `EXEC` make one commit of many commands.

use std::borrow::Cow;
use std::sync::Arc;

use mnemon_store::{Op, OpError, Outcome, Row, TableOp};
use mnemon_table::{Catalog, Table};

use crate::answer::Answer;
use crate::command::request::Request;
use crate::dice::Dice;
use crate::protocol::Args;

/// What a planner may look at.
pub(crate) struct Context<'s> {
    pub(crate) catalog: &'s Arc<Catalog>,
    /// The selected database.
    pub(crate) database: &'s Arc<Table>,
    /// Where random numbers come from.
    pub(crate) dice: &'s Dice,
}

impl Context<'_> {
    /// The time to which relative expiries are added.
    pub(crate) fn now_ms(&self) -> u64 {
        self.database.store().now_ms()
    }
}

/// The outcomes of a plan's operations, in order.
pub(crate) type Outcomes<'o> = dyn Iterator<Item = Result<Outcome, OpError>> + 'o;
/// Makes the answer of one outcome. Gets the table the operation ran on and the command's arguments.
pub(crate) type FinishOne = fn(&Table, Args<'_>, Result<Outcome, OpError>) -> Answer;
/// Makes the answer of several outcomes; must take as many as there were operations.
pub(crate) type FinishMany = fn(&Table, Args<'_>, &mut Outcomes<'_>) -> Answer;
/// Decides on the present rows of the keys that were asked for.
pub(crate) type Decide = for<'a> fn(&Table, Args<'a>, &[Option<Row>]) -> Decision<'a>;

/// The same for keys of several tables; each key comes with its table.
pub(crate) type DecideAcross = for<'a> fn(&[Place<'a>], Args<'a>, &[Option<Row>]) -> Decision<'a>;
/// Makes the answer from the row under one key.
pub(crate) type FinishRead = Box<dyn FnOnce(Option<Row>) -> Answer + Send>;
/// A key of a table.
pub(crate) type Place<'a> = (Arc<Table>, Cow<'a, [u8]>);

/// The table that a plan's operations are for.
pub(crate) enum Target {
    /// The selected database.
    Database,
    /// A table named by the command.
    Table(Arc<Table>),
}

/// What a command wants of the store.
pub(crate) enum Plan<'a> {
    /// Nothing: it is answered.
    Answered(Answer),
    /// One operation.
    One(Target, Op<'a>, FinishOne),
    /// A read of one row of the selected database, for answers that need more than the arguments tell.
    Read(&'a [u8], FinishRead),
    /// Operations that must be applied together.
    Many(Target, Vec<TableOp<'a>>, FinishMany),
    /// Operations on the selected database that depend on rows: read these keys, decide, and commit under the
    /// condition that they have not changed.
    Guarded(Vec<&'a [u8]>, Decide),
    /// The same with keys of several databases.
    Across(Vec<Place<'a>>, DecideAcross),
    /// A read of several rows of a table.
    Query(Box<Request>),
}

/// What is to be done about the rows that a guarded plan asked for.
pub(crate) enum Decision<'a> {
    /// Nothing: it is answered.
    Answered(Answer),
    /// These operations on the selected database.
    Commit(Vec<Op<'a>>, FinishMany),
    /// These operations.
    CommitAcross(Vec<TableOp<'a>>, FinishMany),
}

impl<'a> Plan<'a> {
    /// One operation on the selected database.
    #[inline]
    pub(crate) fn on_database(op: Op<'a>, finish: FinishOne) -> Self {
        Self::One(Target::Database, op, finish)
    }

    /// Several operations on the selected database.
    pub(crate) fn all_on_database(
        context: &Context<'_>,
        ops: impl IntoIterator<Item = Op<'a>>,
        finish: FinishMany,
    ) -> Self {
        let (table, copy) = (context.database.id(), context.database.copy());
        let ops: Vec<TableOp<'a>> = ops.into_iter().map(|op| TableOp { table, op }).collect();
        if ops.len() > 1 && copy.outgrows_caches() {
            copy.prefetch(ops.iter().filter_map(|op| op.op.key()));
        }
        Self::Many(Target::Database, ops, finish)
    }
}

impl From<Answer> for Plan<'_> {
    fn from(answer: Answer) -> Self {
        Self::Answered(answer)
    }
}
