//! The journal: commits on tables that are kept on disc, noted in the node's log before they are applied.
//!
//! What must stay true: an entry is appended under the locks of its rows, so entries on one row stand in the order of their
//! clocks; what could not be appended is not applied; what was appended is applied. Encoding and reserving room happen before
//! the locks are taken, syncing after they are gone.

pub(crate) mod entry;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mnemon_disc::{DiscError, Log, Position, Reservation, StreamId, Synced};
use smallvec::{SmallVec, smallvec};

use crate::commit::Commit;
use crate::copy::TableCopy;
use crate::durability::Durability;
use crate::error::StoreError;
use crate::op::Op;
use crate::replica::SchemaChange;
use crate::store::Store;
use entry::{OpRef, ToNote};

/// How long a commit waits for room in the log while the disc catches up.
const ROOM_WITHIN: Duration = Duration::from_secs(2);

/// The log of a store whose tables may be kept on disc.
pub(crate) struct Journal {
    pub(crate) log: Log,
    /// The sequence number after the last entry that somebody must wait for; 0: there was none.
    awaited: AtomicU64,
}

/// An entry for which room is reserved.
pub(crate) struct Draft<'j> {
    journal: &'j Journal,
    /// The tables that it is of.
    copies: SmallVec<[&'j TableCopy; 2]>,
    reservation: Reservation<'j>,
    bytes: Vec<u8>,
    durability: Durability,
}

/// What was appended, for those who must wait until it is durable.
pub(crate) type Noted = Option<Position>;

impl Journal {
    pub(crate) fn new(log: Log) -> Self {
        Self { log, awaited: AtomicU64::new(0) }
    }

    /// The entry of a commit; `None` when nothing it writes is kept on disc. `copies` gives the copy of each operation, and `all`
    /// has those besides that it names.
    ///
    /// # Errors
    /// `DiscFull`, `Disc`.
    pub(crate) fn draft<'j>(
        &'j self,
        commit: &Commit<'_>,
        copies: impl Iterator<Item = &'j TableCopy>,
        all: &[&'j TableCopy],
    ) -> Result<Option<Draft<'j>>, StoreError> {
        let mut ops = Vec::new();
        let mut kept = SmallVec::new();
        let mut durability = None;
        for (op, copy) in commit.ops.iter().zip(copies) {
            if let Some(own) = copy.noting()
                && !op.op.is_read()
            {
                durability = Some(strictest(durability, own));
                ops.push(OpRef { table: op.table, op: &op.op });
                kept.push(copy);
                let other = op.op.other_table().and_then(|id| all.iter().find(|copy| copy.id() == id));
                kept.extend(other.copied());
            }
        }
        let Some(durability) = durability else { return Ok(None) };
        self.reserve(kept, &ToNote::Commit { time_ms: commit.time_ms, ops }, durability).map(Some)
    }

    /// The entry of a commit of one operation.
    ///
    /// # Errors
    /// `DiscFull`, `Disc`.
    pub(crate) fn draft_one<'j>(
        &'j self,
        copy: &'j TableCopy,
        time_ms: u64,
        op: &Op<'_>,
    ) -> Result<Option<Draft<'j>>, StoreError> {
        let Some(durability) = copy.noting() else { return Ok(None) };
        let ops = vec![OpRef { table: copy.id(), op }];
        self.reserve(smallvec![copy], &ToNote::Commit { time_ms, ops }, durability).map(Some)
    }

    /// The entry of a change of schema. It is always awaited.
    ///
    /// # Errors
    /// `DiscFull`, `Disc`.
    pub(crate) fn draft_schema(&self, change: &SchemaChange) -> Result<Draft<'_>, StoreError> {
        self.reserve(SmallVec::new(), &ToNote::Schema(change), Durability::Commit)
    }

    fn reserve<'j>(
        &'j self,
        copies: SmallVec<[&'j TableCopy; 2]>,
        entry: &ToNote<'_, '_>,
        durability: Durability,
    ) -> Result<Draft<'j>, StoreError> {
        let bytes = entry::encode(entry)?;
        let reservation = self.log.reserve(bytes.len(), ROOM_WITHIN).map_err(refused)?;
        Ok(Draft { journal: self, copies, reservation, bytes, durability })
    }

    /// # Errors
    /// As of a commit that finds no room, or no working disc.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.log.reserve(1, ROOM_WITHIN).map(drop).map_err(refused)
    }

    /// Waits for what was appended up to here and must be waited for: `None` when all of it is durable.
    pub(crate) fn unsynced(&self) -> Option<Synced> {
        let awaited = self.awaited.load(Ordering::SeqCst);
        (awaited > self.log.durable()).then(|| self.log.synced_before(awaited))
    }
}

impl Store {
    /// Makes all commits up to now durable, also those whose tables do not ask for it. Blocks.
    ///
    /// # Errors
    /// `Disc`: what of them is there after a restart is not known.
    pub fn sync_log(&self, within: Duration) -> Result<(), StoreError> {
        let Some(journal) = self.journal() else { return Ok(()) };
        journal.log.sync(within).map_err(|cause| StoreError::Disc(cause.to_string()))
    }
}

impl Draft<'_> {
    /// Whether the entry holds what the commit does to this copy.
    pub(crate) fn is_of(&self, copy: &TableCopy) -> bool {
        self.copies.iter().any(|own| own.id() == copy.id())
    }

    /// Appends the entry; to be called with the locks of its rows held, right after the clock has ticked.
    ///
    /// # Errors
    /// `Disc`: then nothing may be applied.
    pub(crate) fn note(mut self, clock: u64) -> Result<Noted, StoreError> {
        entry::set_clock(&mut self.bytes, clock);
        for copy in &self.copies {
            // Before the entry is there: a checkpoint may be made once too often, never once too seldom.
            copy.last_noted.fetch_max(clock, Ordering::SeqCst);
        }
        let journal = self.journal;
        let durability = self.durability;
        let appended = journal.log.append(self.reservation, StreamId::LOCAL, &self.bytes, durability.into());
        let position = appended.map_err(refused)?;
        if durability != Durability::Commit {
            return Ok(None);
        }
        journal.awaited.fetch_max(position.next(), Ordering::SeqCst);
        Ok(Some(position))
    }
}

fn strictest(known: Option<Durability>, own: Durability) -> Durability {
    match (known, own) {
        (None, own) => own,
        (Some(Durability::Commit), _) | (_, Durability::Commit) => Durability::Commit,
        (Some(Durability::Interval(one)), Durability::Interval(two)) => Durability::Interval(one.min(two)),
        (Some(Durability::Interval(ms)), Durability::None)
        | (Some(Durability::None), Durability::Interval(ms)) => Durability::Interval(ms),
        (Some(Durability::None), Durability::None) => Durability::None,
    }
}

/// The log's refusals as the store's: nothing was applied.
fn refused(cause: DiscError) -> StoreError {
    match cause {
        DiscError::Full { .. } | DiscError::Busy { .. } => StoreError::DiscFull(cause.to_string()),
        other => StoreError::Disc(other.to_string()),
    }
}
