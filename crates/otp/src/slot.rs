//! A place for one answer: who asks waits at one end, who answers fills the other.
//!
//! The answer never lies in a mailbox, so it needs no selective receive, cannot be mistaken for another and counts
//! against no bound. An answer that comes after the asker has gone is dropped.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::sync::Mutex;

enum State<T> {
    Empty(Option<Waker>),
    Full(T),
    /// Nobody will answer.
    Abandoned,
    /// Nobody waits.
    Closed,
}

/// The place itself.
struct Slot<T>(Mutex<State<T>>);

/// The answering end. Clones may answer as well; the first answer counts.
pub(crate) struct Filler<T>(Arc<Slot<T>>);

/// The answering end that says, when it is dropped without an answer, that none will come.
pub(crate) struct Guard<T>(Option<Filler<T>>);

/// The waiting end.
pub(crate) struct Taker<T> {
    slot: Arc<Slot<T>>,
    done: bool,
}

/// A new place, both ends of it.
pub(crate) fn slot<T>() -> (Guard<T>, Taker<T>) {
    let slot = Arc::new(Slot(Mutex::new(State::Empty(None))));
    (Guard(Some(Filler(slot.clone()))), Taker { slot, done: false })
}

impl<T> Clone for Filler<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Filler<T> {
    /// Answers; `false` where nobody waits any more or an answer is there already.
    pub(crate) fn fill(&self, value: T) -> bool {
        self.resolve(State::Full(value))
    }

    /// Whether an answer would still reach someone.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(*self.0.0.lock(), State::Empty(_))
    }

    fn resolve(&self, to: State<T>) -> bool {
        let mut state = self.0.0.lock();
        let State::Empty(waker) = &mut *state else {
            return false;
        };
        let waker = waker.take();
        *state = to;
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }
}

impl<T> Guard<T> {
    /// Answers, and nothing is left to guard.
    pub(crate) fn fill(mut self, value: T) -> bool {
        self.0.take().is_some_and(|filler| filler.fill(value))
    }

    /// The end that can be cloned and given away.
    pub(crate) fn filler(&self) -> Option<&Filler<T>> {
        self.0.as_ref()
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        if let Some(filler) = &self.0 {
            filler.resolve(State::Abandoned);
        }
    }
}

impl<T> Taker<T> {
    /// The answer; `None` where none will come. Not to be polled again afterwards.
    pub(crate) fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.slot.0.lock();
        if let State::Empty(waker) = &mut *state {
            if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        self.done = true;
        match std::mem::replace(&mut *state, State::Closed) {
            State::Full(value) => Poll::Ready(Some(value)),
            _ => Poll::Ready(None),
        }
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        if !self.done {
            // What was there is dropped after the lock is gone: its drop may do anything.
            let _unwanted = std::mem::replace(&mut *self.slot.0.lock(), State::Closed);
        }
    }
}
