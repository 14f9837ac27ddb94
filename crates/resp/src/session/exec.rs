//! `MULTI` and `EXEC`: the queue of commands, and how it becomes one commit.
//!
//! `EXEC` plans all queued commands, submits all their operations once, together with the versions of the watched keys,
//! and makes the answers from the outcomes. A command that fails does not hold up the others, as in Redis. Guarded
//! commands add the rows they looked at to the conditions; if only those have changed, the whole is planned again.
//! Queries are answered behind the commit, each from the state in which it stood in the queue.

use std::sync::Arc;

use mnemon_store::{Applied, Check, Op, OpError, Outcome, TableOp, Verdict};
use mnemon_table::{Table, TableError};

use crate::answer::Answer;
use crate::command::{
    Command, FinishMany, FinishOne, FinishRead, Place, Plan, Request, Run, Target, aside, connection, flag,
};
use crate::host::Host;
use crate::protocol::{Args, ArgsBuf, Reply};
use crate::refusal;
use crate::session::guard::{self, Decider};
use crate::session::rehearsal::Rehearsal;
use crate::session::watching::Watches;
use crate::session::{Execution, Session};

/// Commands that one transaction may hold.
const MAX_COMMANDS: usize = 1 << 20;
/// Bytes of arguments that one transaction may hold.
const MAX_BYTES: usize = 1 << 30;

const QUEUED: Answer = Answer::Static(b"+QUEUED\r\n");

/// A transaction that is being built.
#[derive(Default)]
pub(super) struct Queue {
    commands: Vec<(&'static Command, ArgsBuf)>,
    bytes: usize,
    /// The database in which the next command will run, if the queue selects one.
    database: Option<usize>,
    /// A command was refused: `EXEC` will be.
    spoiled: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("commands", &self.commands.len())
            .field("spoiled", &self.spoiled)
            .finish()
    }
}

/// What a planned command still needs for its answer.
enum Piece {
    Answered(Answer),
    One(Arc<Table>, FinishOne),
    Read(FinishRead),
    Many(Arc<Table>, usize, FinishMany),
    /// With the number of operations ahead of it.
    Query(Box<Request>, usize),
    Session(fn(&mut Session, Args<'_>) -> Answer),
    Host(Arc<Host>, fn(&Host, Args<'_>) -> Answer),
}

/// A transaction that is ready to be submitted.
#[derive(Default)]
struct Planned<'q> {
    pieces: Vec<Piece>,
    ops: Vec<TableOp<'q>>,
    /// What guarded commands looked at.
    looked_at: Vec<Check<'q>>,
    rehearsal: Rehearsal,
}

impl Session {
    /// `MULTI`; `false` when a transaction is being built already.
    pub(crate) fn begin(&mut self) -> bool {
        if self.queue.is_some() {
            return false;
        }
        self.queue = Some(Box::default());
        self.look_again();
        true
    }

    /// Forgets the transaction and the watched keys.
    pub(crate) fn discard(&mut self) {
        self.unwatch();
        self.queue = None;
        self.look_again();
    }

    /// The database in which the next command will run: inside `MULTI` what the queue selects.
    pub(super) fn planned_database(&self) -> usize {
        self.queue.as_ref().and_then(|queue| queue.database).unwrap_or(self.number)
    }

    /// Whether `EXEC` would run a command that fulfils a condition. O(queued commands).
    pub(super) fn queues(&self, condition: impl Fn(&Command) -> bool) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.commands.iter().any(|(command, _)| condition(command)))
    }

    /// How many commands are queued; `None` outside of `MULTI`.
    pub(crate) fn queued(&self) -> Option<usize> {
        self.queue.as_ref().map(|queue| queue.commands.len())
    }

    /// Notes that a command of the transaction was refused.
    pub(crate) fn spoil(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.spoiled = true;
        }
    }

    /// Queues a command of a transaction; `None` when it is to run now.
    pub(super) fn enqueue(&mut self, command: &'static Command, args: Args<'_>) -> Option<Answer> {
        let queue = self.queue.as_mut()?;
        if command.has(flag::NO_MULTI) {
            queue.spoiled = true;
            let text =
                format!("ERR {} is not allowed inside MULTI; run it before the transaction", command.name);
            return Some(Answer::failure(text.replace(command.name, &command.name.to_ascii_uppercase())));
        }
        if matches!(command.run, Run::Control(_)) {
            return None;
        }
        let bytes: usize = args.iter().map(<[u8]>::len).sum();
        if queue.commands.len() >= MAX_COMMANDS || queue.bytes.saturating_add(bytes) > MAX_BYTES {
            queue.spoiled = true;
            return Some(Answer::error(
                "TOOLARGE the transaction holds too many commands or bytes; split it",
            ));
        }
        queue.bytes += bytes;
        if command.name == "select" {
            queue.database = connection::selected(args).ok().or(queue.database);
        }
        queue.commands.push((command, args.to_buf()));
        Some(QUEUED)
    }

