//! Waiting until an append is durable: as a future, or blocking the thread.
//!
//! Works with any executor, and without one: a waiter leaves a waker, and the committer calls it after the sync.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;

use super::shared::Shared;
use crate::error::DiscError;

/// How far the log is durable, and who waits for more.
#[derive(Debug)]
pub(crate) struct Durable {
    /// The first sequence number that is not durable.
    until: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    tickets: u64,
    list: Vec<Waiter>,
    failure: Option<Arc<str>>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    sequence: u64,
    waker: Waker,
}

impl Durable {
    pub(crate) fn new(until: u64) -> Self {
        Self { until: AtomicU64::new(until), waiting: Mutex::default() }
    }

    pub(crate) fn until(&self) -> u64 {
        self.until.load(Ordering::Acquire)
    }

    /// Everything below `until` is durable: wakes all who waited for it.
    pub(crate) fn advance(&self, until: u64) {
        self.until.store(until, Ordering::Release);
        let ready: Vec<Waiter> =
            self.waiting.lock().list.extract_if(.., |waiter| waiter.sequence < until).collect();
        // Outside of the lock: a waker may run its task at once.
        for waiter in ready {
            waiter.waker.wake();
        }
    }

    /// Nothing more will become durable.
    pub(crate) fn fail(&self, cause: &Arc<str>) {
        let waiting = {
            let mut waiting = self.waiting.lock();
            waiting.failure.get_or_insert_with(|| cause.clone());
            std::mem::take(&mut waiting.list)
        };
        for waiter in waiting {
            waiter.waker.wake();
        }
    }

    /// The outcome if it is known; else leaves the waker. `ticket` names a waker left earlier.
    fn poll(&self, sequence: u64, ticket: &mut Option<u64>, waker: &Waker) -> Poll<Result<(), DiscError>> {
        if sequence < self.until() {
            *ticket = None;
            return Poll::Ready(Ok(()));
        }
        let mut waiting = self.waiting.lock();
        // `advance` may have come in between; it stores before it takes the lock.
        if sequence < self.until() {
            *ticket = None;
            return Poll::Ready(Ok(()));
        }
        if let Some(cause) = &waiting.failure {
            return Poll::Ready(Err(DiscError::OutcomeUnknown { cause: cause.clone() }));
        }
        let left = ticket.and_then(|ticket| waiting.list.iter_mut().find(|waiter| waiter.ticket == ticket));
        if let Some(waiter) = left {
            waiter.waker.clone_from(waker);
        } else {
            waiting.tickets += 1;
            *ticket = Some(waiting.tickets);
            let waiter = Waiter { ticket: waiting.tickets, sequence, waker: waker.clone() };
            waiting.list.push(waiter);
        }
        Poll::Pending
    }

    fn withdraw(&self, ticket: u64) {
        self.waiting.lock().list.retain(|waiter| waiter.ticket != ticket);
    }

    /// How many wait.
    pub(crate) fn waiters(&self) -> usize {
        self.waiting.lock().list.len()
    }
}

/// Comes true when an append is durable. The sync is asked for when this is first polled, so that what is appended until then
/// shares it. Dropping it changes nothing for the append.
#[derive(Debug)]
#[must_use = "nothing is awaited until it is polled or waited for"]
pub struct Synced {
    shared: Arc<Shared>,
    sequence: u64,
    ticket: Option<u64>,
    asked: bool,
}

impl Synced {
    pub(crate) fn new(shared: Arc<Shared>, sequence: u64) -> Self {
        Self { shared, sequence, ticket: None, asked: false }
    }

    /// Has the committer sync now, once.
    fn ask(&mut self) {
        if !std::mem::replace(&mut self.asked, true) && !self.is_durable() {
            self.shared.ask_for_sync(self.sequence);
        }
    }

    /// Whether the append is durable. One read of memory.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.sequence < self.shared.durable.until()
    }

    /// Blocks the thread until the append is durable.
    ///
    /// # Errors
    /// `OutcomeUnknown` when the log has failed, `Timeout`.
    pub fn wait(mut self, timeout: Duration) -> Result<(), DiscError> {
        let waker = Waker::from(Arc::new(Parker(thread::current())));
        let ticker = &self.shared.ticker;
        let deadline_us =
            ticker.now_us().saturating_add(u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX));
        self.ask();
        loop {
            if let Poll::Ready(outcome) = self.shared.durable.poll(self.sequence, &mut self.ticket, &waker) {
                return outcome;
            }
            let left_us = deadline_us.saturating_sub(self.shared.ticker.now_us());
            if left_us == 0 {
                let waited_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                return Err(DiscError::Timeout { waited_ms });
            }
            thread::park_timeout(Duration::from_micros(left_us));
        }
    }
}

impl Future for Synced {
    type Output = Result<(), DiscError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.ask();
        this.shared.durable.poll(this.sequence, &mut this.ticket, context.waker())
    }
}

impl Drop for Synced {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket
            && self.sequence >= self.shared.durable.until()
        {
            self.shared.durable.withdraw(ticket);
        }
    }
}

struct Parker(Thread);

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
