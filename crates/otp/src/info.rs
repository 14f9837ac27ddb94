//! Looking at processes from outside: each by itself, and all as a tree.
//!
//! Nothing is asked of the processes: all is read from what the system knows of them, so a process that hangs is shown too.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use tokio::time::Instant;

use crate::kind::ProcessKind;
use crate::message::Envelope;
use crate::pid::Pid;
use crate::process::{Observer, Process};
use crate::reason::ExitReason;
use crate::sync::Ordering;
use crate::system::System;

/// How deep [`System::tree`] nests; what is deeper is listed at this depth.
pub const MAX_TREE_DEPTH: usize = 64;

/// A process at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessInfo {
    /// Its pid.
    pub pid: Pid,
    /// Its name in the system.
    pub name: Option<String>,
    /// What its supervisor calls it.
    pub child: Option<String>,
    /// Which behaviour it has.
    pub kind: ProcessKind,
    /// What its code is called: the type of its state, the function of its body, or what its options said.
    pub module: String,
    /// Who started it.
    pub parent: Option<Pid>,
    /// Messages of all kinds that wait.
    pub mailbox: u64,
    /// Messages that may wait, not counting signals, replies and timers.
    pub mailbox_limit: u32,
    /// Messages received since it started.
    pub handled: u64,
    /// Processes it is linked to.
    pub links: Vec<Pid>,
    /// Processes it monitors; one that it monitors twice is there twice.
    pub monitors: Vec<Pid>,
    /// Processes that monitor it.
    pub monitored_by: Vec<Pid>,
    /// Whether exit signals come to it as messages.
    pub trap_exit: bool,
    /// Bytes it takes, estimated: its task, its entry and its mailbox's places, not what state and messages point to.
    pub memory: usize,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// How the process ended that its supervisor started this one in place of.
    pub last_exit: Option<ExitReason>,
}

/// A process and those it started that still live.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessTree {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessInfo,
    /// Those it started, oldest first.
    pub children: Vec<ProcessTree>,
}

impl System {
    /// What is known of `pid`; `None` where it has ended.
    #[must_use]
    pub fn info(&self, pid: Pid) -> Option<ProcessInfo> {
        self.find(pid).ok().map(|process| describe(&process, Instant::now()))
    }

    /// All processes as trees: each below the one that started it, those whose starter has ended at the top; oldest first.
    /// O(n log n).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let system = mnemon_otp::System::new()?;
    /// let pid = system.spawn(async |mut me| drop(me.receive().await))?;
    /// system.register_name("top", pid)?;
    /// let tree = serde_json::to_value(system.tree())?;
    /// assert_eq!(tree[0]["name"], "top");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tree(&self) -> Vec<ProcessTree> {
        let now = Instant::now();
        let mut all = self.kernel().table.all();
        all.sort_by_key(|process| (process.started, process.pid));
        let places: HashMap<Pid, usize> =
            all.iter().enumerate().map(|(at, process)| (process.pid, at)).collect();
        let parents: Vec<Option<usize>> = all
            .iter()
            .map(|process| process.parent.and_then(|parent| places.get(&parent).copied()))
            .collect();
        let nodes = all.iter().map(|process| describe(process, now)).collect();
        assemble(nodes, &parents)
    }
}

/// Nests `nodes`, whose parents may stand anywhere among them. Without recursion, so that a chain of a million processes,
/// each started by the one before, does no harm.
fn assemble(nodes: Vec<ProcessInfo>, parents: &[Option<usize>]) -> Vec<ProcessTree> {
    let mut depths: Vec<Option<usize>> = vec![None; parents.len()];
    let mut above: Vec<Option<usize>> = parents.to_vec();
    for start in 0..parents.len() {
        // Up to the first whose depth is known, then down again.
        let mut path = Vec::new();
        let mut at = Some(start);
        while let Some(here) = at.filter(|here| depths.get(*here).is_some_and(Option::is_none)) {
            path.push(here);
            at = parents.get(here).copied().flatten();
        }
        for here in path.into_iter().rev() {
            let parent = parents.get(here).copied().flatten();
            let parent_depth = parent.and_then(|parent| depths.get(parent).copied().flatten());
            let (depth, parent) = match (parent, parent_depth) {
                (Some(parent), Some(depth)) if depth + 1 >= MAX_TREE_DEPTH => {
                    (depth, above.get(parent).copied().flatten())
                }
                (Some(parent), Some(depth)) => (depth + 1, Some(parent)),
                _ => (0, None),
            };
            if let (Some(place), Some(link)) = (depths.get_mut(here), above.get_mut(here)) {
                *place = Some(depth);
                *link = parent;
            }
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    // The deepest first, and of equals the youngest, so that children come to their parents oldest last.
    order.sort_by_key(|at| std::cmp::Reverse((depths.get(*at).copied().flatten(), *at)));
    let mut trees: Vec<Option<ProcessTree>> =
        nodes.into_iter().map(|process| Some(ProcessTree { process, children: Vec::new() })).collect();
    let mut roots = Vec::new();
    for at in order {
        let Some(mut tree) = trees.get_mut(at).and_then(Option::take) else { continue };
        tree.children.reverse();
        match above.get(at).copied().flatten().and_then(|parent| trees.get_mut(parent)) {
            Some(Some(parent)) => parent.children.push(tree),
            _ => roots.push(tree),
        }
    }
    roots.reverse();
    roots
}

fn describe(process: &Arc<Process>, now: Instant) -> ProcessInfo {
    let handled = process.handled.load(Ordering::Relaxed);
    let state = process.lock();
    let rare = state.rare.as_deref();
    let monitored_by = state.monitored_by.iter().filter_map(|(_, observer)| match observer {
        Observer::Process(pid) => Some(*pid),
        Observer::Outside(_) => None,
    });
    let mailbox = state.arrived().saturating_sub(handled);
    // What was taken out of the queue with one lock and waits in the task takes its place there.
    let taken = usize::try_from(mailbox).unwrap_or(usize::MAX).saturating_sub(state.queue.len());
    let entries = state.links.len() + state.monitoring.len() + state.monitored_by.len();
    let memory = size_of::<Process>()
        + process.task_bytes.load(Ordering::Relaxed) as usize
        + state.queue.capacity().saturating_add(taken).saturating_mul(size_of::<Envelope>())
        + entries * 3 * size_of::<usize>()
        + rare.map_or(0, size_of_val);
    let mut links: Vec<Pid> = state.links.iter().map(|(pid, ())| pid).collect();
    links.sort_unstable();
    ProcessInfo {
        pid: process.pid,
        name: rare.and_then(|rare| rare.name.as_deref()).map(str::to_owned),
        child: state.child.as_deref().map(str::to_owned),
        kind: process.role.kind,
        module: process.role.module.to_owned(),
        parent: process.parent,
        mailbox,
        mailbox_limit: process.capacity,
        handled,
        monitors: state.monitoring.iter().map(|(_, pid)| *pid).collect(),
        monitored_by: monitored_by.collect(),
        trap_exit: state.traps_exits(),
        memory,
        uptime_ms: u64::try_from(now.saturating_duration_since(process.started).as_millis())
            .unwrap_or(u64::MAX),
        last_exit: rare.and_then(|rare| rare.last_exit.clone()),
        links,
    }
}
