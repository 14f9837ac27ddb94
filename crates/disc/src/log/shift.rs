//! A worker's time at work, as whoever watches over it holds it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::ledger::Ledger;
use super::shared::Shared;

/// Which of the log's two workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Post {
    Committer,
    Preparer,
}

/// How a worker is watched over.
#[derive(Debug, Default)]
pub(crate) struct Duty {
    /// Whether it is to leave its thread, to go on on another one.
    pub(crate) recalled: bool,
    /// Whether it has panicked.
    pub(crate) crashed: bool,
    /// Shifts that are held.
    shifts: usize,
    /// Who watches over it.
    pub(crate) overseer: Option<Waker>,
}

impl Ledger {
    pub(crate) fn duty(&mut self, post: Post) -> &mut Duty {
        match post {
            Post::Committer => &mut self.committer,
            Post::Preparer => &mut self.preparer,
        }
    }

    /// Whoever watches over a worker, to be woken without the lock.
    pub(crate) fn overseers(&mut self) -> impl Iterator<Item = Waker> + use<> {
        [self.committer.overseer.take(), self.preparer.overseer.take()].into_iter().flatten()
    }
}

/// How a worker's last shift has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShiftEnd {
    /// The log was closed.
    Closed,
    /// The log has failed, with the cause. A committer that panics fails it.
    Failed(Arc<str>),
    /// The preparer has panicked. The log goes on with the segments that are ready; whoever takes the next shift puts
    /// another preparer to work.
    Crashed,
}

/// A shift of the committer or of the preparer: see [`Workers::take_shift`](super::Workers::take_shift). As a future it waits
/// for the worker's last one. Dropping the last one there is calls the worker off its thread.
#[derive(Debug)]
#[must_use = "a worker leaves its thread when its shift is dropped"]
pub struct Shift {
    shared: Arc<Shared>,
    post: Post,
}

impl Shift {
    /// From now on the end of an older shift calls nobody off.
    pub(crate) fn new(shared: Arc<Shared>, post: Post) -> Self {
        shared.ledger.lock().duty(post).shifts += 1;
        Self { shared, post }
    }
}

impl Future for Shift {
    type Output = ShiftEnd;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut ledger = self.shared.ledger.lock();
        if let Some(cause) = &ledger.failure {
            return Poll::Ready(ShiftEnd::Failed(cause.clone()));
        }
        if ledger.closing {
            return Poll::Ready(ShiftEnd::Closed);
        }
        let duty = ledger.duty(self.post);
        if duty.crashed {
            return Poll::Ready(ShiftEnd::Crashed);
        }
        duty.overseer = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Shift {
    fn drop(&mut self) {
        let mut ledger = self.shared.ledger.lock();
        let duty = ledger.duty(self.post);
        duty.shifts -= 1;
        if duty.shifts == 0 {
            duty.recalled = true;
            drop(ledger);
            match self.post {
                Post::Committer => self.shared.work.notify_all(),
                Post::Preparer => self.shared.prepare.notify_all(),
            };
        }
    }
}
