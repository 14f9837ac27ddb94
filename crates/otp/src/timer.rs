//! Timers: messages that are delivered later.
//!
//! One ordered map and one task for all of them, which lives while there are timers and takes the time from tokio, so that
//! a test that pauses tokio's clock has virtual time. A timer whose process has ended runs out without effect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::message::{Envelope, Message, Payload};
use crate::panics::catch;
use crate::pid::Ref;
use crate::process::Process;
use crate::sync::Mutex;

/// A timer that runs; what [`cancel_timer`](crate::System::cancel_timer) takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerRef {
    at: Instant,
    reference: Ref,
}

impl TimerRef {
    /// The reference its message carries.
    #[must_use]
    pub fn reference(self) -> Ref {
        self.reference
    }
}

/// The moment `delay` from now; what is past what the clock can tell is as good as never: thirty years.
pub(crate) fn moment_after(delay: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(delay).unwrap_or_else(|| now + Duration::from_secs(30 * 365 * 86_400))
}

#[derive(Default)]
struct State {
    due: BTreeMap<TimerRef, (Arc<Process>, Payload)>,
    running: bool,
}

pub(crate) struct Timers {
    state: Mutex<State>,
    /// Told when the earliest timer changes.
    sooner: Notify,
    limit: usize,
}

impl Timers {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), sooner: Notify::new(), limit })
    }

    /// Delivers `payload` to `process` after `delay`. O(log n) of the timers that run.
    pub(crate) fn start(
        self: &Arc<Self>,
        handle: &Handle,
        reference: Ref,
        process: Arc<Process>,
        delay: Duration,
        payload: Payload,
    ) -> Result<TimerRef> {
        let (timer, wanted) = self.add(reference, process, delay, payload)?;
        match wanted {
            Wanted::Start => drop(handle.spawn(run(self.clone()))),
            Wanted::Sooner => self.sooner.notify_one(),
            Wanted::Nothing => {}
        }
        Ok(timer)
    }

    /// Notes a timer, and says what its task has to be told.
    pub(crate) fn add(
        &self,
        reference: Ref,
        process: Arc<Process>,
        delay: Duration,
        payload: Payload,
    ) -> Result<(TimerRef, Wanted)> {
        let timer = TimerRef { at: moment_after(delay), reference };
        let mut state = self.state.lock();
        if state.due.len() >= self.limit {
            return Err(Error::TooManyTimers(self.limit));
        }
        let is_first = state.due.first_key_value().is_none_or(|(first, _)| timer < *first);
        state.due.insert(timer, (process, payload));
        let wanted = if !std::mem::replace(&mut state.running, true) {
            Wanted::Start
        } else if is_first {
            Wanted::Sooner
        } else {
            Wanted::Nothing
        };
        Ok((timer, wanted))
    }

    /// Stops a timer and returns how much time it had left; `None` where it has run out.
    pub(crate) fn cancel(&self, timer: TimerRef) -> Option<Duration> {
        let entry = self.state.lock().due.remove(&timer)?;
        drop(entry);
        Some(timer.at.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn remaining(&self, timer: TimerRef) -> Option<Duration> {
        let runs = self.state.lock().due.contains_key(&timer);
        runs.then(|| timer.at.saturating_duration_since(Instant::now()))
    }

    /// Delivers one timer that is due; else says when the next one is.
    pub(crate) fn next(&self) -> Step {
        let mut state = self.state.lock();
        let Some(entry) = state.due.first_entry() else {
            state.running = false;
            return Step::Idle;
        };
        if entry.key().at > Instant::now() {
            return Step::Wait(entry.key().at);
        }
        let (timer, (process, payload)) = entry.remove_entry();
        // Under the lock: whoever is told that the timer has run out finds its message.
        let message = Message::Timer { reference: timer.reference, payload };
        let late = process.signal(Envelope::Message(message));
        drop(state);
        // Dropping runs code of users: it may start timers, and its panic is none of the other timers'.
        drop(catch(|| drop((late, process))));
        Step::Delivered
    }
}

/// What a new timer asks of the task of all timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// There is none.
    Start,
    /// It is to wake earlier.
    Sooner,
    Nothing,
}

/// What was done, or is to be done next.
#[derive(Debug)]
pub(crate) enum Step {
    Delivered,
    Wait(Instant),
    Idle,
}

async fn run(timers: Arc<Timers>) {
    loop {
        match timers.next() {
            Step::Idle => return,
            Step::Delivered => tokio::task::consume_budget().await,
            Step::Wait(at) => {
                tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = timers.sooner.notified() => {}
                }
            }
        }
    }
}
