//! A table with its rows where they are now: what it is, and the way of its reads and writes to them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::{ArcSwap, Guard};
use mnemon_store::{
    Durability, Expiry, Op, OpError, Outcome, Replica, Store, StoreError, TableCopy, TableId, Unsynced,
    Verdict,
};
use mnemon_term::key::{self, KeyBytes};
use mnemon_term::{RecordRef, Term};
use parking_lot::Mutex;

use crate::error::TableError;
use crate::feed::Feed;
use crate::fetch::Loads;
use crate::schema::{AccessMode, Schema};
use crate::table::Table;
use mnemon_store::Kind;

/// Rows that one pass of eviction takes out beyond the bound's excess, so that a full cache does not evict at every
/// write.
const EVICTION_BATCH: usize = 16;

/// Stands for "no time to live" in [`Table::ttl_ms`].
const NO_TTL: u64 = u64::MAX;

/// Shapes of records that are remembered.
const SHAPES_MAX: usize = 8;

/// A table as it stands, which a [`Table`] leads to: whoever has looked at it sees it through, also when the rows are moved
/// meanwhile. Then it reads what they were at the end, and its writes are refused with `Transforming`.
pub struct TableForm {
    copy: Arc<TableCopy>,
    replica: Arc<dyn Replica>,
    schema: ArcSwap<Schema>,
    /// The shapes that records have had, each with the clock after which they were written so. The newest is last.
    shapes: ArcSwap<Vec<(u64, Arc<Schema>)>>,
    /// Of the schema, for those who write: loading it costs as much as writing a row.
    read_only: AtomicBool,
    /// Of the schema.
    ttl_ms: AtomicU64,
    dropped: AtomicBool,
    expired: AtomicU64,
    evicted: AtomicU64,
    pub(crate) feed: Arc<Feed>,
    /// Of all its forms.
    pub(crate) loads: Arc<Loads>,
    /// Whether what is told of it must be durable before; of all its forms.
    pub(crate) synced: Arc<AtomicBool>,
    /// Held while reporting is switched on or off. Whether the rows have moved from here.
    pub(crate) subscribing: Mutex<bool>,
    /// The number of its first form.
    lasting_id: TableId,
    /// The clock of the last commit before the rows were here, and where they were.
    origin: Option<Origin>,
}

/// Where a table's rows were before.
struct Origin {
    since: OnceLock<u64>,
    before: Weak<Table>,
}

/// What [`TableForm::info`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Rows, those included whose time has passed and that are not yet deleted.
    pub size: usize,
    /// Bytes that the rows take in memory.
    pub memory_bytes: usize,
    /// Bytes that they take on disc, when they are there only.
    pub disc_bytes: Option<u64>,
    /// Rows with a time to live.
    pub expiring: usize,
    /// Live subscriptions.
    pub subscribers: usize,
    /// Rows deleted because their time had passed, since the start.
    pub expired: u64,
    /// Rows deleted to keep the table within its bounds, since the start.
    pub evicted: u64,
}

impl TableForm {
    pub(crate) fn new(
        schema: Schema,
        copy: Arc<TableCopy>,
        replica: Arc<dyn Replica>,
        feed: Arc<Feed>,
    ) -> Self {
        let form = Self {
            lasting_id: copy.id(),
            copy,
            replica,
            schema: ArcSwap::from_pointee(schema.clone()),
            shapes: ArcSwap::from_pointee(vec![(0, Arc::new(schema.clone()))]),
            read_only: AtomicBool::default(),
            ttl_ms: AtomicU64::default(),
            dropped: AtomicBool::new(false),
            expired: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            feed,
            loads: Arc::default(),
            synced: Arc::default(),
            subscribing: Mutex::new(false),
            origin: None,
        };
        form.set_schema(schema);
        form
    }

    /// The form of that table when its rows are in this copy, filled from now on.
    pub(crate) fn after(before: &Arc<Table>, schema: Schema, copy: Arc<TableCopy>) -> Self {
        let form = Self::new(schema, copy, before.replica.clone(), before.feed.clone());
        let origin = Origin { since: OnceLock::new(), before: Arc::downgrade(before) };
        Self {
            loads: before.loads.clone(),
            lasting_id: before.lasting_id,
            origin: Some(origin),
            shapes: ArcSwap::new(before.shapes.load_full()),
            synced: before.synced.clone(),
            ..form
        }
    }

