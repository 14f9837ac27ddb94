//! The way back from the disc: the tables of the newest manifest, their checkpoints, then the log on top.
//!
//! What must stay true: applying an entry again gives what it gave, because commits are deterministic; an entry whose effect
//! is in a checkpoint already is skipped by its clock; indexes are built when all rows are there.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mnemon_disc::checkpoint::Checkpoint;
use mnemon_disc::log::{Content, Opened, Record};
use mnemon_disc::time::Ticker;
use mnemon_disc::{DataDirectory, DiscError, LogConfig, StreamId};

use crate::checkpoint::{StoreImage, failed};
use crate::commit::{Commit, TableOp};
use crate::copy::TableCopy;
use crate::error::StoreError;
use crate::event::TableId;
use crate::journal::entry::{self, Entry};
use crate::replica::SchemaChange;
use crate::row_image;
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

/// What is known while the log is replayed.
#[derive(Default)]
struct Replay {
    /// The clocks that checkpoints reach to.
    checkpoints: HashMap<TableId, u64>,
    indexes: HashMap<TableId, BTreeSet<u16>>,
    clock: u64,
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
    /// `Disc`, also for what is corrupt, with the file; `Encoding`. The directory is unchanged.
    pub fn recover(
        &self,
        directory: &DataDirectory,
        config: LogConfig,
        ticker: Box<dyn Ticker>,
    ) -> Result<(Vec<Recovered>, Opened), StoreError> {
        let mut replay = Replay::default();
        let manifest = directory.manifest();
        if !manifest.meta.is_empty() {
            self.create_all(StoreImage::decode(&manifest.meta)?, &mut replay)?;
        }
        for of in &manifest.checkpoints {
            let Ok(table) = u32::try_from(of.table).map(TableId) else { continue };
            // Without its table a checkpoint is of one that was dropped.
            let Ok(copy) = self.copy(table) else { continue };
            self.load(&copy, &directory.checkpoint(of).map_err(failed)?)?;
            copy.last_noted.store(of.clock, Ordering::SeqCst);
            replay.checkpoints.insert(table, of.clock);
        }
        let opened =
            directory.open_log(config, ticker, |record| self.replay(&record, &mut replay).map_err(Failure));
        let opened = opened.map_err(|Failure(cause)| cause)?;
        self.set_clock(replay.clock);
        for (table, attributes) in &replay.indexes {
            if let Ok(copy) = self.copy(*table) {
                attributes.iter().try_for_each(|attribute| self.add_index(&copy, *attribute))?;
            }
        }
        let mut tables: Vec<Recovered> = self
            .copies()
            .iter()
            .map(|copy| Recovered { table: copy.id(), definition: Vec::clone(&copy.definition.load()) })
            .collect();
        tables.sort_unstable_by_key(|recovered| recovered.table);
        Ok((tables, opened))
    }

    fn create_all(&self, image: StoreImage, replay: &mut Replay) -> Result<(), StoreError> {
        replay.clock = image.clock;
        self.observe_time(image.time_ms);
        for table in image.tables {
            let copy = self.create(table.table, table.spec)?;
            copy.definition.store(table.definition.into());
            copy.schema_version.store(table.schema_version, Ordering::SeqCst);
            replay.indexes.insert(table.table, table.indexes.into_iter().collect());
        }
        Ok(())
    }

    /// Reads a checkpoint's blocks, each thread the next one.
    fn load(&self, copy: &TableCopy, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= checkpoint.blocks() {
                    return Ok(());
                }
                let block = checkpoint.read_block(number).map_err(failed)?;
                for entry in block.entries() {
                    copy.restore(row_image::decode(entry)?);
                }
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(checkpoint.blocks());
        if threads < 2 {
            return work();
        }
        thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let lost = || Err(StoreError::Disc("a thread that loaded a checkpoint panicked".to_owned()));
            all.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| lost()))
        })
    }

    fn replay(&self, record: &Record<'_>, replay: &mut Replay) -> Result<(), StoreError> {
        let Content::Entry(bytes) = &record.content else { return Ok(()) };
        if record.stream != StreamId::LOCAL {
            return Ok(());
        }
        let (clock, entry) = entry::decode(bytes)?;
        replay.clock = replay.clock.max(clock);
        match entry {
            Entry::Commit { time_ms, ops } => self.replay_commit(clock, time_ms, ops, replay),
            Entry::Schema(change) => self.replay_schema(&change, replay),
        }
    }

    fn replay_commit(
        &self,
        clock: u64,
        time_ms: u64,
        mut ops: Vec<TableOp<'_>>,
        replay: &Replay,
    ) -> Result<(), StoreError> {
        self.observe_time(time_ms);
        ops.retain(|op| {
            let is_in = replay.checkpoints.get(&op.table).is_some_and(|reached| clock <= *reached);
            !is_in && self.copy(op.table).is_ok()
        });
        if ops.is_empty() {
            return Ok(());
        }
        for op in &ops {
            self.copy(op.table)?.last_noted.fetch_max(clock, Ordering::SeqCst);
        }
        // Nobody else is here, so the next commit has the clock that this one had.
        self.set_clock(clock - 1);
        self.commit(&Commit { time_ms, checks: Vec::new(), ops, with_before: false }).map(drop)
    }

    /// What the manifest had noted already may come once more.
    fn replay_schema(&self, change: &SchemaChange, replay: &mut Replay) -> Result<(), StoreError> {
        match change {
            SchemaChange::Create { table, .. } if self.copy(*table).is_ok() => Ok(()),
            SchemaChange::AddIndex { table, attribute } => {
                replay.indexes.entry(*table).or_default().insert(*attribute);
                Ok(())
            }
            SchemaChange::DelIndex { table, attribute } => {
                replay.indexes.entry(*table).or_default().remove(attribute);
                Ok(())
            }
            SchemaChange::Drop { table } => {
                replay.indexes.remove(table);
                replay.checkpoints.remove(table);
                self.ignoring_absence(change)
            }
            // A transformation that the end of the process has interrupted holds nobody up.
            SchemaChange::Version { table, version, .. } => self.ignoring_absence(&SchemaChange::Version {
                table: *table,
                version: *version,
                sealed: false,
            }),
            SchemaChange::Create { .. } | SchemaChange::Define { .. } => self.ignoring_absence(change),
        }
    }

    fn ignoring_absence(&self, change: &SchemaChange) -> Result<(), StoreError> {
        match self.install(change) {
            Err(StoreError::NoTable(_)) => Ok(()),
            answer => answer,
        }
    }
}
