//! Exchanging the rows of two tables, Redis's `SWAPDB`: one step of a commit, however many rows there are.
//!
//! What must stay true: rows move with their before-images and times to live, shard by shard, under the locks of all shards of
//! both tables. They keep their versions, so whoever compares versions also asks when rows were exchanged last
//! (`Check::Exchanged`); and a snapshot of before finds the rows of a table where they are now.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{Held, Spots};
use crate::cell::Stamp;
use crate::commit::Commit;
use crate::copy::{Kind, TableCopy};
use crate::error::StoreError;
use crate::event::{Change, TableId};
use crate::op::{Op, Outcome};
use crate::shard::Shard;
use crate::snapshot::Retention;
use crate::store::Store;
use crate::versioned::Versioned;

/// Exchanges of a copy that are remembered for who has found a key absent.
const REMEMBERED: usize = 16;

/// Where the rows of a copy went.
#[derive(Clone, Copy)]
struct Moved {
    /// The commit's clock, and which of its exchanges it was.
    at: (u64, u32),
    to: TableId,
}

/// The exchanges of a copy's rows with those of others.
#[derive(Default)]
pub(crate) struct Exchanges {
    /// The clock of the last one; 0: there was none.
    last: AtomicU64,
    past: Mutex<Past>,
}

#[derive(Default)]
struct Past {
    /// Those that open snapshots have to know of, and the last few, in their order.
    moves: VecDeque<Moved>,
    /// The clock of the last one that is not remembered any more.
    forgotten: u64,
}

impl Past {
    /// Forgets all but the last few, as long as they are `unneeded`.
    fn shorten(&mut self, unneeded: impl Fn(&Moved) -> bool) {
        while self.moves.len() > REMEMBERED
            && let Some(first) = self.moves.front().filter(|first| unneeded(first))
        {
            self.forgotten = first.at.0;
            self.moves.pop_front();
        }
    }
}

impl Exchanges {
    /// The first one after a moment.
    fn after(&self, moment: (u64, u32)) -> Option<Moved> {
        self.past.lock().moves.iter().find(|moved| moved.at > moment).copied()
    }

    /// Notes one, with the locks of all shards held.
    fn note(&self, moved: Moved, is_seen: bool) {
        let mut past = self.past.lock();
        past.moves.push_back(moved);
        // Unless it is seen, no snapshot is open that could be older.
        past.shorten(|_| !is_seen);
        // Last: whoever meets it finds the note.
        self.last.store(moved.at.0, Ordering::SeqCst);
    }

    /// Forgets what no open snapshot needs.
    pub(crate) fn purge(&self, retention: &Retention) {
        self.past.lock().shorten(|moved| !retention.keeps(0, moved.at.0));
    }

    /// The moments of all exchanges after a clock; `None` when some are forgotten.
    fn since(&self, clock: u64) -> Option<Vec<(u64, u32)>> {
        if self.last.load(Ordering::SeqCst) <= clock {
            return Some(Vec::new());
        }
        let past = self.past.lock();
        let moments = past.moves.iter().map(|moved| moved.at).filter(|at| at.0 > clock);
        (past.forgotten <= clock).then(|| moments.collect())
    }
}

impl TableCopy {
    /// The clock of the commit that last exchanged the rows with those of another table; 0: none has. For
    /// [`crate::Check::Exchanged`]; to be asked before the rows are read.
    #[must_use]
    pub fn exchanged(&self) -> u64 {
        self.exchanges.last.load(Ordering::SeqCst)
    }

    /// Whether the rows of both are kept in the same way, so that they can be exchanged.
    fn is_like(&self, other: &Self) -> bool {
        let plain = |copy: &Self| {
            copy.spec().kind == Kind::Set && !copy.is_bounded() && !copy.is_disc_only() && !copy.has_indexes()
        };
        plain(self) && plain(other) && self.noting().is_some() == other.noting().is_some()
    }
}

impl Store {
    /// Reads a shard of what a copy held at `clock`, the clock of an open snapshot, wherever those rows are now.
    ///
    /// # Errors
    /// `SnapshotExpired`.
    pub(crate) fn shard_as_of<R>(
        &self,
        copy: &TableCopy,
        number: usize,
        clock: u64,
        read: impl FnOnce(&Shard) -> R,
    ) -> Result<R, StoreError> {
        loop {
            let moved = self.moved(copy, (clock, u32::MAX))?;
            let (home, since) = moved.as_ref().map_or((copy, clock), |(home, since)| (&**home, *since));
            let shard = home.shards[number].read();
            // Nobody exchanges rows while one of their shards is locked.
            if home.exchanged() <= since {
                return Ok(read(&shard));
            }
        }
    }

