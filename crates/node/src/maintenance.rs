//! The node's background work: expired rows go, forgotten subscriptions end, overdue snapshots are closed.

use std::sync::Arc;
use std::time::Duration;

use mnemon_table::Catalog;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::overview::Pulse;

/// Starts the work; it goes on until the task is aborted.
pub(crate) fn spawn(catalog: Arc<Catalog>, interval: Duration, pulse: Arc<Pulse>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let catalog = catalog.clone();
            // Large batches take milliseconds, which the embedder's tasks must not wait for.
            let pass = tokio::task::spawn_blocking(move || catalog.maintain());
            match pass.await {
                Ok(_) => pulse.beat(),
                Err(stopped) => {
                    tracing::error!(cause = %stopped, "a pass of the background work failed; the next one goes on");
                }
            }
        }
    })
}
