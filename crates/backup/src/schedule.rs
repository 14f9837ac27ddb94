//! Backups at intervals, and how many of them are kept.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::error::BackupError;
use crate::service::Backups;

/// When a scheduled backup is taken and how many stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From the beginning of one to that of the next.
    pub every: Duration,
    /// Scheduled backups that stay; older ones are removed after a new one was taken. At least 1.
    pub keep: usize,
}

impl Backups {
    /// Takes backups by the schedule until the future is dropped. The first one is due when the newest backup of this node
    /// is older than the interval, so restarts neither skip backups nor add any. One that fails is tried again at the next
    /// time.
    pub async fn run_schedule(self: Arc<Self>, schedule: Schedule) {
        let first = match self.newest_ms().await {
            Ok(newest) => {
                let age_ms = newest.map(|ms| self.catalog().store().now_ms().saturating_sub(ms));
                age_ms.map_or(Duration::ZERO, |ms| schedule.every.saturating_sub(Duration::from_millis(ms)))
            }
            Err(cause) => {
                tracing::error!(%cause, "the directory of backups cannot be read");
                Duration::ZERO
            }
        };
        let mut ticks = tokio::time::interval_at(Instant::now() + first, schedule.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(cause) = self.take_turn(schedule.keep).await {
                tracing::error!(%cause, "a scheduled backup failed; the next one is taken at its time");
            }
        }
    }

    async fn take_turn(self: &Arc<Self>, keep: usize) -> Result<(), BackupError> {
        self.create_scheduled().await?;
        let gone = self.prune(keep).await?;
        if !gone.is_empty() {
            tracing::info!(count = gone.len(), "old scheduled backups were removed");
        }
        Ok(())
    }
}
