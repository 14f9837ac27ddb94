//! The tables' background work, a process each: expired rows go, forgotten subscriptions end, overdue snapshots are closed.

use std::sync::Arc;
use std::time::Duration;

use mnemon_otp::{ChildSpec, SpawnOptions};
use mnemon_table::Catalog;
use tokio::time::MissedTickBehavior;

use crate::overview::Pulse;
use crate::tree::supervisor;

/// A pass over the tables.
type Pass = fn(&Catalog);

const WORK: [(&str, &str, Pass); 3] = [
    ("expiry", "tables::Expiry", expire),
    ("subscriptions", "tables::Subscriptions", Catalog::end_subscriptions),
    ("snapshots", "tables::Snapshots", Catalog::close_snapshots),
];

fn expire(catalog: &Catalog) {
    let rows = catalog.expire_rows();
    if rows > 0 {
        tracing::trace!(rows, "expired rows were deleted");
    }
}

/// The processes, and what tells whether they get on.
pub(crate) fn child(catalog: &Arc<Catalog>, interval: Duration) -> (ChildSpec, Vec<Arc<Pulse>>) {
    let (mut spec, mut pulses) = (supervisor(), Vec::new());
    for (id, module, pass) in WORK {
        let pulse = Arc::new(Pulse::new(interval));
        pulses.push(pulse.clone());
        let catalog = catalog.clone();
        spec = spec.child(ChildSpec::new(id, move |me| {
            let work = work(id, catalog.clone(), pass, interval, pulse.clone());
            let options = SpawnOptions::new().link().module(module);
            async move { me.spawn_with(options, |_| work).map(|spawned| spawned.pid) }
        }));
    }
    (ChildSpec::supervisor("tables", spec), pulses)
}

async fn work(id: &'static str, catalog: Arc<Catalog>, pass: Pass, interval: Duration, pulse: Arc<Pulse>) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let catalog = catalog.clone();
        // Large batches take milliseconds, which the embedder's tasks must not wait for.
        match tokio::task::spawn_blocking(move || pass(&catalog)).await {
            Ok(()) => pulse.beat(),
            Err(stopped) => {
                tracing::error!(work = id, cause = %stopped, "a pass of the background work failed; the next one goes on");
            }
        }
    }
}
