//! Stopping children: asking, waiting, killing.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use tokio::time::Instant;

use super::child::Shutdown;
use crate::context::Context;
use crate::message::Message;
use crate::pid::{Pid, Ref};
use crate::reason::ExitReason;

/// Stops `pid` as `shutdown` says and returns how it ended. Its exit signal does not come to the mailbox any more.
pub(crate) async fn stop(ctx: &mut Context, pid: Pid, shutdown: Shutdown) -> ExitReason {
    // The monitor before the link goes: so no end is missed.
    let monitor = ctx.monitor(pid);
    let earlier = ctx.unlink_flush(pid);
    let limit = match shutdown {
        Shutdown::Brutal => {
            ctx.exit(pid, ExitReason::Kill);
            None
        }
        Shutdown::Timeout(limit) => {
            ctx.exit(pid, ExitReason::Shutdown);
            Some(limit)
        }
        Shutdown::Infinity => {
            ctx.exit(pid, ExitReason::Shutdown);
            None
        }
    };
    let reason = match limit {
        None => ctx.receive_down(monitor).await,
        Some(limit) => match tokio::time::timeout(limit, ctx.receive_down(monitor)).await {
            Ok(reason) => reason,
            Err(_) => {
                ctx.exit(pid, ExitReason::Kill);
                ctx.receive_down(monitor).await
            }
        },
    };
    // It had ended before: the signal that lay in the mailbox knows how.
    earlier.unwrap_or(reason)
}

/// Stops many at once, in no order: all are asked, then awaited together. All other messages are dropped, so this is for
/// a supervisor that is ending. O(n), and O(n) more for each different limit that runs out.
pub(crate) async fn stop_all(ctx: &mut Context, children: Vec<(Pid, Shutdown)>) {
    let mut waiting: HashMap<Ref, (Pid, Option<Instant>)> = HashMap::with_capacity(children.len());
    let started = Instant::now();
    let mut limits: BTreeMap<Instant, usize> = BTreeMap::new();
    for (pid, shutdown) in children {
        let limit = match shutdown {
            // Past what the clock can tell is no limit.
            Shutdown::Timeout(limit) => started.checked_add(limit),
            Shutdown::Brutal | Shutdown::Infinity => None,
        };
        waiting.insert(ctx.monitor(pid), (pid, limit));
        if let Some(limit) = limit {
            *limits.entry(limit).or_default() += 1;
        }
        ctx.unlink(pid);
        let how = if shutdown == Shutdown::Brutal { ExitReason::Kill } else { ExitReason::Shutdown };
        ctx.exit(pid, how);
    }
    while !waiting.is_empty() {
        let message = match limits.first_key_value() {
            None => Some(ctx.receive().await),
            Some((limit, _)) => tokio::time::timeout_at(*limit, ctx.receive()).await.ok(),
        };
        match message {
            Some(Message::Down { reference, .. }) => {
                let Some((_, Some(limit))) = waiting.remove(&reference) else { continue };
                if let Entry::Occupied(mut count) = limits.entry(limit) {
                    *count.get_mut() -= 1;
                    if *count.get() == 0 {
                        count.remove();
                    }
                }
            }
            Some(_) => {}
            None => {
                let late = limits.pop_first().map(|(limit, _)| limit);
                for (pid, own) in waiting.values_mut().filter(|(_, own)| own.is_some() && *own == late) {
                    ctx.exit(*pid, ExitReason::Kill);
                    *own = None;
                }
            }
        }
    }
}