    /// As [`TableCopy::may_have_changed`], of a key that was absent at `clock`, across exchanges: whether a row may have been there since.
    /// Never `false` when one was; `true` without cause only after many exchanges or removals, or when the rows that went away with
    /// an exchange got one of this key later.
    #[must_use]
    pub fn may_have_been(&self, copy: &TableCopy, key: &[u8], clock: u64) -> bool {
        let Some(moments) = copy.exchanges.since(clock) else { return true };
        if moments.is_empty() {
            return copy.may_have_changed(key, clock);
        }
        let (at, now_ms) = (copy.at(key), self.now_ms());
        let looks = |moment: (u64, u32), look: &dyn Fn(&Versioned) -> bool| match self.moved(copy, moment) {
            Ok(moved) => {
                let home = moved.as_ref().map_or(copy, |(home, _)| &**home);
                look(&home.shard(at).read().rows)
            }
            Err(_) => true,
        };
        let begun = (clock, u32::MAX);
        looks(begun, &|rows| rows.may_have_changed(at, clock).unwrap_or(true))
            || moments
                .into_iter()
                .any(|moment| looks(moment, &|rows| rows.may_have_held(at, moment.0, now_ms)))
    }

    /// Where the rows are that a copy held at a moment, and the clock of their last move; `None`: where they were.
    fn moved(
        &self,
        copy: &TableCopy,
        mut moment: (u64, u32),
    ) -> Result<Option<(Arc<TableCopy>, u64)>, StoreError> {
        let clock = moment.0;
        let mut home: Option<Arc<TableCopy>> = None;
        loop {
            let of = home.as_deref().unwrap_or(copy);
            let last = of.exchanged();
            if last < clock {
                return Ok(home.map(|home| (home, moment.0)));
            }
            match of.exchanges.after(moment) {
                Some(moved) => {
                    moment = moved.at;
                    home = Some(self.copy(moved.to)?);
                }
                None if last <= moment.0 => return Ok(home.map(|home| (home, moment.0))),
                None => return Err(StoreError::SnapshotExpired("the tables it reads were exchanged since")),
            }
        }
    }
}

impl Spots<'_> {
    /// The pairs of copies whose rows a commit exchanges.
    pub(super) fn exchanges<'s>(
        &'s self,
        commit: &'s Commit<'_>,
    ) -> impl Iterator<Item = (usize, usize)> + 's {
        commit.ops.iter().zip(&self.ops).filter_map(|(op, spot)| {
            let Op::Exchange { with } = op.op else { return None };
            Some((spot.copy, self.copies.iter().position(|copy| copy.id() == with)?))
        })
    }
}

impl Held<'_, '_> {
    /// Refuses exchanges that cannot be. A checkpoint that sees the commit is to have the rows of both, so both are noted as
    /// changed before the clock ticks.
    pub(super) fn prepare_exchanges(
        &self,
        commit: &Commit<'_>,
        spots: &Spots<'_>,
        clock: u64,
    ) -> Result<(), StoreError> {
        for (one, other) in spots.exchanges(commit) {
            let (one, other) = (self.copies[one], self.copies[other]);
            for copy in [one, other] {
                copy.check_writable()?;
            }
            if !one.is_like(other) {
                return Err(StoreError::Unlike(one.id(), other.id()));
            }
            for copy in [one, other].into_iter().filter(|copy| copy.noting().is_some()) {
                copy.last_noted.fetch_max(clock + 1, Ordering::SeqCst);
            }
        }
        Ok(())
    }

    pub(super) fn exchange(&mut self, one: usize, with: TableId, stamp: &mut Stamp) -> Outcome {
        let Some(other) =
            self.copies.iter().position(|copy| copy.id() == with && copy.id() != self.copies[one].id())
        else {
            return Outcome::Changed(false);
        };
        let (here, there) = (self.copies[one], self.copies[other]);
        for number in 0..here.shard_count() {
            self.shards.exchange((one, other), number, stamp.version);
        }
        stamp.exchanges += 1;
        let at = (stamp.version, stamp.exchanges);
        here.exchanges.note(Moved { at, to: there.id() }, stamp.keeping.is_some());
        there.exchanges.note(Moved { at, to: here.id() }, stamp.keeping.is_some());
        if stamp.report_all || here.is_subscribed() || there.is_subscribed() {
            stamp.changes.push(Change::Exchanged { table: here.id(), with });
        }
        Outcome::Changed(true)
    }
}
