//! Writing changes of a table to its tree: set aside under the locks, written without them.
//!
//! What must stay true: the log is durable up to the changes before they are, so that a crash never finds a part of a commit
//! without the rest; a flush that failed is tried again with the same changes before younger ones; a table that was emptied
//! meanwhile gets nothing of what it held.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mnemon_disc::DiscError;
use mnemon_disc::rows::{RowChange, RowTree};

use super::meta::{IndexMeta, META_KEY};
use super::{Changes, Cold, ColdRows, Holds, Meta, tree_key};
use crate::copy::TableCopy;
use crate::error::StoreError;
use crate::index::Index;
use crate::row::Row;
use crate::row_image;
use crate::rows::{Rows, Span};
use crate::store::Store;

const SYNC_WITHIN: Duration = Duration::from_secs(60);
/// Entries of a dropped index that a flush takes along.
const BURIED_A_FLUSH: usize = 10_000;

/// What a flush has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushReport {
    /// Changed rows, those that are gone included.
    pub rows: u64,
}

/// What flushes of a table have to remember.
#[derive(Default)]
pub(super) struct Flushing {
    /// Set aside and not written yet.
    waiting: Option<Batch>,
    /// The generation of the last tree that was made.
    newest: u64,
}

impl Flushing {
    pub(super) fn after(generation: u64) -> Self {
        Self { waiting: None, newest: generation }
    }

    pub(super) fn begin_after(&mut self, generation: u64) {
        self.newest = self.newest.max(generation);
    }
}

/// All changes of a table up to a clock.
struct Batch {
    meta: Meta,
    /// `None`: the table was emptied, or never written.
    tree: Option<Arc<dyn RowTree>>,
    /// In the order of their prefixes.
    parts: Vec<(Holds, Arc<Changes>)>,
}

impl Store {
    /// Writes what has changed of a table whose rows are on disc to the disc. Readers and writers go on. Afterwards its tree
    /// holds all commits that had been applied when this was called. Blocks.
    ///
    /// # Errors
    /// `DiscFull`, `Disc`: the changes stay in memory and are tried again with the next flush.
    pub fn flush_rows(&self, copy: &TableCopy) -> Result<FlushReport, StoreError> {
        self.flush_up_to(copy, || self.clock())
    }

    /// The same with the clock up to which the copy holds all commits, asked for under its locks.
    pub(super) fn flush_up_to(
        &self,
        copy: &TableCopy,
        clock: impl FnOnce() -> u64,
    ) -> Result<FlushReport, StoreError> {
        let Some(cold) = copy.cold_part() else { return Ok(FlushReport::default()) };
        let mut flushing = cold.flushing.lock();
        let mut report = FlushReport::default();
        if flushing.waiting.is_some() {
            self.write(copy, cold, &mut flushing, &mut report)?;
        }
        flushing.waiting = copy.set_aside(cold, clock);
        if flushing.waiting.is_some() {
            self.write(copy, cold, &mut flushing, &mut report)?;
        }
        Ok(report)
    }

    fn write(
        &self,
        copy: &TableCopy,
        cold: &Cold,
        flushing: &mut Flushing,
        report: &mut FlushReport,
    ) -> Result<(), StoreError> {
        let Flushing { waiting, newest } = flushing;
        let Some(batch) = waiting else { return Ok(()) };
        if !copy.is_set_aside(batch) {
            // The table was emptied.
            *waiting = None;
            return Ok(());
        }
        if let Some(journal) = self.journal() {
            journal.log.sync(SYNC_WITHIN).map_err(|cause| StoreError::Disc(cause.to_string()))?;
        }
        let (tree, generation) = match &batch.tree {
            Some(tree) => (tree.clone(), cold.generation()),
            None => {
                *newest += 1;
                let made = cold.trees.create(u64::from(copy.id().0), *newest);
                (made.map_err(|cause| write_failed(&cause))?, *newest)
            }
        };
        let buried = cold.buried(&*tree, batch).map_err(|cause| copy.read_failed(&cause))?;
        tree.ingest(&mut batch.changes(&buried)).map_err(|cause| write_failed(&cause))?;
        report.rows += batch.parts.first().map_or(0, |(_, changes)| changes.len() as u64);
        cold.dead.lock().retain(|number| {
            let part = buried.iter().find(|(holds, _)| *holds == Holds::Entries(*number));
            part.is_none_or(|(_, changes)| changes.len() >= BURIED_A_FLUSH)
        });
        copy.put_back(cold, batch, &tree, generation);
        *waiting = None;
        Ok(())
    }

    /// Compacts the trees of all tables, as far as that is due. Blocks, for as long as the disc takes.
    ///
    /// # Errors
    /// `Disc`, `DiscFull` of the first that failed; the others were compacted.
    pub fn compact_rows(&self) -> Result<(), StoreError> {
        let Some(space) = self.space.get() else { return Ok(()) };
        let Some(_at_work) = space.work() else { return Ok(()) };
        let go_on = || !space.has_ended();
        let mut answer = Ok(());
        for tree in self.copies().iter().filter_map(|copy| copy.tree()).take_while(|_| go_on()) {
            let compacted = tree.compact(&go_on).map_err(|cause| write_failed(&cause));
            answer = answer.and(compacted);
        }
        answer
    }
}

