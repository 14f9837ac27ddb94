//! Room in memory for changes of rows on disc, of all tables together: who waits for it, and who makes it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mnemon_disc::rows::RowTrees;
use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard};

use crate::copy::TableCopy;
use crate::error::StoreError;
use crate::store::Store;

/// How long a commit waits for room while the disc catches up. When the disc fails, it does not wait.
const ROOM_WITHIN: Duration = Duration::from_secs(30);
/// Commits wait when there is this many times more than is to be written at once.
const WAIT_FROM: usize = 2;

/// Who is told when changes are to be written.
type Flusher = Box<dyn Fn() + Send + Sync>;

/// Rows on disc, of a store that has any.
pub(crate) struct Space {
    pub(crate) trees: Arc<dyn RowTrees>,
    pub(crate) pending: Arc<AtomicUsize>,
    /// Beyond, changes are written to the disc.
    pending_bytes_max: usize,
    flusher: OnceLock<Flusher>,
    last: Mutex<Option<StoreError>>,
    freed: Condvar,
    /// Held by who flushes or compacts because it is due.
    at_work: RwLock<()>,
    /// Nobody does any more.
    ended: AtomicBool,
}

impl Space {
    fn is_over(&self, times: usize) -> bool {
        self.pending.load(Ordering::Relaxed) > self.pending_bytes_max.saturating_mul(times)
    }

    /// Has those who wait for room look again.
    fn tell_waiting(&self) {
        // Who has looked before there was room waits by now: they look under this lock.
        drop(self.last.lock());
        self.freed.notify_all();
    }

    /// Begins work on the trees; `None` once that has ended for good.
    pub(crate) fn work(&self) -> Option<RwLockReadGuard<'_, ()>> {
        let at_work = self.at_work.read();
        (!self.has_ended()).then_some(at_work)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}

impl Store {
    /// Names where tables on disc only have their rows, and how many bytes of changes may wait in memory before they are
    /// written there; commits wait at twice as many. To be called before the first such table is made. The first call counts.
    pub fn set_rows(&self, trees: Arc<dyn RowTrees>, pending_bytes_max: usize) {
        let (pending, flusher) = (Arc::default(), OnceLock::new());
        let space = Space {
            trees,
            pending,
            pending_bytes_max,
            flusher,
            last: Mutex::new(None),
            freed: Condvar::new(),
            at_work: RwLock::new(()),
            ended: AtomicBool::new(false),
        };
        // A second place would be a mistake of the caller's; rows may be in the first one.
        let _ = self.space.set(space);
    }

    /// Whether tables can be kept on disc only.
    #[must_use]
    pub fn has_rows_on_disc(&self) -> bool {
        self.space.get().is_some()
    }

    /// Names who is told, by a call that must not block, when [`Store::flush_due`] is to be called. Without anybody, the
    /// commit that needs room makes it itself. The first call counts.
    pub fn set_flusher(&self, wake: impl Fn() + Send + Sync + 'static) {
        if let Some(space) = self.space.get() {
            // There is one, as there is one place.
            let _ = space.flusher.set(Box::new(wake));
        }
    }

    /// Bytes of changes that wait in memory to be written to rows on disc.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.space.get().map_or(0, |space| space.pending.load(Ordering::Relaxed))
    }

    /// Ends [`Store::flush_due`] and [`Store::compact_rows`] for good, and waits for those that are under way: what they write must
    /// not meet another store that has opened the same rows. Checkpoints still write. Blocks for a step of a compaction at most.
    pub fn end_rows_work(&self) {
        let Some(space) = self.space.get() else { return };
        space.ended.store(true, Ordering::SeqCst);
        drop(space.at_work.write());
    }

    /// Writes the changes of those tables that have most of them, until few enough wait in memory. Blocks.
    ///
    /// # Errors
    /// `DiscFull`, `Disc`.
    pub fn flush_due(&self) -> Result<(), StoreError> {
        let Some(space) = self.space.get() else { return Ok(()) };
        let Some(_at_work) = space.work() else { return Ok(()) };
        while space.is_over(1) {
            // One that is loaded is written by who loads it.
            let copies = self.copies().into_iter().filter(|copy| !copy.is_loading());
            let most = copies.max_by_key(|copy| copy.cold_part().map_or(0, |cold| cold.pending.own()));
            let Some(copy) = most else { break };
            let before = space.pending.load(Ordering::Relaxed);
            let flushed = self.flush_rows(&copy);
            *space.last.lock() = flushed.as_ref().err().cloned();
            space.freed.notify_all();
            flushed?;
            if space.pending.load(Ordering::Relaxed) >= before {
                // Others write as fast, or what waits is held by readers of an emptied table.
                break;
            }
        }
        // A checkpoint may have made room, or a move.
        space.tell_waiting();
        Ok(())
    }

    /// Counts the changes of a copy that has been moved no more among those that wait: readers hold them, no flush writes them.
    pub fn forgo_pending(&self, moved: &TableCopy) {
        if let (Some(space), Some(cold)) = (self.space.get(), moved.cold_part()) {
            cold.pending.leave();
            space.tell_waiting();
        }
    }

    /// Writes what has changed of a table that is being loaded, when it is much; it holds all commits up to this clock. On a full
    /// disc it stays in memory, as it did before the end of the process.
    ///
    /// # Errors
    /// `Disc`.
    pub(crate) fn flush_loading(&self, copy: &TableCopy, clock: u64) -> Result<(), StoreError> {
        if !self.space.get().is_some_and(|space| space.is_over(1)) {
            return Ok(());
        }
        match self.flush_up_to(copy, || clock) {
            Err(StoreError::DiscFull(_)) | Ok(_) => Ok(()),
            Err(cause) => Err(cause),
        }
    }

    /// Waits until a commit on rows on disc has room.
    ///
    /// # Errors
    /// `DiscFull`, `Disc`: nothing was applied.
    pub(crate) fn wait_for_room(&self) -> Result<(), StoreError> {
        let Some(space) = self.space.get().filter(|space| space.is_over(WAIT_FROM)) else { return Ok(()) };
        match space.flusher.get() {
            None => self.flush_due(),
            Some(wake) => {
                wake();
                let mut last = space.last.lock();
                let waits = |last: &mut Option<StoreError>| last.is_none() && space.is_over(WAIT_FROM);
                space.freed.wait_while_for(&mut last, waits, ROOM_WITHIN);
                if space.is_over(WAIT_FROM) { Err(last.clone().unwrap_or_else(behind)) } else { Ok(()) }
            }
        }
    }

    /// Sees to it that room is made, after a commit.
    pub(crate) fn make_rows_room(&self) {
        let Some(space) = self.space.get().filter(|space| space.is_over(1)) else { return };
        match space.flusher.get() {
            Some(wake) => wake(),
            // The next commit that needs room is told when there is none.
            None => drop(self.flush_due().and_then(|()| self.compact_rows())),
        }
    }

    /// Where a table on disc only has its rows.
    ///
    /// # Errors
    /// `Disc` when there is no place for them.
    pub(crate) fn space(&self) -> Result<&Space, StoreError> {
        let none = || StoreError::Disc("there is no data directory for rows".to_owned());
        self.space.get().ok_or_else(none)
    }
}

fn behind() -> StoreError {
    StoreError::DiscFull(
        "rows are written more slowly than they come; try again, or write less at once".to_owned(),
    )
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space").field("trees", &self.trees).finish_non_exhaustive()
    }
}
