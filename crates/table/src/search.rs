//! Searches as data, and searches inside a commit.
//!
//! Redis's `EXEC` is one commit of all queued operations. Searches queued among them are answered afterwards, from a
//! snapshot of the state just before the commit and from what the operations ahead of them changed: as if each had
//! run in its place, and with no lock held while they scan.

use std::collections::HashMap;
use std::sync::Arc;

use mnemon_store::collection::Hash;
use mnemon_store::event::FieldChange;
use mnemon_store::{
    Applied, Before, Change, Check, Collection, Commit, Row, Source, Store, TableId, TableOp, Verdict,
    entry_keys,
};
use mnemon_term::Term;

use crate::catalog::Catalog;
use crate::error::TableError;
use crate::form::TableForm;
use crate::object::Object;
use crate::query::Query;
use crate::reading::{self, KeyRange};
use crate::table::Table;
use crate::view::{AsOf, Span, View, Walk};

/// A read of several records, as data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Search {
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

impl Search {
    /// The records, as of one present state.
    ///
    /// # Errors
    /// As [`TableForm::range`], [`TableForm::index_read`] and [`TableForm::select`].
    pub async fn run(&self, table: &Table) -> Result<Vec<Object>, TableError> {
        match self {
            Self::Range(range) => table.range(range).await,
            Self::Index { attribute, value } => table.index_read(attribute, value).await,
            Self::Select(query) => table.select(query).await,
        }
    }

    /// The records as they were in the middle of a commit that was submitted by [`Catalog::submit_around`]: after its
    /// first `ahead` operations.
    ///
    /// # Errors
    /// As `run`.
    pub fn run_during(
        &self,
        table: &Table,
        before: &Before,
        ahead: usize,
    ) -> Result<Vec<Object>, TableError> {
        let table = &*table.as_of(&before.snapshot)?;
        let view = &mut During::new(table.store(), before, table, ahead)?;
        match self {
            Self::Range(range) => reading::range(view, table, range),
            Self::Index { attribute, value } => {
                reading::index_read(view, table, table.indexed_place(attribute)?, value)
            }
            Self::Select(query) => reading::select(view, table, query),
        }
    }
}

impl Catalog {
    /// As [`Catalog::submit`]; the answer also brings the state around the commit, for [`Search::run_during`]. Drop
    /// it soon: it holds a snapshot.
    ///
    /// # Errors
    /// As `submit`.
    pub fn submit_around<'a>(
        &self,
        checks: Vec<Check<'a>>,
        ops: Vec<TableOp<'a>>,
    ) -> Verdict<Result<Applied, TableError>> {
        let commit = Commit { time_ms: self.store().now_ms(), checks, ops, with_before: true };
        self.explained(self.submit_commit(&commit))
    }
}

/// A state in the middle of a commit: the snapshot before it with the changes of its first operations.
pub(crate) struct During<'a> {
    before: AsOf<'a>,
    /// Rows changed so far, by key; `None`: gone.
    changed: HashMap<Vec<u8>, Option<Row>>,
    /// The table was cleared, so nothing of the snapshot is left.
    cleared: bool,
}

impl<'a> During<'a> {
    pub(crate) fn new(
        store: &'a Store,
        before: &'a Before,
        table: &TableForm,
        ahead: usize,
    ) -> Result<Self, TableError> {
        let done = before.changes.iter().filter(|(place, _)| *place < ahead).map(|(_, change)| change);
        let (home, done) = lineage(table.id(), done);
        let instead = (home != table.id()).then(|| store.copy(home)).transpose()?;
        let snapshot = AsOf { store, snapshot: &before.snapshot, instead };
        let mut during = Self { before: snapshot, changed: HashMap::new(), cleared: false };
        for change in done {
            match change {
                Change::Row { old, new, .. } => {
                    if let Some(row) = new.as_ref().or(old.as_ref()) {
                        during.changed.insert(row.key().to_vec(), new.clone());
                    }
                }
                Change::Fields { key, fields, .. } => {
                    let old = during.row(table, key)?;
                    during.changed.insert(key.to_vec(), with_fields(old, key, fields));
                }
                Change::Cleared { .. } => {
                    during.cleared = true;
                    during.changed.clear();
                }
                _ => {}
            }
        }
        Ok(during)
    }
}

/// In which table the rows of this one were before these changes, and which of them were changes of those rows.
fn lineage<'c>(
    table: TableId,
    changes: impl DoubleEndedIterator<Item = &'c Change>,
) -> (TableId, Vec<&'c Change>) {
    let (mut home, mut own) = (table, Vec::new());
    for change in changes.rev() {
        match change {
            Change::Exchanged { table, with } if *table == home => home = *with,
            Change::Exchanged { table, with } if *with == home => home = *table,
            Change::Exchanged { .. } => {}
            other if other.table() == home => own.push(other),
            _ => {}
        }
    }
    own.reverse();
    (home, own)
}

