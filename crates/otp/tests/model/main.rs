//! Races between processes, tried in many interleavings.
//!
//! The kernel's files are compiled here a second time, over the locks and atomics of shuttle's scheduler, which chooses who
//! runs at each of them. A failure prints the schedule that replays it.

#![expect(dead_code, reason = "the kernel's files are compiled whole, and only their races are tried")]
#![expect(unreachable_pub, reason = "their public items are public in the crate they belong to")]

mod sync;

#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/kernel.rs"]
mod kernel;
#[path = "../../src/kind.rs"]
mod kind;
#[path = "../../src/message.rs"]
mod message;
#[path = "../../src/pid.rs"]
mod pid;
#[path = "../../src/process.rs"]
mod process;
#[path = "../../src/reason.rs"]
mod reason;
#[path = "../../src/registry.rs"]
mod registry;
#[path = "../../src/slot.rs"]
mod slot;
#[path = "../../src/small_map.rs"]
mod small_map;
#[path = "../../src/table.rs"]
mod table;

mod links;
mod mailboxes;
mod monitors;
mod registries;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::kernel::Kernel;
use crate::kind::Role;
use crate::message::{Envelope, Message};
use crate::process::Process;
use crate::reason::ExitReason;

/// Interleavings tried of each race.
const TRIES: usize = 3_000;

/// Tries a race at random, and then with few switches at chosen depths, which finds other mistakes.
fn check(race: impl Fn() + Send + Sync + 'static) {
    let race = Arc::new(race);
    let again = race.clone();
    shuttle::check_random(move || race(), TRIES);
    shuttle::check_pct(move || again(), TRIES, 3);
}

/// What the processes of a model are.
const ROLE: Role = Role::new(kind::ProcessKind::Process, "model");

struct World {
    kernel: Kernel,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self { kernel: Kernel::new(16) })
    }

    fn process(&self) -> Arc<Process> {
        let made = self.kernel.table.insert(|pid| Process::new(pid, None, ROLE, 2));
        made.expect("room in the table")
    }

    fn trapping(&self) -> Arc<Process> {
        let process = self.process();
        process.set_trap_exit(true);
        process
    }

    fn crash(&self, process: &Process) {
        drop(self.kernel.finish(process, &ExitReason::error("crash")));
    }
}

/// All that lies in a mailbox.
fn drain(process: &Process) -> Vec<Message> {
    let mut local = VecDeque::new();
    let mut found = Vec::new();
    while let Poll::Ready(envelope) = process.poll_next(&mut local, &mut Context::from_waker(Waker::noop())) {
        if let Envelope::Message(message) = envelope {
            found.push(message);
        }
    }
    found
}
