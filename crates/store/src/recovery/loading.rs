//! The way back from the disc, second half: rows of checkpoints, then the entries of the log on top, then the indexes.
//!
//! What must stay true: a table is opened for readers and writers when all of it is there, not before; applying an entry
//! again gives what it gave, because commits are deterministic. Entries of different tables need no common order, as an
//! operation sees nothing but its own row; those of one table are applied in the order of the log.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use mnemon_disc::checkpoint::Checkpoint;
use mnemon_disc::{CheckpointRef, DataDirectory, Disc, NodeId};
use parking_lot::Mutex;

use crate::checkpoint::failed;
use crate::copy::TableCopy;
use crate::error::StoreError;
use crate::event::TableId;
use crate::gate::Damage;
use crate::journal::entry::{self, Entry};
use crate::op::Op;
use crate::recovery::{Noted, exchange};
use crate::row_image;
use crate::store::Store;

/// Entries of the log between two looks at whether to stop.
const ENTRIES_A_LOOK: usize = 1024;

/// How far the loading of a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadProgress {
    /// Rows and entries of the log that have been read.
    pub done: u64,
    /// Of so many.
    pub total: u64,
}

impl LoadProgress {
    /// From 0 to 99, as a table of which all is there loads no longer.
    #[must_use]
    pub fn percent(self) -> u8 {
        let percent = self.done.saturating_mul(100) / self.total.max(1);
        u8::try_from(percent.min(99)).unwrap_or(99)
    }
}

/// A table could not be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadFailure {
    /// Which one; `None` when loading was told to stop.
    pub table: Option<TableId>,
    /// Why, with the file.
    pub cause: StoreError,
}

impl fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table {
            Some(table) => write!(f, "table {}: {}", table.0, self.cause),
            None => self.cause.fmt(f),
        }
    }
}

/// What a table still has on the disc.
pub(super) struct TableLoad {
    pub(super) copy: Arc<TableCopy>,
    pub(super) checkpoint: Option<CheckpointRef>,
    pub(super) noted: Vec<Noted>,
    pub(super) indexes: BTreeSet<u16>,
    /// Why its rows on disc cannot be read.
    pub(super) broken: Option<StoreError>,
    /// Tables with which it has exchanged its rows since the checkpoint: they come back together or not at all.
    pub(super) exchanged: Vec<TableId>,
}

impl TableLoad {
    /// Whether the table has nothing on the disc.
    pub(super) fn is_empty(&self) -> bool {
        self.checkpoint.is_none() && self.noted.is_empty() && self.broken.is_none()
    }

    /// Drops indexes on disc that the table does not have any more.
    pub(super) fn let_indexes_go(&self, store: &Store) -> Result<(), StoreError> {
        let gone = self.copy.indexed().into_iter().filter(|attribute| !self.indexes.contains(attribute));
        gone.into_iter().try_for_each(|attribute| store.del_index(&self.copy, attribute))
    }

    /// Indexes that are to be built: all those of rows in memory.
    pub(super) fn missing_indexes(&self) -> impl Iterator<Item = u16> {
        let there = self.copy.indexed();
        self.indexes.iter().copied().filter(move |attribute| !there.contains(attribute))
    }

    /// Applies all entries.
    pub(super) fn apply_all(&self, store: &Store) -> Result<(), StoreError> {
        self.apply(store, &self.noted)
    }

    /// Applies some entries. Rows on disc are written there when too many changes wait.
    fn apply(&self, store: &Store, entries: &[Noted]) -> Result<(), StoreError> {
        for entry in entries {
            let clock = apply(store, &self.copy, entry)?;
            if self.copy.is_disc_only() {
                store.flush_loading(&self.copy, clock)?;
            }
        }
        Ok(())
    }

    /// Keeps others away from the table until it is loaded.
    pub(super) fn begin(&self) {
        let rows = self.checkpoint.map_or(0, |of| of.entries);
        self.copy.begin_load(rows + self.noted.len() as u64);
    }
}

/// Tables that are known, and whose rows are still on the disc.
pub struct Loading {
    disc: Arc<dyn Disc>,
    node: NodeId,
    loads: Vec<TableLoad>,
    stop: Arc<AtomicBool>,
}

/// Ends a [`Loading`] from another thread.
#[derive(Clone, Debug)]
pub struct StopLoading(Arc<AtomicBool>);

impl StopLoading {
    /// Loading ends within milliseconds; tables that are not done stay closed.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Loading {
    pub(super) fn new(directory: &DataDirectory, loads: Vec<TableLoad>) -> Self {
        Self { disc: directory.disc().clone(), node: directory.node(), loads, stop: Arc::default() }
    }

