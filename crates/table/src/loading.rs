//! Tables whose rows are still being read from the disc, or cannot be: who is told, and who waits.
//!
//! What must stay true: a table that loads answers nothing but `Loading`, a damaged one nothing but `Damaged`, a loaded one
//! answers meanwhile, and every wait has a deadline. Reading the rows is left to the store.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mnemon_store::{LoadFailure, LoadProgress, TableId};
use tokio::sync::watch;

use crate::catalog::Catalog;
use crate::error::TableError;
use crate::form::TableForm;
use crate::table::Table;

/// How many tables are still to be loaded, and whether that goes on.
pub(crate) struct Loads {
    left: AtomicUsize,
    /// Counts what has changed, so that nobody misses a change between looking and waiting.
    changes: watch::Sender<u64>,
    failure: OnceLock<String>,
}

impl Default for Loads {
    fn default() -> Self {
        Self { left: AtomicUsize::new(0), changes: watch::channel(0).0, failure: OnceLock::new() }
    }
}

/// A table that is being loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableLoading {
    /// Its name.
    pub table: String,
    /// How far it is.
    pub progress: LoadProgress,
}

/// A table that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableDamage {
    /// Its name.
    pub table: String,
    /// What was found, with the file.
    pub cause: String,
}

impl Catalog {
    /// Whether any table is still being loaded. One read of memory.
    #[must_use]
    pub fn is_loading(&self) -> bool {
        self.reading.left.load(Ordering::Relaxed) > 0
    }

    /// The tables that are being loaded. O(tables).
    #[must_use]
    pub fn loading(&self) -> Vec<TableLoading> {
        if !self.is_loading() {
            return Vec::new();
        }
        let loading = |table: Arc<Table>| {
            let progress = table.copy().load_progress()?;
            Some(TableLoading { table: table.name(), progress })
        };
        self.tables().into_iter().filter_map(loading).collect()
    }

    /// Whether there is a table that answers nobody: it is being loaded, or damaged. One read of memory.
    #[must_use]
    pub fn has_closed_tables(&self) -> bool {
        self.store().closed_copies() > 0
    }

    /// The tables that are damaged: their records cannot be read from the disc. O(tables) when there are any.
    #[must_use]
    pub fn damaged(&self) -> Vec<TableDamage> {
        if !self.has_closed_tables() {
            return Vec::new();
        }
        let damaged = |table: Arc<Table>| {
            let cause = table.copy().damage()?;
            Some(TableDamage { table: table.name(), cause })
        };
        self.tables().into_iter().filter_map(damaged).collect()
    }

    /// Why loading ended before it was done.
    #[must_use]
    pub fn load_failure(&self) -> Option<&str> {
        self.reading.failure.get().map(String::as_str)
    }

    /// Notes how many tables there are to load; before anybody else has the catalog.
    pub(crate) fn begin_loading(&self) {
        let left = self.store().copies().iter().filter(|copy| copy.is_loading()).count();
        self.reading.left.store(left, Ordering::Relaxed);
    }

    /// To be told when a table is loaded or was found damaged.
    pub fn note_loaded(&self) {
        // Told once for each table that `begin_loading` has counted.
        self.reading.left.fetch_sub(1, Ordering::SeqCst);
        self.reading.changes.send_modify(|changes| *changes += 1);
    }

    /// To be told when loading has failed: whoever waits hears of it. Gives the failure with the table's name.
    pub fn note_load_failure(&self, failure: &LoadFailure) -> String {
        let name =
            |id: TableId| self.tables().into_iter().find(|table| table.id() == id).map(|table| table.name());
        let text = match failure.table.and_then(name) {
            Some(name) => format!("table {name:?}: {}", failure.cause),
            None => failure.to_string(),
        };
        self.note_load_end(text)
    }

    /// As [`note_load_failure`](Self::note_load_failure), for an end that no table is to blame for. Gives what is told: the
    /// first failure counts.
    pub fn note_load_end(&self, cause: String) -> String {
        let text = self.reading.failure.get_or_init(|| cause).clone();
        self.reading.changes.send_modify(|changes| *changes += 1);
        text
    }

    /// The order in which a table wants to be loaded: its schema's `load_order`. O(tables).
    #[must_use]
    pub fn load_order(&self, table: TableId) -> i32 {
        let found = self.tables().into_iter().find(|found| found.id() == table);
        found.map_or(0, |table| table.schema().load_order())
    }

    /// Waits until these tables can be used, Mnesia's `wait_for_tables`.
    ///
    /// # Errors
    /// `Loading` with the first that is not there when `timeout` has passed, `Damaged` and `NotLoaded` when it cannot be
    /// brought back, `NoTable`.
    pub async fn wait_for_tables(
        &self,
        names: &[impl AsRef<str>],
        timeout: Duration,
    ) -> Result<(), TableError> {
        let tables: Vec<Arc<Table>> =
            names.iter().map(|name| self.table(name.as_ref())).collect::<Result<_, _>>()?;
        let waited = tokio::time::timeout(timeout, self.loaded(&tables)).await;
        waited.unwrap_or_else(|_late| {
            tables
                .iter()
                .find(|table| table.copy().is_loading())
                .map_or(Ok(()), |table| Err(table.closed_error()))
        })
    }

    async fn loaded(&self, tables: &[Arc<Table>]) -> Result<(), TableError> {
        let mut changes = self.reading.changes.subscribe();
        for table in tables {
            while table.copy().is_loading() {
                if let Some(cause) = self.load_failure() {
                    return Err(TableError::NotLoaded { table: table.name(), cause: cause.to_owned() });
                }
                // The sender lives as long as this catalog.
                if changes.changed().await.is_err() {
                    break;
                }
            }
            table.check_open()?;
        }
        Ok(())
    }
}

impl TableForm {
    /// Whether the records can be used.
    ///
    /// # Errors
    /// `Loading`, `Damaged`.
    pub fn check_open(&self) -> Result<(), TableError> {
        if self.copy().is_open() { Ok(()) } else { Err(self.closed_error()) }
    }

    /// What is answered while the table is being loaded, and when it is damaged.
    #[cold]
    pub(crate) fn closed_error(&self) -> TableError {
        if let Some(cause) = self.copy().damage() {
            return TableError::Damaged { table: self.name(), cause };
        }
        if self.copy().is_gone() {
            return TableError::Transforming(self.name());
        }
        let percent = self.copy().load_progress().map_or(99, LoadProgress::percent);
        TableError::Loading { table: self.name(), percent }
    }
}
