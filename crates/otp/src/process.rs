//! What the system knows of one process: its mailbox, its links and monitors, and how it ended.
//!
//! All of it stands under one lock, held for a few instructions and never across the lock of another process, except by
//! [`link`](crate::kernel::Kernel::link) and `unlink`, which take two in the order of their pids. Nothing here awaits, and
//! wakers run after the lock is gone. What must stay true: after `exit` is set nothing enters the mailbox.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use crate::kind::Role;
use crate::message::{Envelope, Message, Payload};
use crate::pid::{Pid, Ref};
use crate::reason::ExitReason;
use crate::slot::Guard;
use crate::small_map::SmallMap;
use crate::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};

/// Up to this many messages are taken out one by one; of a longer queue all are taken with one lock.
const ONE_BY_ONE: usize = 4;

/// A drained buffer larger than this is given back.
const KEPT_BUFFER: usize = 64;

/// Who is told of an exit, once.
pub(crate) enum Observer {
    /// A process, with a `Down`.
    Process(Pid),
    /// Code outside of processes, or a caller whose server went away.
    Outside(Guard<ExitReason>),
}

/// What keeps names of processes and has to forget them.
pub(crate) trait ExitHook: Send + Sync {
    /// `pid` has ended. Runs before anyone is told of the exit, with no lock held.
    fn process_ended(&self, pid: Pid);
}

/// What few processes have.
#[derive(Default)]
pub(crate) struct Rare {
    pub(crate) hooks: Vec<Arc<dyn ExitHook>>,
    /// Senders that wait for room in the mailbox.
    pub(crate) room: Vec<Waker>,
    pub(crate) name: Option<Arc<str>>,
    /// How the process ended that this one replaces.
    pub(crate) last_exit: Option<ExitReason>,
}

pub(crate) struct State {
    pub(crate) queue: VecDeque<Envelope>,
    /// Counted messages ever sent.
    sent: u64,
    /// All messages ever sent.
    arrived: u64,
    /// Who waits for a message: the task, or a part of it.
    receiver: Option<Waker>,
    /// The task, to be woken when it has to end.
    task: Option<Waker>,
    trap_exit: bool,
    doom: Option<ExitReason>,
    pub(crate) exit: Option<ExitReason>,
    pub(crate) links: SmallMap<Pid, ()>,
    pub(crate) monitored_by: SmallMap<Ref, Observer>,
    pub(crate) monitoring: SmallMap<Ref, Pid>,
    /// What its supervisor calls it.
    pub(crate) child: Option<Arc<str>>,
    pub(crate) rare: Option<Box<Rare>>,
}

impl State {
    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(crate) fn traps_exits(&self) -> bool {
        self.trap_exit
    }

    /// Messages ever sent, of all kinds.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    fn put(&mut self, envelope: Envelope) -> Option<Waker> {
        self.arrived += 1;
        self.queue.push_back(envelope);
        self.receiver.take()
    }
}

/// Why a message was not taken; it comes back.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The process has ended.
    Gone(Payload),
    /// The mailbox holds as many messages as it may.
    Full(Payload),
}

/// Where an exit signal comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Someone asked with `exit`.
    Request,
    /// The process at the other end of a link ended.
    Link,
    /// A link could not be made.
    FailedLink,
}

/// One process. The table holds it while it lives, handles may hold it longer.
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) parent: Option<Pid>,
    pub(crate) role: Role,
    pub(crate) started: Instant,
    /// Counted messages the mailbox holds at most.
    pub(crate) capacity: u32,
    /// Bytes of the task's state, set when it is started.
    pub(crate) task_bytes: crate::sync::AtomicU32,
    /// Whether `doom` is set, to be read without the lock.
    doomed: AtomicBool,
    /// Whether `exit` is set, to be read without the lock.
    ended: AtomicBool,
    /// Whether somebody waits for room.
    room_wanted: AtomicBool,
    /// Counted messages ever received. Only the process itself writes these two.
    received: AtomicU64,
    /// All messages ever received.
    pub(crate) handled: AtomicU64,
    state: Mutex<State>,
}

