//! The operations of a table by Mnesia's and ETS's names, outside of transactions.
//!
//! The plain names are single-operation commits and, for reads of several rows, of one state. The `dirty_*` names
//! answer at once from this node's copy, row by row as it is met; with a local table, writes are the same commits.

use mnemon_store::event::TableId;
use mnemon_store::{Cause, Expiry, Op, Outcome, Row, Snapshot, Verdict, When};
use mnemon_term::{Record, RecordRef, Term};

use crate::error::TableError;
use crate::feed::{DEFAULT_QUEUE, Detail, Subscription};
use crate::form::TableForm;
use crate::object::Object;
use crate::query::{Pattern, Query};
use crate::reading::{self, KeyRange, Step};
use crate::view::{AsOf, Present, View};
use mnemon_store::Kind;

/// How long a read of several rows may take, in milliseconds.
const READ_DEADLINE_MS: u64 = 60_000;

fn put_op<'r>(key: &'r [u8], record: RecordRef<'r>, expiry: Expiry, when: When) -> Op<'r> {
    Op::Put { key: key.into(), body: record.as_bytes().into(), expiry, when, over_bytes_only: false }
}

fn delete_op(key: &[u8]) -> Op<'_> {
    Op::Delete { key: key.into(), cause: Cause::Delete, version: 0 }
}

fn delete_object_op<'r>(key: &'r [u8], record: RecordRef<'r>) -> Op<'r> {
    Op::DeleteObject { key: key.into(), body: record.as_bytes().into() }
}

/// An answer that a local table has at once.
fn at_once<T>(verdict: Verdict<Result<T, TableError>>, table: &TableForm) -> Result<T, TableError> {
    let cause = "its copies must agree first; use the operation without `dirty_`";
    verdict.ready().unwrap_or_else(|| Err(TableError::Unsupported { table: table.name(), cause }))
}

impl TableForm {
    /// The record that a counter starts from: the key, zero in the counter, nil elsewhere.
    pub(crate) fn initial_record(&self, key: &Term, attribute: u16) -> Result<Record, TableError> {
        let schema = self.schema();
        if attribute == 0 || usize::from(attribute) >= schema.arity() {
            let cause = format!("there is no attribute {attribute} to count in");
            return Err(TableError::BadRecord { table: self.name(), cause });
        }
        let (zero, nil) = (Term::Int(0), Term::nil());
        let record = Record::new((0..schema.arity()).map(|place| match place {
            0 => key,
            place if place == usize::from(attribute) => &zero,
            _ => &nil,
        }))?;
        schema.check(record.as_ref())?;
        Ok(record)
    }

