//! How the data directory is doing, for metrics, `ctl status` and `/readyz`.

use mnemon_disc::log::LATENCY_CLASSES;
use mnemon_http::{Bucket, CheckpointFacts, DiscFacts};
use mnemon_store::CheckpointReport;

use super::Disc;
use crate::loading::Loads;

/// Checkpoints since the start.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) made: u64,
    pub(super) failed: u64,
    pub(super) last: Option<Made>,
}

/// One checkpoint.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) report: CheckpointReport,
    /// When, by the ticker of the data directory.
    pub(super) ended_us: u64,
    pub(super) took_us: u64,
}

impl Disc {
    /// What there is to tell. Takes short locks of the log.
    pub(crate) fn facts(&self) -> DiscFacts {
        let (status, statistics) = (self.log.status(), self.log.statistics());
        let history = self.history.lock();
        let seconds = |us: u64| us as f64 / 1e6;
        let now_us = self.now_us();
        let last_checkpoint = history.last.as_ref().map(|made| CheckpointFacts {
            age_s: now_us.saturating_sub(made.ended_us) / 1_000_000,
            took_seconds: seconds(made.took_us),
            tables: made.report.tables as u64,
            rows: made.report.rows,
            bytes: made.report.bytes,
        });
        // The last class has no upper bound.
        let classes = statistics.sync_classes.iter().zip(0..LATENCY_CLASSES as u32 - 1);
        DiscFacts {
            directory: self.path.display().to_string(),
            log_bytes: status.bytes,
            log_entries: statistics.entries,
            log_written_bytes: statistics.bytes,
            waiting_bytes: status.buffered_bytes,
            syncs: statistics.syncs,
            synced_entries: statistics.synced_entries,
            largest_group: statistics.largest_group,
            sync_buckets: classes
                .map(|(count, class)| Bucket { up_to_seconds: seconds(1 << class), count: *count })
                .collect(),
            sync_seconds: seconds(statistics.sync_us),
            longest_sync_seconds: seconds(statistics.longest_sync_us),
            load_seconds: self.loads.get().and_then(Loads::took_us).map(seconds),
            replayed_entries: self.replayed,
            checkpoints: history.made,
            failed_checkpoints: history.failed,
            last_checkpoint,
        }
    }

    /// Why writes are refused, if they are.
    pub(crate) fn failure(&self) -> Option<String> {
        let status = self.log.status();
        if let Some(cause) = status.failure {
            return Some(format!(
                "the log failed ({cause}); reads go on, restart the node when the disc is mended"
            ));
        }
        let cause = status.no_space?;
        Some(format!("no room for the log to grow ({cause}); reads go on, and writes do when space is freed"))
    }

    pub(super) fn note_checkpoint(&self, began_us: u64, report: Option<CheckpointReport>) {
        let mut history = self.history.lock();
        match report {
            Some(report) => {
                let ended_us = self.now_us();
                history.made += 1;
                history.last = Some(Made { report, ended_us, took_us: ended_us.saturating_sub(began_us) });
            }
            None => history.failed += 1,
        }
    }
}