impl Process {
    pub(crate) fn new(pid: Pid, parent: Option<Pid>, role: Role, capacity: u32) -> Self {
        Self {
            pid,
            parent,
            role,
            started: Instant::now(),
            capacity: capacity.max(1),
            task_bytes: crate::sync::AtomicU32::new(0),
            doomed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            room_wanted: AtomicBool::new(false),
            received: AtomicU64::new(0),
            handled: AtomicU64::new(0),
            state: Mutex::new(State {
                queue: VecDeque::new(),
                sent: 0,
                arrived: 0,
                receiver: None,
                task: None,
                trap_exit: false,
                doom: None,
                exit: None,
                links: SmallMap::new(),
                monitored_by: SmallMap::new(),
                monitoring: SmallMap::new(),
                child: None,
                rare: None,
            }),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Whether it has not ended.
    pub(crate) fn is_alive(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }

    /// Notes the end; `false` where it was noted before.
    pub(crate) fn set_exit(&self, state: &mut State, reason: &ExitReason) -> bool {
        if state.exit.is_some() {
            return false;
        }
        state.exit = Some(reason.clone());
        self.ended.store(true, Ordering::Release);
        true
    }

    fn is_full(&self, state: &State) -> bool {
        // `received` may run ahead of what this thread knows of `sent` in no case: both are read under the lock that
        // every sender holds, and a message is received after it was sent.
        state.sent.saturating_sub(self.received.load(Ordering::SeqCst)) >= u64::from(self.capacity)
    }

    /// Puts a counted message into the mailbox.
    pub(crate) fn post(&self, payload: Payload) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.exit.is_some() {
            return Err(Refused::Gone(payload));
        }
        if self.is_full(&state) {
            return Err(Refused::Full(payload));
        }
        state.sent += 1;
        let waker = state.put(Envelope::Message(Message::User(payload)));
        drop(state);
        wake(waker);
        Ok(())
    }

    /// As [`post`](Self::post), waiting for room. The payload is taken out when it was sent, or the process has ended.
    pub(crate) fn poll_post(
        &self,
        payload: &mut Option<Payload>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Payload>> {
        let Some(message) = payload.take() else {
            return Poll::Ready(Ok(()));
        };
        match self.post(message) {
            Ok(()) => return Poll::Ready(Ok(())),
            Err(Refused::Gone(message)) => return Poll::Ready(Err(message)),
            Err(Refused::Full(message)) => *payload = Some(message),
        }
        let mut state = self.lock();
        if state.exit.is_some() {
            return Poll::Ready(payload.take().map_or(Ok(()), Err));
        }
        let rare = state.rare();
        if !rare.room.iter().any(|known| known.will_wake(cx.waker())) {
            rare.room.push(cx.waker().clone());
        }
        self.room_wanted.store(true, Ordering::SeqCst);
        // Room may have come since; who made it looked at `room_wanted` before it was set.
        if !self.is_full(&state) {
            let waker = cx.waker().clone();
            drop(state);
            waker.wake();
        }
        Poll::Pending
    }

    /// Puts in what counts against no bound; where the process has ended it comes back.
    pub(crate) fn signal(&self, envelope: Envelope) -> Result<(), Envelope> {
        let mut state = self.lock();
        if state.exit.is_some() {
            return Err(envelope);
        }
        let waker = state.put(envelope);
        drop(state);
        wake(waker);
        Ok(())
    }

    /// The next message: from `local`, which holds what was taken out before, else from the queue. Of a short queue one
    /// message is taken, and `local` needs no buffer; of a long one all are, with one lock.
    pub(crate) fn poll_next(&self, local: &mut VecDeque<Envelope>, cx: &mut Context<'_>) -> Poll<Envelope> {
        if let Some(envelope) = local.pop_front() {
            self.count_received(&envelope);
            return Poll::Ready(envelope);
        }
        let mut state = self.lock();
        if state.queue.len() > ONE_BY_ONE {
            std::mem::swap(local, &mut state.queue);
        }
        let next = local.pop_front().or_else(|| state.queue.pop_front());
        let Some(envelope) = next else {
            self.park(state, local, cx);
            return Poll::Pending;
        };
        drop(state);
        self.count_received(&envelope);
        Poll::Ready(envelope)
    }

    /// Puts `local`, which was taken out before, back to the head of the queue, unless the process has ended.
    pub(crate) fn give_back(&self, local: &mut VecDeque<Envelope>) {
        if local.is_empty() {
            return;
        }
        let mut state = self.lock();
        if state.exit.is_none() {
            local.append(&mut state.queue);
            std::mem::swap(local, &mut state.queue);
        }
    }

    /// Moves all that has arrived behind `local`, or waits for more.
    pub(crate) fn poll_more(&self, local: &mut VecDeque<Envelope>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.queue.is_empty() {
            self.park(state, local, cx);
            return Poll::Pending;
        }
        local.append(&mut state.queue);
        Poll::Ready(())
    }

    /// Remembers who waits; large buffers that are empty are given back, and senders learn that there is room.
    fn park(&self, mut state: MutexGuard<'_, State>, local: &mut VecDeque<Envelope>, cx: &mut Context<'_>) {
        if !state.receiver.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            state.receiver = Some(cx.waker().clone());
        }
        if state.queue.capacity() > KEPT_BUFFER {
            state.queue = VecDeque::new();
        }
        if local.is_empty() && local.capacity() > KEPT_BUFFER {
            *local = VecDeque::new();
        }
        let room = self.take_room(&mut state);
        drop(state);
        room.into_iter().for_each(Waker::wake);
    }

    /// Counts a message as received, and wakes senders that wait once half of the mailbox is free.
    pub(crate) fn count_received(&self, envelope: &Envelope) {
        let handled = self.handled.load(Ordering::Relaxed);
        self.handled.store(handled + 1, Ordering::Relaxed);
        if !envelope.is_counted() {
            return;
        }
        let received = self.received.load(Ordering::Relaxed) + 1;
        self.received.store(received, Ordering::SeqCst);
        if self.room_wanted.load(Ordering::SeqCst) {
            let mut state = self.lock();
            let held = state.sent.saturating_sub(received);
            if held <= u64::from(self.capacity / 2) {
                let room = self.take_room(&mut state);
                drop(state);
                room.into_iter().for_each(Waker::wake);
            }
        }
    }

    fn take_room(&self, state: &mut State) -> Vec<Waker> {
        if !self.room_wanted.load(Ordering::SeqCst) {
            return Vec::new();
        }
        self.room_wanted.store(false, Ordering::SeqCst);
        state.rare.as_mut().map(|rare| std::mem::take(&mut rare.room)).unwrap_or_default()
    }

    /// Remembers the task, so that it can be woken to end.
    pub(crate) fn set_task(&self, waker: &Waker) {
        self.lock().task = Some(waker.clone());
    }

    pub(crate) fn set_trap_exit(&self, on: bool) -> bool {
        std::mem::replace(&mut self.lock().trap_exit, on)
    }

    /// Whether the process has to end. Cheap: asked before each poll.
    pub(crate) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::Acquire)
    }

    /// Why it has to end.
    pub(crate) fn doom(&self) -> Option<ExitReason> {
        self.lock().doom.clone()
    }

    /// An exit signal arrives.
    pub(crate) fn receive_exit(&self, from: Pid, reason: &ExitReason, origin: Origin) {
        let mut state = self.lock();
        if state.exit.is_some() || (origin == Origin::Link && state.links.remove(from).is_none()) {
            return;
        }
        let waker = if origin == Origin::Request && *reason == ExitReason::Kill {
            self.condemn(&mut state, ExitReason::Killed)
        } else if state.trap_exit {
            state.put(Envelope::Message(Message::Exit { from, reason: reason.clone() }))
        } else if *reason == ExitReason::Normal && from != self.pid {
            None
        } else {
            self.condemn(&mut state, reason.clone())
        };
        drop(state);
        wake(waker);
    }

    /// The first reason stays, except that being killed comes before all others.
    fn condemn(&self, state: &mut State, reason: ExitReason) -> Option<Waker> {
        if state.doom.is_none() || reason == ExitReason::Killed {
            state.doom = Some(reason);
        }
        self.doomed.store(true, Ordering::Release);
        state.task.clone()
    }

    /// The process at `pid`, which this one monitors, has ended.
    pub(crate) fn receive_down(&self, reference: Ref, pid: Pid, reason: &ExitReason) {
        let mut state = self.lock();
        if state.exit.is_some() || state.monitoring.remove(reference).is_none() {
            return;
        }
        let waker = state.put(Envelope::Message(Message::Down { reference, pid, reason: reason.clone() }));
        drop(state);
        wake(waker);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