    fn counter_op(&self, key: &Term, attribute: u16, by: i64) -> Result<Op<'static>, TableError> {
        if self.kind() == Kind::Bag {
            return Err(TableError::Unsupported { table: self.name(), cause: "a bag has no counters" });
        }
        let initial = Some(self.initial_record(key, attribute)?.into_bytes().into());
        let expires_at = self.default_expires_at();
        Ok(Op::Counter { key: self.key_bytes(key).into(), attribute, by, initial, expires_at })
    }

    /// Writes a record; in a bag, adds it unless an equal one is there. O(1), O(log n) in an `ordered_set`.
    ///
    /// # Errors
    /// `BadRecord`, `ReadOnly`, `NoTable`.
    pub async fn write(&self, record: RecordRef<'_>) -> Result<(), TableError> {
        self.perform(&put_op(&self.record_key(record)?, record, self.default_expiry(), When::Always))
            .await
            .map(drop)
    }

    /// Writes a record that lives for `ttl_ms` milliseconds.
    ///
    /// # Errors
    /// As `write`.
    pub async fn write_with_ttl(&self, record: RecordRef<'_>, ttl_ms: u64) -> Result<(), TableError> {
        self.perform(&put_op(&self.record_key(record)?, record, self.expiry_in(ttl_ms), When::Always))
            .await
            .map(drop)
    }

    /// Writes a record unless its key is there already; whether it was written.
    ///
    /// # Errors
    /// As `write`.
    pub async fn insert_new(&self, record: RecordRef<'_>) -> Result<bool, TableError> {
        stored(
            self.perform(&put_op(&self.record_key(record)?, record, self.default_expiry(), When::Absent))
                .await,
        )
    }

    /// Deletes all records under a key; whether there were any.
    ///
    /// # Errors
    /// `ReadOnly`, `NoTable`.
    pub async fn delete(&self, key: &Term) -> Result<bool, TableError> {
        removed(self.perform(&delete_op(&self.key(key))).await)
    }

    /// Deletes the record that equals this one; whether it was there.
    ///
    /// # Errors
    /// As `write`.
    pub async fn delete_object(&self, record: RecordRef<'_>) -> Result<bool, TableError> {
        removed(self.perform(&delete_object_op(&self.record_key(record)?, record)).await)
    }

    /// Adds to an integer attribute; gives the sum. A missing record is made first, its other attributes nil.
    ///
    /// # Errors
    /// `Refused` when the attribute holds no integer or the sum leaves 64 bits; as `write`.
    pub async fn update_counter(&self, key: &Term, attribute: u16, by: i64) -> Result<i64, TableError> {
        counted(self.perform(&self.counter_op(key, attribute, by)?).await)
    }

    /// Deletes all records. O(shards); memory is freed without blocking writers.
    ///
    /// # Errors
    /// `ReadOnly`, `NoTable`.
    pub async fn clear(&self) -> Result<u64, TableError> {
        counted(self.perform(&Op::Clear).await).map(|count| u64::try_from(count).unwrap_or(0))
    }

    /// The record under a key; in a bag, its first.
    ///
    /// # Errors
    /// `NoTable`.
    pub async fn read(&self, key: &Term) -> Result<Option<Object>, TableError> {
        self.dirty_read(key)
    }

    /// All records under a key.
    ///
    /// # Errors
    /// `NoTable`.
    pub async fn lookup(&self, key: &Term) -> Result<Vec<Object>, TableError> {
        self.dirty_lookup(key)
    }

    /// Opens a snapshot for reads of several rows.
    fn snapshot(&self) -> Result<Snapshot, TableError> {
        self.check_exists()?;
        Ok(self.store().snapshot(READ_DEADLINE_MS))
    }

    /// The records of a range of keys. `ordered_set` only. O(log n + records).
    ///
    /// # Errors
    /// `Unsupported` for other kinds, `SnapshotExpired`.
    pub async fn range(&self, range: &KeyRange) -> Result<Vec<Object>, TableError> {
        let snapshot = self.snapshot()?;
        reading::range(&mut AsOf::new(self.store(), &snapshot), self, range)
    }

    /// The records whose indexed attribute equals a value. O(log n + records).
    ///
    /// # Errors
    /// `NoIndex`, `SnapshotExpired`.
    pub async fn index_read(&self, attribute: &str, value: &Term) -> Result<Vec<Object>, TableError> {
        // An index is built when all rows are there, so a table that loads has none yet.
        self.check_exists()?;
        let attribute = self.indexed_place(attribute)?;
        let snapshot = self.snapshot()?;
        reading::index_read(&mut AsOf::new(self.store(), &snapshot), self, attribute, value)
    }

    /// The records that match a pattern.
    ///
    /// # Errors
    /// `SnapshotExpired`.
    pub async fn match_object(&self, pattern: &Pattern) -> Result<Vec<Object>, TableError> {
        let snapshot = self.snapshot()?;
        reading::match_object(&mut AsOf::new(self.store(), &snapshot), self, pattern)
    }

    /// The records that fulfil a query, through the key or an index where one serves.
    ///
    /// # Errors
    /// `SnapshotExpired`.
    pub async fn select(&self, query: &Query) -> Result<Vec<Object>, TableError> {
        let snapshot = self.snapshot()?;
        reading::select(&mut AsOf::new(self.store(), &snapshot), self, query)
    }

    /// Folds all records, as of one state. O(n).
    ///
    /// # Errors
    /// `SnapshotExpired`.
    pub async fn fold<A>(&self, start: A, step: impl FnMut(A, RecordRef<'_>) -> A) -> Result<A, TableError> {
        let snapshot = self.snapshot()?;
        reading::fold(&mut AsOf::new(self.store(), &snapshot), self, start, step)
    }

    /// The place of an attribute that has an index.
    ///
    /// # Errors
    /// `BadQuery` when there is no such attribute, `NoIndex`.
    pub(crate) fn indexed_place(&self, attribute: &str) -> Result<u16, TableError> {
        let schema = self.schema();
        let Some(place) = schema.place_of(attribute) else {
            let names = schema.attribute_names().join(", ");
            return Err(TableError::BadQuery(format!("there is no attribute {attribute:?}, only {names}")));
        };
        // A crash may have come between an index and the schema that names it, or takes it away.
        if !schema.indexes().contains(&place) || !self.copy().indexed().contains(&place) {
            return Err(TableError::NoIndex { table: self.name(), attribute: attribute.to_owned() });
        }
        Ok(place)
    }

    /// Follows the table's changes from now on; `None` when the rows have just moved from here.
    pub(crate) fn subscribe_here(
        &self,
        detail: Detail,
        queue: Option<usize>,
    ) -> Result<Option<Subscription>, TableError> {
        self.check_exists()?;
        let moved = self.subscribing.lock();
        if *moved {
            return Ok(None);
        }
        self.store().set_subscribed(self.copy(), true);
        let id: TableId = self.id();
        let queue = queue.unwrap_or(DEFAULT_QUEUE);
        let subscription = self.feed.subscribe(id, detail, queue, || self.store().clock());
        Ok(Some(subscription.gated(self.replica().clone(), self.synced.clone())))
    }

    /// Hands the subscriptions over to the form that takes the place of this one. Nobody writes to either.
    pub(crate) fn hand_over_subscribers(&self, next: &Self) {
        let mut moved = self.subscribing.lock();
        *moved = true;
        if self.copy().is_subscribed() {
            self.store().set_subscribed(next.copy(), true);
            // A row whose time had passed, and that was not deleted yet, was not moved either.
            self.feed.hand_over(self.id(), next.id(), self.size() == next.size());
        }
    }

    /// Stops reporting changes once nobody listens any more.
    pub fn sweep_subscribers(&self) {
        let _one_at_a_time = self.subscribing.lock();
        if !self.feed.sweep(self.id()) && self.copy().is_subscribed() {
            self.store().set_subscribed(self.copy(), false);
        }
    }
}

