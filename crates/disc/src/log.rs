//! The write-ahead log: one for a node, appended by everybody, written and synced by one committer.
//!
//! What must stay true:
//! - Entries are durable in the order of their sequence numbers: when one is, all before it are.
//! - What was acknowledged as durable is found again; what was refused is not. After a failed write or sync nothing more is
//!   taken, and those who wait are told that the outcome is unknown.
//! - Only what was never completed is cut off at a start. Anything else that is bad is an error that names file and offset.
//!
//! The way of a commit: [`Log::reserve`] before any lock (it may wait for the disc, and refuses when there is no room);
//! [`Log::append`] under the locks of the rows (a copy in memory, no I/O); then, without locks, [`Log::synced`].
//!
//! Entries belong to streams, so that several logs, such as Raft groups, can share the syncs of one. A stream can void its
//! suffix and release its prefix. What the entries mean is the owner's business.

mod batch;
mod committer;
mod config;
mod frame;
mod ledger;
mod opening;
mod preparer;
mod reader;
mod record;
mod scan;
mod segment;
mod shared;
mod shift;
mod statistics;
mod synced;
mod workers;

use std::sync::Arc;
use std::time::Duration;

pub use committer::Committer;
pub use config::LogConfig;
pub use frame::StreamId;
pub use opening::{Found, LogPlace, Opened, Torn, open};
pub(crate) use opening::{read_prefix as read_log_prefix, segments as log_segments, survey_segment};
pub use preparer::Preparer;
pub use reader::Reader;
pub use record::{Content, Record};
pub(crate) use segment::{parse_number, parse_segment_name, parse_spare_name, segment_name};
pub use shift::{Shift, ShiftEnd};
pub use statistics::{LATENCY_CLASSES, LogStatistics};
pub use synced::Synced;
pub use workers::Workers;

use crate::error::DiscError;
use committer::WRITE_AT_BYTES;
use frame::FrameKind;
use ledger::{Ledger, Mood, cost};
use shared::Shared;

/// When an entry is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// Once somebody waits for it, together with whatever was appended meanwhile; a few milliseconds later at the latest.
    #[default]
    Commit,
    /// This many milliseconds later at the latest. Handed to the operating system within a few milliseconds.
    Interval(u32),
    /// With the next sync that somebody else asks for. Handed to the operating system within a few milliseconds.
    None,
}

impl Durability {
    /// The stricter of two: what an entry needs that concerns tables of both.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        match (self, other) {
            (Self::Commit, _) | (_, Self::Commit) => Self::Commit,
            (Self::Interval(one), Self::Interval(two)) => Self::Interval(one.min(two)),
            (interval @ Self::Interval(_), Self::None) | (Self::None, interval) => interval,
        }
    }
}

/// Where an entry stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The entry's sequence number: what [`Log::truncate`], [`Log::purge`] and [`Log::read`] mean by it. Grows from entry to
    /// entry, not always by one.
    pub sequence: u64,
    /// The sequence number of the entry's last part.
    last: u64,
}

impl Position {
    /// The sequence number right after the entry.
    #[must_use]
    pub fn next(self) -> u64 {
        self.last + 1
    }
}

/// Room for one entry. Dropped unused, it gives the room back.
#[derive(Debug)]
#[must_use = "room that is not used is given back"]
pub struct Reservation<'l> {
    shared: &'l Shared,
    bytes: u64,
    /// What is still to be given back.
    cost: u64,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.cost > 0 {
            self.shared.ledger.lock().reserved -= self.cost;
            self.shared.room.notify_all();
        }
    }
}

/// The log. Clones are the same log.
#[derive(Clone, Debug)]
pub struct Log {
    shared: Arc<Shared>,
}

