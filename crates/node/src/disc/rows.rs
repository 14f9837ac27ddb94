//! The work that rows on disc only give: writing what has changed, and compacting what was written.
//!
//! What must stay true: neither owns anything. Killed at any moment, changes stay in memory and in the log, and the next one
//! goes on.

use std::sync::Arc;
use std::time::Duration;

use mnemon_store::{Store, StoreError};
use mnemon_table::Catalog;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::Disc;

/// Where the rows are, in the data directory.
pub(crate) const DIRECTORY: &str = "rows";
/// How soon changes that could not be written are tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How soon it is seen that checkpoints have written rows.
const COMPACT_EVERY: Duration = Duration::from_secs(5);

/// What wakes it.
pub(super) struct RowsWork {
    changed: Arc<Notify>,
    written: Notify,
}

impl RowsWork {
    pub(super) fn of(catalog: &Catalog) -> Self {
        let changed = Arc::new(Notify::new());
        let wake = changed.clone();
        catalog.store().set_flusher(move || wake.notify_one());
        Self { changed, written: Notify::new() }
    }
}

impl Disc {
    /// Writes changes of rows when there are many, without end.
    pub(crate) async fn write_rows(self: Arc<Self>) {
        let mut failure = None;
        loop {
            // The time is over when what failed is to be tried again.
            let _ = timeout(RETRY_AFTER, self.rows.changed.notified()).await;
            self.work(
                Store::flush_due,
                &mut failure,
                "changed rows could not be written; they wait in memory",
            )
            .await;
            self.rows.written.notify_one();
        }
    }

    /// Compacts rows, without end.
    pub(crate) async fn compact_rows(self: Arc<Self>) {
        let mut failure = None;
        loop {
            let _ = timeout(COMPACT_EVERY, self.rows.written.notified()).await;
            self.work(Store::compact_rows, &mut failure, "rows could not be compacted; they take more room")
                .await;
        }
    }

    /// Does it on a thread that may block; a failure is told of once.
    async fn work(
        &self,
        work: fn(&Store) -> Result<(), StoreError>,
        failure: &mut Option<StoreError>,
        what: &'static str,
    ) {
        let catalog = self.catalog.clone();
        let done = tokio::task::spawn_blocking(move || work(catalog.store())).await;
        let failed = match done {
            Ok(done) => done.err(),
            Err(stopped) => Some(StoreError::Disc(stopped.to_string())),
        };
        if let Some(cause) = failed.as_ref().filter(|cause| Some(*cause) != failure.as_ref()) {
            tracing::error!(%cause, "{what}");
        }
        *failure = failed;
    }
}