/// The same without waiting and without one state for several rows.
impl TableForm {
    /// See [`TableForm::write`].
    ///
    /// # Errors
    /// As `write`; `Unsupported` when the table's copies must agree first.
    pub fn dirty_write(&self, record: RecordRef<'_>) -> Result<(), TableError> {
        at_once(
            self.perform(&put_op(&self.record_key(record)?, record, self.default_expiry(), When::Always)),
            self,
        )
        .map(drop)
    }

    /// See [`TableForm::insert_new`].
    ///
    /// # Errors
    /// As `dirty_write`.
    pub fn dirty_insert_new(&self, record: RecordRef<'_>) -> Result<bool, TableError> {
        stored(at_once(
            self.perform(&put_op(&self.record_key(record)?, record, self.default_expiry(), When::Absent)),
            self,
        ))
    }

    /// See [`TableForm::delete`].
    ///
    /// # Errors
    /// As `dirty_write`.
    pub fn dirty_delete(&self, key: &Term) -> Result<bool, TableError> {
        removed(at_once(self.perform(&delete_op(&self.key(key))), self))
    }

    /// See [`TableForm::delete_object`].
    ///
    /// # Errors
    /// As `dirty_write`.
    pub fn dirty_delete_object(&self, record: RecordRef<'_>) -> Result<bool, TableError> {
        removed(at_once(self.perform(&delete_object_op(&self.record_key(record)?, record)), self))
    }

