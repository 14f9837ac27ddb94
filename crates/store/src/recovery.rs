//! The way back from the disc, first half: what tables there are, and which entries of the log concern each of them. The
//! second half, [`Loading`], brings the rows back, table by table, while the tables that are done are used already.
//!
//! What must stay true: an entry whose effect is in a checkpoint already is skipped by its clock; after the first half the
//! commit clock stands where it stood, so new commits on loaded tables are younger than anything that is still to be loaded.

mod exchange;
mod loading;
mod reapply;
mod salvage;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mnemon_disc::log::{Content, Opened, Record};
use mnemon_disc::time::Ticker;
use mnemon_disc::{CheckpointRef, DataDirectory, DiscError, LogConfig, StreamId};

use loading::TableLoad;
pub use loading::{LoadFailure, LoadProgress, Loading, StopLoading};
pub use salvage::{Salvaged, SalvagedTable};

use crate::checkpoint::{CARRIED, StoreImage, TableImage, failed};
use crate::cold::{Found, Meta};
use crate::commit::TableOp;
use crate::error::StoreError;
use crate::event::TableId;
use crate::journal::entry::{self, Entry};
use crate::op::Op;
use crate::replica::SchemaChange;
use crate::store::Store;

/// A table that was brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Its number.
    pub table: TableId,
    /// What those above the store had noted of it; empty when its creation was never finished.
    pub definition: Vec<u8>,
}

/// What is known while the log is read.
#[derive(Default)]
struct Replay {
    checkpoints: HashMap<TableId, CheckpointRef>,
    /// The clocks up to which rows on disc hold commits.
    rows: HashMap<TableId, u64>,
    /// Why rows on disc cannot be read.
    broken: HashMap<TableId, StoreError>,
    indexes: HashMap<TableId, BTreeSet<u16>>,
    /// Entries that concern a table and are not in its checkpoint, in their order.
    noted: HashMap<TableId, Vec<Noted>>,
    /// The clock of the last commit that has cleared a table: what was before it is of no account.
    cleared: HashMap<TableId, u64>,
    /// The clocks of what was noted, for tables with entries that a checkpoint has noted once more.
    carried: HashMap<TableId, HashSet<u64>>,
    /// Tables whose rows have changed places with one another's since their checkpoints.
    exchanged: exchange::Exchanged,
    clock: u64,
}

/// An entry that is to be applied to the rows of a table.
#[derive(Clone)]
struct Noted {
    /// The table in which the rows were when the commit began.
    home: TableId,
    bytes: Arc<[u8]>,
}

/// A commit as it stands in the log.
struct NotedCommit<'r> {
    clock: u64,
    bytes: &'r [u8],
    ops: Vec<TableOp<'r>>,
    /// Noted once more by a checkpoint, so that the log before it could go.
    is_carried: bool,
}

impl Replay {
    /// Whether what is on disc of the table's rows holds the commit of this clock.
    fn holds(&self, table: TableId, clock: u64) -> bool {
        self.checkpoints.get(&table).is_some_and(|of| clock <= of.clock)
            || self.cleared.get(&table).is_some_and(|at| clock < *at)
            || self.rows.get(&table).is_some_and(|rows| clock <= *rows)
    }

    /// Whether the commit of this clock, which is carried, is among what was noted of the table. If not, it is from now on.
    fn knows(&mut self, table: TableId, clock: u64) -> bool {
        let noted = self.noted.get(&table).map(Vec::as_slice).unwrap_or_default();
        let clocks = || noted.iter().filter_map(|noted| entry::clock(&noted.bytes)).collect();
        !self.carried.entry(table).or_insert_with(clocks).insert(clock)
    }
}

/// An error of the log or of an entry.
struct Failure(StoreError);

impl From<DiscError> for Failure {
    fn from(cause: DiscError) -> Self {
        Self(failed(cause))
    }
}

impl Store {
    /// Brings back what the directory holds into this store, which must be empty. The log is then to be started and given
    /// to [`Store::set_log`]. Blocks; checkpoints are read by as many threads as there are cores.
    ///
    /// # Errors
    /// `Disc`, also for what is corrupt, with the file; `Damaged` with the first table that is; `Encoding`. The directory is unchanged.
    pub fn recover(
        &self,
        directory: &DataDirectory,
        config: LogConfig,
        ticker: Box<dyn Ticker>,
    ) -> Result<(Vec<Recovered>, Opened), StoreError> {
        let (tables, opened, loading) = self.begin_recovery(directory, config, ticker)?;
        loading.run(self, |_| 0, |_| ()).map_err(|failure| failure.cause)?;
        self.copies().iter().try_for_each(|copy| copy.check_open())?;
        Ok((tables, opened))
    }

