//! One copy of a table: its shards and indexes.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwap, Guard};
use crossbeam_utils::CachePadded;
use mnemon_term::key::Keying;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::cold::Cold;
use crate::committing::Exchanges;
use crate::durability::{Durability, KeptOnDisc};
use crate::error::StoreError;
use crate::event::TableId;
use crate::eviction::{Policy, S3Fifo};
use crate::gate::Gate;
use crate::hash_rows::Hasher;
use crate::images::Dropped;
use crate::index::Index;
use crate::row::Row;
use crate::rows::{At, Position, Rows, leading_hash};
use crate::shard::Shard;
use crate::snapshot::Retention;

/// How a table's rows are kept, Mnesia's `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One row a key, in no order.
    Set,
    /// One row a key, in the order of the keys; 1 and 1.0 are one key.
    OrderedSet,
    /// Any number of different objects a key.
    Bag,
}

impl Kind {
    /// How this kind turns keys into bytes.
    #[must_use]
    pub fn keying(self) -> Keying {
        match self {
            Self::OrderedSet => Keying::Numeric,
            Self::Set | Self::Bag => Keying::Exact,
        }
    }
}

/// What the store must know of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopySpec {
    /// The kind of its rows.
    pub kind: Kind,
    /// Most rows it holds; beyond, the eviction policy takes some out.
    pub max_entries: Option<u64>,
    /// Most bytes its rows take, counted as [`Row::memory`] does.
    pub max_bytes: Option<u64>,
    /// Kept on disc as well as in RAM, and how safely; `None`: in RAM alone.
    pub disc: Option<Durability>,
    /// The rows are on disc and may exceed the memory; of those in RAM there are a few. Goes with `disc`, and without bounds.
    // Told apart elsewhere, so that what was written before there were such tables is read as it was.
    #[serde(skip)]
    pub disc_only: bool,
}

impl CopySpec {
    /// A table of this kind without bounds.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind, max_entries: None, max_bytes: None, disc: None, disc_only: false }
    }

    fn is_bounded(&self) -> bool {
        self.max_entries.is_some() || self.max_bytes.is_some()
    }
}

/// One copy of a table's rows. Found through [`crate::Store::copy`].
pub struct TableCopy {
    id: TableId,
    spec: CopySpec,
    pub(crate) shards: Box<[CachePadded<RwLock<Shard>>]>,
    shard_bits: u8,
    hasher: Hasher,
    indexes: ArcSwap<Vec<Arc<Index>>>,
    /// Whether there is any index: most tables have none, and asking this is cheaper than loading the list.
    has_indexes: AtomicBool,
    /// Whether commits must report their changes.
    pub(crate) subscribed: AtomicBool,
    pub(crate) schema_version: AtomicU64,
    /// Who may use it.
    pub(crate) gate: Gate,
    /// Counted for bounded tables only; others sum their shards when asked.
    entries: AtomicI64,
    bytes: AtomicI64,
    /// What those above the store know of the table.
    pub(crate) definition: ArcSwap<Vec<u8>>,
    /// The clock of the last commit that was noted in the log; checkpoints at least as young need not be made again.
    pub(crate) last_noted: AtomicU64,
    /// How it is kept on disc now; changes under the directory's lock only.
    kept: KeptOnDisc,
    /// Commits are not noted although the table is kept on disc: it is being rewritten, and what a crash finds is the state
    /// before. Such a copy is sealed too.
    pub(crate) unlogged: AtomicBool,
    /// With the rows of other tables.
    pub(crate) exchanges: Exchanges,
    /// Where the rows are on disc.
    pub(crate) cold: Option<Box<Cold>>,
}

impl TableCopy {
    /// `closed`: see [`Gate`].
    pub(crate) fn new(
        id: TableId,
        spec: CopySpec,
        shard_bits: u8,
        hasher: Hasher,
        closed: Arc<AtomicUsize>,
    ) -> Self {
        let shard_bits = if spec.kind == Kind::OrderedSet { 0 } else { shard_bits };
        let shard = |number: u64| {
            let rows = match spec.kind {
                Kind::OrderedSet => Rows::Ordered(std::collections::BTreeSet::new()),
                Kind::Set | Kind::Bag => Rows::hashed(number, shard_bits, hasher.clone()),
            };
            let policy = spec.is_bounded().then(|| match spec.kind {
                Kind::OrderedSet => Policy::Ordered(S3Fifo::new()),
                Kind::Set | Kind::Bag => Policy::Hashed(S3Fifo::new()),
            });
            CachePadded::new(RwLock::new(Shard::new(rows, policy)))
        };
        Self {
            id,
            shards: (0..1u64 << shard_bits).map(shard).collect(),
            kept: KeptOnDisc::new(spec.disc),
            unlogged: AtomicBool::new(false),
            spec,
            shard_bits,
            hasher,
            indexes: ArcSwap::default(),
            has_indexes: AtomicBool::new(false),
            subscribed: AtomicBool::new(false),
            schema_version: AtomicU64::new(0),
            gate: Gate::new(closed),
            entries: AtomicI64::new(0),
            bytes: AtomicI64::new(0),
            definition: ArcSwap::default(),
            last_noted: AtomicU64::new(0),
            exchanges: Exchanges::default(),
            cold: None,
        }
    }