/// A row with some fields of its hash changed. The elements are shared with the row, so it costs what the change does.
fn with_fields(old: Option<Row>, key: &[u8], fields: &[FieldChange]) -> Option<Row> {
    let version = old.as_ref().map_or(1, Row::version);
    let expires_at = old.as_ref().and_then(Row::expires_at);
    let mut hash = match old.as_ref().and_then(Row::as_collection).map(|collection| &**collection) {
        Some(Collection::Hash(hash)) => hash.clone(),
        _ => Hash::default(),
    };
    for (field, value) in fields {
        match value {
            Some(value) => hash.insert(field, value),
            None => hash.remove(field),
        };
    }
    let collection = Arc::new(Collection::Hash(hash));
    (!collection.is_empty()).then(|| Row::collection(version, expires_at, key, collection))
}

impl View for During<'_> {
    fn row(&mut self, table: &TableForm, key: &[u8]) -> Result<Option<Row>, TableError> {
        match self.changed.get(key) {
            Some(row) => Ok(row.clone()),
            None if self.cleared => Ok(None),
            None => self.before.row(table, key),
        }
    }

    fn walk(
        &mut self,
        table: &TableForm,
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
    table: &TableForm,
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

impl TableForm {
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

    fn put(table: &Table, key: i64, age: i64) -> TableOp<'static> {
        let op = Op::Put {
            key: table.key_bytes(&Term::Int(key)).into(),
            body: record(key, age).into_bytes().into(),
            expiry: Expiry::Never,
            when: When::Always,
            over_bytes_only: false,
        };
        TableOp { table: table.id(), op }
    }

    fn delete(table: &Table, key: i64) -> TableOp<'static> {
        let key = table.key_bytes(&Term::Int(key)).into();
        TableOp { table: table.id(), op: Op::Delete { key, cause: Cause::Delete, version: 0 } }
    }

    fn aged(age: i64) -> Search {
        Search::Index { attribute: "age".to_owned(), value: Term::Int(age) }
    }

    #[tokio::test]
    async fn a_search_sees_the_operations_ahead_of_it_and_no_others() {
        for kind in [Kind::OrderedSet, Kind::Set] {
            let catalog = Catalog::local(Box::new(ManualClock::at(1)));
            let schema = Schema::builder("t").kind(kind).attribute("k", AttributeType::Any);
            let schema = schema.attribute("age", AttributeType::Any).index("age").build().unwrap();
            let table = catalog.create(schema).await.unwrap();
            for key in [2, 4, 6] {
                table.write(record(key, 30).as_ref()).await.unwrap();
            }
            let clear = TableOp { table: table.id(), op: Op::Clear };
            let ops =
                vec![put(&table, 3, 30), put(&table, 4, 31), delete(&table, 6), clear, put(&table, 9, 30)];
            let applied = catalog.submit_around(Vec::new(), ops).ready().unwrap().unwrap();
            let before = applied.before.unwrap();
            // What others do afterwards does not show.
            table.write(record(5, 30).as_ref()).await.unwrap();
            let found = |search: Search, ahead| {
                let objects = search.run_during(&table, &before, ahead).unwrap();
                let mut keys: Vec<i64> =
                    objects.iter().filter_map(|object| object.record().get(0)?.as_int()).collect();
                if kind == Kind::Set {
                    keys.sort_unstable();
                }
                keys
            };
            let all = || Search::Select(Query::all());
            assert_eq!(found(all(), 0), [2, 4, 6]);
            assert_eq!(found(all(), 3), [2, 3, 4]);
            assert_eq!((found(aged(30), 3), found(aged(31), 3)), (vec![2, 3], vec![4]));
            assert_eq!(found(all(), 4), [0i64; 0]);
            assert_eq!(found(aged(30), 5), [9]);
        }
    }

    #[tokio::test]
    async fn a_changed_check_runs_nothing() {
        let catalog = Catalog::local(Box::new(ManualClock::at(1)));
        let table = catalog.create(Schema::builder("t").build().unwrap()).await.unwrap();
        table.write(record(1, 1).as_ref()).await.unwrap();
        let key = table.key_bytes(&Term::Int(1));
        let stale = Check::Key { table: table.id(), key: key.into(), version: 0 };
        let refused = catalog.submit_around(vec![stale], vec![delete(&table, 1)]).ready().unwrap();
        assert!(matches!(refused, Err(TableError::Conflict)));
        assert_eq!((table.size(), catalog.store().open_snapshots()), (1, 0));
    }
}
