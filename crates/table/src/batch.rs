//! Several requests as one commit that runs once: what Redis's `EXEC` is made of.
//!
//! Operations are applied together under their locks. Queries among them are answered afterwards, from a snapshot of
//! the state just before the commit and from what the operations ahead of them changed: as if each had run in its
//! place, and with no lock held while they scan.

use std::collections::HashMap;
use std::sync::Arc;

use mnemon_store::{
    Before, Change, Check, Commit, OpError, Outcome, Row, Source, Store, TableOp, entry_keys,
};
use mnemon_term::Term;

use crate::catalog::Catalog;
use crate::error::TableError;
use crate::object::Object;
use crate::query::Query;
use crate::reading::{self, KeyRange};
use crate::table::Table;
use crate::view::{AsOf, Span, View, Walk};

/// A read of several records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Search {
    /// Records under a key.
    Lookup(Term),
    /// Records of a range of keys.
    Range(KeyRange),
    /// Records whose indexed attribute equals a value.
    Index {
        /// The attribute's name.
        attribute: String,
        /// The value.
        value: Term,
    },
    /// Records that fulfil a query.
    Select(Query),
}

/// One request of a batch.
#[derive(Debug)]
pub enum Step<'a> {
    /// An operation on a row.
    Op(Arc<Table>, mnemon_store::Op<'a>),
    /// A read of several records.
    Search(Arc<Table>, Search),
}

/// The answer to one request of a batch.
#[derive(Debug)]
pub enum StepAnswer {
    /// Of an operation.
    Op(Result<Outcome, OpError>),
    /// Of a search.
    Search(Result<Vec<Object>, TableError>),
    /// The request was refused before the batch was submitted; the others ran.
    Refused(TableError),
}

impl Search {
    pub(crate) fn run(&self, view: &mut impl View, table: &Table) -> Result<Vec<Object>, TableError> {
        match self {
            Self::Lookup(key) => reading::lookup(view, table, key),
            Self::Range(range) => reading::range(view, table, range),
            Self::Index { attribute, value } => {
                reading::index_read(view, table, table.indexed_place(attribute)?, value)
            }
            Self::Select(query) => reading::select(view, table, query),
        }
    }
}

impl Catalog {
    /// Runs all steps as one commit, once: an operation that is refused leaves the others standing, as in Redis's
    /// `EXEC`. Nothing is run when something in `checks` has changed. Each step sees the ones before it.
    ///
    /// # Errors
    /// `Conflict`: nothing was run.
    pub async fn run_batch(
        &self,
        checks: Vec<Check<'_>>,
        steps: Vec<Step<'_>>,
    ) -> Result<Vec<StepAnswer>, TableError> {
        let mut plan: Vec<Planned> = Vec::with_capacity(steps.len());
        let mut ops: Vec<TableOp<'_>> = Vec::new();
        for step in steps {
            plan.push(match step {
                Step::Search(table, search) => Planned::Search(table, search, ops.len()),
                Step::Op(table, op) => {
                    let allowed = if op.is_read() { table.check_exists() } else { table.check_writable() };
                    match allowed {
                        Err(error) => Planned::Refused(error),
                        Ok(()) => {
                            ops.push(TableOp { table: table.id(), op });
                            Planned::Op
                        }
                    }
                }
            });
        }
        let with_before = plan.iter().any(|planned| matches!(planned, Planned::Search(..)));
        let commit = Commit { time_ms: self.store().now_ms(), checks, ops, with_before };
        let mut applied = self.submit_commit(&commit).await?;
        let before = applied.before.take();
        let mut outcomes = applied.outcomes.into_iter();
        let answers = plan.into_iter().map(|planned| match planned {
            Planned::Refused(error) => StepAnswer::Refused(error),
            Planned::Op => StepAnswer::Op(outcomes.next().unwrap_or(Err(OpError::Missing))),
            Planned::Search(table, search, ahead) => StepAnswer::Search(match &before {
                Some(before) => search.run(&mut During::new(self.store(), before, &table, ahead), &table),
                None => Err(TableError::Aborted("the commit brought no snapshot".to_owned())),
            }),
        });
        Ok(answers.collect())
    }
}

enum Planned {
    Op,
    /// With the number of operations ahead of it.
    Search(Arc<Table>, Search, usize),
    Refused(TableError),
}

/// A state in the middle of a commit: the snapshot before it with the changes of its first operations.
struct During<'a> {
    before: AsOf<'a>,
    /// Rows changed so far, by key; `None`: gone.
    changed: HashMap<Vec<u8>, Option<Row>>,
    /// The table was cleared, so nothing of the snapshot is left.
    cleared: bool,
}

impl<'a> During<'a> {
    fn new(store: &'a Store, before: &'a Before, table: &Table, ahead: usize) -> Self {
        let mut changed = HashMap::new();
        let mut cleared = false;
        let done =
            before.changes.iter().filter(|(place, change)| *place < ahead && change.table() == table.id());
        for (_, change) in done {
            match change {
                Change::Row { old, new, .. } => {
                    if let Some(row) = new.as_ref().or(old.as_ref()) {
                        changed.insert(row.key().to_vec(), new.clone());
                    }
                }
                Change::Cleared { .. } => {
                    cleared = true;
                    changed.clear();
                }
                _ => {}
            }
        }
        Self { before: AsOf { store, snapshot: &before.snapshot }, changed, cleared }
    }
}

