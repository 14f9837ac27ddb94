//! The node's data directory: brought back at the start, kept small by checkpoints, closed in order at the end.

mod facts;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mnemon_disc::log::{Shift, Workers};
use mnemon_disc::rows::LsmTrees;
use mnemon_disc::time::{SystemTicker, Ticker};
use mnemon_disc::{DataDirectory, DiscError, Log, LogConfig};
use mnemon_store::{Clock, Course, Durability, Loading, StorageChange, StoreConfig, StoreError, TableId};
use mnemon_table::{Catalog, Keeper, TableError};
use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;

use crate::error::NodeError;
use crate::loading::Loads;
use facts::History;
pub(crate) use rows::DIRECTORY as ROWS_DIRECTORY;
use rows::RowsWork;

/// How often the size of the log is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Random bytes of a node's UUID.
const UUID_LEN: usize = 16;

/// Bytes after which the disc has work, or that it may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiscBytes {
    /// Of log, after which a checkpoint is made.
    pub(crate) checkpoint: u64,
    /// Of memory for rows on disc only: blocks that were read, and changes that are not written yet.
    pub(crate) cache: u64,
}

impl DiscBytes {
    /// Of blocks that were read.
    fn blocks(self) -> u64 {
        self.cache / 2
    }

    /// Of changes, after which they are written. As many again may come while they are, so that all of it is half.
    fn changes(self) -> usize {
        usize::try_from(self.cache / 4).unwrap_or(usize::MAX)
    }
}

/// What of the disc runs beside the tables.
pub(crate) struct Disc {
    catalog: Arc<Catalog>,
    directory: Mutex<DataDirectory>,
    log: Log,
    workers: Mutex<Option<Workers>>,
    /// Bytes of log after which a checkpoint is made.
    checkpoint_bytes: u64,
    /// Bytes of log that the last checkpoint could not free.
    held_bytes: AtomicU64,
    rows: RowsWork,
    /// Taken when the loading begins.
    loading: Mutex<Option<Loading>>,
    loads: OnceLock<Loads>,
    path: PathBuf,
    /// Entries of the log that the start has read.
    replayed: u64,
    ticker: SystemTicker,
    history: Mutex<History>,
}

/// An error of the tables or of the disc on the way back.
struct Failure(NodeError);

impl From<TableError> for Failure {
    fn from(cause: TableError) -> Self {
        Self(NodeError::Data(cause.to_string()))
    }
}

impl From<StoreError> for Failure {
    fn from(cause: StoreError) -> Self {
        Self(NodeError::Data(cause.to_string()))
    }
}

impl Disc {
    /// Opens a data directory, reads its log and learns what tables there are. Their rows come with [`Disc::load`]. Blocks
    /// for as long as that takes.
    ///
    /// # Errors
    /// `Data`: another node uses the directory, it is damaged, or the disc fails.
    pub(crate) fn open(
        path: &Path,
        clock: Box<dyn Clock>,
        databases: Option<Durability>,
        bytes: DiscBytes,
    ) -> Result<Self, NodeError> {
        let directory = DataDirectory::open(path, random_uuid).map_err(data)?;
        for cause in directory.damaged() {
            tracing::error!(%cause, "a damaged file in the data directory; an older one was used instead");
        }
        let trees = LsmTrees::new(&path.join(ROWS_DIRECTORY), bytes.blocks());
        let mut opened = None;
        let config = StoreConfig::new(clock);
        let catalog = Catalog::recovered(config, databases, |store| {
            store.set_rows(Arc::new(trees), bytes.changes());
            let ticker = Box::new(SystemTicker::new());
            let (tables, log, loading) = store.begin_recovery(&directory, LogConfig::default(), ticker)?;
            opened = Some((log, loading));
            Ok::<_, Failure>(tables)
        });
        let catalog = Arc::new(catalog.map_err(|Failure(cause)| cause)?);
        let Some((opened, loading)) = opened else {
            return Err(NodeError::Data("the log was not opened".to_owned()));
        };
        let (log, workers, found) = opened.start().map_err(data)?;
        if let Some(torn) = &found.torn {
            let (file, offset) = (&torn.file, torn.offset);
            tracing::warn!(%file, offset, "a write that a crash had left unfinished was cut off the log");
        }
        tracing::info!(entries = found.entries, bytes = found.bytes, in_order = found.closed, "log read");
        catalog.store().set_log(log.clone());
        catalog.make_databases().map_err(|cause| NodeError::Data(cause.to_string()))?;
        let rows = RowsWork::of(&catalog);
        let (directory, workers) = (Mutex::new(directory), Mutex::new(Some(workers)));
        let (loading, loads) = (Mutex::new(Some(loading)), OnceLock::new());
        Ok(Self {
            catalog,
            directory,
            log,
            workers,
            checkpoint_bytes: bytes.checkpoint,
            held_bytes: AtomicU64::new(0),
            rows,
            loading,
            loads,
            path: path.to_owned(),
            replayed: found.entries,
            ticker: SystemTicker::new(),
            history: Mutex::default(),
        })
    }

    /// Begins to bring back the rows. Must be called inside a tokio runtime; more than once, it does nothing more.
    pub(crate) fn load(&self) {
        if let Some(loading) = self.loading.lock().take() {
            // Nobody else sets it, as nobody else has taken the loading.
            let _ = self.loads.set(Loads::begin(loading, self.catalog.clone()));
        }
    }

