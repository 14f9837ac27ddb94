//! The one who writes and syncs for everybody.
//!
//! All entries that gathered while it was busy go to the disc in one write and one sync. [`Committer::step`] is the whole of
//! it, without any waiting, so that a test can take it through every fault; [`Committer::run`] calls it when there is work.

use std::sync::Arc;
use std::time::Duration;

use super::batch::{Batch, Opening};
use super::frame::{FrameKind, StreamId};
use super::ledger::{Ledger, Mood, cost};
use super::shared::Shared;
use crate::disc::DiscFile;
use crate::error::DiscError;

/// A batch of this size is written without waiting for more.
pub(crate) const WRITE_AT_BYTES: u64 = 1 << 20;

/// Writes and syncs what was appended.
#[derive(Debug)]
pub struct Committer {
    shared: Arc<Shared>,
    /// The segment that is open, with its name.
    open: Option<(String, Arc<dyn DiscFile>)>,
    /// Whether something in it was written and not synced.
    dirty: bool,
    /// Entries written since the last sync.
    unsynced_entries: u64,
}

/// How the committer left its thread.
#[derive(Debug)]
pub(crate) enum End {
    /// The log was closed, or has failed.
    Done(Result<(), DiscError>),
    /// It was called off, and can go on elsewhere.
    Recalled(Box<Committer>),
}

/// What the committer is to do next.
enum Call {
    Work,
    Rest,
    Leave,
}

