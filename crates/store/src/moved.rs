//! A copy whose rows have been moved to another one: what the new one has to know, and what becomes of the old one.

use crate::copy::TableCopy;
use crate::shard::Shard;

impl TableCopy {
    /// Notes that any row may have been removed up to this clock, elsewhere: an absence here is as young as that.
    pub fn note_removals(&self, clock: u64) {
        for shard in &self.shards {
            shard.write().rows.note_removals(clock);
        }
        for index in self.indexes().iter() {
            index.entries.write().note_removals(clock);
        }
    }

    /// Frees the rows of a copy that was moved and is sealed for good: from here on whoever reads it is told `NoTable`. O(rows).
    pub fn retire(&self) {
        self.mark_gone();
        self.set_indexes(Vec::new());
        for shard in &self.shards {
            let empty = shard.read().rows.rows.emptied();
            // Freed when the lock is gone.
            let old = std::mem::replace(&mut *shard.write(), Shard::new(empty, None));
            drop(old);
        }
    }
}