    /// Takes over from the form before, whose rows were moved here up to this clock.
    pub(crate) fn begin_here(&self, before: &Self, clock: u64) {
        if let Some(origin) = &self.origin {
            // It begins once.
            let _ = origin.since.set(clock);
        }
        self.synced.store(self.is_synced(), Ordering::SeqCst);
        self.expired.store(before.expired.load(Ordering::Relaxed), Ordering::Relaxed);
        self.evicted.store(before.evicted.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The clock of the last commit before the rows were here; 0 when they were here ever since.
    pub(crate) fn since(&self) -> u64 {
        self.origin.as_ref().map_or(0, |origin| origin.since.get().copied().unwrap_or(u64::MAX))
    }

    /// The table whose rows were moved here, while anybody has it.
    pub(crate) fn before(&self) -> Option<Arc<Table>> {
        self.origin.as_ref()?.before.upgrade()
    }

    /// A number that the table keeps while the node runs, also when its rows move.
    #[must_use]
    pub fn lasting_id(&self) -> TableId {
        self.lasting_id
    }

    /// The table's number on this node.
    #[must_use]
    pub fn id(&self) -> TableId {
        self.copy.id()
    }

    /// The table's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.schema.load().name().to_owned()
    }

    /// The schema in force.
    #[must_use]
    pub fn schema(&self) -> Guard<Arc<Schema>> {
        self.schema.load()
    }

    pub(crate) fn set_schema(&self, schema: Schema) {
        self.read_only.store(schema.access() == AccessMode::ReadOnly, Ordering::SeqCst);
        self.ttl_ms.store(schema.ttl_ms().unwrap_or(NO_TTL), Ordering::SeqCst);
        let is_synced = schema.storage().is_on_disc() && schema.durability() == Durability::Commit;
        self.synced.store(is_synced, Ordering::SeqCst);
        self.schema.store(Arc::new(schema));
    }

    /// The schema by whose attributes a row of this version was written: while the table is transformed, and in
    /// events of before, it may be an older one than that in force.
    #[must_use]
    pub fn schema_of(&self, version: u64) -> Arc<Schema> {
        let shapes = self.shapes.load();
        let written_in = shapes.iter().rev().find(|(after, _)| version > *after || *after == 0);
        written_in.map_or_else(|| self.schema.load_full(), |(_, schema)| schema.clone())
    }

    /// From here on records are written in another shape; nobody else writes meanwhile.
    pub(crate) fn begin_shape(&self, schema: &Schema) {
        let mut shapes = Vec::clone(&self.shapes.load());
        shapes.push((self.store().clock(), Arc::new(schema.clone())));
        if shapes.len() > SHAPES_MAX {
            // Events that old have been delivered or dropped; rows were all rewritten since.
            shapes.remove(0);
            shapes[0].0 = 0;
        }
        self.shapes.store(Arc::new(shapes));
    }

    /// Whether what is told of the table must be durable before: see [`Store::unsynced`].
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.copy.disc() == Some(Durability::Commit)
    }