/// What a step is about to do.
struct Plan {
    batch: Batch,
    /// The sequence number after the last one that is durable when the plan has been carried out.
    until: u64,
    sync: bool,
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, open: None, dirty: false, unsynced_entries: 0 }
    }

    /// Writes what was appended so far, and syncs it if somebody waits for that. Never waits. Tells whether there was
    /// anything to do.
    ///
    /// # Errors
    /// The failure, after which the log takes nothing more and whoever waits is told `OutcomeUnknown`. It is never tried
    /// again: after a failed sync the operating system may have dropped what it should have written.
    pub fn step(&mut self) -> Result<bool, DiscError> {
        let Some(plan) = self.plan()? else {
            return Ok(false);
        };
        match self.carry_out(plan) {
            Ok(()) => Ok(true),
            Err(cause) => {
                self.shared.fail(&cause);
                Err(cause)
            }
        }
    }

    /// Takes the batch. Whether it will be synced is decided here, because what is appended from now on may rely on it.
    fn plan(&mut self) -> Result<Option<Plan>, DiscError> {
        let now_us = self.shared.ticker.now_us();
        let durable = self.shared.durable.until();
        let mut ledger = self.shared.ledger.lock();
        if let Some(cause) = &ledger.failure {
            return Err(DiscError::Poisoned { cause: cause.clone() });
        }
        if ledger.closing && !ledger.marked {
            mark_close(&mut ledger);
        }
        if let (Some(interval_ms), None) = (ledger.interval_ms, ledger.due_us) {
            ledger.due_us = Some(now_us.saturating_add(u64::from(interval_ms) * 1000));
        }
        let until = ledger.next;
        let unsynced = until > durable;
        let sync = unsynced
            && (ledger.sync_wanted > durable
                || ledger.due_us.is_some_and(|due| due <= now_us)
                || ledger.closing);
        if sync {
            ledger.floor = until;
            ledger.interval_ms = None;
            ledger.due_us = None;
        }
        let batch = std::mem::take(&mut ledger.batch);
        if batch.pieces.is_empty() && !sync {
            ledger.batch = batch;
            return Ok(None);
        }
        ledger.in_flight = batch.bytes;
        Ok(Some(Plan { batch, until, sync }))
    }

    fn carry_out(&mut self, plan: Plan) -> Result<(), DiscError> {
        let Plan { mut batch, until, sync } = plan;
        for piece in &mut batch.pieces {
            if let Some(opening) = piece.opens.take() {
                self.change_segment(opening)?;
            }
            if let (Some((name, file)), false) = (&self.open, piece.bytes.is_empty()) {
                self.dirty = true;
                file.write_at(piece.offset, &piece.bytes).map_err(DiscError::io("write", name))?;
            }
        }
        if !batch.pieces.is_empty() {
            self.shared.counters.wrote(batch.entries, batch.bytes);
        }
        self.unsynced_entries += batch.entries;
        if sync {
            self.sync_open()?;
        }
        let scrap = batch.recycle();
        let mut ledger = self.shared.ledger.lock();
        ledger.in_flight = 0;
        if ledger.batch.scrap.capacity() < scrap.capacity() {
            ledger.batch.scrap = scrap;
        }
        drop(ledger);
        self.shared.room.notify_all();
        if sync {
            self.shared.durable.advance(until);
        }
        Ok(())
    }

    fn sync_open(&mut self) -> Result<(), DiscError> {
        if let (Some((name, file)), true) = (&self.open, self.dirty) {
            let before = self.shared.ticker.now_us();
            file.sync().map_err(DiscError::io("sync", name))?;
            let took = self.shared.ticker.now_us().saturating_sub(before);
            self.shared.counters.synced(std::mem::take(&mut self.unsynced_entries), took);
        }
        self.dirty = false;
        Ok(())
    }

    /// Goes on in another file. The old one is synced first, so that the log never has a hole; the new one gets its name
    /// only when its header is durable.
    fn change_segment(&mut self, opening: Opening) -> Result<(), DiscError> {
        self.sync_open()?;
        let Opening { spare, name, first, header } = opening;
        spare.file.write_at(0, &header).map_err(DiscError::io("write", &spare.name))?;
        spare.file.sync().map_err(DiscError::io("sync", &spare.name))?;
        self.shared.disc.rename(&spare.name, &name).map_err(DiscError::io("rename", &spare.name))?;
        self.shared.counters.opened_segment();
        self.open = Some((name, spare.file));
        self.shared.ledger.lock().placed(first);
        self.shared.prepare.notify_one();
        Ok(())
    }

    /// Works until the log is closed or fails, or the committer is called off. To be called on a thread of its own.
    pub(crate) fn run(mut self) -> End {
        let _guard = FailOnPanic(self.shared.clone());
        loop {
            match self.await_work() {
                Call::Work => {
                    if let Err(cause) = self.step() {
                        return End::Done(Err(cause));
                    }
                }
                Call::Rest => return End::Done(Ok(())),
                Call::Leave => return End::Recalled(Box::new(self)),
            }
        }
    }

    /// Waits until there is something to do, or there never will be, or another thread is to do it.
    fn await_work(&self) -> Call {
        let durable = self.shared.durable.until();
        let delay = Duration::from_millis(self.shared.config.write_delay_ms);
        let mut ledger = self.shared.ledger.lock();
        loop {
            if ledger.failure.is_some() {
                return Call::Rest;
            }
            if ledger.committer.recalled {
                // Nobody needs to wake it: on its next thread it looks by itself.
                ledger.mood = Mood::Busy;
                return Call::Leave;
            }
            if ledger.closing {
                return if !ledger.marked || ledger.next > durable { Call::Work } else { Call::Rest };
            }
            if ledger.awaited > durable || ledger.batch.bytes >= WRITE_AT_BYTES {
                break;
            }
            let nap = if !ledger.batch.pieces.is_empty() {
                Some(delay)
            } else {
                ledger
                    .due_us
                    .map(|due| Duration::from_micros(due.saturating_sub(self.shared.ticker.now_us()).max(1)))
            };
            match nap {
                Some(nap) => {
                    // Entries that come before a distant sync is due are to be written soon.
                    ledger.mood = if ledger.batch.pieces.is_empty() { Mood::Asleep } else { Mood::Napping };
                    if self.shared.work.wait_for(&mut ledger, nap).timed_out() {
                        break;
                    }
                }
                None => {
                    ledger.mood = Mood::Asleep;
                    self.shared.work.wait(&mut ledger);
                }
            }
        }
        ledger.mood = Mood::Busy;
        Call::Work
    }
}

/// Says in the log that it was closed in order, if anything was written and there is room to say so.
fn mark_close(ledger: &mut Ledger) {
    ledger.marked = true;
    if ledger.is_open() && ledger.room().saturating_sub(ledger.reserved) >= cost(8) {
        // Synced like an entry, so that damage to the entries before it is told from a torn write.
        ledger.mark(FrameKind::Close, StreamId::LOCAL, 0);
    }
}

/// Should the committer panic, nobody may wait for it in vain.
struct FailOnPanic(Arc<Shared>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(&"the committer panicked");
        }
    }
}
