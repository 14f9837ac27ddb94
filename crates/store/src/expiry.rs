//! Rows that have a time to live, in the order they expire. One queue a shard; rows without an expiry are not in it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;

use mnemon_disc::DiscError;

use crate::cold::ColdRows;
use crate::row::Row;
use crate::rows::Span;

pub(crate) struct Due {
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
pub(crate) enum ExpiryQueue {
    Here(BTreeSet<Due>),
    /// On disc: the time and the key of each row.
    Cold(Box<ColdRows>),
}

impl Default for ExpiryQueue {
    fn default() -> Self {
        Self::Here(BTreeSet::new())
    }
}

impl ExpiryQueue {
    pub(crate) fn add(&mut self, row: &Row) {
        let Some(at_ms) = row.expires_at() else { return };
        match self {
            Self::Here(queue) => drop(queue.insert(Due { at_ms, row: row.clone() })),
            Self::Cold(queue) => drop(queue.insert(&cold_key(at_ms, row.key()), row.clone())),
        }
    }

    pub(crate) fn remove(&mut self, row: &Row) {
        let Some(at_ms) = row.expires_at() else { return };
        match self {
            Self::Here(queue) => drop(queue.remove(&Due { at_ms, row: row.clone() })),
            Self::Cold(queue) => {
                let key = cold_key(at_ms, row.key());
                queue.hold(&key, row);
                queue.remove(&key);
            }
        }
    }

    /// Rows whose time has passed, the earliest first. None of rows on disc: see [`ExpiryQueue::due_keys`].
    pub(crate) fn due(&self, now_ms: u64, limit: usize) -> Vec<Row> {
        match self {
            Self::Here(queue) => {
                let due = queue.iter().take_while(|due| due.at_ms <= now_ms).take(limit);
                due.map(|due| due.row.clone()).collect()
            }
            Self::Cold(_) => Vec::new(),
        }
    }

    /// The keys of rows on disc whose time has passed, the earliest first.
    ///
    /// # Errors
    /// Of the disc.
    pub(crate) fn due_keys(&self, now_ms: u64, limit: usize) -> Result<Vec<Box<[u8]>>, DiscError> {
        let Self::Cold(queue) = self else { return Ok(Vec::new()) };
        if queue.len() == 0 {
            return Ok(Vec::new());
        }
        let behind = cold_key(now_ms.saturating_add(1), &[]);
        let span = Span { from: Bound::Unbounded, to: Bound::Excluded(&behind), reverse: false };
        let keys = queue.first_keys(span, limit)?;
        Ok(keys.iter().filter_map(|key| key.get(size_of::<u64>()..).map(Box::from)).collect())
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Here(queue) => queue.len(),
            Self::Cold(queue) => queue.len(),
        }
    }

    /// Empties the queue; what was in it is freed by the caller, after its lock is gone.
    pub(crate) fn take(&mut self) -> Self {
        let empty = match self {
            Self::Here(_) => Self::default(),
            Self::Cold(queue) => Self::Cold(Box::new(queue.emptied())),
        };
        std::mem::replace(self, empty)
    }
}

fn cold_key(at_ms: u64, key: &[u8]) -> Vec<u8> {
    [&at_ms.to_be_bytes()[..], key].concat()
}
