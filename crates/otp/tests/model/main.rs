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
#[path = "../../src/panics.rs"]
mod panics;
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
#[path = "../../src/timer.rs"]
mod timer;

mod groups;
mod links;
mod mailboxes;
mod monitors;
mod registries;
mod timers;

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

use crate::kernel::Kernel;
use crate::kind::Role;
use crate::message::{Envelope, Message};
use crate::process::Process;
use crate::reason::ExitReason;

/// Interleavings tried of each race in each way, unless `MNEMON_MODEL_TRIES` says how many.
const TRIES: usize = 2_000;

/// Switches of threads at chosen places that are tried together, one depth after the other.
const DEPTHS: std::ops::RangeInclusive<usize> = 2..=3;

/// Tries a race at random, and then with few switches at chosen places, which finds other mistakes. `MNEMON_MODEL_SEED` replays
/// a choice; a new one is made and printed otherwise.
#[expect(clippy::print_stdout, reason = "a test's output is shown when it fails")]
fn check(race: impl Fn() + Send + Sync + 'static) {
    let tries = number("MNEMON_MODEL_TRIES").map_or(TRIES, |tries| usize::try_from(tries).unwrap_or(TRIES));
    let seed = number("MNEMON_MODEL_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("MNEMON_MODEL_SEED={seed} MNEMON_MODEL_TRIES={tries}");
    let race = Arc::new(race);
    let run = |scheduler: Box<dyn Scheduler + Send>| {
        let race = race.clone();
        Runner::new(scheduler, Config::default()).run(move || race());
    };
    run(Box::new(RandomScheduler::new_from_seed(seed, tries)));
    for depth in DEPTHS {
        run(Box::new(PctScheduler::new_from_seed(seed, depth, tries / 2)));
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
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
