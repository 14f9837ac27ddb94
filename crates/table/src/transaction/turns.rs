//! Turns: transactions that lost repeatedly over the same row queue up, so that each gets through in its order.

use std::hash::{BuildHasher, RandomState};

use mnemon_store::TableId;
use tokio::sync::{Mutex, MutexGuard};

const STRIPES: usize = 64;

/// Queues by the row that was lost over. Rows that share a stripe share a queue, which costs time and nothing else.
pub(crate) struct Turns {
    stripes: [Mutex<()>; STRIPES],
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self { stripes: std::array::from_fn(|_| Mutex::new(())), hasher: RandomState::new() }
    }
}

impl Turns {
    /// Waits for the turn. First come, first served.
    pub(crate) async fn take(&self, table: TableId, key: Option<&[u8]>) -> MutexGuard<'_, ()> {
        let stripe = self.hasher.hash_one((table, key)) as usize % STRIPES;
        self.stripes[stripe].lock().await
    }
}
