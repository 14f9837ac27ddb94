//! What the log's handles, its committer and its preparer share.

use std::fmt::Display;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::config::LogConfig;
use super::ledger::Ledger;
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
    pub(crate) durable: Durable,
    pub(crate) counters: Counters,
}

impl Shared {
    /// The log takes nothing more: what was not durable before is of unknown outcome. Never undone.
    pub(crate) fn fail(&self, cause: &dyn Display) {
        let cause: Arc<str> = cause.to_string().into();
        let mut ledger = self.ledger.lock();
        let cause = ledger.failure.get_or_insert(cause).clone();
        let overseer = ledger.overseer.take();
        drop(ledger);
        self.durable.fail(&cause);
        self.room.notify_all();
        self.work.notify_all();
        self.prepare.notify_all();
        if let Some(overseer) = overseer {
            overseer.wake();
        }
    }

    /// Whether the committer was called off its thread.
    pub(crate) fn is_recalled(&self) -> bool {
        self.ledger.lock().recalled
    }

    /// The committer may go on.
    pub(crate) fn end_recall(&self) {
        self.ledger.lock().recalled = false;
    }

    /// Ends the log after all that was appended is durable.
    pub(crate) fn close(&self) {
        let mut ledger = self.ledger.lock();
        ledger.closing = true;
        let overseer = ledger.overseer.take();
        drop(ledger);
        self.work.notify_all();
        self.prepare.notify_all();
        self.room.notify_all();
        if let Some(overseer) = overseer {
            overseer.wake();
        }
    }
}
