//! Plans that depend on rows: read, decide, commit if nothing has changed, else again.

use mnemon_store::{Applied, Check, Op, Row, TableId, TableOp, Verdict};
use mnemon_table::{Catalog, Table, TableError};

use crate::answer::Answer;
use crate::command::{Decide, Decision, FinishMany};
use crate::protocol::Args;
use crate::refusal;
use crate::session::{Execution, Session};

/// Attempts before a command gives up that loses against others every time.
pub(super) const MAX_ATTEMPTS: usize = 1_000;

/// What is answered then.
pub(super) const GAVE_UP: Answer =
    Answer::error("ABORTED other clients changed the keys at every attempt; try again");

/// The rows under keys, each as it is when it is read.
pub(super) fn rows_of(table: &Table, keys: &[&[u8]]) -> Vec<Option<Row>> {
    keys.iter().map(|key| table.store().get(table.copy(), key)).collect()
}

/// That these keys have these rows still.
pub(super) fn checks<'a>(table: TableId, keys: &[&'a [u8]], rows: &[Option<Row>]) -> Vec<Check<'a>> {
    let version = |row: &Option<Row>| row.as_ref().map_or(0, Row::version);
    keys.iter()
        .zip(rows)
        .map(|(key, row)| Check::Key { table, key: (*key).into(), version: version(row) })
        .collect()
}

pub(super) fn on_table<'a>(table: TableId, ops: Vec<Op<'a>>) -> impl Iterator<Item = TableOp<'a>> {
    ops.into_iter().map(move |op| TableOp { table, op })
}

/// One attempt: an answer, or a commit under way.
enum Attempt {
    Answered(Answer),
    Submitted(Verdict<Result<Applied, TableError>>, FinishMany),
}

fn attempt(catalog: &Catalog, table: &Table, keys: &[&[u8]], decide: Decide, args: Args<'_>) -> Attempt {
    let rows = rows_of(table, keys);
    match decide(table, args, &rows) {
        Decision::Answered(answer) => Attempt::Answered(answer),
        Decision::Commit(ops, finish) => {
            let checks = checks(table.id(), keys, &rows);
            Attempt::Submitted(catalog.submit(checks, on_table(table.id(), ops).collect()), finish)
        }
    }
}

/// The answer of a settled attempt; `None`: something has changed.
fn settle(
    table: &Table,
    args: Args<'_>,
    applied: Result<Applied, TableError>,
    finish: FinishMany,
) -> Option<Answer> {
    match applied {
        Ok(applied) => Some(finish(table, args, &mut applied.outcomes.into_iter())),
        Err(TableError::Conflict) => None,
        Err(error) => Some(refusal::of_table(&error)),
    }
}

impl Session {
    /// Runs a guarded plan outside of a transaction.
    pub(super) fn run_guarded(&mut self, keys: &[&[u8]], decide: Decide, args: Args<'_>) -> Execution {
        for left in (0..MAX_ATTEMPTS).rev() {
            match attempt(&self.host.catalog, &self.database, keys, decide, args) {
                Attempt::Answered(answer) => return Execution::Done(answer),
                Attempt::Submitted(Verdict::Ready(applied), finish) => {
                    if let Some(answer) = settle(&self.database, args, applied, finish) {
                        return Execution::Done(answer);
                    }
                }
                Attempt::Submitted(later, finish) => {
                    return self.run_guarded_later(keys, decide, args, later, finish, left);
                }
            }
        }
        Execution::Done(GAVE_UP)
    }

    /// The same with an engine that answers later.
    fn run_guarded_later(
        &self,
        keys: &[&[u8]],
        decide: Decide,
        args: Args<'_>,
        mut verdict: Verdict<Result<Applied, TableError>>,
        mut finish: FinishMany,
        attempts: usize,
    ) -> Execution {
        let (catalog, table) = (self.host.catalog.clone(), self.database.clone());
        let (args, keys) = (args.to_buf(), keys.iter().map(|key| key.to_vec()).collect::<Vec<_>>());
        Execution::Later(Box::pin(async move {
            for _ in 0..=attempts {
                if let Some(answer) = settle(&table, args.as_args(), verdict.await, finish) {
                    return answer;
                }
                let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                match attempt(&catalog, &table, &keys, decide, args.as_args()) {
                    Attempt::Answered(answer) => return answer,
                    Attempt::Submitted(again, then) => (verdict, finish) = (again, then),
                }
            }
            GAVE_UP
        }))
    }
}