    /// See [`TableForm::update_counter`].
    ///
    /// # Errors
    /// As `update_counter` and `dirty_write`.
    pub fn dirty_update_counter(&self, key: &Term, attribute: u16, by: i64) -> Result<i64, TableError> {
        counted(at_once(self.perform(&self.counter_op(key, attribute, by)?), self))
    }

    /// The row under a key's bytes (of this table's [`Kind::keying`]), from this node's copy. One short lock; a row on disc is
    /// read without.
    ///
    /// # Errors
    /// `NoTable`, `Loading`, `Damaged`, `Transforming`; `Disc` for rows on disc.
    pub fn row(&self, key: &[u8]) -> Result<Option<Row>, TableError> {
        self.check_exists()?;
        Present(self.store()).row(self, key)
    }

    /// The record under a key, from this node's copy. One short lock; no allocation beyond the key's bytes.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn dirty_read(&self, key: &Term) -> Result<Option<Object>, TableError> {
        self.check_exists()?;
        reading::read(&mut Present(self.store()), self, key)
    }

    /// All records under a key, from this node's copy.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn dirty_lookup(&self, key: &Term) -> Result<Vec<Object>, TableError> {
        self.check_exists()?;
        reading::lookup(&mut Present(self.store()), self, key)
    }

    /// The first key: the least in an `ordered_set`, any in others.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn dirty_first(&self) -> Result<Option<Term>, TableError> {
        self.step(Step::First, None)
    }

    /// The last key; in a `set` or `bag` the same as the first, as in ETS.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn dirty_last(&self) -> Result<Option<Term>, TableError> {
        self.step(Step::Last, None)
    }

    /// The key after this one, which need not exist.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn dirty_next(&self, key: &Term) -> Result<Option<Term>, TableError> {
        self.step(Step::Next, Some(key))
    }

    /// The key before this one; in a `set` or `bag` the same as `dirty_next`, as in ETS.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn dirty_prev(&self, key: &Term) -> Result<Option<Term>, TableError> {
        self.step(Step::Prev, Some(key))
    }

    fn step(&self, step: Step, key: Option<&Term>) -> Result<Option<Term>, TableError> {
        self.check_exists()?;
        reading::step(&mut Present(self.store()), self, step, key)
    }

    /// See [`TableForm::range`]; each row as it is when it is met.
    ///
    /// # Errors
    /// As `range`.
    pub fn dirty_range(&self, range: &KeyRange) -> Result<Vec<Object>, TableError> {
        self.check_exists()?;
        reading::range(&mut Present(self.store()), self, range)
    }

    /// See [`TableForm::index_read`]; each row as it is when it is met.
    ///
    /// # Errors
    /// As `index_read`.
    pub fn dirty_index_read(&self, attribute: &str, value: &Term) -> Result<Vec<Object>, TableError> {
        self.check_exists()?;
        let attribute = self.indexed_place(attribute)?;
        reading::index_read(&mut Present(self.store()), self, attribute, value)
    }

    /// See [`TableForm::match_object`]; each row as it is when it is met.
    ///
    /// # Errors
    /// As `match_object`.
    pub fn dirty_match_object(&self, pattern: &Pattern) -> Result<Vec<Object>, TableError> {
        self.check_exists()?;
        reading::match_object(&mut Present(self.store()), self, pattern)
    }

    /// See [`TableForm::select`]; each row as it is when it is met.
    ///
    /// # Errors
    /// As `select`.
    pub fn dirty_select(&self, query: &Query) -> Result<Vec<Object>, TableError> {
        self.check_exists()?;
        reading::select(&mut Present(self.store()), self, query)
    }
}

fn stored(outcome: Result<Outcome, TableError>) -> Result<bool, TableError> {
    outcome.map(|outcome| matches!(outcome, Outcome::Put { stored: true, .. }))
}

fn removed(outcome: Result<Outcome, TableError>) -> Result<bool, TableError> {
    outcome.map(|outcome| matches!(outcome, Outcome::Removed(Some(_)) | Outcome::Changed(true)))
}

fn counted(outcome: Result<Outcome, TableError>) -> Result<i64, TableError> {
    outcome.map(|outcome| if let Outcome::Int(sum) = outcome { sum } else { 0 })
}