    /// Waits until all rows are there.
    ///
    /// # Errors
    /// `Data`.
    pub(crate) async fn loaded(&self) -> Result<(), NodeError> {
        match self.loads.get() {
            Some(loads) => loads.ended().await,
            None => Ok(()),
        }
    }

    /// Ends the loading if it goes on.
    pub(crate) async fn stop_loading(&self) {
        if let Some(loads) = self.loads.get() {
            loads.stop();
            // Whether all of it is there is asked when the last checkpoint is made.
            let _ = loads.ended().await;
        }
    }

    /// The same without waiting.
    pub(crate) fn abort_loading(&self) {
        if let Some(loads) = self.loads.get() {
            loads.stop();
        }
    }

    fn is_loaded(&self) -> bool {
        self.loads.get().is_some_and(Loads::is_complete)
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Puts the committer to work; see [`Workers::take_shift`]. Blocks for a batch at most.
    ///
    /// # Errors
    /// `Closed`; why the log has failed.
    pub(crate) fn take_shift(&self) -> Result<Shift, DiscError> {
        self.workers.lock().as_ref().ok_or(DiscError::Closed)?.take_shift()
    }

    /// Puts the one who prepares segments to work; see [`Workers::take_preparer_shift`]. Blocks for a file at most.
    ///
    /// # Errors
    /// As [`Disc::take_shift`]; that no thread could be made.
    pub(crate) fn take_preparer_shift(&self) -> Result<Shift, DiscError> {
        self.workers.lock().as_ref().ok_or(DiscError::Closed)?.take_preparer_shift()
    }

    /// Makes checkpoints whenever the log has grown enough, without end.
    pub(crate) async fn checkpoints(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if !self.is_loaded() || self.log.status().bytes < self.checkpoint_due() {
                continue;
            }
            let own = self.clone();
            if let Err(stopped) = tokio::task::spawn_blocking(move || own.checkpoint()).await {
                tracing::error!(cause = %stopped, "a checkpoint stopped; the next one begins anew");
            }
        }
    }

    /// Bytes of log at which a checkpoint is made.
    fn checkpoint_due(&self) -> u64 {
        self.checkpoint_bytes.saturating_add(self.held_bytes.load(Ordering::Relaxed))
    }

    fn now_us(&self) -> u64 {
        self.ticker.now_us()
    }

    fn checkpoint(&self) {
        let mut directory = self.directory.lock();
        let began_us = self.now_us();
        match self.catalog.store().checkpoint(&mut directory) {
            Ok(report) => {
                // What stays for a damaged table brings the next one no nearer.
                let held = if report.holds_log { self.log.status().bytes } else { 0 };
                self.held_bytes.store(held, Ordering::Relaxed);
                self.note_checkpoint(began_us, Some(report));
                tracing::info!(
                    tables = report.tables,
                    rows = report.rows,
                    bytes = report.bytes,
                    "checkpoint made"
                );
            }
            // The rewriting of a table ends with a checkpoint of its own.
            Err(StoreError::Sealed(_)) => {}
            Err(cause) => {
                self.note_checkpoint(began_us, None);
                tracing::error!(%cause, "no checkpoint could be made; the log keeps growing");
            }
        }
    }

    /// Makes a last checkpoint and closes the log, so that the next start has nothing to replay. Tables that were not loaded
    /// are as they were. Blocks.
    pub(crate) fn close(&self) {
        // The committer's process has ended, and a checkpoint waits for what it syncs. A log that has failed or was closed
        // keeps nobody waiting.
        let shift = self.take_shift();
        if self.is_loaded() {
            self.checkpoint();
        }
        drop(shift);
        self.let_go();
    }

    /// Closes the log and lets another node have the directory.
    fn let_go(&self) {
        let Some(workers) = self.workers.lock().take() else { return };
        // A process that was stopped may have left its work to a thread.
        self.catalog.store().end_rows_work();
        if let Err(cause) = workers.close() {
            tracing::error!(%cause, "the log was not closed in order");
        }
        self.directory.lock().release();
    }
}

impl Drop for Disc {
    fn drop(&mut self) {
        // Handles of tables may live on and hold the log.
        self.let_go();
    }
}

impl Keeper for Disc {
    fn change_storage(&self, change: StorageChange, course: &Course) -> Result<(), StoreError> {
        self.catalog.store().change_storage(&mut self.directory.lock(), change, course).map(drop)
    }

    fn publish_rewrite(
        &self,
        table: TableId,
        definition: Vec<u8>,
        course: &Course,
    ) -> Result<(), StoreError> {
        let mut directory = self.directory.lock();
        self.catalog.store().publish_rewrite(&mut directory, table, definition, course).map(drop)
    }
}

fn data(cause: DiscError) -> NodeError {
    NodeError::Data(cause.to_string())
}

/// Random bytes from the keys that the standard library draws for its maps.
fn random_uuid() -> [u8; UUID_LEN] {
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(0u8).to_le_bytes();
    let mut bytes = [0; UUID_LEN];
    bytes[..8].copy_from_slice(&half());
    bytes[8..].copy_from_slice(&half());
    bytes
}