    /// `EXEC`
    pub(crate) fn exec(&mut self) -> Execution {
        let Some(queue) = self.queue.take() else {
            return Execution::Done(Answer::error("ERR EXEC without MULTI"));
        };
        let watches = std::mem::take(&mut self.watches);
        self.look_again();
        if queue.spoiled {
            let text = "EXECABORT Transaction discarded because of previous errors.";
            return Execution::Done(Answer::error(text));
        }
        if watches.came_and_went() {
            return Execution::Done(Reply::NullArray.into());
        }
        for _ in 0..guard::MAX_ATTEMPTS {
            let Planned { pieces, ops, looked_at, .. } = self.plan_all(&queue);
            let guarded = !looked_at.is_empty();
            let queries = pieces.iter().any(|piece| matches!(piece, Piece::Query(..)));
            self.touched = true;
            match self.submit_all(&watches, ops, looked_at, queries).applied() {
                Verdict::Ready(Ok(applied)) => {
                    let pieces = self.run_own(&queue, pieces);
                    if pieces.iter().any(Piece::takes_time) {
                        return Execution::Later(Box::pin(aside(move || {
                            answer_all(&queue, pieces, applied)
                        })));
                    }
                    return Execution::Done(answer_all(&queue, pieces, applied));
                }
                Verdict::Ready(Err(TableError::Conflict)) if guarded && self.hold(&watches) => {}
                Verdict::Ready(Err(error)) => return Execution::Done(refused(&error)),
                later => {
                    // What concerns the session runs now, so that the future needs none; commands behind `EXEC` wait
                    // for it anyway.
                    let pieces = self.run_own(&queue, pieces);
                    return Execution::Later(Box::pin(async move {
                        match later.await {
                            Ok(applied) => aside(move || answer_all(&queue, pieces, applied)).await,
                            Err(error) => refused(&error),
                        }
                    }));
                }
            }
        }
        Execution::Done(guard::GAVE_UP)
    }

    fn submit_all(
        &self,
        watches: &Watches,
        ops: Vec<TableOp<'_>>,
        looked_at: Vec<Check<'_>>,
        queries: bool,
    ) -> Verdict<Result<Applied, TableError>> {
        if ops.is_empty() && watches.is_empty() && looked_at.is_empty() && !queries {
            return Verdict::Ready(Ok(Applied::default()));
        }
        let checks = watches.checks().chain(looked_at).collect();
        let catalog = &self.host.catalog;
        if queries { catalog.submit_around(checks, ops) } else { catalog.submit(checks, ops) }
    }

    /// Whether the watched keys are as they were.
    fn hold(&self, watches: &Watches) -> bool {
        self.submit_all(watches, Vec::new(), Vec::new(), false).ready().is_some_and(|held| held.is_ok())
    }