    /// The tables that are to be loaded.
    pub fn tables(&self) -> impl Iterator<Item = TableId> {
        self.loads.iter().map(|load| load.copy.id())
    }

    /// What ends the loading before it is done.
    #[must_use]
    pub fn stopper(&self) -> StopLoading {
        StopLoading(self.stop.clone())
    }

    /// Loads all tables: those of the highest `order` first, of the same order the smallest first, by as many threads as
    /// there are cores. `loaded` is told of each when it can be used, and when it is found damaged: then it stays closed, and
    /// the others go on. Blocks.
    ///
    /// # Errors
    /// That it was stopped, or entries of the log that cannot be applied to a table; tables that were not done stay closed.
    pub fn run(
        self,
        store: &Store,
        order: impl Fn(TableId) -> i64,
        loaded: impl Fn(TableId) + Sync,
    ) -> Result<(), LoadFailure> {
        let Self { disc, node, mut loads, stop } = self;
        // One that is not there had never been finished.
        loads.retain(|load| store.copy(load.copy.id()).is_ok());
        let weight = |load: &TableLoad| load.copy.load_progress().map_or(0, |progress| progress.total);
        // The next one is taken from the end.
        loads.sort_by_cached_key(|load| (Reverse(order(load.copy.id())), weight(load)));
        loads.reverse();
        let work = Work {
            store,
            disc: &*disc,
            node,
            stop: &stop,
            loaded: &loaded,
            queue: Mutex::new(Queue { waiting: loads, reading: Vec::new() }),
            failure: Mutex::new(None),
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| work.run())).collect();
            work.run();
            for thread in others {
                if thread.join().is_err() {
                    let cause = "a thread that loaded tables panicked".to_owned();
                    work.fail(None, StoreError::Disc(cause));
                }
            }
        });
        work.failure.into_inner().map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Loading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tables()).finish()
    }
}

/// A table whose checkpoint is being read, by several threads.
struct Reading {
    load: TableLoad,
    checkpoint: Checkpoint,
    next: AtomicUsize,
    /// Blocks that are not in yet.
    left: AtomicUsize,
    /// Why a block could not be read.
    damage: OnceLock<StoreError>,
}

impl Reading {
    fn is_damaged(&self) -> bool {
        self.damage.get().is_some()
    }
}

struct Queue {
    /// The next one is the last.
    waiting: Vec<TableLoad>,
    reading: Vec<Arc<Reading>>,
}

/// What a thread does next.
enum Task {
    Block(Arc<Reading>, usize),
    /// All rows of its checkpoint are there, or it has none.
    Finish(TableLoad),
    /// Its checkpoint cannot be opened.
    GiveUp(TableLoad, StoreError),
}

struct Work<'w, L> {
    store: &'w Store,
    disc: &'w dyn Disc,
    node: NodeId,
    stop: &'w AtomicBool,
    loaded: &'w L,
    queue: Mutex<Queue>,
    failure: Mutex<Option<LoadFailure>>,
}

