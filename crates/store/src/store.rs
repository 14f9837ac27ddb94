//! The store of one group on this node: its copies, its commit clock, and the way a commit takes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::cell::Stamp;
use crate::clock::{Clock, GroupTime};
use crate::cold::{Found, Space};
use crate::commit::{Before, Commit, TableOp};
use crate::copy::{CopySpec, TableCopy};
use crate::error::StoreError;
use crate::event::{Batch, Change, Sink, TableId};
use crate::hash_rows::Hasher;
use crate::journal::{Journal, Noted};
use crate::op::{Op, Outcome};
use crate::replica::Single;
use crate::row::Row;
use crate::snapshot::{Snapshot, Snapshots};
use arc_swap::{ArcSwap, Guard};
use crossbeam_utils::CachePadded;
use mnemon_disc::{Log, Synced};
use parking_lot::{Mutex, MutexGuard};

/// How long the queries of a commit may read the state before it.
const BEFORE_DEADLINE_MS: u64 = 60_000;

/// Commits between two values of `recent_clock`.
const COMMITS_A_RECENT_CLOCK: u64 = 256;

/// How a store is set up.
pub struct StoreConfig {
    /// Where the time comes from.
    pub clock: Box<dyn Clock>,
    /// Who is told of changes to watched tables.
    pub sink: Option<Arc<dyn Sink>>,
    /// Shards of a `set` or `bag`, rounded up to a power of two. More shards let more threads write at once and cost
    /// about 300 bytes each a table. Default: 32 a core.
    pub shards: usize,
    /// Keys of the hash function. Unpredictable ones keep clients from choosing keys that collide.
    pub hash_seed: [u64; 4],
    /// Bytes that before-images of open snapshots may take; beyond, the oldest snapshot is closed.
    pub snapshot_bytes_max: usize,
}

impl StoreConfig {
    /// The defaults, with this clock and random hash keys.
    #[must_use]
    pub fn new(clock: Box<dyn Clock>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let random = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        Self {
            clock,
            sink: None,
            shards: (32 * cores).clamp(16, 1024),
            hash_seed: [random(), random(), random(), random()],
            snapshot_bytes_max: 1 << 30,
        }
    }
}

/// Copies by their tables' numbers.
pub(crate) type Tables = HashMap<TableId, Arc<TableCopy>, Hasher>;

