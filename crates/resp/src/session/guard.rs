//! Plans that depend on rows: read, decide, commit if nothing has changed, else again.

use std::borrow::Cow;
use std::sync::Arc;

use mnemon_store::{Applied, Check, Row, TableId, TableOp, Verdict};
use mnemon_table::{Catalog, Table, TableError};

use crate::answer::Answer;
use crate::command::{Decide, DecideAcross, Decision, FinishMany, Place};
use crate::protocol::Args;
use crate::refusal;
use crate::session::{Execution, Session};

/// Attempts before a command gives up that loses against others every time.
pub(super) const MAX_ATTEMPTS: usize = 1_000;

/// What is answered then.
pub(super) const GAVE_UP: Answer =
    Answer::error("ABORTED other clients changed the keys at every attempt; try again");

/// Who decides.
#[derive(Clone, Copy)]
pub(super) enum Decider {
    /// On keys of the selected database.
    Here(Decide),
    /// On keys of several.
    Across(DecideAcross),
}

impl Decider {
    /// The answer, or operations for the commit.
    pub(super) fn decide<'a>(
        self,
        home: &Table,
        places: &[Place<'a>],
        args: Args<'a>,
        rows: &[Option<Row>],
    ) -> Result<(Vec<TableOp<'a>>, FinishMany), Answer> {
        let decision = match self {
            Self::Here(decide) => decide(home, args, rows),
            Self::Across(decide) => decide(places, args, rows),
        };
        match decision {
            Decision::Answered(answer) => Err(answer),
            Decision::Commit(ops, finish) => {
                let table = home.id();
                Ok((ops.into_iter().map(|op| TableOp { table, op }).collect(), finish))
            }
            Decision::CommitAcross(ops, finish) => Ok((ops, finish)),
        }
    }
}

/// Keys of one database as places.
pub(super) fn places<'k>(home: &Arc<Table>, keys: Vec<&'k [u8]>) -> Vec<Place<'k>> {
    keys.into_iter().map(|key| (home.clone(), key.into())).collect()
}

/// The rows at places, each as it is when it is read.
pub(super) fn rows_of(places: &[Place<'_>]) -> Vec<Option<Row>> {
    places.iter().map(|(table, key)| table.store().get(table.copy(), key)).collect()
}

/// When the databases of these places were last exchanged with others. To be asked before their rows are read.
pub(super) fn exchanged(places: &[Place<'_>]) -> Vec<(TableId, u64)> {
    let mut exchanged: Vec<(TableId, u64)> = Vec::new();
    for (table, _) in places {
        if exchanged.iter().all(|(known, _)| *known != table.id()) {
            exchanged.push((table.id(), table.copy().exchanged()));
        }
    }
    exchanged
}

/// That these places have these rows still.
pub(super) fn checks<'a>(
    places: &[Place<'a>],
    exchanged: Vec<(TableId, u64)>,
    rows: &[Option<Row>],
) -> Vec<Check<'a>> {
    let version = |row: &Option<Row>| row.as_ref().map_or(0, Row::version);
    let both = places.iter().zip(rows);
    let keys = both.map(|((table, key), row)| Check::Key {
        table: table.id(),
        key: key.clone(),
        version: version(row),
    });
    let exchanged = exchanged.into_iter().map(|(table, clock)| Check::Exchanged { table, clock });
    exchanged.chain(keys).collect()
}

/// One attempt: an answer, or a commit under way.
enum Attempt {
    Answered(Answer),
    Submitted(Verdict<Result<Applied, TableError>>, FinishMany),
}

fn attempt(
    catalog: &Catalog,
    home: &Table,
    places: &[Place<'_>],
    decider: Decider,
    args: Args<'_>,
) -> Attempt {
    let exchanged = exchanged(places);
    let rows = rows_of(places);
    let places: Vec<Place<'_>> =
        places.iter().map(|(table, key)| (table.clone(), Cow::Borrowed(&**key))).collect();
    match decider.decide(home, &places, args, &rows) {
        Err(answer) => Attempt::Answered(answer),
        Ok((ops, finish)) => {
            Attempt::Submitted(catalog.submit(checks(&places, exchanged, &rows), ops).applied(), finish)
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
    pub(super) fn run_guarded(
        &mut self,
        places: &[Place<'_>],
        decider: Decider,
        args: Args<'_>,
    ) -> Execution {
        for left in (0..MAX_ATTEMPTS).rev() {
            match attempt(&self.host.catalog, &self.database, places, decider, args) {
                Attempt::Answered(answer) => return Execution::Done(answer),
                Attempt::Submitted(Verdict::Ready(applied), finish) => {
                    if let Some(answer) = settle(&self.database, args, applied, finish) {
                        return Execution::Done(answer);
                    }
                }
                Attempt::Submitted(later, finish) => {
                    return self.run_guarded_later(places, decider, args, later, finish, left);
                }
            }
        }
        Execution::Done(GAVE_UP)
    }

    /// The same with an engine that answers later.
    fn run_guarded_later(
        &self,
        places: &[Place<'_>],
        decider: Decider,
        args: Args<'_>,
        mut verdict: Verdict<Result<Applied, TableError>>,
        mut finish: FinishMany,
        attempts: usize,
    ) -> Execution {
        let (catalog, home) = (self.host.catalog.clone(), self.database.clone());
        let owned = places.iter().map(|(table, key)| (table.clone(), key.to_vec()));
        let (args, owned) = (args.to_buf(), owned.collect::<Vec<_>>());
        Execution::Later(Box::pin(async move {
            for _ in 0..=attempts {
                if let Some(answer) = settle(&home, args.as_args(), verdict.await, finish) {
                    return answer;
                }
                let places: Vec<Place<'_>> =
                    owned.iter().map(|(table, key)| (table.clone(), key.into())).collect();
                match attempt(&catalog, &home, &places, decider, args.as_args()) {
                    Attempt::Answered(answer) => return answer,
                    Attempt::Submitted(again, then) => (verdict, finish) = (again, then),
                }
            }
            GAVE_UP
        }))
    }
}
