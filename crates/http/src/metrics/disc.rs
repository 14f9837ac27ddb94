//! The metrics of the data directory.

use crate::exposition::{Exposition, Kind};
use crate::observed::DiscFacts;

/// A metric without labels.
type Single = (&'static str, Kind, &'static str, fn(&DiscFacts) -> f64);

const SINGLES: [Single; 8] = [
    ("mnemon_disc_log_bytes", Kind::Gauge, "Bytes of the log on disc.", |facts| facts.log_bytes as f64),
    ("mnemon_disc_log_waiting_bytes", Kind::Gauge, "Bytes that wait to be written to the log.", |facts| {
        facts.waiting_bytes as f64
    }),
    ("mnemon_disc_log_entries_total", Kind::Counter, "Entries written to the log.", |facts| {
        facts.log_entries as f64
    }),
    ("mnemon_disc_log_written_bytes_total", Kind::Counter, "Bytes written to the log.", |facts| {
        facts.log_written_bytes as f64
    }),
    (
        "mnemon_disc_synced_entries_total",
        Kind::Counter,
        "Entries made durable by syncs; divided by the syncs, the size of a group.",
        |facts| facts.synced_entries as f64,
    ),
    ("mnemon_disc_largest_group", Kind::Gauge, "The most entries that one sync made durable.", |facts| {
        facts.largest_group as f64
    }),
    ("mnemon_disc_checkpoints_total", Kind::Counter, "Checkpoints made.", |facts| facts.checkpoints as f64),
    (
        "mnemon_disc_checkpoint_failures_total",
        Kind::Counter,
        "Checkpoints that could not be made.",
        |facts| facts.failed_checkpoints as f64,
    ),
];

pub(super) fn about_disc(facts: &DiscFacts, text: &mut Exposition) {
    for (name, kind, help, value) in SINGLES {
        text.single(name, kind, help, value(facts));
    }
    about_syncs(facts, text);
    if let Some(seconds) = facts.load_seconds {
        let help = "How long loading all tables took at the start.";
        text.single("mnemon_disc_load_seconds", Kind::Gauge, help, seconds);
    }
    if let Some(last) = &facts.last_checkpoint {
        let help = "Time since the last checkpoint was done.";
        text.single("mnemon_disc_checkpoint_age_seconds", Kind::Gauge, help, last.age_s);
        let help = "How long the last checkpoint took.";
        text.single("mnemon_disc_checkpoint_seconds", Kind::Gauge, help, last.took_seconds);
    }
}

fn about_syncs(facts: &DiscFacts, text: &mut Exposition) {
    let help = "How long syncs of the log take.";
    let mut metric = text.metric("mnemon_disc_sync_duration_seconds", Kind::Histogram, help);
    let mut total = 0;
    for bucket in &facts.sync_buckets {
        total += bucket.count;
        metric.sample("_bucket", &[("le", &bucket.up_to_seconds.to_string())], total);
    }
    // Counted one after the other, so a sync that ends just now may be in one and not in the other.
    let syncs = facts.syncs.max(total);
    metric.sample("_bucket", &[("le", "+Inf")], syncs);
    metric.sample("_sum", &[], facts.sync_seconds);
    metric.sample("_count", &[], syncs);
}
