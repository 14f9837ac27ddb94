//! `/metrics`: the names, units and meanings of all metrics, and where each number comes from.
//!
//! What must stay true: the sets of label values are bounded (families of commands, limits, checks, and the first
//! [`TABLE_LABELS_MAX`] tables; the others are summed up); a counter never falls while the node lives.

mod disc;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mnemon_backup::Backups;
use mnemon_table::{Catalog, Table, TableInfo};

use crate::exposition::{Exposition, Kind};
use crate::observed::{Check, Counts, Latency, Observed};
use crate::process;

/// Tables with a label of their own: the oldest ones, so that a table keeps its label while it exists and no older one
/// goes. The sum of all others has the label `(other)`, which no table can be called.
pub const TABLE_LABELS_MAX: usize = 1_000;

const OTHER: &str = "(other)";

/// What the HTTP server counts of itself.
#[derive(Debug, Default)]
pub(crate) struct HttpStats {
    ok: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    /// Connections closed at once because there were too many.
    pub(crate) rejected: AtomicU64,
}

impl HttpStats {
    /// Counts an answer.
    pub(crate) fn count(&self, status: u16) {
        let counter = match status {
            ..400 => &self.ok,
            400..500 => &self.refused,
            _ => &self.failed,
        };
        counter.fetch_add(1, Relaxed);
    }
}

/// All metrics as text. O(tables × shards).
pub(crate) fn expose(node: &dyn Observed, http: &HttpStats) -> String {
    let mut text = Exposition::default();
    about_node(node, &mut text);
    about_checks(&node.checks(), &mut text);
    about_commits(node, &mut text);
    about_tables(&node.catalog().tables(), &mut text);
    about_damage(node.catalog(), &mut text);
    let help =
        "Changes of tables that are under way or wait: new indexes, new shapes, moves between RAM and disc.";
    text.single("mnemon_table_changes", Kind::Gauge, help, node.catalog().changes().len());
    if let Some(facts) = node.disc() {
        disc::about_disc(&facts, &mut text);
    }
    if let Some(counts) = node.counts() {
        about_resp(&counts, &mut text);
        about_latency(&counts.latencies, &mut text);
    }
    if let Some(backups) = node.backups() {
        about_backups(backups, &mut text);
    }
    about_http(http, &mut text);
    about_process(&mut text);
    text.into_text()
}

fn about_node(node: &dyn Observed, text: &mut Exposition) {
    let labels = [("node", node.name()), ("version", node.version())];
    text.metric("mnemon_build_info", Kind::Gauge, "Always 1; the labels name the node and its version.")
        .sample("", &labels, 1);
    let uptime_s = node.catalog().store().now_ms().saturating_sub(node.started_ms()) as f64 / 1e3;
    text.single("mnemon_uptime_seconds", Kind::Gauge, "Time since the node started.", uptime_s);
}

fn about_checks(checks: &[Check], text: &mut Exposition) {
    let mut metric = text.metric("mnemon_check_ok", Kind::Gauge, "1 while a check of /readyz holds, else 0.");
    for check in checks {
        metric.sample("", &[("check", check.name)], u8::from(check.failure.is_none()));
    }
}

fn about_commits(node: &dyn Observed, text: &mut Exposition) {
    let catalog = node.catalog();
    text.single(
        "mnemon_commits_total",
        Kind::Counter,
        "Commits, expiry and eviction included.",
        catalog.store().clock(),
    );
    text.single(
        "mnemon_transaction_conflicts_total",
        Kind::Counter,
        "Attempts of transactions that lost against others.",
        catalog.conflicts(),
    );
    let open = catalog.store().open_snapshots();
    text.single("mnemon_snapshots_open", Kind::Gauge, "Snapshots that are open.", open);
}

/// A metric of each table.
type PerTable = (&'static str, Kind, &'static str, fn(&TableInfo) -> u64);

const PER_TABLE: [PerTable; 6] = [
    ("mnemon_table_rows", Kind::Gauge, "Rows, expired ones not yet deleted included.", |info| {
        info.size as u64
    }),
    ("mnemon_table_bytes", Kind::Gauge, "Bytes of the rows.", |info| info.memory_bytes as u64),
    ("mnemon_table_expiring_rows", Kind::Gauge, "Rows that have a time to live.", |info| {
        info.expiring as u64
    }),
    ("mnemon_table_subscribers", Kind::Gauge, "Live subscriptions.", |info| info.subscribers as u64),
    ("mnemon_table_expired_total", Kind::Counter, "Rows deleted because their time had passed.", |info| {
        info.expired
    }),
    (
        "mnemon_table_evicted_total",
        Kind::Counter,
        "Rows deleted to keep the table within its bounds.",
        |info| info.evicted,
    ),
];

fn about_tables(tables: &[Arc<Table>], text: &mut Exposition) {
    let help = "Tables, the databases in use included.";
    text.single("mnemon_tables", Kind::Gauge, help, tables.len());
    let mut oldest_first: Vec<&Arc<Table>> = tables.iter().collect();
    oldest_first.sort_by_key(|table| table.id());
    let rows: Vec<(String, TableInfo)> =
        oldest_first.iter().map(|table| (table.name(), table.info())).collect();
    let (labelled, others) = rows.split_at(rows.len().min(TABLE_LABELS_MAX));
    for (name, kind, help, value) in PER_TABLE {
        let mut metric = text.metric(name, kind, help);
        for (table, info) in labelled {
            metric.sample("", &[("table", table)], value(info));
        }
        if !others.is_empty() {
            let sum: u64 = others.iter().map(|(_, info)| value(info)).sum();
            metric.sample("", &[("table", OTHER)], sum);
        }
    }
}