impl View for During<'_> {
    fn row(&mut self, table: &Table, key: &[u8]) -> Result<Option<Row>, TableError> {
        match self.changed.get(key) {
            Some(row) => Ok(row.clone()),
            None if self.cleared => Ok(None),
            None => self.before.row(table, key),
        }
    }

    fn walk(
        &mut self,
        table: &Table,
        span: &Span,
        visit: &mut dyn FnMut(&Row) -> Walk,
    ) -> Result<(), TableError> {
        let mut own = positioned(table, span, self.changed.values().flatten());
        own.reverse();
        let mut enough = Walk::On;
        if !self.cleared {
            let Self { before, changed, .. } = self;
            before.walk(table, span, &mut |row| {
                let place = table.position_in(span, row);
                while enough == Walk::On
                    && own.last().is_some_and(|(at, _)| is_ahead(at, &place, span.reverse))
                {
                    enough = own.pop().map_or(Walk::On, |(_, row)| visit(&row));
                }
                if enough == Walk::On && !changed.contains_key(row.key()) {
                    enough = visit(row);
                }
                enough
            })?;
        }
        while enough == Walk::On
            && let Some((_, row)) = own.pop()
        {
            enough = visit(&row);
        }
        Ok(())
    }
}

fn is_ahead(one: &[u8], other: &[u8], reverse: bool) -> bool {
    if reverse { one > other } else { one < other }
}

/// Rows with their places in a span, in its direction; those outside are left out.
pub(crate) fn positioned<'r>(
    table: &Table,
    span: &Span,
    rows: impl Iterator<Item = &'r Row>,
) -> Vec<(Vec<u8>, Row)> {
    let mut placed: Vec<(Vec<u8>, Row)> = Vec::new();
    for row in rows {
        let positions = match span.source {
            Source::Rows => vec![table.copy().position(row.key())],
            Source::Index(attribute) => entry_keys(row, attribute).iter().map(|key| key.to_vec()).collect(),
        };
        placed.extend(positions.into_iter().filter(|at| span.contains(at)).map(|at| (at, row.clone())));
    }
    placed.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    if span.reverse {
        placed.reverse();
    }
    placed
}

impl Table {
    /// The first place of a row in a span.
    pub(crate) fn position_in(&self, span: &Span, row: &Row) -> Vec<u8> {
        positioned(self, span, std::iter::once(row)).into_iter().next().map(|(at, _)| at).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use mnemon_store::{Cause, Expiry, Kind, ManualClock, Op, When};
    use mnemon_term::{Record, TermRef};

    use super::*;
    use crate::schema::{AttributeType, Schema};

    fn record(key: i64, age: i64) -> Record {
        Record::new([TermRef::from(key), TermRef::from(age)]).unwrap()
    }

    fn put(table: &Arc<Table>, key: i64, age: i64) -> Step<'static> {
        let record = record(key, age);
        let op = Op::Put {
            key: table.key_bytes(&Term::Int(key)).into(),
            body: record.into_bytes().into(),
            expiry: Expiry::Never,
            when: When::Always,
            over_bytes_only: false,
        };
        Step::Op(table.clone(), op)
    }

    fn delete(table: &Arc<Table>, key: i64) -> Step<'static> {
        let key = table.key_bytes(&Term::Int(key)).into();
        Step::Op(table.clone(), Op::Delete { key, cause: Cause::Delete, version: 0 })
    }

    fn keys(answer: &StepAnswer) -> Vec<i64> {
        let StepAnswer::Search(Ok(objects)) = answer else { panic!("{answer:?}") };
        objects.iter().filter_map(|object| object.record().get(0)?.as_int()).collect()
    }

    #[tokio::test]
    async fn each_search_sees_the_operations_ahead_of_it_and_no_others() {
        for kind in [Kind::OrderedSet, Kind::Set] {
            let catalog = Catalog::local(Box::new(ManualClock::at(1)));
            let schema = Schema::builder("t").kind(kind).attribute("k", AttributeType::Any);
            let schema = schema.attribute("age", AttributeType::Any).index("age").build().unwrap();
            let table = catalog.create(schema).await.unwrap();
            for key in [2, 4, 6] {
                table.write(record(key, 30).as_ref()).await.unwrap();
            }
            let all = || Step::Search(table.clone(), Search::Select(Query::all()));
            let aged = |age: i64| {
                let (attribute, value) = ("age".to_owned(), Term::Int(age));
                Step::Search(table.clone(), Search::Index { attribute, value })
            };
            let clear = Step::Op(table.clone(), Op::Clear);
            let steps = vec![
                all(),
                put(&table, 3, 30),
                put(&table, 4, 31),
                delete(&table, 6),
                all(),
                aged(30),
                aged(31),
                clear,
                all(),
                put(&table, 9, 30),
                aged(30),
            ];
            let answers = catalog.run_batch(Vec::new(), steps).await.unwrap();
            let found: Vec<Vec<i64>> = [0, 4, 5, 6, 8, 10]
                .iter()
                .map(|place| {
                    let mut keys = keys(&answers[*place]);
                    if kind == Kind::Set {
                        keys.sort_unstable();
                    }
                    keys
                })
                .collect();
            assert_eq!(found, [vec![2, 4, 6], vec![2, 3, 4], vec![2, 3], vec![4], vec![], vec![9]]);
            assert_eq!(table.size(), 1);
        }
    }

    #[tokio::test]
    async fn a_changed_check_runs_nothing() {
        let catalog = Catalog::local(Box::new(ManualClock::at(1)));
        let table = catalog.create(Schema::builder("t").build().unwrap()).await.unwrap();
        table.write(record(1, 1).as_ref()).await.unwrap();
        let key = table.key_bytes(&Term::Int(1));
        let stale = Check::Key { table: table.id(), key: key.into(), version: 0 };
        let refused = catalog.run_batch(vec![stale], vec![delete(&table, 1)]).await;
        assert!(matches!(refused, Err(TableError::Conflict)));
        assert_eq!(table.size(), 1);
    }
}
