//! How the log is doing: counters that the committer keeps and anyone may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Latencies are counted in classes that double: class `n` holds those below 2ⁿ µs.
pub const LATENCY_CLASSES: usize = 32;

/// Counters since the log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogStatistics {
    /// Entries handed to the operating system.
    pub entries: u64,
    /// Bytes handed to it, headers included.
    pub bytes: u64,
    /// Writes, each of all entries that waited.
    pub batches: u64,
    /// Syncs that made entries durable.
    pub syncs: u64,
    /// Entries that those syncs made durable: divided by `syncs`, the size of a group.
    pub synced_entries: u64,
    /// The most entries that one sync made durable.
    pub largest_group: u64,
    /// Microseconds spent in syncs.
    pub sync_us: u64,
    /// The longest sync in microseconds.
    pub longest_sync_us: u64,
    /// Syncs by how long they took: place `n` counts those of less than 2ⁿ µs and not less than half of that.
    pub sync_classes: [u64; LATENCY_CLASSES],
    /// Segments begun.
    pub segments_opened: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    entries: AtomicU64,
    bytes: AtomicU64,
    batches: AtomicU64,
    syncs: AtomicU64,
    synced_entries: AtomicU64,
    largest_group: AtomicU64,
    sync_us: AtomicU64,
    longest_sync_us: AtomicU64,
    sync_classes: [AtomicU64; LATENCY_CLASSES],
    segments_opened: AtomicU64,
}

impl Counters {
    pub(crate) fn wrote(&self, entries: u64, bytes: u64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.entries.fetch_add(entries, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn synced(&self, entries: u64, took_us: u64) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.synced_entries.fetch_add(entries, Ordering::Relaxed);
        self.largest_group.fetch_max(entries, Ordering::Relaxed);
        self.sync_us.fetch_add(took_us, Ordering::Relaxed);
        self.longest_sync_us.fetch_max(took_us, Ordering::Relaxed);
        let class = (u64::BITS - took_us.leading_zeros()) as usize;
        if let Some(count) = self.sync_classes.get(class.min(LATENCY_CLASSES - 1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn opened_segment(&self) {
        self.segments_opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> LogStatistics {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LogStatistics {
            entries: value(&self.entries),
            bytes: value(&self.bytes),
            batches: value(&self.batches),
            syncs: value(&self.syncs),
            synced_entries: value(&self.synced_entries),
            largest_group: value(&self.largest_group),
            sync_us: value(&self.sync_us),
            longest_sync_us: value(&self.longest_sync_us),
            sync_classes: std::array::from_fn(|class| self.sync_classes.get(class).map_or(0, value)),
            segments_opened: value(&self.segments_opened),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_falls_into_the_class_it_is_below() {
        let counters = Counters::default();
        for us in [0, 1, 130, u64::MAX] {
            counters.synced(3, us);
        }
        let read = counters.read();
        assert_eq!((read.syncs, read.synced_entries, read.largest_group), (4, 12, 3));
        for (class, count) in read.sync_classes.into_iter().enumerate() {
            assert_eq!(count, u64::from([0, 1, 8, LATENCY_CLASSES - 1].contains(&class)), "class {class}");
        }
    }
}
