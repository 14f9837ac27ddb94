//! Transactions: what a closure reads is of one state, and what it writes is applied as a whole or not at all.
//!
//! Optimistic: nothing is locked while the closure runs. Reads are noted with their versions, writes are kept back;
//! at the end both become one [`mnemon_store::Commit`], which is refused when something read has changed. Then the
//! closure runs again, so it must do nothing that may not be done twice. One that loses repeatedly queues for a
//! turn. See `consistent` for how a single run stays consistent.

mod attempt;
mod buffer;
mod consistent;
mod run;
mod turns;

use std::sync::Arc;

use mnemon_store::{Row, Store};
use mnemon_term::{Record, RecordRef, Term, TermRef};
use parking_lot::{Mutex, MutexGuard};

use crate::error::TableError;
use crate::form::TableForm;
use crate::object::{Object, objects};
use crate::query::{Pattern, Query};
use crate::reading::{self, KeyRange, Step};
use crate::table::{FormRef, Table};
use crate::view::View;
use mnemon_store::Kind;

pub(crate) use attempt::{Attempt, LostOver, Phase};
pub use run::TransactionOptions;
pub(crate) use turns::Turns;

/// The handle of one run of a transaction's closure. Used after the closure has ended, it answers `NoTransaction`.
#[derive(Clone)]
pub struct Transaction(Arc<Shared>);

struct Shared {
    /// Where the store lies: tables of another one are refused. An address, so that transactions do not all count
    /// references on one cache line; the table that a call names keeps its store alive.
    store: usize,
    attempt: Mutex<Attempt>,
}

impl Transaction {
    fn begin(store: &Store, read_only: bool, deadline_ms: u64) -> Self {
        let attempt = Mutex::new(Attempt::begin(store, read_only, deadline_ms));
        Self(Arc::new(Shared { store: std::ptr::from_ref(store).addr(), attempt }))
    }

    /// Over which row the run was lost.
    fn lost_over(&self) -> LostOver {
        self.0.attempt.lock().lost_over.take()
    }

