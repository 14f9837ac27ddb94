//! A catalog over a data directory on a disc that can fail, with the rows of tables on disc only in trees that can fail.

use std::sync::{Arc, Weak};
use std::time::Duration;

use mnemon_disc::log::Workers;
use mnemon_disc::testing::{FaultyDisc, MemoryTrees};
use mnemon_disc::time::SystemTicker;
use mnemon_disc::{DataDirectory, Log, LogConfig};
use mnemon_store::{Course, ManualClock, StorageChange, StoreConfig, StoreError, TableId};
use mnemon_table::{Catalog, Keeper, TableError};
use parking_lot::Mutex;

pub(crate) const SYNC_WITHIN: Duration = Duration::from_secs(20);
/// Few, so that rows are written in the middle of everything.
const PENDING_BYTES: usize = 4 << 10;

pub(crate) struct Held {
    pub(crate) catalog: Arc<Catalog>,
    directory: Mutex<DataDirectory>,
    pub(crate) log: Log,
    /// The log is open while they are there.
    _workers: Workers,
}

impl Keeper for Held {
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

impl Held {
    pub(crate) fn start(disc: &FaultyDisc) -> Arc<Self> {
        Self::start_over(disc, &MemoryTrees::default())
    }

    pub(crate) fn start_over(disc: &FaultyDisc, trees: &MemoryTrees) -> Arc<Self> {
        let directory = DataDirectory::on(Arc::new(disc.clone()), || [7; 16]).expect("it opens");
        let config = LogConfig { segment_bytes: 64 << 10, retry_ms: 1, ..LogConfig::default() };
        let mut opened = None;
        let catalog = Catalog::recovered(StoreConfig::new(Box::new(ManualClock::at(1_000))), None, |store| {
            store.set_rows(Arc::new(trees.clone()), PENDING_BYTES);
            let (tables, log) = store.recover(&directory, config, Box::new(SystemTicker::new()))?;
            opened = Some(log);
            Ok::<_, TableError>(tables)
        });
        let catalog = Arc::new(catalog.expect("it comes back"));
        let (log, workers, _) = opened.expect("the log was opened").start().expect("it starts");
        catalog.store().set_log(log.clone());
        let held = Arc::new(Self { catalog, directory: Mutex::new(directory), log, _workers: workers });
        held.catalog.set_keeper(Arc::downgrade(&held) as Weak<dyn Keeper>);
        held
    }

    /// Makes a checkpoint, as the node does now and then.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        self.catalog.store().checkpoint(&mut self.directory.lock()).map(drop)
    }
}