/// Tables of one group with their commit clock.
pub struct Store {
    copies: ArcSwap<Tables>,
    /// Whether any table has bounds.
    any_bounded: AtomicBool,
    pub(crate) changing_copies: Mutex<()>,
    /// On a cache line of its own: every commit writes it, and nothing that commits only read may go with it.
    clock: CachePadded<AtomicU64>,
    recent_clock: CachePadded<AtomicU64>,
    time: GroupTime,
    snapshots: Arc<Snapshots>,
    sink: Option<Arc<dyn Sink>>,
    /// Held from tick to publication by commits on watched tables, so that events leave in the order of the clock.
    sequencer: Mutex<()>,
    shard_bits: u8,
    hasher: Hasher,
    snapshot_bytes_max: usize,
    /// Set once the store has been brought back from the disc.
    journal: OnceLock<Journal>,
    /// Copies that nobody may use.
    closed: Arc<AtomicUsize>,
    /// Where tables on disc only have their rows.
    pub(crate) space: OnceLock<Space>,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(config: StoreConfig) -> Self {
        let [a, b, c, d] = config.hash_seed;
        Self {
            copies: ArcSwap::from_pointee(Tables::with_hasher(Hasher::with_seeds(a, b, c, d))),
            any_bounded: AtomicBool::new(false),
            changing_copies: Mutex::new(()),
            clock: CachePadded::default(),
            recent_clock: CachePadded::default(),
            time: GroupTime::new(config.clock),
            snapshots: Arc::default(),
            sink: config.sink,
            sequencer: Mutex::new(()),
            shard_bits: config.shards.clamp(1, 4096).next_power_of_two().trailing_zeros() as u8,
            hasher: Hasher::with_seeds(a, b, c, d),
            snapshot_bytes_max: config.snapshot_bytes_max,
            journal: OnceLock::new(),
            closed: Arc::default(),
            space: OnceLock::new(),
        }
    }

    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.journal.get()
    }

    /// Whether tables can be kept on disc.
    #[must_use]
    pub fn has_log(&self) -> bool {
        self.journal.get().is_some()
    }

    /// Whether the log takes entries.
    ///
    /// # Errors
    /// `DiscFull`, `Disc`.
    pub fn check_log(&self) -> Result<(), StoreError> {
        self.journal().map_or(Ok(()), Journal::check)
    }

    /// From here on commits on tables that are kept on disc are noted in this log. To be called once, before the first of
    /// them.
    pub fn set_log(&self, log: Log) {
        // A second log would be a mistake of the caller's; the first one stays, as entries are in it.
        let _ = self.journal.set(Journal::new(log));
    }

    /// What must be waited for before anything is told of the present state: `None` when all commits that have to be
    /// durable before they are acknowledged are.
    pub fn unsynced(&self) -> Option<Synced> {
        self.journal()?.unsynced()
    }

    /// The group's time in milliseconds since the epoch; never goes back.
    pub fn now_ms(&self) -> u64 {
        self.time.now_ms()
    }

    /// What `now_ms` answered last, to anybody: nearly free, and as old as that.
    pub fn recent_ms(&self) -> u64 {
        self.time.recent_ms()
    }

    /// The clock of the last commit. Its rows may still be under way; a reader who then takes their locks sees them.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// What the clock showed some commits ago. Costs no cache line that commits write, unlike `clock`.
    #[must_use]
    pub fn recent_clock(&self) -> u64 {
        self.recent_clock.load(Ordering::SeqCst)
    }

    /// Sets the clock while the store is brought back and nobody else uses it.
    pub(crate) fn set_clock(&self, clock: u64) {
        self.clock.store(clock, Ordering::SeqCst);
    }

    /// Lets the group's time be at least this.
    pub(crate) fn observe_time(&self, time_ms: u64) {
        self.time.observe(time_ms);
    }

    /// The copy of a table.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn copy(&self, table: TableId) -> Result<Arc<TableCopy>, StoreError> {
        self.copies.load().get(&table).cloned().ok_or(StoreError::NoTable(table))
    }

    /// The copies, held without counting references.
    pub(crate) fn tables(&self) -> Guard<Arc<Tables>> {
        self.copies.load()
    }

    /// Whether any table may ever be over its bounds.
    #[must_use]
    pub fn has_bounded_tables(&self) -> bool {
        self.any_bounded.load(Ordering::Relaxed)
    }

    /// How many copies are being loaded or are damaged. One read of memory.
    #[must_use]
    pub fn closed_copies(&self) -> usize {
        self.closed.load(Ordering::Relaxed)
    }

    /// All copies, in no order.
    #[must_use]
    pub fn copies(&self) -> Vec<Arc<TableCopy>> {
        self.copies.load().values().cloned().collect()
    }

    /// Makes an empty copy.
    ///
    /// # Errors
    /// `Exists`, `Disc` for a table on disc only where [`Store::set_rows`] was not called.
    pub fn create(&self, table: TableId, spec: CopySpec) -> Result<Arc<TableCopy>, StoreError> {
        self.create_over(table, spec, None)
    }

    /// The same over rows that were found on disc.
    pub(crate) fn create_over(
        &self,
        table: TableId,
        spec: CopySpec,
        found: Option<&Found>,
    ) -> Result<Arc<TableCopy>, StoreError> {
        let _changing = self.changing_copies.lock();
        let mut copies = Tables::clone(&self.copies.load());
        if copies.contains_key(&table) {
            return Err(StoreError::Exists(format!("table {}", table.0)));
        }
        let hasher = self.hasher.clone();
        let copy = Arc::new(if spec.disc_only {
            let space = self.space()?;
            TableCopy::cold(table, spec, hasher, self.closed.clone(), (space, found))
        } else {
            TableCopy::new(table, spec, self.shard_bits, hasher, self.closed.clone())
        });
        if copy.is_bounded() {
            self.any_bounded.store(true, Ordering::SeqCst);
        }
        copies.insert(table, copy.clone());
        self.copies.store(Arc::new(copies));
        Ok(copy)
    }

    /// Forgets a copy. Its rows go when the last reader lets go of it.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn drop_copy(&self, table: TableId) -> Result<(), StoreError> {
        let _changing = self.changing_copies.lock();
        let mut copies = Tables::clone(&self.copies.load());
        copies.remove(&table).ok_or(StoreError::NoTable(table))?;
        self.copies.store(Arc::new(copies));
        Ok(())
    }

    /// The live row of a key: one short lock, no allocation. For tables in memory: a row on disc that cannot be read is
    /// none here.
    #[must_use]
    pub fn get(&self, copy: &TableCopy, key: &[u8]) -> Option<Row> {
        self.live(copy.get(key).ok()?.0)
    }

    /// The live row of a key, wherever it is. A row on disc is read without a lock.
    ///
    /// # Errors
    /// `Disc` for rows on disc.
    #[inline]
    pub fn read(&self, copy: &TableCopy, key: &[u8]) -> Result<Option<Row>, StoreError> {
        Ok(self.live(copy.get(key)?.0))
    }

    /// The live row of a key, and the clock of the last removal in its shard: what a reader needs to know whether an
    /// absence is older than itself.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn get_versioned(&self, copy: &TableCopy, key: &[u8]) -> Result<(Option<Row>, u64), StoreError> {
        let (row, last_removal) = copy.get(key)?;
        Ok((self.live(row), last_removal))
    }

    /// The row of a key as it was when the snapshot was opened, unless it has expired since.
    ///
    /// # Errors
    /// `SnapshotExpired`; `Disc` for rows on disc.
    pub fn get_at(&self, copy: &TableCopy, key: &[u8], at: &Snapshot) -> Result<Option<Row>, StoreError> {
        let (clock, of) = (at.clock(), copy.at(key));
        let row = self.shard_as_of(copy, copy.shard_of(of), clock, |shard| shard.rows.get_at(of, clock))?;
        let row = row.map_err(|cause| copy.read_failed(&cause))?;
        if row.is_none() && copy.is_gone() {
            return Err(StoreError::NoTable(copy.id()));
        }
        at.check()?;
        Ok(self.live(row))
    }

    /// Drops a row whose time has passed. The clock is read only for rows that have one.
    #[inline]
    fn live(&self, row: Option<Row>) -> Option<Row> {
        row.filter(|row| row.expires_at().is_none_or(|at_ms| at_ms > self.now_ms()))
    }

    /// Opens a snapshot that is closed at the latest after `ttl_ms`.
    #[must_use]
    pub fn snapshot(&self, ttl_ms: u64) -> Snapshot {
        self.snapshots.open(&self.clock, self.now_ms().saturating_add(ttl_ms))
    }

    /// Makes commits keep before-images from the next tick on; `before` then opens the snapshot.
    pub(crate) fn announce_snapshot(&self) {
        self.snapshots.announce();
    }

    /// The state at `clock`, which was reached with all locks of the commit held.
    pub(crate) fn before(&self, clock: u64, changes: Vec<(usize, Change)>) -> Before {
        let deadline_ms = self.now_ms().saturating_add(BEFORE_DEADLINE_MS);
        Before { snapshot: self.snapshots.open_announced(clock, deadline_ms), changes }
    }

    /// How many snapshots are open.
    #[must_use]
    pub fn open_snapshots(&self) -> usize {
        self.snapshots.count()
    }

    /// Applies one operation that validates nothing: the way of a plain write. One short lock, no allocation but the
    /// row's.
    ///
    /// # Errors
    /// `Sealed`, `Loading`, `Damaged`, `NoTable` for a `Clear`, which a damaged copy takes.
    pub fn commit_one(&self, copy: &TableCopy, time_ms: u64, op: &Op<'_>) -> Result<Single, StoreError> {
        self.commit_one_noted(copy, time_ms, op).map(|(single, _)| single)
    }

    pub(crate) fn commit_one_noted(
        &self,
        copy: &TableCopy,
        time_ms: u64,
        op: &Op<'_>,
    ) -> Result<(Single, Noted), StoreError> {
        let Some(key) = op.key() else {
            if op.is_read() {
                return Ok(((self.clock(), Ok(Outcome::Int(copy.len() as i64))), None));
            }
            return self.commit_alone(copy, time_ms, op);
        };
        if op.is_read() {
            let row = copy.get(key)?.0.filter(|row| !row.is_expired(time_ms));
            return Ok(((self.clock(), Ok(Outcome::Row(row))), None));
        }
        if copy.is_disc_only() {
            return self.commit_alone(copy, time_ms, op);
        }
        self.commit_row(copy, copy.at(key), time_ms, op, &[])
    }

    /// An operation on a whole table, or on rows on disc.
    fn commit_alone(
        &self,
        copy: &TableCopy,
        time_ms: u64,
        op: &Op<'_>,
    ) -> Result<(Single, Noted), StoreError> {
        let ops = vec![TableOp { table: copy.id(), op: op.clone() }];
        let commit = Commit { time_ms, checks: Vec::new(), ops, with_before: false };
        let (mut applied, noted) = self.commit_noted(&commit)?;
        Ok(((applied.clock, applied.outcomes.pop().unwrap_or(Ok(Outcome::Int(0)))), noted))
    }

    /// Ticks the clock for a commit whose locks are held.
    pub(crate) fn stamp(&self, now_ms: u64) -> Stamp {
        let version = self.clock.fetch_add(1, Ordering::SeqCst) + 1;
        if version.is_multiple_of(COMMITS_A_RECENT_CLOCK) {
            self.recent_clock.fetch_max(version, Ordering::SeqCst);
        }
        // After the tick: see `snapshot` for why the order matters.
        Stamp {
            version,
            now_ms,
            keeping: self.snapshots.keeping(version),
            changes: Vec::new(),
            report_all: false,
            exchanges: 0,
            large: None,
        }
    }

    /// Takes the turn that watched tables' commits take from tick to publication.
    pub(crate) fn sequence(&self, subscribed: bool) -> Option<MutexGuard<'_, ()>> {
        subscribed.then(|| self.sequencer.lock())
    }

    #[inline]
    pub(crate) fn publish(&self, sequence: Option<MutexGuard<'_, ()>>, stamp: &mut Stamp) {
        if !stamp.changes.is_empty() {
            self.publish_changes(stamp);
        }
        drop(sequence);
    }

    #[cold]
    fn publish_changes(&self, stamp: &mut Stamp) {
        let changes = std::mem::take(&mut stamp.changes);
        if let Some(sink) = &self.sink {
            sink.publish(Batch { clock: stamp.version, changes });
        }
    }

    /// Starts or stops reporting a table's changes. Returns the clock after which every commit is reported: all
    /// commits up to it have been applied, and those that began before have ended.
    pub fn set_subscribed(&self, copy: &TableCopy, subscribed: bool) -> u64 {
        copy.subscribed.store(subscribed, Ordering::SeqCst);
        copy.quiesce();
        self.clock()
    }

    /// Notes that the table's schema has changed; commits that read it under the old one are refused from now on.
    /// A sealed copy takes only commits that have this version in their checks.
    pub fn set_schema_version(&self, copy: &TableCopy, version: u64, sealed: bool) {
        // Whoever reads the version and then finds the copy open has not read that of a sealing, or not for long.
        if sealed {
            copy.seal(true);
        }
        copy.schema_version.store(version, Ordering::SeqCst);
        copy.seal(sealed);
        copy.quiesce();
    }

    /// Closes snapshots that are overdue or too dear and frees before-images nobody needs. To be called every 100 ms
    /// or so.
    pub fn maintain_snapshots(&self) {
        // What closed snapshots left behind goes first, so that it is not held against those that are open.
        self.purge_images();
        if self.snapshots.count() > 0 {
            let bytes = self.copies().iter().map(|copy| copy.images_bytes()).sum();
            self.snapshots.expire(self.now_ms(), bytes, self.snapshot_bytes_max);
            self.purge_images();
        }
    }

    /// Whether no snapshot sees what was before this clock.
    #[must_use]
    pub fn sees_nothing_before(&self, clock: u64) -> bool {
        self.snapshots.are_all_since(clock)
    }

    fn purge_images(&self) {
        if let Some(retention) = self.snapshots.to_purge(&self.clock) {
            for copy in self.copies() {
                copy.purge_images(&retention);
            }
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("clock", &self.clock()).finish_non_exhaustive()
    }
}