impl<L: Fn(TableId) + Sync> Work<'_, L> {
    fn run(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let (table, done) = match self.next() {
                None => return,
                Some(Task::Finish(load)) => (load.copy.id(), self.finish(&load)),
                Some(Task::GiveUp(load, cause)) => (load.copy.id(), self.give_up(&load, &cause)),
                Some(Task::Block(reading, number)) => (reading.load.copy.id(), self.block(&reading, number)),
            };
            if let Err(cause) = done {
                self.fail(Some(table), cause);
                return;
            }
        }
        self.fail(None, StoreError::Disc("loading was stopped".to_owned()));
    }

    /// The first failure is told; the other threads end.
    fn fail(&self, table: Option<TableId>, cause: StoreError) {
        self.stop.store(true, Ordering::Relaxed);
        self.failure.lock().get_or_insert(LoadFailure { table, cause });
    }

    /// Leaves a table of which the checkpoint cannot be read without rows, closed, and with its entries of the log.
    fn give_up(&self, load: &TableLoad, cause: &StoreError) -> Result<(), StoreError> {
        let copy = &load.copy;
        copy.clear_unseen(self.store.clock());
        for attribute in &load.indexes {
            self.store.add_index(copy, *attribute)?;
        }
        if load.exchanged.is_empty() {
            let carried = load.noted.iter().map(|noted| noted.bytes.clone()).collect();
            copy.close_for(Damage::of_load(cause, Some(carried)));
        } else {
            self.give_up_exchanged(load, cause);
        }
        copy.end_load();
        (self.loaded)(copy.id());
        Ok(())
    }

    /// What is on disc of the tables that have exchanged their rows can be made out only together, so all of it stays.
    fn give_up_exchanged(&self, load: &TableLoad, cause: &StoreError) {
        load.copy.close_for(Damage::of_load(cause, None));
        let others = load.exchanged.iter().filter_map(|table| self.store.copy(*table).ok());
        for other in others.filter(|other| other.id() != load.copy.id()) {
            other.close_for(Damage::of_load(&exchange::damaged_with(load.copy.id(), cause), None));
            (self.loaded)(other.id());
        }
    }

    fn next(&self) -> Option<Task> {
        let mut queue = self.queue.lock();
        // What a damaged table still has in its file is of no account.
        queue.reading.retain(|reading| !reading.is_damaged());
        for reading in &queue.reading {
            let number = reading.next.fetch_add(1, Ordering::Relaxed);
            if number < reading.checkpoint.blocks() {
                return Some(Task::Block(reading.clone(), number));
            }
        }
        queue.reading.clear();
        let mut load = queue.waiting.pop()?;
        if let Some(cause) = load.broken.take() {
            return Some(Task::GiveUp(load, cause));
        }
        let Some(of) = load.checkpoint else { return Some(Task::Finish(load)) };
        let checkpoint = match of.open(self.disc, self.node) {
            Ok(checkpoint) => checkpoint,
            Err(cause) => return Some(Task::GiveUp(load, failed(cause))),
        };
        let blocks = checkpoint.blocks();
        if blocks == 0 {
            return Some(Task::Finish(load));
        }
        let (next, left) = (AtomicUsize::new(1), AtomicUsize::new(blocks));
        let reading = Reading { load, checkpoint, next, left, damage: OnceLock::new() };
        let reading = Arc::new(reading);
        queue.reading.push(reading.clone());
        Some(Task::Block(reading, 0))
    }

    /// Reads a block, unless another one of the table was bad; whoever ends its last one ends the table.
    fn block(&self, reading: &Reading, number: usize) -> Result<(), StoreError> {
        if !reading.is_damaged()
            && let Err(cause) = read(reading, number)
        {
            // The first one is told.
            let _ = reading.damage.set(cause);
        }
        // Blocks that nobody begins any more are not waited for.
        let blocks = reading.checkpoint.blocks();
        let mut ended = 1;
        if reading.is_damaged() {
            ended += blocks.saturating_sub(reading.next.swap(blocks, Ordering::SeqCst));
        }
        if reading.left.fetch_sub(ended, Ordering::SeqCst) != ended {
            return Ok(());
        }
        match reading.damage.get() {
            Some(cause) => self.give_up(&reading.load, cause),
            None => self.finish(&reading.load),
        }
    }

    /// The log on top of the rows, the indexes over both; then the table is open.
    fn finish(&self, load: &TableLoad) -> Result<(), StoreError> {
        let copy = &load.copy;
        for entries in load.noted.chunks(ENTRIES_A_LOOK) {
            if self.stop.load(Ordering::Relaxed) {
                return Err(StoreError::Disc("loading was stopped".to_owned()));
            }
            load.apply(self.store, entries)?;
            copy.advance_load(entries.len() as u64);
        }
        for attribute in load.missing_indexes() {
            self.store.add_index(copy, attribute)?;
        }
        copy.end_load();
        (self.loaded)(copy.id());
        Ok(())
    }
}

/// Puts the rows of a block in their places.
fn read(reading: &Reading, number: usize) -> Result<(), StoreError> {
    let block = reading.checkpoint.read_block(number).map_err(failed)?;
    let copy = &reading.load.copy;
    let mut rows = 0;
    for entry in block.entries() {
        copy.restore(row_image::decode(entry)?);
        rows += 1;
    }
    copy.advance_load(rows);
    Ok(())
}

/// Applies what an entry does to the rows of this table, in whichever table they were, and gives its clock.
fn apply(store: &Store, copy: &TableCopy, noted: &Noted) -> Result<u64, StoreError> {
    let (clock, entry) = entry::decode(&noted.bytes)?;
    if let Entry::Commit { time_ms, ops } = entry {
        let mut home = noted.home;
        for op in &ops {
            if let Op::Exchange { with } = op.op {
                home = exchange::moved((op.table, with), home);
            } else if op.table == home {
                store.reapply(copy, clock, time_ms, &op.op)?;
            }
        }
    }
    Ok(clock)
}
