//! What happens between processes: links, monitors, exit signals, and the end of a process.
//!
//! A link is an entry in both processes and an exit signal is taken only where the entry still stands, so after `unlink`
//! none arrives. A monitor is an entry in the watcher and in the watched, and a `Down` is delivered only while the
//! watcher has its entry, so after `demonitor` none arrives, and each monitor delivers one at most. Nothing here awaits.

use std::sync::Arc;

use crate::message::Envelope;
use crate::pid::{Pid, Ref};
use crate::process::{ExitHook, Observer, Origin, Process, State};
use crate::reason::ExitReason;
use crate::slot::{Taker, slot};
use crate::sync::{AtomicU64, MutexGuard, Ordering};
use crate::table::Table;

pub(crate) struct Kernel {
    pub(crate) table: Table,
    references: AtomicU64,
}

impl Kernel {
    pub(crate) fn new(limit: u32) -> Self {
        Self { table: Table::new(limit), references: AtomicU64::new(1) }
    }

    pub(crate) fn new_reference(&self) -> Ref {
        Ref::new(self.references.fetch_add(1, Ordering::Relaxed))
    }

    /// Links `a` to `b`. Where `b` is gone, `a` gets the exit signal `noproc` from it.
    pub(crate) fn link(&self, a: &Process, b: Pid) {
        if a.pid == b {
            return;
        }
        let linked = self.table.get(b).is_some_and(|b| {
            let (mut first, mut second) = lock_both(a, &b);
            if first.exit.is_some() || second.exit.is_some() {
                return false;
            }
            let (of_a, of_b) =
                if a.pid < b.pid { (&mut first, &mut second) } else { (&mut second, &mut first) };
            of_a.links.insert(b.pid, ());
            of_b.links.insert(a.pid, ());
            true
        });
        if !linked {
            a.receive_exit(b, &ExitReason::NoProcess, Origin::FailedLink);
        }
    }

    /// Takes the link away on both sides; afterwards neither gets an exit signal from the other through it.
    pub(crate) fn unlink(&self, a: &Process, b: Pid) {
        if a.pid == b {
            return;
        }
        match self.table.get(b) {
            Some(b) => {
                let (mut first, mut second) = lock_both(a, &b);
                let (of_a, of_b) =
                    if a.pid < b.pid { (&mut first, &mut second) } else { (&mut second, &mut first) };
                of_a.links.remove(b.pid);
                of_b.links.remove(a.pid);
            }
            None => {
                a.lock().links.remove(b);
            }
        }
    }

    /// Watches `target` for `watcher`, who gets one `Down`: when it ends, or at once if it has.
    pub(crate) fn monitor(&self, watcher: &Process, target: Pid) -> Ref {
        let reference = self.new_reference();
        {
            let mut state = watcher.lock();
            if state.exit.is_some() {
                return reference;
            }
            state.monitoring.insert(reference, target);
        }
        let watched = self.table.get(target).is_some_and(|target| {
            let mut state = target.lock();
            if state.exit.is_some() {
                return false;
            }
            state.monitored_by.insert(reference, Observer::Process(watcher.pid));
            true
        });
        if !watched {
            watcher.receive_down(reference, target, &ExitReason::NoProcess);
        } else if watcher.lock().exit.is_some() {
            // It ended in between, and may have looked for its monitors before this one stood.
            self.forget_monitor(reference, target);
        }
        reference
    }

    /// Ends a monitor. `false` where it was gone: its `Down` was delivered, and may lie in the mailbox.
    pub(crate) fn demonitor(&self, watcher: &Process, reference: Ref) -> bool {
        let Some(target) = watcher.lock().monitoring.remove(reference) else {
            return false;
        };
        self.forget_monitor(reference, target);
        true
    }

    fn forget_monitor(&self, reference: Ref, target: Pid) {
        if let Some(target) = self.table.get(target) {
            target.lock().monitored_by.remove(reference);
        }
    }

    /// Sends `to` an exit signal, as OTP's `exit/2` does. `false` where there is no such process.
    pub(crate) fn exit(&self, from: Pid, to: Pid, reason: &ExitReason) -> bool {
        match self.table.get(to) {
            Some(process) => {
                process.receive_exit(from, reason, Origin::Request);
                true
            }
            None => false,
        }
    }

    /// How `process` ends, for code that is no process. Answered at once where it has ended, and then without an entry
    /// in the process that somebody who no longer waits would have to remove.
    pub(crate) fn watch(&self, process: &Process) -> (Option<Ref>, Taker<ExitReason>) {
        let (guard, taker) = slot();
        let mut state = process.lock();
        if let Some(reason) = state.exit.clone() {
            drop(state);
            guard.fill(reason);
            return (None, taker);
        }
        let reference = self.new_reference();
        state.monitored_by.insert(reference, Observer::Outside(guard));
        (Some(reference), taker)
    }

    /// Has `hook` called when `process` ends; `false` where it has ended.
    pub(crate) fn add_hook(&self, process: &Process, hook: &Arc<dyn ExitHook>) -> bool {
        let mut state = process.lock();
        if state.exit.is_some() {
            return false;
        }
        let hooks = &mut state.rare().hooks;
        if !hooks.iter().any(|known| Arc::ptr_eq(known, hook)) {
            hooks.push(hook.clone());
        }
        true
    }

    /// Ends `process`: names go first, then the pid, then links and monitors are told. What lay in the mailbox is returned
    /// to be dropped by the caller, as dropping may run code of users. Does nothing the second time.
    pub(crate) fn finish(&self, process: &Process, reason: &ExitReason) -> Vec<Envelope> {
        let mut state = process.lock();
        if !process.set_exit(&mut state, reason) {
            return Vec::new();
        }
        self.table.note_end();
        let links = state.links.take();
        let observers = state.monitored_by.take();
        let monitoring = state.monitoring.take();
        let rare =
            state.rare.as_mut().map(|rare| (std::mem::take(&mut rare.hooks), std::mem::take(&mut rare.room)));
        let queue = std::mem::take(&mut state.queue);
        drop(state);

        let (hooks, room) = rare.unwrap_or_default();
        for hook in hooks {
            hook.process_ended(process.pid);
        }
        self.table.remove(process.pid);
        for (reference, target) in monitoring {
            self.forget_monitor(reference, target);
        }
        for (linked, ()) in links {
            if let Some(linked) = self.table.get(linked) {
                linked.receive_exit(process.pid, reason, Origin::Link);
            }
        }
        for (reference, observer) in observers {
            match observer {
                Observer::Outside(guard) => {
                    guard.fill(reason.clone());
                }
                Observer::Process(watcher) => {
                    if let Some(watcher) = self.table.get(watcher) {
                        watcher.receive_down(reference, process.pid, reason);
                    }
                }
            }
        }
        for sender in room {
            sender.wake();
        }
        queue.into()
    }
}

/// Locks both, the lower pid first; the guards come in that order.
fn lock_both<'a>(a: &'a Process, b: &'a Process) -> (MutexGuard<'a, State>, MutexGuard<'a, State>) {
    let (first, second) = if a.pid < b.pid { (a, b) } else { (b, a) };
    let first = first.lock();
    (first, second.lock())
}