    /// The first half of [`Store::recover`]: afterwards all tables are there and can be told to the outside, and the log
    /// can be started and given to [`Store::set_log`]. Tables whose rows are still on the disc answer `Loading` until
    /// [`Loading::run`] has brought them back; the others can be used. Reads the whole log, but no checkpoint; entries that
    /// are to be applied wait in memory. Blocks.
    ///
    /// # Errors
    /// As [`Store::recover`].
    pub fn begin_recovery(
        &self,
        directory: &DataDirectory,
        config: LogConfig,
        ticker: Box<dyn Ticker>,
    ) -> Result<(Vec<Recovered>, Opened, Loading), StoreError> {
        let mut replay = Replay::default();
        let manifest = directory.manifest();
        if !manifest.meta.is_empty() {
            let image = StoreImage::decode(&manifest.meta)?;
            let named = image.clone();
            self.create_all(image, &mut replay)?;
            if directory.damaged().is_empty() && replay.broken.is_empty() {
                // With damage about, everything is kept for whoever repairs it.
                self.retain_rows(&named)?;
            }
        }
        for of in &manifest.checkpoints {
            let Ok(table) = u32::try_from(of.table).map(TableId) else { continue };
            // Without its table a checkpoint is of one that was dropped.
            let Ok(copy) = self.copy(table) else { continue };
            copy.last_noted.store(of.clock, Ordering::SeqCst);
            replay.checkpoints.insert(table, *of);
        }
        let opened =
            directory.open_log(config, ticker, |record| self.replay(&record, &mut replay).map_err(Failure));
        let opened = opened.map_err(|Failure(cause)| cause)?;
        self.set_clock(replay.clock);
        let mut copies = self.copies();
        copies.sort_unstable_by_key(|copy| copy.id());
        let recovered = |id| Recovered { table: id, definition: self.definition_of(id) };
        let tables = copies.iter().map(|copy| recovered(copy.id())).collect();
        let mut loads = Vec::new();
        for copy in copies {
            let id = copy.id();
            let load = TableLoad {
                checkpoint: replay.checkpoints.remove(&id),
                noted: replay.noted.remove(&id).unwrap_or_default(),
                indexes: replay.indexes.remove(&id).unwrap_or_default(),
                broken: replay.broken.remove(&id),
                exchanged: replay.exchanged.with(id),
                copy,
            };
            load.let_indexes_go(self)?;
            if load.is_empty() {
                load.missing_indexes().try_for_each(|attribute| self.add_index(&load.copy, attribute))?;
                continue;
            }
            load.begin();
            loads.push(load);
        }
        Ok((tables, opened, Loading::new(directory, loads)))
    }

    fn definition_of(&self, table: TableId) -> Vec<u8> {
        self.copy(table).map(|copy| Vec::clone(&copy.definition.load())).unwrap_or_default()
    }

    fn create_all(&self, image: StoreImage, replay: &mut Replay) -> Result<(), StoreError> {
        replay.clock = replay.clock.max(image.clock);
        self.observe_time(image.time_ms);
        for table in image.tables {
            let (id, generation) = (table.table, table.rows.unwrap_or(0));
            match self.open_rows(id, generation) {
                Ok(found) => self.create_found(table, found, replay)?,
                Err(cause) => {
                    self.create_found(table, None, replay)?;
                    self.copy(id)?.cold_part().iter().for_each(|cold| cold.keep_broken(generation));
                    replay.broken.insert(id, failed(cause));
                }
            }
        }
        Ok(())
    }

    /// Makes a table of the manifest, over the tree that was found of it.
    fn create_found(
        &self,
        table: TableImage,
        found: Option<Found>,
        replay: &mut Replay,
    ) -> Result<(), StoreError> {
        let copy = self.create_over(table.table, table.spec, found.as_ref())?;
        if let Some(Found { meta, .. }) = found {
            replay.clock = replay.clock.max(meta.clock);
            replay.rows.insert(table.table, meta.clock);
            copy.last_noted.store(meta.clock, Ordering::SeqCst);
        }
        copy.definition.store(table.definition.into());
        copy.schema_version.store(table.schema_version, Ordering::SeqCst);
        replay.indexes.insert(table.table, table.indexes.into_iter().collect());
        Ok(())
    }

