//! `INFO`: the state of the server in the form that Redis's tools read.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use crate::answer::Answer;
use crate::broker::Kind;
use crate::command::argument::is;
use crate::command::connection::REDIS_VERSION;
use crate::host::Host;
use crate::machine::kilobytes_in;
use crate::protocol::{Args, Reply};

/// A section: its name, whether `INFO` shows it unasked, and what writes its lines.
type Section = (&'static str, bool, fn(&Host, &mut Lines));

const SECTIONS: [Section; 12] = [
    ("Server", true, server),
    ("Clients", true, clients),
    ("Memory", true, memory),
    ("Persistence", true, persistence),
    ("Stats", true, stats),
    ("Replication", true, replication),
    ("CPU", true, cpu),
    ("Modules", true, |_, _| {}),
    ("Commandstats", false, commandstats),
    ("Cluster", true, cluster),
    ("Keyspace", true, keyspace),
    ("Tables", true, tables),
];

/// `INFO [section [section ...]]`
pub(super) fn info(host: &Host, args: Args<'_>) -> Answer {
    let wanted = args.skip(1);
    let asked = |words: &[&str]| wanted.iter().any(|arg| words.iter().any(|word| is(word, arg)));
    let usual = wanted.is_empty() || asked(&["default"]);
    let all = asked(&["all", "everything"]);
    let mut text = Lines(String::with_capacity(2048));
    for (name, unasked, write) in SECTIONS {
        if all || usual && unasked || asked(&[name]) {
            if !text.0.is_empty() {
                text.0.push_str("\r\n");
            }
            text.0.push_str("# ");
            text.0.push_str(name);
            text.0.push_str("\r\n");
            write(host, &mut text);
        }
    }
    Reply::text(text.0).into()
}

/// The text so far.
struct Lines(String);

impl Lines {
    fn put(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{name}:{value}\r\n");
    }
}

fn server(host: &Host, lines: &mut Lines) {
    let now_ms = host.now_ms();
    let uptime_s = now_ms.saturating_sub(host.started_ms) / 1000;
    lines.put("redis_version", REDIS_VERSION);
    lines.put("mnemon_version", env!("CARGO_PKG_VERSION"));
    lines.put("redis_mode", "standalone");
    lines.put("os", format_args!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    lines.put("arch_bits", usize::BITS);
    lines.put("process_id", std::process::id());
    lines.put("process_supervised", "no");
    lines.put("run_id", &host.run_id);
    lines.put("tcp_port", host.addr.port());
    lines.put("server_time_usec", now_ms.saturating_mul(1000));
    lines.put("uptime_in_seconds", uptime_s);
    lines.put("uptime_in_days", uptime_s / 86_400);
    lines.put("hz", 10);
    lines.put("configured_hz", 10);
    lines.put("config_file", "");
    lines.put("io_threads_active", host.threads);
}

fn clients(host: &Host, lines: &mut Lines) {
    let (mut blocked, mut subscribers, mut input, mut output) = (0, 0, 0, 0);
    for client in host.roster.iter() {
        blocked += usize::from(client.blocked.load(Relaxed));
        subscribers += usize::from(client.subscribed.any());
        input = client.unread.load(Relaxed).max(input);
        output = client.waiting_bytes().max(output);
    }
    lines.put("connected_clients", host.roster.len());
    lines.put("cluster_connections", 0);
    lines.put("maxclients", host.bounds().max_clients);
    lines.put("client_recent_max_input_buffer", input);
    lines.put("client_recent_max_output_buffer", output);
    lines.put("blocked_clients", blocked);
    lines.put("tracking_clients", 0);
    lines.put("clients_in_timeout_table", 0);
    lines.put("pubsub_clients", subscribers);
}

fn memory(host: &Host, lines: &mut Lines) {
    let used = host.dataset_bytes();
    let max = host.bounds().max_memory;
    lines.put("used_memory", used);
    lines.put("used_memory_human", human(used));
    lines.put("used_memory_peak", host.peak_bytes());
    lines.put("used_memory_peak_human", human(host.peak_bytes()));
    if let Some(resident) = kilobytes_in("/proc/self/status", "VmRSS:") {
        lines.put("used_memory_rss", resident);
        lines.put("used_memory_rss_human", human(resident));
    }
    if let Some(total) = kilobytes_in("/proc/meminfo", "MemTotal:") {
        lines.put("total_system_memory", total);
        lines.put("total_system_memory_human", human(total));
    }
    lines.put("used_memory_dataset", used);
    lines.put("mem_clients_normal", host.client_memory.held());
    lines.put("maxmemory", max);
    lines.put("maxmemory_human", human(max));
    lines.put("maxmemory_policy", "noeviction");
}

fn persistence(host: &Host, lines: &mut Lines) {
    // Clients look at this to learn whether they may begin.
    lines.put("loading", u8::from(host.catalog.is_loading()));
    lines.put("damaged_tables", host.catalog.damaged().len());
    for name in ["async_loading", "rdb_changes_since_last_save", "rdb_bgsave_in_progress"] {
        lines.put(name, 0);
    }
    lines.put("aof_enabled", u8::from(host.catalog.store().has_log()));
}

fn stats(host: &Host, lines: &mut Lines) {
    let totals = host.stats.totals();
    lines.put("total_connections_received", totals.accepted);
    lines.put("total_commands_processed", totals.commands);
    lines.put("instantaneous_ops_per_sec", host.stats.commands_per_second(host.now_ms()));
    lines.put("total_net_input_bytes", totals.bytes_in);
    lines.put("total_net_output_bytes", totals.bytes_out);
    lines.put("rejected_connections", totals.rejected);
    let sums = host
        .catalog
        .tables()
        .iter()
        .map(|table| table.info())
        .fold((0, 0), |sums, info| (sums.0 + info.expired, sums.1 + info.evicted));
    lines.put("expired_keys", sums.0);
    lines.put("evicted_keys", sums.1);
    lines.put("evicted_clients", totals.evicted);
    lines.put("keyspace_hits", totals.hits);
    lines.put("keyspace_misses", totals.misses);
    let errors = host.stats.commands().iter().map(|command| command.failed + command.rejected).sum::<u64>();
    lines.put("total_error_replies", errors);
    lines.put("pubsub_channels", host.broker.count(Kind::Channel));
    lines.put("pubsub_patterns", host.broker.count(Kind::Pattern));
    lines.put("pubsubshard_channels", host.broker.count(Kind::Shard));
    lines.put("client_query_buffer_limit_disconnections", totals.bad_requests);
    lines.put("client_output_buffer_limit_disconnections", totals.overflowed);
    lines.put("client_write_timeout_disconnections", totals.stalled);
    lines.put("client_idle_disconnections", totals.idle);
    lines.put("commands_refused_out_of_memory", totals.out_of_memory);
    lines.put("slowlog_entries", host.slowlog.len());
}

fn commandstats(host: &Host, lines: &mut Lines) {
    for command in host.stats.commands() {
        let us = command.time_ns / 1_000;
        let per_call =
            if command.calls == 0 { 0.0 } else { command.time_ns as f64 / 1e3 / command.calls as f64 };
        let facts = format_args!(
            "calls={},usec={us},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
            command.calls, command.rejected, command.failed
        );
        lines.put(&format!("cmdstat_{}", command.name), facts);
    }
}

fn cluster(_: &Host, lines: &mut Lines) {
    lines.put("cluster_enabled", 0);
}

fn replication(host: &Host, lines: &mut Lines) {
    lines.put("role", "master");
    lines.put("connected_slaves", 0);
    lines.put("master_failover_state", "no-failover");
    // Tools tell servers apart by it; it changes with each run, as there is no history that another could share.
    lines.put("master_replid", &host.run_id);
    lines.put("master_repl_offset", 0);
    lines.put("second_repl_offset", -1);
    lines.put("repl_backlog_active", 0);
}

fn cpu(_: &Host, lines: &mut Lines) {
    if let Some((user, system)) = cpu_seconds() {
        lines.put("used_cpu_sys", format_args!("{system:.6}"));
        lines.put("used_cpu_user", format_args!("{user:.6}"));
    }
}

fn keyspace(host: &Host, lines: &mut Lines) {
    for (number, table) in host.catalog.databases() {
        let info = table.info();
        if info.size > 0 {
            let facts = format_args!("keys={},expires={},avg_ttl=0", info.size, info.expiring);
            lines.put(&format!("db{number}"), facts);
        }
    }
}

fn tables(host: &Host, lines: &mut Lines) {
    for table in host.catalog.user_tables() {
        let info = table.info();
        let facts = format_args!(
            "records={},bytes={},expires={},subscribers={}",
            info.size, info.memory_bytes, info.expiring, info.subscribers
        );
        lines.put(&table.name(), facts);
    }
}

/// Seconds of processor time in user and system mode, where the operating system tells.
fn cpu_seconds() -> Option<(f64, f64)> {
    /// Linux counts these in hundredths of a second on every platform it runs on today.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold blanks.
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let mut seconds = || fields.next()?.parse::<f64>().ok().map(|ticks| ticks / TICKS_PER_SECOND);
    Some((seconds()?, seconds()?))
}

/// Bytes as Redis prints them for people.
fn human(bytes: u64) -> String {
    let units = [(1_u64 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.2}{name}", bytes as f64 / unit as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_printed_as_redis_prints_them() {
        for (bytes, text) in [(0, "0B"), (1023, "1023B"), (1214600, "1.16M"), (25_276_502_016, "23.54G")] {
            assert_eq!(human(bytes), text);
        }
    }
}