    /// The kind of its rows.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Kind {
        self.copy.spec().kind
    }

    /// This node's copy of the rows; for reading fast paths in front doors.
    #[must_use]
    pub fn copy(&self) -> &TableCopy {
        &self.copy
    }

    pub(crate) fn shared_copy(&self) -> &Arc<TableCopy> {
        &self.copy
    }

    /// The store that holds the copy.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.replica.store()
    }

    pub(crate) fn replica(&self) -> &Arc<dyn Replica> {
        &self.replica
    }

    /// Sizes and counts. O(shards).
    #[must_use]
    pub fn info(&self) -> TableInfo {
        TableInfo {
            size: self.copy.len(),
            memory_bytes: self.copy.memory(),
            disc_bytes: self.copy.is_disc_only().then(|| self.copy.disc_bytes()),
            expiring: self.copy.expiring(),
            subscribers: self.feed.count(self.id()),
            expired: self.expired.load(Ordering::Relaxed),
            evicted: self.evicted.load(Ordering::Relaxed),
        }
    }

    /// Rows in the table. O(shards).
    #[must_use]
    pub fn size(&self) -> usize {
        self.copy.len()
    }

    pub(crate) fn mark_dropped(&self) {
        self.dropped.store(true, Ordering::SeqCst);
    }

    /// # Errors
    /// `NoTable` once the table was dropped, `Loading` while its rows come from the disc, `Damaged` when they cannot.
    pub(crate) fn check_exists(&self) -> Result<(), TableError> {
        if self.dropped.load(Ordering::Relaxed) {
            return Err(TableError::NoTable(self.name()));
        }
        self.check_open()
    }

    /// For whoever gives the rows up: a damaged table will do.
    ///
    /// # Errors
    /// `NoTable`, `Loading`.
    pub(crate) fn check_replaceable(&self) -> Result<(), TableError> {
        match self.check_exists() {
            Err(TableError::Damaged { .. }) => Ok(()),
            answer => answer,
        }
    }

    pub(crate) fn check_writable(&self) -> Result<(), TableError> {
        self.check_exists()?;
        if self.is_read_only() { Err(TableError::ReadOnly(self.name())) } else { Ok(()) }
    }

    fn allows(&self, op: &Op<'_>) -> Result<(), TableError> {
        if op.is_read() {
            return self.check_exists();
        }
        match self.check_writable() {
            // The rows are given up, and a read-only table keeps even damaged ones.
            Err(TableError::Damaged { .. }) if matches!(op, Op::Clear) && !self.is_read_only() => Ok(()),
            answer => answer,
        }
    }

    fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::SeqCst)
    }

    /// A key as the bytes its rows are found by.
    #[must_use]
    pub fn key_bytes(&self, term: &Term) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24);
        key::encode(term, self.kind().keying(), &mut bytes);
        bytes
    }

    /// As `key_bytes`, for as long as a row is looked for.
    pub(crate) fn key(&self, term: &Term) -> KeyBytes {
        KeyBytes::of(term.into(), self.kind().keying())
    }

    /// The key bytes of a record that fits the schema.
    pub(crate) fn record_key(&self, record: RecordRef<'_>) -> Result<KeyBytes, TableError> {
        let key = self.schema.load().checked_key(record)?;
        Ok(KeyBytes::of(key, self.kind().keying()))
    }

    /// The expiry of a record written now without one of its own.
    pub(crate) fn default_expiry(&self) -> Expiry {
        match self.ttl_ms.load(Ordering::SeqCst) {
            NO_TTL => Expiry::Never,
            ttl_ms => self.expiry_in(ttl_ms),
        }
    }

    /// When a record that is written now without a time to live of its own expires, by the table's `ttl_ms`.
    #[must_use]
    pub fn default_expires_at(&self) -> Option<u64> {
        match self.default_expiry() {
            Expiry::At(at_ms) => Some(at_ms),
            Expiry::Never | Expiry::Keep => None,
        }
    }

    /// The expiry of a record that is to live this long.
    pub(crate) fn expiry_in(&self, ttl_ms: u64) -> Expiry {
        Expiry::At(self.store().now_ms().saturating_add(ttl_ms))
    }

    /// Submits one operation as a commit of its own and, when the table has grown over its bounds, makes room.
    ///
    /// # Errors
    /// `ReadOnly`, `NoTable`; the inner error is the operation's own, it changed nothing.
    pub fn submit(&self, op: &Op<'_>) -> Verdict<Result<Result<Outcome, OpError>, TableError>> {
        self.submit_at(self.store().now_ms(), op)
    }

    /// As `submit`, with the group's time as the caller has read it a moment ago, for pipelines of operations.
    ///
    /// # Errors
    /// As `submit`.
    pub fn submit_at(
        &self,
        time_ms: u64,
        op: &Op<'_>,
    ) -> Verdict<Result<Result<Outcome, OpError>, TableError>> {
        let allowed = self.allows(op);
        if let Err(error) = allowed {
            return Verdict::Ready(Err(error));
        }
        match self.replica.commit_one(&self.copy, time_ms, op) {
            Verdict::Ready(answer) => {
                self.make_room(op.key());
                Verdict::Ready(answer.map(|(_, outcome)| outcome).map_err(|error| self.explain(error)))
            }
            Verdict::Unsynced(Unsynced { answer, synced, .. }) => {
                self.make_room(op.key());
                let answer = answer.map(|(_, outcome)| outcome).map_err(|error| self.explain(error));
                Verdict::Unsynced(Unsynced { answer, synced, failed: |cause| Err(cause.into()) })
            }
            Verdict::Later(answer) => Verdict::Later(Box::pin(async move {
                answer.await.map(|(_, outcome)| outcome).map_err(TableError::from)
            })),
        }
    }

    /// The store's refusal in the words of this table.
    pub(crate) fn explain(&self, error: StoreError) -> TableError {
        match error {
            StoreError::Sealed(_) => TableError::Transforming(self.name()),
            StoreError::NoTable(_) if self.dropped.load(Ordering::SeqCst) => TableError::NoTable(self.name()),
            // Its rows have just moved, or are about to.
            StoreError::NoTable(_) => TableError::Transforming(self.name()),
            StoreError::Loading(_) | StoreError::Damaged { .. } => self.closed_error(),
            StoreError::KeyTooLong { bytes, limit, .. } => {
                TableError::key_too_long(&self.name(), bytes, limit)
            }
            other => TableError::from(other),
        }
    }

    /// As `submit`, with the operation's refusal as this table's error.
    pub(crate) fn perform(&self, op: &Op<'_>) -> Verdict<Result<Outcome, TableError>> {
        match self.submit(op) {
            Verdict::Ready(answer) => Verdict::Ready(self.refusal(answer)),
            Verdict::Unsynced(Unsynced { answer, synced, .. }) => Verdict::Unsynced(Unsynced {
                answer: self.refusal(answer),
                synced,
                failed: |cause| Err(cause.into()),
            }),
            Verdict::Later(answer) => {
                let name = self.name();
                Verdict::Later(Box::pin(async move { refusal(&name, answer.await) }))
            }
        }
    }

    fn refusal(&self, answer: Result<Result<Outcome, OpError>, TableError>) -> Result<Outcome, TableError> {
        match answer {
            Ok(Ok(outcome)) => Ok(outcome),
            other => refusal(&self.name(), other),
        }
    }

    /// Evicts rows while the table is over its bounds.
    #[inline]
    pub(crate) fn make_room(&self, near: Option<&[u8]>) {
        if self.copy.is_over_bounds() {
            self.evict(near);
        }
    }

    /// The victims go as deletes, in commits of their own, so that every copy drops the same rows.
    #[cold]
    fn evict(&self, near: Option<&[u8]>) {
        let near = near.unwrap_or_default();
        for _ in 0..EVICTION_BATCH {
            let Some(row) = self.copy.victim(near) else { return };
            let (key, version) = (row.key().into(), row.version());
            let evict = Op::Delete { key, cause: mnemon_store::Cause::Evicted, version };
            let answer = self.replica.commit_one(&self.copy, self.store().now_ms(), &evict);
            if !matches!(answer.ready(), Some(Ok((_, Ok(Outcome::Removed(Some(_))))))) {
                // It was written meanwhile, or the table is sealed.
                self.copy.keep(row.key());
            } else {
                self.evicted.fetch_add(1, Ordering::Relaxed);
            }
            if !self.copy.is_over_bounds() {
                return;
            }
        }
    }

    /// Deletes rows whose time has passed: at most `limit` in each shard. Returns how many went. Reads do not wait
    /// for this, to them such rows are absent already.
    pub fn expire(&self, limit: usize) -> usize {
        let now_ms = self.store().now_ms();
        let mut gone = 0;
        for shard in 0..self.copy.shard_count() {
            for row in self.copy.due(shard, now_ms, limit) {
                let (key, version) = (row.key().into(), row.version());
                let expire = Op::Delete { key, cause: mnemon_store::Cause::Expired, version };
                drop(self.replica.commit_one(&self.copy, now_ms, &expire));
                gone += 1;
            }
        }
        if gone > 0 {
            self.expired.fetch_add(gone as u64, Ordering::Relaxed);
        }
        gone
    }
}

fn refusal(table: &str, answer: Result<Result<Outcome, OpError>, TableError>) -> Result<Outcome, TableError> {
    answer?.map_err(|cause| TableError::Refused { table: table.to_owned(), cause })
}

impl std::fmt::Debug for TableForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableForm")
            .field("id", &self.id())
            .field("schema", &*self.schema.load())
            .finish_non_exhaustive()
    }
}
