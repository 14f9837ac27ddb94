//! Operations that were noted in the log, applied once more.

use crate::apply::apply;
use crate::cell::{Cell, Stamp};
use crate::copy::TableCopy;
use crate::error::StoreError;
use crate::lock::lock_indexes;
use crate::op::Op;
use crate::row::Row;
use crate::rows::Position;
use crate::store::Store;

impl Store {
    /// Applies an operation that was noted in the log once more, at the clock and time of then. For a copy that is being
    /// loaded, which nobody else uses: no index, no subscriber and no snapshot knows its rows.
    ///
    /// # Errors
    /// Of rows on disc, whose indexes are on disc as well and kept up to date.
    pub(crate) fn reapply(
        &self,
        copy: &TableCopy,
        clock: u64,
        time_ms: u64,
        op: &Op<'_>,
    ) -> Result<(), StoreError> {
        let mut stamp = Stamp {
            version: clock,
            now_ms: time_ms,
            keeping: None,
            changes: Vec::new(),
            report_all: false,
            exchanges: 0,
            large: None,
        };
        let Some(key) = op.key() else {
            if matches!(op, Op::Clear) {
                copy.clear_unseen(clock);
            }
            return Ok(());
        };
        let at = copy.at(key);
        let is_cold = copy.is_disc_only();
        let peeked = if is_cold { Some(copy.peek(key)?) } else { None };
        let shard = &mut copy.shards[copy.shard_of(at)].write();
        if let (Some(peeked), Some((rows, _))) = (&peeked, shard.cold_mut()) {
            rows.bring_in(key, peeked).map_err(|cause| copy.read_failed(&cause))?;
        }
        let indexes = if is_cold { copy.indexes_to_keep() } else { None };
        let mut indexes = lock_indexes(indexes.as_deref());
        let mut cell = Cell { copy, shard, indexes: &mut indexes, at, stamp: &mut stamp, subscribed: false };
        // What was refused then is refused again: refusals change nothing, so they need not be told.
        drop(apply(&mut cell, op));
        shard.let_go();
        Ok(())
    }
}

impl TableCopy {
    /// Puts a row in its place that comes from the disc.
    pub(crate) fn restore(&self, row: Row) {
        let mut shard = {
            let at = self.at(row.key());
            self.shard(at).write()
        };
        let before = shard.bytes();
        let key: Position = Position::from_slice(row.key());
        let old = shard.put(self.at(&key), row, None);
        self.count(i64::from(old.is_none()), shard.bytes() as i64 - before as i64);
    }

    /// Drops all rows of a copy that nobody else uses.
    pub(crate) fn clear_unseen(&self, clock: u64) {
        for shard in &self.shards {
            let mut shard = shard.write();
            self.count(-(shard.len() as i64), -(shard.bytes() as i64));
            drop(shard.clear(None, clock));
        }
        if self.is_disc_only() {
            // Others have no index yet.
            for index in self.indexes().iter() {
                drop(index.entries.write().clear(None, clock, 0));
            }
        }
    }
}