    /// The tree of a table on disc only; `None` when it has none yet.
    fn open_rows(&self, table: TableId, generation: u64) -> Result<Option<Found>, DiscError> {
        let Some(space) = self.space.get().filter(|_| generation > 0) else { return Ok(None) };
        let tree = space.trees.open(u64::from(table.0), generation)?;
        let meta = Meta::read(&*tree)?;
        Ok(Some(Found { tree, generation, meta }))
    }

    fn replay(&self, record: &Record<'_>, replay: &mut Replay) -> Result<(), StoreError> {
        let Content::Entry(bytes) = &record.content else { return Ok(()) };
        if record.stream != StreamId::LOCAL && record.stream != CARRIED {
            return Ok(());
        }
        let (clock, entry) = entry::decode(bytes)?;
        replay.clock = replay.clock.max(clock);
        match entry {
            Entry::Commit { time_ms, ops } => {
                self.observe_time(time_ms);
                let noted = NotedCommit { clock, bytes, ops, is_carried: record.stream == CARRIED };
                self.note_commit(&noted, replay);
                Ok(())
            }
            Entry::Schema(change) => self.replay_schema(&change, replay),
        }
    }

    /// Keeps a commit for those of its tables that do not contain it yet.
    fn note_commit(&self, commit: &NotedCommit<'_>, replay: &mut Replay) {
        let NotedCommit { clock, bytes, .. } = *commit;
        let mut shared: Option<Arc<[u8]>> = None;
        let exchanges = exchange::pairs(&commit.ops);
        let named = commit.ops.iter().flat_map(|op| iter::once(op.table).chain(op.op.other_table()));
        let tables: BTreeSet<TableId> = named.collect();
        let holding: Vec<TableId> = tables.iter().copied().filter(|id| replay.holds(*id, clock)).collect();
        for table in tables {
            let is_in = holding.contains(&table);
            let Ok(copy) = self.copy(table) else { continue };
            // What is noted of a table that is in RAM alone is from before it was, or from a move that was not finished.
            if is_in || copy.disc().is_none() || commit.is_carried && replay.knows(table, clock) {
                continue;
            }
            let is_cleared = commit.ops.iter().any(|op| op.table == table && matches!(op.op, Op::Clear));
            if is_cleared && exchanges.is_empty() {
                // Whatever it held need not be read, so it may well be damaged.
                replay.checkpoints.remove(&table);
                replay.broken.remove(&table);
                replay.noted.remove(&table);
                replay.cleared.insert(table, clock);
                replay.exchanged.leave(table);
            }
            copy.last_noted.fetch_max(clock, Ordering::SeqCst);
            let bytes = shared.get_or_insert_with(|| bytes.into()).clone();
            replay.noted.entry(table).or_default().push(Noted { home: table, bytes });
        }
        exchanges.into_iter().for_each(|pair| replay.exchange(pair, &holding));
    }

    /// What the manifest had noted already may come once more.
    fn replay_schema(&self, change: &SchemaChange, replay: &mut Replay) -> Result<(), StoreError> {
        match change {
            SchemaChange::Create { table, .. } | SchemaChange::CreateDiscOnly { table, .. }
                if self.copy(*table).is_ok() =>
            {
                Ok(())
            }
            SchemaChange::AddIndex { table, attribute } => {
                replay.indexes.entry(*table).or_default().insert(*attribute);
                Ok(())
            }
            SchemaChange::DelIndex { table, attribute } => {
                replay.indexes.entry(*table).or_default().remove(attribute);
                Ok(())
            }
            SchemaChange::Drop { table } | SchemaChange::Replace { replaces: table, .. } => {
                replay.indexes.remove(table);
                replay.checkpoints.remove(table);
                replay.rows.remove(table);
                replay.broken.remove(table);
                replay.noted.remove(table);
                replay.cleared.remove(table);
                self.ignoring_absence(change)
            }
            // A transformation that the end of the process has interrupted holds nobody up.
            SchemaChange::Version { table, version, .. } => self.ignoring_absence(&SchemaChange::Version {
                table: *table,
                version: *version,
                sealed: false,
            }),
            SchemaChange::Create { .. }
            | SchemaChange::CreateDiscOnly { .. }
            | SchemaChange::Define { .. } => self.ignoring_absence(change),
        }
    }

    fn ignoring_absence(&self, change: &SchemaChange) -> Result<(), StoreError> {
        match self.install(change) {
            Err(StoreError::NoTable(_)) => Ok(()),
            answer => answer,
        }
    }
}
