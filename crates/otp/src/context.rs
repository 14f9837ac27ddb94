//! A process seen from inside: who it is, and its mailbox.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use tokio::task::coop::{poll_proceed, unconstrained};

use crate::error::Result;
use crate::message::{Envelope, Message};
use crate::pid::{Pid, Ref};
use crate::process::Process;
use crate::reason::{ExitReason, IntoExit};
use crate::spawning::{SpawnOptions, Spawned};
use crate::system::System;
use crate::timer::TimerRef;

/// A process acting under its own name: who links, monitors and starts others. Clones are the same process.
#[derive(Clone)]
pub struct Me {
    system: System,
    process: Arc<Process>,
}

impl Me {
    pub(crate) fn new(system: System, process: Arc<Process>) -> Self {
        Self { system, process }
    }

    pub(crate) fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// This process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.process.pid
    }

    /// Who started it, if a process did.
    #[must_use]
    pub fn parent(&self) -> Option<Pid> {
        self.process.parent
    }

    /// The system it lives in.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    /// With `true`, exit signals become [`Message::Exit`] instead of ending this process; only being killed cannot be
    /// trapped. Returns what was set before.
    pub fn trap_exit(&self, on: bool) -> bool {
        self.process.set_trap_exit(on)
    }

    /// Links this process and `other`: when one ends, the other gets an exit signal with the reason. Linking twice is
    /// linking once. Where `other` is gone, this process gets the signal `noproc`.
    pub fn link(&self, other: Pid) {
        self.system.kernel().link(&self.process, other);
    }

    /// Takes the link away. Afterwards no exit signal comes through it; one that was trapped before may lie in the mailbox.
    pub fn unlink(&self, other: Pid) {
        self.system.kernel().unlink(&self.process, other);
    }

    /// Watches `target`: one [`Message::Down`] comes when it ends, or at once, with `noproc`, where it has. Each call is a
    /// monitor of its own.
    pub fn monitor(&self, target: Pid) -> Ref {
        self.system.kernel().monitor(&self.process, target)
    }

    /// Ends a monitor; no [`Message::Down`] comes from it afterwards. `false` where one has come already and may lie in
    /// the mailbox: [`Context::demonitor_flush`] takes it out.
    pub fn demonitor(&self, monitor: Ref) -> bool {
        self.system.kernel().demonitor(&self.process, monitor)
    }

    /// Asks `other`, or this process itself, to end: OTP's `exit/2`. Ending oneself takes effect at the next await that
    /// has to wait.
    pub fn exit(&self, other: Pid, reason: ExitReason) -> bool {
        self.system.kernel().exit(self.pid(), other, &reason)
    }

    /// Sends `message` to `pid`; see [`System::send`].
    ///
    /// # Errors
    /// As [`System::send`].
    pub fn send<T: Send + 'static>(&self, pid: Pid, message: T) -> Result<()> {
        self.system.send(pid, message)
    }

    /// Sends this process `message` after `delay`; see [`System::send_after`].
    ///
    /// # Errors
    /// As [`System::send_after`].
    pub fn send_after<T: Send + 'static>(&self, delay: Duration, message: T) -> Result<TimerRef> {
        self.system.send_after(self.pid(), delay, message)
    }

    /// Starts a process whose parent this one is, not linked to it.
    ///
    /// # Errors
    /// As [`System::spawn`].
    pub fn spawn<F, Fut>(&self, body: F) -> Result<Pid>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        Ok(self.spawn_with(SpawnOptions::new(), body)?.pid)
    }

    /// Starts a process linked to this one.
    ///
    /// # Errors
    /// As [`System::spawn`].
    pub fn spawn_link<F, Fut>(&self, body: F) -> Result<Pid>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        Ok(self.spawn_with(SpawnOptions::new().link(), body)?.pid)
    }

    /// Starts a process that this one monitors.
    ///
    /// # Errors
    /// As [`System::spawn`].
    pub fn spawn_monitor<F, Fut>(&self, body: F) -> Result<(Pid, Ref)>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        let (process, monitor) = self.system.start(SpawnOptions::new().monitor(), Some(self), body)?;
        let monitor = monitor.unwrap_or_else(|| self.monitor(process.pid));
        Ok((process.pid, monitor))
    }

    /// Starts a process with options.
    ///
    /// # Errors
    /// As [`System::spawn`].
    pub fn spawn_with<F, Fut>(&self, options: SpawnOptions, body: F) -> Result<Spawned>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        let (process, monitor) = self.system.start(options, Some(self), body)?;
        Ok(Spawned { pid: process.pid, monitor })
    }
}

/// A process and its mailbox: what a body is given. Everything of [`Me`] is here too.
///
/// Dropping it does not end the process, but nothing can be received any more.
pub struct Context {
    me: Me,
    /// Taken out of the queue and not yet received, oldest first.
    local: VecDeque<Envelope>,
}

impl Drop for Context {
    /// What was not received goes back, and is dropped once the process has ended: who asked learns then that it has.
    fn drop(&mut self) {
        self.me.process.give_back(&mut self.local);
    }
}

impl Deref for Context {
    type Target = Me;

    fn deref(&self) -> &Me {
        &self.me
    }
}

impl Context {
    pub(crate) fn new(me: Me) -> Self {
        Self { me, local: VecDeque::new() }
    }

