//! Looking into a behaviour that runs: OTP's `sys`.
//!
//! Requests go through the mailbox, in order with all other messages, and count against no bound. Every behaviour of this
//! crate answers them; a process that is none says so with [`Error::NotSupported`] as soon as it receives.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::message::{Envelope, Message};
use crate::pid::Pid;
use crate::process::Process;
use crate::reason::ExitReason;
use crate::slot::{Guard, slot};
use crate::system::System;

/// Events a trace keeps at most, whatever was asked for.
pub const MAX_TRACE: usize = 10_000;

pub(crate) enum SysRequest {
    State(Guard<String>),
    Stop(ExitReason, Guard<()>),
    Suspend(Guard<()>),
    Resume(Guard<()>),
    Statistics(Guard<Statistics>),
    /// Keep this many events from now on.
    Trace(usize, Guard<()>),
    Traced(Guard<Vec<String>>),
}

/// What a behaviour has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Messages taken: calls, casts and all others; requests of this module do not count.
    pub messages_in: u64,
    /// Calls answered by what their handler returned.
    pub replies: u64,
}

/// The state of `pid` in words, as its [`state_text`](crate::GenServer::state_text) tells it.
///
/// # Errors
/// [`Error::NoProcess`], [`Error::NotSupported`], [`Error::Timeout`].
pub async fn get_state(system: &System, pid: Pid, limit: Duration) -> Result<String> {
    ask(system.kernel(), &system.find(pid)?, limit, SysRequest::State).await
}

/// Has `pid` take no messages but those of this module until it is [`resume`]d. What comes meanwhile waits in its mailbox.
///
/// # Errors
/// As [`get_state`].
pub async fn suspend(system: &System, pid: Pid, limit: Duration) -> Result<()> {
    ask(system.kernel(), &system.find(pid)?, limit, SysRequest::Suspend).await
}

/// Has `pid` take messages again.
///
/// # Errors
/// As [`get_state`].
pub async fn resume(system: &System, pid: Pid, limit: Duration) -> Result<()> {
    ask(system.kernel(), &system.find(pid)?, limit, SysRequest::Resume).await
}

/// What `pid` has done since it started.
///
/// # Errors
/// As [`get_state`].
pub async fn statistics(system: &System, pid: Pid, limit: Duration) -> Result<Statistics> {
    ask(system.kernel(), &system.find(pid)?, limit, SysRequest::Statistics).await
}

/// Has `pid` note its last `events` messages and replies, [`MAX_TRACE`] at most; zero ends it. Each is logged at the level
/// `debug` too.
///
/// # Errors
/// As [`get_state`].
pub async fn trace(system: &System, pid: Pid, events: usize, limit: Duration) -> Result<()> {
    ask(system.kernel(), &system.find(pid)?, limit, |asker| SysRequest::Trace(events, asker)).await
}

/// What a trace has noted, oldest first.
///
/// # Errors
/// As [`get_state`].
pub async fn traced(system: &System, pid: Pid, limit: Duration) -> Result<Vec<String>> {
    ask(system.kernel(), &system.find(pid)?, limit, SysRequest::Traced).await
}

/// Sends a request and waits for its answer.
pub(crate) async fn ask<T>(
    kernel: &Kernel,
    process: &Arc<Process>,
    limit: Duration,
    request: impl FnOnce(Guard<T>) -> SysRequest,
) -> Result<T> {
    let (guard, mut taker) = slot();
    if process.signal(Envelope::System(Box::new(request(guard)))).is_err() {
        return Err(Error::NoProcess);
    }
    let answer = poll_fn(|cx| taker.poll_take(cx));
    match tokio::time::timeout(limit, answer).await {
        Err(_) => Err(Error::Timeout(limit)),
        Ok(Some(answer)) => Ok(answer),
        // Dropped unanswered: by one that does not know such requests, or because it is ending.
        Ok(None) if process.is_doomed() || kernel.table.get(process.pid).is_none() => Err(Error::NoProcess),
        Ok(None) => Err(Error::NotSupported(process.pid)),
    }
}

/// A behaviour's own part of this module: whether it is suspended, what it has done.
#[derive(Default)]
pub(crate) struct Desk {
    suspended: bool,
    statistics: Statistics,
    trace: Option<Box<Trace>>,
}

struct Trace {
    keep: usize,
    events: VecDeque<String>,
}

impl Trace {
    fn note(&mut self, event: String) {
        tracing::debug!(target: "mnemon_otp::trace", event);
        while self.events.len() >= self.keep {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

impl Desk {
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended
    }

    pub(crate) fn note_in(&mut self, message: &Message) {
        self.statistics.messages_in += 1;
        if let Some(trace) = &mut self.trace {
            trace.note(format!("in {message:?}"));
        }
    }

    pub(crate) fn note_reply(&mut self) {
        self.statistics.replies += 1;
        if let Some(trace) = &mut self.trace {
            trace.note("out reply".to_owned());
        }
    }

    /// Answers what needs no state of the server; what does is answered by the server's loop before.
    pub(crate) fn answer(&mut self, request: SysRequest) {
        match request {
            SysRequest::Suspend(asker) => {
                self.suspended = true;
                asker.fill(());
            }
            SysRequest::Resume(asker) => {
                self.suspended = false;
                asker.fill(());
            }
            SysRequest::Statistics(asker) => {
                asker.fill(self.statistics);
            }
            SysRequest::Trace(events, asker) => {
                let keep = events.min(MAX_TRACE);
                self.trace = (keep > 0).then(|| Box::new(Trace { keep, events: VecDeque::new() }));
                asker.fill(());
            }
            SysRequest::Traced(asker) => {
                let events = self.trace.as_ref().map(|trace| trace.events.iter().cloned().collect());
                asker.fill(events.unwrap_or_default());
            }
            SysRequest::State(asker) => drop(asker),
            SysRequest::Stop(_, asker) => drop(asker),
        }
    }
}