/// Of damaged tables only, so that a healthy node has none; of so many at most.
fn about_damage(catalog: &Catalog, text: &mut Exposition) {
    let damaged = catalog.damaged();
    let help = "Tables that cannot be used because a file of theirs is damaged.";
    text.single("mnemon_tables_damaged", Kind::Gauge, help, damaged.len());
    let help = "Always 1; the label names a table that cannot be used because a file of it is damaged.";
    let mut metric = text.metric("mnemon_table_damaged", Kind::Gauge, help);
    for of in damaged.iter().take(TABLE_LABELS_MAX) {
        metric.sample("", &[("table", &of.table)], 1);
    }
}

fn about_resp(counts: &Counts, text: &mut Exposition) {
    let commands = counts.commands;
    text.single("mnemon_resp_commands_total", Kind::Counter, "Commands of Redis clients.", commands);
    text.single("mnemon_resp_clients", Kind::Gauge, "Redis clients that are connected.", counts.connected);
    let accepted = counts.accepted;
    text.single("mnemon_resp_connections_total", Kind::Counter, "Connections accepted.", accepted);
    text.single(
        "mnemon_resp_received_bytes_total",
        Kind::Counter,
        "Bytes read from clients.",
        counts.bytes_in,
    );
    text.single("mnemon_resp_sent_bytes_total", Kind::Counter, "Bytes written to clients.", counts.bytes_out);
    let help = "What a limit has refused: connections, requests or clients cut off.";
    let mut refused = text.metric("mnemon_resp_refused_total", Kind::Counter, help);
    for (limit, count) in &counts.refused {
        refused.sample("", &[("limit", limit)], count);
    }
}

fn about_latency(latencies: &[Latency], text: &mut Exposition) {
    let help =
        "How long commands run, without the network; fast ones are timed one in 64, which counts for all.";
    let mut metric = text.metric("mnemon_resp_command_duration_seconds", Kind::Histogram, help);
    for latency in latencies {
        let family = ("family", latency.family);
        let mut total = 0;
        for bucket in &latency.buckets {
            total += bucket.count;
            metric.sample("_bucket", &[family, ("le", &bucket.up_to_seconds.to_string())], total);
        }
        total += latency.longer;
        metric.sample("_bucket", &[family, ("le", "+Inf")], total);
        metric.sample("_sum", &[family], latency.sum_seconds);
        metric.sample("_count", &[family], total);
    }
}

fn about_backups(backups: &Backups, text: &mut Exposition) {
    let figures = backups.figures();
    if let Some(newest_ms) = figures.newest_ms {
        let help = "When the newest backup known was taken, in seconds since the epoch.";
        text.single("mnemon_backup_last_timestamp_seconds", Kind::Gauge, help, newest_ms as f64 / 1e3);
        let age_ms = backups.catalog().store().now_ms().saturating_sub(newest_ms);
        let help = "How long ago the newest backup known was taken.";
        text.single("mnemon_backup_age_seconds", Kind::Gauge, help, age_ms as f64 / 1e3);
    }
    if let Some(last) = &figures.last {
        let help = "How long the last backup took.";
        let seconds = last.duration_ms as f64 / 1e3;
        text.single("mnemon_backup_last_duration_seconds", Kind::Gauge, help, seconds);
        text.single("mnemon_backup_last_bytes", Kind::Gauge, "Bytes of the last backup's file.", last.bytes);
        text.single("mnemon_backup_last_rows", Kind::Gauge, "Rows in the last backup.", last.rows);
    }
    text.single("mnemon_backups_total", Kind::Counter, "Backups taken since the start.", figures.taken);
    let help = "Backups that failed since the start.";
    text.single("mnemon_backup_failures_total", Kind::Counter, help, figures.failed);
    let help = "Backups restored since the start.";
    text.single("mnemon_restores_total", Kind::Counter, help, figures.restored);
}

fn about_http(stats: &HttpStats, text: &mut Exposition) {
    let mut answers =
        text.metric("mnemon_http_requests_total", Kind::Counter, "HTTP requests by how they were answered.");
    for (code, counter) in [("2xx", &stats.ok), ("4xx", &stats.refused), ("5xx", &stats.failed)] {
        answers.sample("", &[("code", code)], counter.load(Relaxed));
    }
    let rejected = stats.rejected.load(Relaxed);
    let help = "HTTP connections closed because there were too many.";
    text.single("mnemon_http_rejected_total", Kind::Counter, help, rejected);
}

fn about_process(text: &mut Exposition) {
    if let Some(seconds) = process::cpu_seconds() {
        text.single("process_cpu_seconds_total", Kind::Counter, "Processor time of the process.", seconds);
    }
    if let Some(bytes) = process::resident_bytes() {
        text.single("process_resident_memory_bytes", Kind::Gauge, "Memory the process holds.", bytes);
    }
    if let Some(open) = process::open_files() {
        text.single("process_open_fds", Kind::Gauge, "File descriptors in use.", open);
    }
    if let Some(most) = process::max_files() {
        text.single("process_max_fds", Kind::Gauge, "File descriptors it may use.", most);
    }
}