    /// This process without its mailbox, to be given away.
    #[must_use]
    pub fn me(&self) -> Me {
        self.me.clone()
    }

    pub(crate) fn poll_envelope(&mut self, cx: &mut TaskContext<'_>) -> Poll<Envelope> {
        // A process that never runs out of messages gives way to others now and then.
        let turn = ready!(poll_proceed(cx));
        let next = self.me.process.poll_next(&mut self.local, cx);
        if next.is_ready() {
            turn.made_progress();
        }
        next
    }

    fn poll_message(&mut self, cx: &mut TaskContext<'_>) -> Poll<Message> {
        loop {
            // A request for behaviours is dropped, which tells the asker that it is not supported.
            if let Envelope::Message(message) = ready!(self.poll_envelope(cx)) {
                return Poll::Ready(message);
            }
        }
    }

    /// The next message, oldest first. Giving up waiting loses nothing.
    pub async fn receive(&mut self) -> Message {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// The next message, or `None` after `limit`. With a limit of zero it does not wait.
    pub async fn receive_within(&mut self, limit: Duration) -> Option<Message> {
        within(limit, poll_fn(|cx| self.poll_message(cx))).await
    }

    /// The first message that `wanted` accepts, leaving all others where they are: a selective receive. O(n) of the
    /// messages that wait, once each.
    ///
    /// What is left counts against the mailbox's bound: a process that waits for something its senders have no room for
    /// waits for ever, so give it a limit.
    pub async fn receive_where(&mut self, mut wanted: impl FnMut(&Message) -> bool) -> Message {
        let envelope = self
            .select(move |envelope| matches!(envelope, Envelope::Message(message) if wanted(message)))
            .await;
        match envelope {
            Envelope::Message(message) => message,
            Envelope::System(_) => unreachable!("only a message was accepted"),
        }
    }

    /// As [`receive_where`](Self::receive_where), or `None` after `limit`. With a limit of zero it does not wait.
    pub async fn receive_where_within(
        &mut self,
        limit: Duration,
        wanted: impl FnMut(&Message) -> bool,
    ) -> Option<Message> {
        within(limit, self.receive_where(wanted)).await
    }

    /// Waits for the end of the process that `monitor` watches, leaving all other messages where they are.
    pub async fn receive_down(&mut self, monitor: Ref) -> ExitReason {
        let message = self
            .receive_where(
                move |message| matches!(message, Message::Down { reference, .. } if *reference == monitor),
            )
            .await;
        match message {
            Message::Down { reason, .. } => reason,
            _ => unreachable!("only a `Down` was accepted"),
        }
    }

    /// Ends a monitor and takes its [`Message::Down`] out of the mailbox, if one had come.
    pub fn demonitor_flush(&mut self, monitor: Ref) {
        if !self.me.demonitor(monitor) {
            self.take(|envelope| {
                matches!(envelope, Envelope::Message(Message::Down { reference, .. }) if *reference == monitor)
            });
        }
    }

    /// Takes the link to `other` away, and the exit signal from it out of the mailbox: its reason, if one had come.
    pub fn unlink_flush(&mut self, other: Pid) -> Option<ExitReason> {
        self.me.unlink(other);
        let signal = self.take(
            |envelope| matches!(envelope, Envelope::Message(Message::Exit { from, .. }) if *from == other),
        );
        match signal {
            Some(Envelope::Message(Message::Exit { reason, .. })) => Some(reason),
            _ => None,
        }
    }

    /// The first envelope that is `wanted`, if it has come.
    pub(crate) fn take(&mut self, mut wanted: impl FnMut(&Envelope) -> bool) -> Option<Envelope> {
        self.local.append(&mut self.me.process.lock().queue);
        let at = self.local.iter().position(&mut wanted)?;
        self.remove(at)
    }

    /// The first envelope that is `wanted`, behind the first `seen`, which were looked at before; or wait.
    pub(crate) fn poll_where(
        &mut self,
        seen: &mut usize,
        mut wanted: impl FnMut(&Envelope) -> bool,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Envelope> {
        let turn = ready!(poll_proceed(cx));
        loop {
            let found = self.local.iter().skip(*seen).position(&mut wanted);
            if let Some(envelope) = found.and_then(|at| self.remove(*seen + at)) {
                turn.made_progress();
                return Poll::Ready(envelope);
            }
            *seen = self.local.len();
            ready!(self.me.process.poll_more(&mut self.local, cx));
        }
    }

    /// Waits for the first envelope that is `wanted`.
    pub(crate) async fn select(&mut self, mut wanted: impl FnMut(&Envelope) -> bool) -> Envelope {
        let mut seen = 0;
        poll_fn(move |cx| self.poll_where(&mut seen, &mut wanted, cx)).await
    }

    fn remove(&mut self, at: usize) -> Option<Envelope> {
        let envelope = self.local.remove(at)?;
        self.me.process.count_received(&envelope);
        Some(envelope)
    }
}

/// `work`, or `None` after `limit`. What is ready comes even with a limit of zero.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() {
        // Only one look is taken, so it must not be refused because the task has had its turn: that comes before.
        tokio::task::consume_budget().await;
        return tokio::time::timeout(limit, unconstrained(work)).await.ok();
    }
    tokio::time::timeout(limit, work).await.ok()
}