    fn plan_all<'q>(&self, queue: &'q Queue) -> Planned<'q> {
        let mut database = self.database.clone();
        let mut planned = Planned::default();
        for (command, args) in &queue.commands {
            let args = args.as_args();
            let piece = match command.run {
                Run::Data(plan) => {
                    let plan = plan(&self.context_of(&database), args);
                    self.plan_one(&mut planned, &database, plan, args)
                }
                Run::Session(run) => {
                    if command.name == "select"
                        && let Ok(number) = connection::selected(args)
                    {
                        database = self.host.catalog.database(number).clone();
                    }
                    Piece::Session(run)
                }
                Run::Host(run) => Piece::Host(self.host.clone(), run),
                // Neither is ever queued.
                Run::Control(_) | Run::Schema(_) => Piece::Answered(refusal::SYNTAX),
            };
            planned.pieces.push(piece);
        }
        planned
    }

    fn plan_one<'q>(
        &self,
        planned: &mut Planned<'q>,
        database: &Arc<Table>,
        plan: Plan<'q>,
        args: Args<'q>,
    ) -> Piece {
        let table_of = |target| match target {
            Target::Database => database.clone(),
            Target::Table(table) => table,
        };
        match plan {
            Plan::Answered(answer) => Piece::Answered(answer),
            Plan::One(target, op, finish) => {
                let table = table_of(target);
                planned.ops.push(TableOp { table: table.id(), op });
                Piece::One(table, finish)
            }
            Plan::Many(target, ops, finish) => {
                let count = ops.len();
                planned.ops.extend(ops);
                Piece::Many(table_of(target), count, finish)
            }
            Plan::Read(key, finish) => {
                planned.ops.push(TableOp { table: database.id(), op: Op::Get { key: key.into() } });
                Piece::Read(finish)
            }
            Plan::Guarded(keys, decide) => self.plan_guarded(
                planned,
                database,
                guard::places(database, keys),
                Decider::Here(decide),
                args,
            ),
            Plan::Across(places, decide) => {
                self.plan_guarded(planned, database, places, Decider::Across(decide), args)
            }
            Plan::Query(request) => Piece::Query(request, planned.ops.len()),
        }
    }

    /// Reads what a guarded command looks at, as it will be when the operations before it have been applied.
    fn plan_guarded<'q>(
        &self,
        planned: &mut Planned<'q>,
        database: &Arc<Table>,
        places: Vec<Place<'q>>,
        decider: Decider,
        args: Args<'q>,
    ) -> Piece {
        let origins = self.origins(planned, &places);
        let exchanged = guard::exchanged(&origins);
        let rows = guard::rows_of(&origins);
        planned.looked_at.extend(guard::checks(&origins, exchanged, &rows));
        let now_ms = database.store().now_ms();
        let Some(rows) = planned.rehearsal.rows(&places, rows, &planned.ops, now_ms) else {
            let text = "TOOLARGE the transaction writes and then reads the same keys too often; split it";
            return Piece::Answered(Answer::error(text));
        };
        match decider.decide(database, &places, args, &rows) {
            Err(answer) => Piece::Answered(answer),
            Ok((ops, finish)) => {
                let count = ops.len();
                planned.ops.extend(ops);
                Piece::Many(database.clone(), count, finish)
            }
        }
    }

    /// Where the rows of these places are at present, when databases have been exchanged ahead.
    fn origins<'q>(&self, planned: &mut Planned<'q>, places: &[Place<'q>]) -> Vec<Place<'q>> {
        let origin = |(table, key): &Place<'q>| {
            let home = planned.rehearsal.origin(table.id(), &planned.ops);
            let moved = (home != table.id()).then(|| self.host.catalog.database_of(home)).flatten();
            (moved.unwrap_or(table).clone(), key.clone())
        };
        places.iter().map(origin).collect()
    }

    /// Runs the commands that concern the session, now that the transaction stands.
    fn run_own(&mut self, queue: &Queue, pieces: Vec<Piece>) -> Vec<Piece> {
        let own = |(piece, (_, args)): (Piece, &(_, ArgsBuf))| match piece {
            Piece::Session(run) => Piece::Answered(run(self, args.as_args())),
            other => other,
        };
        pieces.into_iter().zip(&queue.commands).map(own).collect()
    }
}

impl Piece {
    /// Whether its answer should be made aside.
    fn takes_time(&self) -> bool {
        matches!(self, Self::Query(request, _) if !request.is_short())
    }
}

/// The answers to all commands.
fn answer_all(queue: &Queue, pieces: Vec<Piece>, applied: Applied) -> Answer {
    let Applied { mut outcomes, before, .. } = applied;
    let mut outcomes = outcomes.drain(..);
    let mut answers = Vec::with_capacity(pieces.len());
    for ((_, args), piece) in queue.commands.iter().zip(pieces) {
        answers.push(match piece {
            Piece::Query(request, ahead) => request.answer_during(before.as_ref(), ahead),
            other => answer_one(other, args.as_args(), &mut outcomes),
        });
    }
    Answer::All(answers)
}

fn answer_one(
    piece: Piece,
    args: Args<'_>,
    outcomes: &mut impl Iterator<Item = Result<Outcome, OpError>>,
) -> Answer {
    match piece {
        Piece::Answered(answer) => answer,
        Piece::Host(host, run) => run(&host, args),
        Piece::One(table, finish) => match outcomes.next() {
            Some(outcome) => finish(&table, args, outcome),
            None => Answer::NULL,
        },
        Piece::Read(finish) => match outcomes.next() {
            Some(Ok(Outcome::Row(row))) => finish(row),
            _ => Answer::NULL,
        },
        Piece::Many(table, count, finish) => {
            let mut own = outcomes.take(count);
            let answer = finish(&table, args, &mut own);
            own.for_each(drop);
            answer
        }
        // Taken out before by those who have the session or the snapshot.
        Piece::Session(_) | Piece::Query(..) => Answer::NULL,
    }
}

fn refused(error: &TableError) -> Answer {
    match error {
        TableError::Conflict => Reply::NullArray.into(),
        other => refusal::of_table(other),
    }
}
