//! What the log's handles, its committer and its preparer share.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Waker;

use parking_lot::{Condvar, Mutex};

use super::config::LogConfig;
use super::ledger::{Ledger, Mood};
use super::shift::Post;
use super::statistics::Counters;
use super::synced::Durable;
use crate::disc::Disc;
use crate::identity::NodeId;
use crate::time::Ticker;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) disc: Arc<dyn Disc>,
    pub(crate) node: NodeId,
    pub(crate) config: LogConfig,
    pub(crate) ticker: Box<dyn Ticker>,
    pub(crate) ledger: Mutex<Ledger>,
    /// There is something to write.
    pub(crate) work: Condvar,
    /// There is something to reserve or to remove.
    pub(crate) prepare: Condvar,
    /// There may be room again.
    pub(crate) room: Condvar,
    /// The number of the last file that was made to be a segment.
    pub(crate) last_spare: AtomicU64,
    pub(crate) durable: Durable,
    pub(crate) counters: Counters,
}

impl Shared {
    /// The log takes nothing more: what was not durable before is of unknown outcome. Never undone.
    pub(crate) fn fail(&self, cause: &dyn Display) {
        let cause: Arc<str> = cause.to_string().into();
        let mut ledger = self.ledger.lock();
        let cause = ledger.failure.get_or_insert(cause).clone();
        let overseers = ledger.overseers();
        drop(ledger);
        self.durable.fail(&cause);
        self.room.notify_all();
        self.work.notify_all();
        self.prepare.notify_all();
        overseers.for_each(Waker::wake);
    }

    /// Whether this worker was called off its thread.
    pub(crate) fn is_recalled(&self, post: Post) -> bool {
        self.ledger.lock().duty(post).recalled
    }

    /// It may go on.
    pub(crate) fn end_recall(&self, post: Post) {
        let mut ledger = self.ledger.lock();
        let duty = ledger.duty(post);
        (duty.recalled, duty.crashed) = (false, false);
    }

    /// It has left its thread by a panic.
    pub(crate) fn note_crash(&self, post: Post) {
        let mut ledger = self.ledger.lock();
        let duty = ledger.duty(post);
        duty.crashed = true;
        let overseer = duty.overseer.take();
        drop(ledger);
        overseer.into_iter().for_each(Waker::wake);
    }

    /// Has the committer sync now what was appended up to this sequence number.
    pub(crate) fn ask_for_sync(&self, sequence: u64) {
        let mut ledger = self.ledger.lock();
        if ledger.awaited > sequence {
            return;
        }
        ledger.awaited = sequence + 1;
        ledger.sync_wanted = ledger.sync_wanted.max(sequence + 1);
        let wake = ledger.mood != Mood::Busy;
        drop(ledger);
        if wake {
            self.work.notify_one();
        }
    }

    /// Ends the log after all that was appended is durable.
    pub(crate) fn close(&self) {
        let mut ledger = self.ledger.lock();
        ledger.closing = true;
        let overseers = ledger.overseers();
        drop(ledger);
        self.work.notify_all();
        self.prepare.notify_all();
        self.room.notify_all();
        overseers.for_each(Waker::wake);
    }
}