    /// The table's number.
    #[must_use]
    pub fn id(&self) -> TableId {
        self.id
    }

    /// What the copy was made for. Whether it is kept on disc may have changed since: see [`Self::disc`].
    #[must_use]
    pub fn spec(&self) -> &CopySpec {
        &self.spec
    }

    /// How the rows are kept on disc at present; `None`: in RAM alone.
    #[must_use]
    pub fn disc(&self) -> Option<Durability> {
        self.kept.get()
    }

    pub(crate) fn keep_on_disc(&self, disc: Option<Durability>) {
        self.kept.set(disc);
    }

    /// How commits on the copy are to be noted in the log. To be asked again under the locks of a commit.
    pub(crate) fn noting(&self) -> Option<Durability> {
        self.disc().filter(|_| !self.unlogged.load(Ordering::SeqCst))
    }

    /// The version of the schema in force; transactions have it in their read set.
    #[must_use]
    pub fn schema_version(&self) -> u64 {
        self.schema_version.load(Ordering::SeqCst)
    }

    #[inline]
    pub(crate) fn at<'k>(&self, key: &'k [u8]) -> At<'k> {
        // An ordered table finds rows by comparing, so hashing would be wasted.
        let hash = if self.spec.kind == Kind::OrderedSet { 0 } else { self.hasher.hash_one(key) };
        At { hash, key }
    }

    #[inline]
    pub(crate) fn shard_of(&self, at: At<'_>) -> usize {
        if self.shard_bits == 0 { 0 } else { (at.hash >> (64 - self.shard_bits)) as usize }
    }

    /// Where a key stands in the order of scans.
    #[must_use]
    pub fn position(&self, key: &[u8]) -> Vec<u8> {
        let at = self.at(key);
        self.shard(at).read().rows.rows.position(at).to_vec()
    }

    /// The shard in which a scan from this position begins.
    pub(crate) fn first_shard(&self, from: Bound<&[u8]>) -> usize {
        match from {
            Bound::Included(position) | Bound::Excluded(position) if self.shard_bits > 0 => {
                self.shard_of(At { hash: leading_hash(position), key: &[] })
            }
            _ => 0,
        }
    }

    /// The position before all rows of a shard and behind those of the shards before it.
    pub(crate) fn before_shard(&self, shard: usize) -> Position {
        let first_hash = (shard as u64).checked_shl(64 - u32::from(self.shard_bits)).unwrap_or(0);
        Position::from_slice(&first_hash.to_be_bytes())
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.spec.is_bounded()
    }

    #[inline]
    pub(crate) fn shard(&self, at: At<'_>) -> &RwLock<Shard> {
        &self.shards[self.shard_of(at)]
    }

    pub(crate) fn indexes(&self) -> Guard<Arc<Vec<Arc<Index>>>> {
        self.indexes.load()
    }

    /// The indexes that a commit has to keep up to date. To be called with the shards of its rows locked.
    pub(crate) fn indexes_to_keep(&self) -> Option<Arc<Vec<Arc<Index>>>> {
        self.has_indexes.load(Ordering::SeqCst).then(|| self.indexes.load_full())
    }

    pub(crate) fn has_indexes(&self) -> bool {
        self.has_indexes.load(Ordering::SeqCst)
    }

    pub(crate) fn set_indexes(&self, indexes: Vec<Arc<Index>>) {
        let any = !indexes.is_empty();
        self.indexes.store(Arc::new(indexes));
        self.has_indexes.store(any, Ordering::SeqCst);
    }

    pub(crate) fn index(&self, attribute: u16) -> Option<Arc<Index>> {
        self.indexes.load().iter().find(|index| index.attribute == attribute).cloned()
    }

    /// Whether commits report their changes.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.subscribed.load(Ordering::SeqCst)
    }

    /// Attributes with an index that is complete.
    #[must_use]
    pub fn indexed(&self) -> Vec<u16> {
        self.indexes.load().iter().filter(|index| index.is_complete()).map(|index| index.attribute).collect()
    }

    /// Waits until every commit that began before has ended: whatever was set before is seen by all that follow.
    pub(crate) fn quiesce(&self) {
        for shard in &self.shards {
            drop(shard.write());
        }
    }

    /// The present row; one whose time has passed is returned too, the caller knows the time. One short lock.
    ///
    /// # Errors
    /// Of rows on disc.
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Result<(Option<Row>, u64), StoreError> {
        if self.cold.is_some() {
            return self.get_cold(key);
        }
        let at = self.at(key);
        let shard = self.shard(at).read();
        let row = shard.get(at).cloned();
        if self.spec.is_bounded()
            && let Some(row) = &row
        {
            row.warm();
        }
        let last_removal = shard.rows.last_removal;
        if row.is_none() && self.is_gone() {
            return Err(StoreError::NoTable(self.id));
        }
        Ok((row, last_removal))
    }

    /// Whether a commit after `clock` may have written or removed the row under a key, also when it is now as it was
    /// then. Never `false` when one has; `true` without cause only when many rows were removed near by. One short lock.
    #[must_use]
    pub fn may_have_changed(&self, key: &[u8], clock: u64) -> bool {
        let at = self.at(key);
        // Who cannot see the row cannot say that it is as it was.
        self.shard(at).read().rows.may_have_changed(at, clock).unwrap_or(true)
    }

    /// How many rows there are, expired ones that are not yet deleted included. O(shards).
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the rows in memory. O(shards).
    #[must_use]
    pub fn memory(&self) -> usize {
        if let Some(cold) = &self.cold {
            return cold.pending.own();
        }
        self.row_bytes()
    }

    /// Bytes that the rows take, or would take, in memory. O(shards).
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().bytes()).sum()
    }

    /// Rows that have a time to live. O(shards).
    #[must_use]
    pub fn expiring(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().expiring()).sum()
    }

    pub(crate) fn count(&self, entries: i64, bytes: i64) {
        if self.spec.is_bounded() {
            self.entries.fetch_add(entries, Ordering::Relaxed);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Whether the copy holds more than its bounds allow.
    #[must_use]
    #[inline]
    pub fn is_over_bounds(&self) -> bool {
        let over = |value: &AtomicI64, max: Option<u64>| {
            max.is_some_and(|max| u64::try_from(value.load(Ordering::Relaxed)).is_ok_and(|value| value > max))
        };
        over(&self.entries, self.spec.max_entries) || over(&self.bytes, self.spec.max_bytes)
    }

    /// The row that the policy gives up to make room for `near`, from that key's shard or the next one that has any;
    /// `near` itself only when there is no other. Who then does not remove the row must call [`TableCopy::keep`].
    #[must_use]
    pub fn victim(&self, near: &[u8]) -> Option<Row> {
        let near = self.at(near);
        let first = self.shard_of(near);
        let mut shards = (0..self.shards.len()).map(|step| &self.shards[(first + step) % self.shards.len()]);
        shards
            .find_map(|shard| shard.write().victim(Some(near)))
            .or_else(|| self.shards[first].write().victim(None))
    }

    /// Tells the policy that a row which it gave up has stayed.
    pub fn keep(&self, key: &[u8]) {
        let at = self.at(key);
        self.shard(at).write().keep(at);
    }

    /// Rows of one shard whose time had passed at `now_ms`, the earliest first.
    #[must_use]
    pub fn due(&self, shard: usize, now_ms: u64, limit: usize) -> Vec<Row> {
        if self.cold.is_some() {
            // Rows on disc that cannot be read cannot be deleted either; whoever reads them is told.
            return self.due_cold(now_ms, limit).unwrap_or_default();
        }
        self.shards.get(shard).map(|shard| shard.read().due(now_ms, limit)).unwrap_or_default()
    }

    /// How many shards there are.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Bytes of before-images, estimated.
    pub(crate) fn images_bytes(&self) -> usize {
        let rows: usize = self.shards.iter().map(|shard| shard.read().rows.images.bytes()).sum();
        let indexes = self.indexes();
        rows + indexes.iter().map(|index| index.entries.read().images.bytes()).sum::<usize>()
    }

    /// Drops the before-images that nobody needs, a page a lock hold.
    pub(crate) fn purge_images(&self, retention: &Retention) {
        self.exchanges.purge(retention);
        for shard in &self.shards {
            if shard.read().rows.images.is_empty() {
                continue;
            }
            purge(|from| shard.write().rows.images.purge(retention, from));
        }
        for index in self.indexes().iter() {
            if !index.entries.read().images.is_empty() {
                purge(|from| index.entries.write().images.purge(retention, from));
            }
        }
    }
}

fn purge(mut page: impl FnMut(Option<&Position>) -> (Option<Position>, Dropped)) {
    let mut from = None;
    loop {
        let (next, dropped) = page(from.as_ref());
        drop(dropped);
        match next {
            Some(position) => from = Some(position),
            None => return,
        }
    }
}

impl std::fmt::Debug for TableCopy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableCopy").field("id", &self.id).field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// A bound that owns its bytes, as a borrowed one.
pub(crate) fn borrowed<T: AsRef<[u8]>>(bound: &Bound<T>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(bytes) => Bound::Included(bytes.as_ref()),
        Bound::Excluded(bytes) => Bound::Excluded(bytes.as_ref()),
        Bound::Unbounded => Bound::Unbounded,
    }
}
