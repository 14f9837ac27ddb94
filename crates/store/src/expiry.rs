//! Rows that have a time to live, in the order they expire. One queue a shard; rows without an expiry are not in it.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::row::Row;

struct Due {
    at_ms: u64,
    row: Row,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at_ms.cmp(&other.at_ms).then_with(|| self.row.key().cmp(other.row.key()))
    }
}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Due {}

/// The rows of a shard that will expire.
#[derive(Default)]
pub(crate) struct ExpiryQueue(BTreeSet<Due>);

impl ExpiryQueue {
    pub(crate) fn add(&mut self, row: &Row) {
        if let Some(at_ms) = row.expires_at() {
            self.0.insert(Due { at_ms, row: row.clone() });
        }
    }

    pub(crate) fn remove(&mut self, row: &Row) {
        if let Some(at_ms) = row.expires_at() {
            self.0.remove(&Due { at_ms, row: row.clone() });
        }
    }

    /// Rows whose time has passed, the earliest first.
    pub(crate) fn due(&self, now_ms: u64, limit: usize) -> impl Iterator<Item = &Row> {
        self.0.iter().take_while(move |due| due.at_ms <= now_ms).take(limit).map(|due| &due.row)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Empties the queue; what was in it is freed by the caller, after its lock is gone.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}
