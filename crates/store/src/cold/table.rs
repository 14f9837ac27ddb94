//! What a table whose rows may exceed the memory has beside them, and the ways to its rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use mnemon_disc::DiscError;
use mnemon_disc::rows::{RowTree, RowTrees};
use parking_lot::{Mutex, RwLock};

use super::flush::Flushing;
use super::{ColdRows, Holds, MAX_KEY_BYTES, Meta, Peeked, Pending, Place, SHORT_RECORD_BYTES, Space};
use crate::copy::{CopySpec, Kind, TableCopy};
use crate::error::StoreError;
use crate::event::TableId;
use crate::hash_rows::Hasher;
use crate::index::{Index, entry_keys};
use crate::op::Op;
use crate::row::Row;
use crate::rows::Rows;
use crate::shard::Shard;

/// Of a table whose rows may exceed the memory.
pub(crate) struct Cold {
    pub(super) trees: Arc<dyn RowTrees>,
    pub(crate) pending: Arc<Pending>,
    /// One flush at a time.
    pub(super) flushing: Mutex<Flushing>,
    /// The generation of the tree that the rows stand over; 0: there is none yet.
    pub(super) generation: AtomicU64,
    /// The clock of the last flush.
    pub(super) flushed: AtomicU64,
    pub(super) next_index: AtomicU32,
    /// What is to be said of an index has changed since the last flush.
    pub(super) indexes_changed: AtomicBool,
    /// Numbers of indexes that are gone.
    pub(super) dead: Mutex<Vec<u32>>,
}

/// A tree that was found at the start.
pub(crate) struct Found {
    pub(crate) tree: Arc<dyn RowTree>,
    pub(crate) generation: u64,
    pub(crate) meta: Meta,
}

impl Cold {
    /// Of a table without rows, or with those of a tree.
    pub(crate) fn new(trees: Arc<dyn RowTrees>, pending: Pending, found: Option<&Found>) -> Self {
        let generation = found.map_or(0, |found| found.generation);
        let meta = found.map(|found| &found.meta);
        // An index whose building was interrupted is begun anew, under another number.
        let broken = |meta: &Meta| {
            let unfinished = meta.indexes.iter().filter(|index| !index.is_complete);
            meta.dead.iter().copied().chain(unfinished.map(|index| index.number)).collect()
        };
        Self {
            trees,
            pending: Arc::new(pending),
            flushing: Mutex::new(Flushing::after(generation)),
            generation: AtomicU64::new(generation),
            flushed: AtomicU64::new(meta.map_or(0, |meta| meta.clock)),
            indexes_changed: AtomicBool::new(false),
            next_index: AtomicU32::new(meta.map_or(0, |meta| meta.next_index)),
            dead: Mutex::new(meta.map(broken).unwrap_or_default()),
        }
    }

    /// Trees that are made from here on have later generations than this.
    pub(crate) fn begin_after(&self, generation: u64) {
        self.flushing.lock().begin_after(generation);
    }

    /// The tree of this generation cannot be used, and is kept until the table is cleared.
    pub(crate) fn keep_broken(&self, generation: u64) {
        self.begin_after(generation);
        self.generation.store(generation, Ordering::SeqCst);
    }

    /// An empty map of the table.
    pub(crate) fn rows(&self, holds: Holds, kind: Kind, found: Option<&Found>) -> ColdRows {
        let is_ordered = holds != Holds::Rows || kind == Kind::OrderedSet;
        ColdRows::new(holds, is_ordered, found.map(|found| found.tree.clone()), self.pending.clone())
    }

    /// The entries of a new index, over the tree that the rows stand over.
    pub(crate) fn entries(&self, rows: &ColdRows) -> ColdRows {
        let number = self.next_index.fetch_add(1, Ordering::SeqCst);
        ColdRows::new(Holds::Entries(number), true, rows.tree().cloned(), self.pending.clone())
    }

    /// The clock up to which commits on the table are in its tree.
    pub(crate) fn flushed(&self) -> u64 {
        self.flushed.load(Ordering::SeqCst)
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// An index is complete, which the tree is to say with the next flush: a start builds anew what it calls incomplete.
    pub(crate) fn note_complete(&self) {
        self.indexes_changed.store(true, Ordering::SeqCst);
    }

    /// What a dropped index has left goes with the next flushes.
    pub(crate) fn bury(&self, index: &Index) {
        if let Rows::Cold(rows) = &index.entries.read().rows
            && let Holds::Entries(number) = rows.holds()
        {
            self.dead.lock().push(number);
            self.indexes_changed.store(true, Ordering::SeqCst);
        }
    }
}

/// A key of a commit, and what was found under it before the locks were taken.
pub(crate) struct Peek<'k> {
    /// The place of the copy among the commit's.
    pub(crate) copy: usize,
    pub(crate) key: &'k [u8],
    pub(crate) peeked: Peeked,
}

impl TableCopy {
    /// A copy whose rows are on disc: those of a tree that was found, or none.
    pub(crate) fn cold(
        id: TableId,
        spec: CopySpec,
        hasher: Hasher,
        closed: Arc<AtomicUsize>,
        (space, found): (&Space, Option<&Found>),
    ) -> Self {
        let cold = Cold::new(space.trees.clone(), Pending::of_all(space.pending.clone()), found);
        let mut rows = cold.rows(Holds::Rows, spec.kind, found);
        let mut expiry = cold.rows(Holds::Expiry, spec.kind, found);
        let mut bytes = 0;
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        if let Some(Found { meta, .. }) = found {
            rows.set_len(count(meta.rows));
            expiry.set_len(count(meta.expiring));
            bytes = count(meta.bytes);
        }
        let mut copy = Self::new(id, spec, 0, hasher, closed);
        copy.shards = [CachePadded::new(RwLock::new(Shard::cold(rows, expiry, bytes)))].into();
        let indexes = found.into_iter().flat_map(|found| &found.meta.indexes);
        let complete = indexes.filter(|index| index.is_complete).map(|index| {
            let entries = cold.rows(Holds::Entries(index.number), copy.spec().kind, found);
            let attribute = Arc::new(Index::cold(index.attribute, entries));
            attribute.set_complete(0);
            attribute
        });
        copy.set_indexes(complete.collect());
        copy.cold = Some(Box::new(cold));
        copy
    }