impl Log {
    /// Reserves room for an entry of at most `bytes` bytes. When too much waits to be written, or segments are being
    /// prepared, waits up to `timeout`; to be called without locks, then.
    ///
    /// # Errors
    /// `Full` when the disc has no room, `Busy` when the time was not enough, `TooLarge`, `Poisoned`, `Closed`. Nothing has
    /// changed.
    pub fn reserve(&self, bytes: usize, timeout: Duration) -> Result<Reservation<'_>, DiscError> {
        let mut ledger = self.shared.ledger.lock();
        let mut asked = false;
        let mut deadline_us = None;
        loop {
            match self.try_in(&mut ledger, bytes) {
                Err(DiscError::Busy { buffered }) => {
                    let now_us = self.shared.ticker.now_us();
                    let wait_us = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
                    let left_us = deadline_us
                        .get_or_insert_with(|| now_us.saturating_add(wait_us))
                        .saturating_sub(now_us);
                    if left_us == 0 {
                        return Err(DiscError::Busy { buffered });
                    }
                    if !asked {
                        self.shared.prepare.notify_all();
                        asked = true;
                    }
                    self.shared.room.wait_for(&mut ledger, Duration::from_micros(left_us));
                }
                done => return done,
            }
        }
    }

    /// Reserves room for an entry if that can be had at once: never waits, so it may be called under locks.
    ///
    /// # Errors
    /// As [`Log::reserve`].
    pub fn try_reserve(&self, bytes: usize) -> Result<Reservation<'_>, DiscError> {
        let reserved = self.try_in(&mut self.shared.ledger.lock(), bytes);
        if matches!(reserved, Err(DiscError::Busy { .. })) {
            self.shared.prepare.notify_all();
        }
        reserved
    }

    fn try_in(&self, ledger: &mut Ledger, bytes: usize) -> Result<Reservation<'_>, DiscError> {
        refuse_ended(ledger)?;
        let (bytes, limit) = (bytes as u64, self.shared.config.max_entry_bytes);
        if bytes > limit {
            return Err(DiscError::TooLarge { bytes, limit });
        }
        let cost = cost(bytes);
        if ledger.room() < ledger.reserved + cost {
            ledger.demand = ledger.demand.max(ledger.reserved + cost);
            return Err(match &ledger.no_space {
                Some(cause) => DiscError::Full { bytes, cause: cause.clone() },
                None => DiscError::Busy { buffered: ledger.buffered() },
            });
        }
        let buffered = ledger.buffered();
        if buffered > 0 && buffered + cost > self.shared.config.max_buffered_bytes {
            return Err(DiscError::Busy { buffered });
        }
        ledger.reserved += cost;
        Ok(Reservation { shared: &self.shared, bytes, cost })
    }

    /// Appends an entry: a copy in memory under one short lock, no I/O. The order of appends is the order of the log. What `payload`
    /// lacks to what was reserved is given back. O(bytes).
    ///
    /// # Errors
    /// `Poisoned`, `Closed`; `TooLarge` when more than reserved is appended. Nothing was appended then, so nothing must be
    /// applied.
    pub fn append(
        &self,
        mut reservation: Reservation<'_>,
        stream: StreamId,
        payload: &[u8],
        durability: Durability,
    ) -> Result<Position, DiscError> {
        let bytes = payload.len() as u64;
        if bytes > reservation.bytes || !std::ptr::eq(reservation.shared, &*self.shared) {
            return Err(DiscError::TooLarge { bytes, limit: reservation.bytes });
        }
        // The dear part of the work is done before the lock; a payload that is split is summed up in parts again.
        let checksum = crc32c::crc32c(payload);
        let mut ledger = self.shared.ledger.lock();
        refuse_ended(&ledger)?;
        ledger.reserved -= std::mem::take(&mut reservation.cost);
        let spares = ledger.spares.len();
        let (sequence, last) = ledger.append(stream, payload, checksum);
        let used_spare = ledger.spares.len() < spares;
        let wake = note_durability(&mut ledger, last, durability);
        drop(ledger);
        if wake {
            self.shared.work.notify_one();
        }
        if used_spare {
            self.shared.prepare.notify_one();
        }
        Ok(Position { sequence, last })
    }

    /// A future, or blocking wait, for an entry to be durable. Once it is polled the entry is synced at once, whatever was asked
    /// for when it was appended.
    pub fn synced(&self, position: Position) -> Synced {
        Synced::new(self.shared.clone(), position.last)
    }

    /// As [`Log::synced`], for all entries below a sequence number.
    pub fn synced_before(&self, sequence: u64) -> Synced {
        let last = sequence.saturating_sub(1);
        self.synced(Position { sequence: last, last })
    }

    /// Whether an entry is durable. One read of memory.
    #[must_use]
    pub fn is_durable(&self, position: Position) -> bool {
        position.last < self.durable()
    }

    /// The first sequence number that is not durable.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.shared.durable.until()
    }

    /// The sequence number that the next entry will have. Read under the locks of all rows, it is where a replay begins that
    /// shall not repeat what those rows contain.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.shared.ledger.lock().next
    }

    /// Makes all entries durable that were appended so far. Blocks.
    ///
    /// # Errors
    /// `OutcomeUnknown`, `Timeout`.
    pub fn sync(&self, timeout: Duration) -> Result<(), DiscError> {
        let next = self.next();
        if next == self.durable() {
            return Ok(());
        }
        let last = next - 1;
        self.synced(Position { sequence: last, last }).wait(timeout)
    }

    /// Voids the entries of a stream from sequence number `from` up to now. A reader of the log is told; the owner of the stream
    /// forgets them.
    ///
    /// # Errors
    /// `Full`, `Busy`, `Poisoned`, `Closed`.
    pub fn truncate(
        &self,
        stream: StreamId,
        from: u64,
        durability: Durability,
    ) -> Result<Position, DiscError> {
        self.mark(FrameKind::Truncate, stream, from, durability)
    }

    /// Notes that entries of a stream below sequence number `below` are no longer needed, and frees the segments that no
    /// stream needs any more. What replaces the entries must be durable before.
    ///
    /// # Errors
    /// `Full`, `Busy`, `Poisoned`, `Closed`; the segments are freed all the same when there is no room for the note.
    pub fn purge(&self, stream: StreamId, below: u64) -> Result<(), DiscError> {
        let marked = self.mark(FrameKind::Purge, stream, below, Durability::None);
        if !matches!(marked, Err(DiscError::Poisoned { .. } | DiscError::Closed)) {
            self.shared.ledger.lock().release(stream, below);
            self.shared.prepare.notify_one();
        }
        marked.map(drop)
    }

    fn mark(
        &self,
        kind: FrameKind,
        stream: StreamId,
        argument: u64,
        durability: Durability,
    ) -> Result<Position, DiscError> {
        let mut ledger = self.shared.ledger.lock();
        let mut reservation = self.try_in(&mut ledger, size_of::<u64>())?;
        ledger.reserved -= std::mem::take(&mut reservation.cost);
        let sequence = ledger.mark(kind, stream, argument);
        let wake = note_durability(&mut ledger, sequence, durability);
        drop(ledger);
        if wake {
            self.shared.work.notify_one();
        }
        Ok(Position { sequence, last: sequence })
    }

    /// Reads the durable entries of all streams from sequence number `from` on, while the log goes on.
    #[must_use]
    pub fn read(&self, from: u64) -> Reader {
        Reader::new(self.shared.clone(), from)
    }

    /// Counters since the log was opened.
    #[must_use]
    pub fn statistics(&self) -> LogStatistics {
        self.shared.counters.read()
    }

    /// How the log stands: size on disc, what waits, whether there is room.
    #[must_use]
    pub fn status(&self) -> LogStatus {
        let ledger = self.shared.ledger.lock();
        LogStatus {
            bytes: ledger.size(),
            first: ledger.segments().first().copied().unwrap_or(ledger.next),
            next: ledger.next,
            buffered_bytes: ledger.buffered(),
            waiters: self.shared.durable.waiters(),
            no_space: ledger.no_space.clone().filter(|_| ledger.room() < ledger.segment_room() / 4),
            failure: ledger.failure.clone(),
        }
    }

    /// Ends the log: what was appended is synced, then the committer and the preparer end. See [`Workers::close`].
    pub fn close(&self) {
        self.shared.close();
    }
}

