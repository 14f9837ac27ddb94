//! Changes of tables that take long: which are under way, how far they are, and calling them off.
//!
//! What must stay true: a change is listed from the moment it is asked for to its end, also while it waits for another one;
//! one that is cancelled leaves the table as it was, and one that can no longer be is told to be too late.

use std::sync::Arc;

use mnemon_store::{Course, StoreError};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::Catalog;
use crate::error::TableError;

/// What changes are in before it is their turn.
const WAITING: &str = "waiting for its turn";

/// A change of a table that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableChange {
    /// The table.
    pub table: String,
    /// What is asked for: `add index age`, `transform`, `storage disc`.
    pub what: String,
    /// What of it is being done.
    pub phase: &'static str,
    /// Rows of this phase that are done.
    pub done: u64,
    /// Of about so many; 0 where none are counted.
    pub total: u64,
    /// When it was asked for, in milliseconds since the epoch.
    pub since_ms: u64,
    /// Whether it was cancelled, and is being taken back.
    pub is_cancelled: bool,
}

/// The changes that are under way.
#[derive(Default)]
pub(crate) struct Changes(Mutex<Vec<Arc<Change>>>);

pub(crate) struct Change {
    table: String,
    what: String,
    since_ms: u64,
    course: Arc<Course>,
    ended: watch::Sender<bool>,
}

/// A change that is listed while this lives.
pub(crate) struct Listed<'c> {
    changes: &'c Changes,
    change: Arc<Change>,
}

impl Catalog {
    /// The changes of tables that are under way or wait for their turn, the oldest first: new indexes, new shapes, moves
    /// between RAM and disc.
    #[must_use]
    pub fn changes(&self) -> Vec<TableChange> {
        self.under_way.0.lock().iter().map(|change| change.show()).collect()
    }

    /// Cancels the changes of a table, and waits until they have ended. Gives whether one of them was taken back: then it
    /// is as if it had never been asked for, in RAM and on disc, and whoever asked for it gets `Cancelled`. `false`: it was
    /// too late, and the change takes effect.
    ///
    /// # Errors
    /// `NoChange` when none is under way.
    pub async fn cancel_change(&self, table: &str) -> Result<bool, TableError> {
        let of_table: Vec<Arc<Change>> =
            self.under_way.0.lock().iter().filter(|change| change.table == table).cloned().collect();
        if of_table.is_empty() {
            return Err(TableError::NoChange(table.to_owned()));
        }
        // All are told first: one that waits must not begin because the one before it has ended.
        let cancelled: Vec<bool> = of_table.iter().map(|change| change.course.cancel()).collect();
        for change in &of_table {
            // An error says that the sender has gone, which the change's end says too.
            drop(change.ended.subscribe().wait_for(|ended| *ended).await);
        }
        Ok(cancelled.contains(&true))
    }

    /// Lists a change until what is given is dropped.
    pub(crate) fn list_change(&self, table: &str, what: String) -> Listed<'_> {
        let course = Arc::new(Course::default());
        course.enter(WAITING, 0);
        let (since_ms, ended) = (self.store().now_ms(), watch::Sender::new(false));
        let change = Arc::new(Change { table: table.to_owned(), what, since_ms, course, ended });
        self.under_way.0.lock().push(change.clone());
        Listed { changes: &self.under_way, change }
    }
}

impl Change {
    fn show(&self) -> TableChange {
        let progress = self.course.progress();
        TableChange {
            table: self.table.clone(),
            what: self.what.clone(),
            phase: progress.phase,
            done: progress.done,
            total: progress.total,
            since_ms: self.since_ms,
            is_cancelled: self.course.is_cancelled(),
        }
    }
}

impl Listed<'_> {
    pub(crate) fn course(&self) -> &Arc<Course> {
        &self.change.course
    }

    /// To be asked when its turn has come.
    ///
    /// # Errors
    /// `Cancelled`.
    pub(crate) fn begin(&self) -> Result<(), TableError> {
        self.course().check().map_err(|cancelled| self.explain(cancelled.into()))?;
        let (table, what) = (&self.change.table, &self.change.what);
        tracing::info!(table, what, "a change of a table begins");
        Ok(())
    }

    /// Notes how it has ended, with the table's name in the error.
    pub(crate) fn end<T>(&self, outcome: Result<T, TableError>) -> Result<T, TableError> {
        let (table, what) = (&self.change.table, &self.change.what);
        match outcome {
            Ok(answer) => {
                tracing::info!(table, what, "a change of a table is done");
                Ok(answer)
            }
            Err(cause) => {
                let cause = self.explain(cause);
                tracing::warn!(table, what, %cause, "a change of a table was not made");
                Err(cause)
            }
        }
    }

    fn explain(&self, cause: TableError) -> TableError {
        match cause {
            TableError::Store(StoreError::Cancelled) => TableError::Cancelled(self.change.table.clone()),
            TableError::Store(StoreError::KeyTooLong { bytes, limit, .. }) => {
                TableError::key_too_long(&self.change.table, bytes, limit)
            }
            other => other,
        }
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.changes.0.lock().retain(|change| !Arc::ptr_eq(change, &self.change));
        self.change.ended.send_replace(true);
    }
}
