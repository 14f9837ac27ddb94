//! The committer's time at work, as whoever watches over it holds it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::shared::Shared;

/// A shift of the committer: see [`Workers::take_shift`](super::Workers::take_shift). As a future it waits for the committer's
/// last one: until the log is closed, or has failed, with the cause. Dropping the last one there is calls the
/// committer off its thread.
#[derive(Debug)]
#[must_use = "the committer leaves its thread when its shift is dropped"]
pub struct Shift {
    shared: Arc<Shared>,
}

impl Shift {
    /// From now on the end of an older shift calls nobody off.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        shared.ledger.lock().shifts += 1;
        Self { shared }
    }
}

impl Future for Shift {
    type Output = Option<Arc<str>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut ledger = self.shared.ledger.lock();
        if ledger.failure.is_some() || ledger.closing {
            return Poll::Ready(ledger.failure.clone());
        }
        ledger.overseer = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Shift {
    fn drop(&mut self) {
        let mut ledger = self.shared.ledger.lock();
        ledger.shifts -= 1;
        if ledger.shifts == 0 {
            ledger.recalled = true;
            drop(ledger);
            self.shared.work.notify_all();
        }
    }
}
