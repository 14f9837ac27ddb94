//! The server's heartbeat: the time for those who need it roughly, memory, and clients that must go.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::host::Host;

/// How often the time is noted and memory weighed.
const BEAT: Duration = Duration::from_millis(100);
/// Clients are looked at once in so many beats.
const SWEEP_EVERY: u32 = 10;

/// Beats for ever.
pub(super) async fn beat(host: Arc<Host>) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left = SWEEP_EVERY;
    loop {
        ticks.tick().await;
        host.beat();
        left -= 1;
        if left == 0 {
            left = SWEEP_EVERY;
            host.sweep();
        }
    }
}