/// How a log stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogStatus {
    /// Bytes of all segments in use, as they lie on the disc.
    pub bytes: u64,
    /// The first sequence number that is still there.
    pub first: u64,
    /// The next sequence number.
    pub next: u64,
    /// Bytes that are reserved or wait to be written.
    pub buffered_bytes: u64,
    /// How many wait for a sync.
    pub waiters: usize,
    /// Why no further segment could be reserved, while less than a quarter of one is left.
    pub no_space: Option<String>,
    /// Why the log takes nothing more.
    pub failure: Option<Arc<str>>,
}

fn refuse_ended(ledger: &Ledger) -> Result<(), DiscError> {
    match &ledger.failure {
        Some(cause) => Err(DiscError::Poisoned { cause: cause.clone() }),
        None if ledger.closing => Err(DiscError::Closed),
        None => Ok(()),
    }
}

/// Notes until when an entry has to be durable. Tells whether the committer must be woken.
fn note_durability(ledger: &mut Ledger, last: u64, durability: Durability) -> bool {
    match durability {
        Durability::Commit => ledger.sync_wanted = ledger.sync_wanted.max(last + 1),
        Durability::Interval(ms) => {
            ledger.interval_ms = Some(ledger.interval_ms.map_or(ms, |known| known.min(ms)));
        }
        Durability::None => {}
    }
    match ledger.mood {
        Mood::Busy => false,
        Mood::Asleep => true,
        // For a sync the one who waits for it wakes it: until then others may join.
        Mood::Napping => ledger.batch.bytes >= WRITE_AT_BYTES,
    }
}