    /// What a copy has whose rows are on disc.
    pub(crate) fn cold_part(&self) -> Option<&Cold> {
        self.cold.as_deref()
    }

    /// Whether the rows are on disc and may exceed the memory.
    #[must_use]
    pub fn is_disc_only(&self) -> bool {
        self.cold_part().is_some()
    }

    /// Bytes that the rows take on disc, what is overwritten and not compacted yet included. 0 for tables in memory.
    #[must_use]
    pub fn disc_bytes(&self) -> u64 {
        self.tree().map_or(0, |tree| tree.bytes())
    }

    pub(super) fn tree(&self) -> Option<Arc<dyn RowTree>> {
        self.cold_part()?;
        match &self.shards.first()?.read().rows.rows {
            Rows::Cold(rows) => rows.tree().cloned(),
            _ => None,
        }
    }

    /// Looks for a row without holding its lock while the disc is read.
    pub(crate) fn peek(&self, key: &[u8]) -> Result<Peeked, StoreError> {
        self.place(key).look(Holds::Rows, key).map_err(|cause| self.read_failed(&cause))
    }

    fn place(&self, key: &[u8]) -> Place {
        match self.shards.first().map(|shard| shard.read()) {
            Some(shard) => match &shard.rows.rows {
                Rows::Cold(rows) => rows.place(key),
                _ => Place::Tree(None, 0),
            },
            None => Place::Tree(None, 0),
        }
    }

    /// The present row, and the clock of the last removal.
    pub(crate) fn get_cold(&self, key: &[u8]) -> Result<(Option<Row>, u64), StoreError> {
        let place = {
            let shard = self.shards[0].read();
            let Rows::Cold(rows) = &shard.rows.rows else { return Ok((None, 0)) };
            match rows.place(key) {
                Place::Here(row, _) => return Ok((row, shard.rows.last_removal)),
                place => place,
            }
        };
        let peeked = place.look(Holds::Rows, key).map_err(|cause| self.read_failed(&cause))?;
        let shard = self.shards[0].read();
        let Rows::Cold(rows) = &shard.rows.rows else { return Ok((None, 0)) };
        let row = match rows.confirm(key, &peeked) {
            Some(row) => row,
            None => rows.find(key).map_err(|cause| self.read_failed(&cause))?,
        };
        if row.is_none() && self.is_gone() {
            return Err(StoreError::NoTable(self.id()));
        }
        Ok((row, shard.rows.last_removal))
    }

    /// Rows whose time has passed, the earliest first. Only their keys are looked for under the lock.
    pub(crate) fn due_cold(&self, now_ms: u64, limit: usize) -> Result<Vec<Row>, StoreError> {
        let Some(shard) = self.shards.first() else { return Ok(Vec::new()) };
        let keys = shard.read().due_keys(now_ms, limit).map_err(|cause| self.read_failed(&cause))?;
        // One that was written since may have got another time to live.
        let due = |row: &Row| row.is_expired(now_ms);
        keys.iter().filter_map(|key| self.get_cold(key).map(|(row, _)| row.filter(due)).transpose()).collect()
    }

    /// Refuses what a tree could not hold. What only looks for a row or takes it away finds none under such a key.
    ///
    /// # Errors
    /// `KeyTooLong`.
    pub(crate) fn check_keys(&self, op: &Op<'_>) -> Result<(), StoreError> {
        let makes_no_row =
            matches!(op, Op::Get { .. } | Op::Delete { .. } | Op::DeleteObject { .. } | Op::ExpireAt { .. });
        let Some(key) = op.key().filter(|_| !makes_no_row) else { return Ok(()) };
        self.check_key_len(key.len())?;
        match op {
            Op::Put { body, .. } if self.has_indexes() && body.len() + key.len() > SHORT_RECORD_BYTES => {
                self.check_entries(&Row::bytes(1, None, key, body))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a row whose entries of indexes a tree could not hold.
    ///
    /// # Errors
    /// `KeyTooLong`.
    pub(crate) fn check_entries(&self, row: &Row) -> Result<(), StoreError> {
        let indexes = self.indexes();
        let keys = indexes.iter().flat_map(|index| entry_keys(row, index.attribute));
        keys.map(|key| key.len()).try_for_each(|len| self.check_key_len(len))
    }

    fn check_key_len(&self, bytes: usize) -> Result<(), StoreError> {
        if bytes <= MAX_KEY_BYTES {
            return Ok(());
        }
        Err(StoreError::KeyTooLong { table: self.id(), bytes, limit: MAX_KEY_BYTES })
    }

    /// The answer to a read of rows on disc that failed. Where they are damaged, nobody else gets another answer.
    pub(crate) fn read_failed(&self, cause: &DiscError) -> StoreError {
        if !cause.is_damage() {
            return StoreError::Disc(cause.to_string());
        }
        self.mark_damaged(cause.to_string());
        StoreError::Damaged { table: self.id(), cause: cause.to_string() }
    }
}