    /// The attempt, if it still runs and the table is of its group, and the table as it sees it.
    fn enter<'t>(&self, table: &'t Table) -> Result<(MutexGuard<'_, Attempt>, FormRef<'t>), TableError> {
        if self.0.store != std::ptr::from_ref(table.store()).addr() {
            return Err(TableError::CrossGroup(table.name()));
        }
        let mut attempt = self.0.attempt.lock();
        match attempt.phase {
            Phase::Running => {}
            Phase::Lost => return Err(TableError::Conflict),
            Phase::Ended => return Err(TableError::NoTransaction),
        }
        let form = match &attempt.snapshot {
            Some(snapshot) => table.as_of(snapshot)?,
            None => FormRef::Here(table),
        };
        form.check_exists()?;
        attempt.note_schema(&form)?;
        Ok((attempt, form))
    }

    /// As `enter`, for writing.
    fn enter_to_write<'t>(
        &self,
        table: &'t Table,
    ) -> Result<(MutexGuard<'_, Attempt>, FormRef<'t>), TableError> {
        let (attempt, form) = self.enter(table)?;
        if attempt.is_read_only() {
            return Err(TableError::ReadOnlyTransaction);
        }
        form.check_writable()?;
        Ok((attempt, form))
    }

    /// Runs a read over the transaction's state.
    fn reading<T>(
        &self,
        table: &Table,
        read: impl FnOnce(&mut consistent::AttemptView<'_>, &TableForm) -> Result<T, TableError>,
    ) -> Result<T, TableError> {
        let (mut attempt, form) = self.enter(table)?;
        read(&mut consistent::AttemptView { attempt: &mut attempt, store: table.store() }, &form)
    }

    /// The record under a key, with this transaction's own writes; in a bag, the first.
    ///
    /// # Errors
    /// `Conflict` when the run is lost (return it), `NoTransaction`, `TooLarge`, `CrossGroup`.
    pub async fn read(&self, table: &Table, key: &Term) -> Result<Option<Object>, TableError> {
        self.reading(table, |view, table| reading::read(view, table, key))
    }

    /// All records under a key.
    ///
    /// # Errors
    /// As `read`.
    pub async fn lookup(&self, table: &Table, key: &Term) -> Result<Vec<Object>, TableError> {
        self.reading(table, |view, table| reading::lookup(view, table, key))
    }

    /// Writes a record; in a bag, adds it.
    ///
    /// # Errors
    /// `BadRecord`, `ReadOnly`, `ReadOnlyTransaction`; as `read`.
    pub async fn write(&self, table: &Table, record: RecordRef<'_>) -> Result<(), TableError> {
        let (mut attempt, form) = self.enter_to_write(table)?;
        let key = form.record_key(record)?;
        attempt.write(form.store(), &form, &key, record, form.default_expires_at())
    }

    /// Writes a record unless its key is there; whether it was written.
    ///
    /// # Errors
    /// As `write`.
    pub async fn insert_new(&self, table: &Table, record: RecordRef<'_>) -> Result<bool, TableError> {
        let key = table.record_key(record)?;
        if self.reading(table, |view, table| view.row(table, &key))?.is_some() {
            return Ok(false);
        }
        self.write(table, record).await.map(|()| true)
    }

    /// Deletes all records under a key.
    ///
    /// # Errors
    /// As `write`.
    pub async fn delete(&self, table: &Table, key: &Term) -> Result<(), TableError> {
        let key = table.key(key);
        let (mut attempt, form) = self.enter_to_write(table)?;
        attempt.delete(&form, &key);
        Ok(())
    }

    /// Deletes the record that equals this one.
    ///
    /// # Errors
    /// As `write`.
    pub async fn delete_object(&self, table: &Table, record: RecordRef<'_>) -> Result<(), TableError> {
        let (mut attempt, form) = self.enter_to_write(table)?;
        let key = form.record_key(record)?;
        attempt.delete_object(form.store(), &form, &key, record)
    }

    /// Adds to an integer attribute; gives the sum. A missing record is made first, its other attributes nil.
    ///
    /// # Errors
    /// `Refused`; as `write`.
    pub async fn update_counter(
        &self,
        table: &Table,
        key: &Term,
        attribute: u16,
        by: i64,
    ) -> Result<i64, TableError> {
        let bytes = table.key(key);
        let row = self.reading(table, |view, table| view.row(table, &bytes))?;
        let (sum, record) = table.counted(row.as_ref(), key, attribute, by)?;
        let expires_at = row.as_ref().map_or_else(|| table.default_expires_at(), Row::expires_at);
        let (mut attempt, form) = self.enter_to_write(table)?;
        attempt.write(form.store(), &form, &bytes, record.as_ref(), expires_at)?;
        Ok(sum)
    }

    /// The first key; see [`TableForm::dirty_first`].
    ///
    /// # Errors
    /// As `read`.
    pub async fn first(&self, table: &Table) -> Result<Option<Term>, TableError> {
        self.reading(table, |view, table| reading::step(view, table, Step::First, None))
    }

    /// The last key.
    ///
    /// # Errors
    /// As `read`.
    pub async fn last(&self, table: &Table) -> Result<Option<Term>, TableError> {
        self.reading(table, |view, table| reading::step(view, table, Step::Last, None))
    }

    /// The key after this one.
    ///
    /// # Errors
    /// As `read`.
    pub async fn next(&self, table: &Table, key: &Term) -> Result<Option<Term>, TableError> {
        self.reading(table, |view, table| reading::step(view, table, Step::Next, Some(key)))
    }

    /// The key before this one.
    ///
    /// # Errors
    /// As `read`.
    pub async fn prev(&self, table: &Table, key: &Term) -> Result<Option<Term>, TableError> {
        self.reading(table, |view, table| reading::step(view, table, Step::Prev, Some(key)))
    }

    /// The records of a range of keys. `ordered_set` only.
    ///
    /// # Errors
    /// `Unsupported`; as `read`.
    pub async fn range(&self, table: &Table, range: &KeyRange) -> Result<Vec<Object>, TableError> {
        self.reading(table, |view, table| reading::range(view, table, range))
    }

    /// The records whose indexed attribute equals a value.
    ///
    /// # Errors
    /// `NoIndex`; as `read`.
    pub async fn index_read(
        &self,
        table: &Table,
        attribute: &str,
        value: &Term,
    ) -> Result<Vec<Object>, TableError> {
        self.reading(table, |view, table| {
            reading::index_read(view, table, table.indexed_place(attribute)?, value)
        })
    }

    /// The records that match a pattern.
    ///
    /// # Errors
    /// As `read`.
    pub async fn match_object(&self, table: &Table, pattern: &Pattern) -> Result<Vec<Object>, TableError> {
        self.reading(table, |view, table| reading::match_object(view, table, pattern))
    }

    /// The records that fulfil a query.
    ///
    /// # Errors
    /// As `read`.
    pub async fn select(&self, table: &Table, query: &Query) -> Result<Vec<Object>, TableError> {
        self.reading(table, |view, table| reading::select(view, table, query))
    }

    /// Folds all records.
    ///
    /// # Errors
    /// As `read`.
    pub async fn fold<A>(
        &self,
        table: &Table,
        start: A,
        step: impl FnMut(A, RecordRef<'_>) -> A,
    ) -> Result<A, TableError> {
        self.reading(table, |view, table| reading::fold(view, table, start, step))
    }

    /// Runs an inner transaction. When it fails its writes are dropped and its reads stay in the read set; the outer
    /// one may go on.
    ///
    /// # Errors
    /// The inner closure's.
    pub async fn nested<T, E, F, A>(&self, body: F) -> Result<T, E>
    where
        F: FnOnce(Self) -> A,
        A: Future<Output = Result<T, E>>,
        E: From<TableError>,
    {
        let savepoint = {
            let mut attempt = self.0.attempt.lock();
            if attempt.phase == Phase::Ended {
                return Err(TableError::NoTransaction.into());
            }
            attempt.savepoint()
        };
        let mut inner = Inner { shared: &self.0, savepoint, undone: true };
        let answer = body(self.clone()).await;
        inner.undone = answer.is_err();
        drop(inner);
        answer
    }
}

/// An inner transaction that runs. One that is dropped while it waits takes its writes back.
struct Inner<'t> {
    shared: &'t Shared,
    savepoint: usize,
    undone: bool,
}

impl Drop for Inner<'_> {
    fn drop(&mut self) {
        self.shared.attempt.lock().leave(self.savepoint, self.undone);
    }
}

impl TableForm {
    /// The sum and the record that a counter's update makes of a row.
    fn counted(
        &self,
        row: Option<&Row>,
        key: &Term,
        attribute: u16,
        by: i64,
    ) -> Result<(i64, Record), TableError> {
        let refused = |cause| TableError::Refused { table: self.name(), cause };
        if self.kind() == Kind::Bag {
            return Err(TableError::Unsupported { table: self.name(), cause: "a bag has no counters" });
        }
        let place = usize::from(attribute);
        let record = match row.and_then(|row| objects(row).into_iter().next()) {
            Some(object) => object.to_record()?,
            None => self.initial_record(key, attribute)?,
        };
        let Some(TermRef::Int(present)) = record.as_ref().get(place).filter(|_| place > 0) else {
            return Err(refused(mnemon_store::OpError::NotACounter));
        };
        let sum = present.checked_add(by).ok_or_else(|| refused(mnemon_store::OpError::Overflow))?;
        Ok((sum, record.as_ref().with(place, &Term::Int(sum))?))
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}