impl Cold {
    /// What is to go of dropped indexes.
    fn buried(&self, tree: &dyn RowTree, batch: &Batch) -> Result<Vec<(Holds, Arc<Changes>)>, DiscError> {
        // One that was dropped while its last changes wait goes when those are there.
        let is_written =
            |number: &u32| batch.parts.iter().any(|(holds, _)| *holds == Holds::Entries(*number));
        let dead: Vec<u32> = self.dead.lock().iter().copied().filter(|number| !is_written(number)).collect();
        let keys_of = |number: u32| {
            let mut changes = Changes::new();
            let holds = Holds::Entries(number);
            let (prefix, end) = (holds.prefix(), holds.end());
            let span = Span { from: Bound::Included(&prefix), to: Bound::Excluded(&end), reverse: false };
            tree.walk(span, &mut |key, _| {
                changes.insert(key.get(prefix.len()..).unwrap_or_default().into(), None);
                changes.len() < BURIED_A_FLUSH
            })?;
            Ok((holds, Arc::new(changes)))
        };
        dead.into_iter().map(keys_of).collect()
    }
}

impl Batch {
    /// All of it in the order of the tree's keys.
    fn changes<'b>(&'b self, buried: &'b [(Holds, Arc<Changes>)]) -> impl Iterator<Item = RowChange> + 'b {
        let mut parts: Vec<&(Holds, Arc<Changes>)> = self.parts.iter().chain(buried).collect();
        parts.sort_by_key(|(holds, _)| holds.prefix());
        let meta = (META_KEY.to_vec(), Some(self.meta.encode()));
        let of_part = |(holds, changes): &'b (Holds, Arc<Changes>)| {
            let change = |(key, row): (&[u8], &Option<Row>)| -> RowChange {
                (tree_key(*holds, key).to_vec(), row.as_ref().map(|row| value(*holds, row)))
            };
            changes.iter().map(|(key, row)| (&**key, row)).map(change)
        };
        std::iter::once(meta).chain(parts.into_iter().flat_map(of_part))
    }
}

/// What stands under a key of a map. The expiry queue's keys say all.
fn value(holds: Holds, row: &Row) -> Vec<u8> {
    if holds == Holds::Expiry {
        return Vec::new();
    }
    row_image::encode(row, Vec::new()).expect("bytes and numbers of known length can be encoded")
}

impl TableCopy {
    /// Sets aside what has changed. `None` when nothing has.
    fn set_aside(&self, cold: &Cold, clock: impl FnOnce() -> u64) -> Option<Batch> {
        let mut shard = self.shards.first()?.write();
        let indexes = Arc::clone(&self.indexes());
        let mut entries: Vec<_> = indexes.iter().map(|index| (index, index.entries.write())).collect();
        // A commit holds the locks from its tick to its end, so all commits on the table up to here are in.
        let clock = clock();
        let (len, bytes, expiring) = (shard.len(), shard.bytes(), shard.expiring());
        let (rows, expiry) = shard.cold_mut()?;
        let tree = rows.tree().cloned();
        let mut parts = vec![(Holds::Rows, rows.freeze()), (Holds::Expiry, expiry.freeze())];
        let mut metas = Vec::new();
        for (index, entries) in &mut entries {
            let Rows::Cold(rows) = &mut entries.rows else { continue };
            parts.push((rows.holds(), rows.freeze()));
            metas.extend(index_meta(index, rows));
        }
        let is_same = parts.iter().all(|(_, changes)| changes.is_empty())
            && !cold.indexes_changed.swap(false, Ordering::SeqCst);
        if is_same && self.last_noted.load(Ordering::SeqCst) <= cold.flushed() {
            return None;
        }
        let meta = Meta {
            clock,
            rows: len as u64,
            bytes: bytes as u64,
            expiring: expiring as u64,
            indexes: metas,
            dead: cold.dead.lock().clone(),
            next_index: cold.next_index.load(Ordering::SeqCst),
        };
        Some(Batch { meta, tree, parts })
    }

    fn is_set_aside(&self, batch: &Batch) -> bool {
        let Some((_, changes)) = batch.parts.first() else { return false };
        match self.shards.first().map(|shard| shard.read()) {
            Some(shard) => matches!(&shard.rows.rows, Rows::Cold(rows) if rows.is_flushing(changes)),
            None => false,
        }
    }

    /// What was set aside is in the tree: readers find it there.
    fn put_back(&self, cold: &Cold, batch: &Batch, tree: &Arc<dyn RowTree>, generation: u64) {
        let mut freed = Vec::new();
        {
            let Some(mut shard) = self.shards.first().map(|shard| shard.write()) else { return };
            let indexes = Arc::clone(&self.indexes());
            let entries: Vec<_> = indexes.iter().map(|index| index.entries.write()).collect();
            let Some((rows, expiry)) = shard.cold_mut() else { return };
            if !batch.parts.first().is_some_and(|(_, changes)| rows.is_flushing(changes)) {
                // Emptied meanwhile: a tree that was made for it counts as none.
                return;
            }
            freed.extend(rows.thaw(tree));
            freed.extend(expiry.thaw(tree));
            for mut entries in entries {
                if let Rows::Cold(rows) = &mut entries.rows {
                    freed.extend(rows.thaw(tree));
                }
            }
            cold.generation.store(generation, Ordering::SeqCst);
            cold.flushed.fetch_max(batch.meta.clock, Ordering::SeqCst);
        }
        // Freed here, when no lock is held any more.
        drop(freed);
    }
}

fn index_meta(index: &Index, rows: &ColdRows) -> Option<IndexMeta> {
    let Holds::Entries(number) = rows.holds() else { return None };
    Some(IndexMeta { attribute: index.attribute, number, is_complete: index.is_complete() })
}

pub(super) fn write_failed(cause: &DiscError) -> StoreError {
    match cause {
        DiscError::Io { cause: io, .. } if io.kind() == std::io::ErrorKind::StorageFull => {
            StoreError::DiscFull(cause.to_string())
        }
        other => StoreError::Disc(other.to_string()),
    }
}
