//! A store over a data directory, as the tests start it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mnemon_disc::log::Workers;
use mnemon_disc::testing::{FaultyDisc, MemoryTrees};
use mnemon_disc::time::SystemTicker;
use mnemon_disc::{DataDirectory, DiscError, Log, LogConfig};
use mnemon_sim::TableState;
use mnemon_store::{
    Commit, CopySpec, Durability, Kind, Local, ManualClock, Recovered, Replica, SchemaChange, Store,
    StoreConfig, StoreError, TableCopy, TableOp,
};

use super::{PENDING_BYTES, SYNC_WITHIN, TABLE};
use crate::step::{START_MS, Step};

/// A store over a data directory.
pub(super) struct Node {
    pub(super) local: Local,
    pub(super) directory: DataDirectory,
    pub(super) log: Log,
    pub(super) workers: Workers,
    pub(super) time: Arc<ManualClock>,
    pub(super) found: Vec<Recovered>,
}

impl Node {
    pub(super) fn start(disc: &FaultyDisc, shards: usize) -> Result<Self, StoreError> {
        Self::start_over(disc, &MemoryTrees::default(), shards)
    }

    /// The same with rows on disc.
    pub(super) fn start_over(
        disc: &FaultyDisc,
        rows: &MemoryTrees,
        shards: usize,
    ) -> Result<Self, StoreError> {
        let (time, store) = empty(shards);
        store.set_rows(Arc::new(rows.clone()), PENDING_BYTES);
        let directory = directory(disc)?;
        let config = LogConfig { segment_bytes: 64 << 10, retry_ms: 1, ..LogConfig::default() };
        let (found, opened) = store.recover(&directory, config, Box::new(SystemTicker::new()))?;
        let (log, workers, _) = opened.start().map_err(disc_error)?;
        store.set_log(log.clone());
        Ok(Self { local: Local::new(store), directory, log, workers, time, found })
    }

    /// One whose damaged tables keep the others from nothing.
    pub(super) fn start_despite_damage(disc: &FaultyDisc, shards: usize) -> Result<Self, StoreError> {
        let (time, store) = empty(shards);
        let directory = directory(disc)?;
        let config = LogConfig { segment_bytes: 16 << 10, retry_ms: 1, ..LogConfig::default() };
        let (found, opened, loading) =
            store.begin_recovery(&directory, config, Box::new(SystemTicker::new()))?;
        let (log, workers, _) = opened.start().map_err(disc_error)?;
        store.set_log(log.clone());
        loading.run(&store, |_| 0, |_| ()).map_err(|failure| failure.cause)?;
        Ok(Self { local: Local::new(store), directory, log, workers, time, found })
    }

    pub(super) fn store(&self) -> &Store {
        self.local.store()
    }

    pub(super) fn create(&self, kind: Kind) {
        self.create_as(kind, false).unwrap();
    }

    pub(super) fn create_as(&self, kind: Kind, disc_only: bool) -> Result<(), StoreError> {
        let spec = CopySpec { disc: Some(Durability::Commit), disc_only, ..CopySpec::new(kind) };
        self.local.change_schema(&SchemaChange::create(TABLE, spec)).ready().unwrap()
    }

    pub(super) fn copy(&self) -> Arc<TableCopy> {
        self.store().copy(TABLE).unwrap()
    }

    /// Does a step that writes; others are passed over.
    pub(super) fn perform(&mut self, step: &Step) -> Result<(), StoreError> {
        let time_ms = self.store().now_ms();
        match step {
            Step::One(op) => self.local.commit_one(&self.copy(), time_ms, op).ready().unwrap().map(drop),
            Step::Commit(_, ops) => {
                let ops = ops.iter().map(|op| TableOp { table: TABLE, op: op.clone() }).collect();
                let commit = Commit { time_ms, checks: Vec::new(), ops, with_before: false };
                self.local.commit(&commit).ready().unwrap().map(drop)
            }
            Step::Advance(by_ms) => {
                self.time.advance(*by_ms);
                Ok(())
            }
            Step::AddIndex(attribute) => {
                let add = SchemaChange::AddIndex { table: TABLE, attribute: *attribute };
                match self.local.change_schema(&add).ready().unwrap() {
                    Err(StoreError::Exists(_)) => Ok(()),
                    answer => answer,
                }
            }
            // Stands for a checkpoint here.
            Step::Maintain => {
                let Self { local, directory, .. } = self;
                local.store().checkpoint(directory).map(drop)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn sync(&self) {
        self.log.sync(SYNC_WITHIN).unwrap();
    }

    pub(super) fn seen(&self) -> String {
        seen(self.store())
    }
}

fn empty(shards: usize) -> (Arc<ManualClock>, Store) {
    let time = Arc::new(ManualClock::at(START_MS));
    let store = Store::new(StoreConfig { shards, ..StoreConfig::new(Box::new(time.clone())) });
    (time, store)
}

fn directory(disc: &FaultyDisc) -> Result<DataDirectory, StoreError> {
    DataDirectory::on(Arc::new(disc.clone()), || [7; 16]).map_err(disc_error)
}

fn disc_error(cause: DiscError) -> StoreError {
    StoreError::Disc(cause.to_string())
}

/// What readers see.
pub(super) fn seen(store: &Store) -> String {
    let copy = store.copy(TABLE).unwrap();
    let state = TableState::of(store, &copy);
    state.check_indexes().unwrap();
    let indexed = copy.indexed().into_iter().map(|at| (at, state.index_rows(at).len()));
    format!("{:?} {:?}", state.rows(), indexed.collect::<BTreeMap<_, _>>())
}
