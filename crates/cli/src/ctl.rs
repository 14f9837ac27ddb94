//! `mnemon ctl`: what an operator wants to know of a running node, and to have done by it.

mod backup;
mod transfer;

mod tree;

use clap::{Args, Subcommand};
use mnemon_http::api::{
    BackupStatus, Cancelled, Change, Changes, Client, Clients, Disc, Status, Table, TableSummary, Tables,
    Tree,
};
use serde::Serialize;

use self::backup::{BackupQuestion, Restoring};
use self::transfer::Transfer;
use crate::error::CliError;
use crate::operator::Target;
use crate::output::{Form, human_bytes, human_seconds, print, table};

/// A question to a running node.
#[derive(Debug, Args)]
pub(crate) struct Ctl {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// How the node is doing.
    Status(Options),
    /// The tables and their sizes.
    Tables(Options),
    /// One table: its schema and sizes.
    Table {
        /// Its name.
        name: String,
        #[command(flatten)]
        options: Options,
    },
    /// Changes of tables that are under way: new indexes, new shapes, moves between RAM and disc.
    Changes(Options),
    /// Cancels the change of a table that is under way; the table is then as it was.
    Cancel {
        /// The table.
        name: String,
        #[command(flatten)]
        options: Options,
    },
    /// The Redis clients that are connected.
    Clients(Options),
    /// Backups: takes, verifies and lists them.
    Backup {
        #[command(subcommand)]
        question: BackupQuestion,
    },
    /// Restores a backup, whole or some tables of it.
    Restore(Restoring),
    /// Writes a table to a file, as JSON lines or CSV.
    Export(Transfer),
    /// Reads a file of JSON lines or CSV into a table.
    Import(Transfer),
    /// The processes of the node, below those that watch over them.
    Tree {
        /// Processes shown of those that one process has started; 10000 at most.
        #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// How to print it.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
    #[command(flatten)]
    target: Target,
}

/// Asks and prints.
///
/// # Errors
/// `Unreachable`, `Refused`.
pub(crate) fn run(ctl: &Ctl) -> Result<(), CliError> {
    match &ctl.question {
        Question::Status(Options { output, target }) => {
            let status: Status = target.read("/api/v1/status")?;
            show(*output, &status, facts_of_status);
        }
        Question::Tables(Options { output, target }) => {
            let tables = all_tables(target)?;
            show(*output, &tables, |tables| list_tables(tables));
        }
        Question::Table { name, options: Options { output, target } } => {
            let found: Table = target.read(&format!("/api/v1/tables/{}", escaped(name)))?;
            show(*output, &found, facts_of_table);
        }
        Question::Changes(Options { output, target }) => {
            let changes: Changes = target.read("/api/v1/changes")?;
            show(*output, &changes.changes, |changes| list_changes(changes));
        }
        Question::Cancel { name, options: Options { output, target } } => {
            let path = format!("/api/v1/tables/{}/cancel-change", escaped(name));
            let cancelled: Cancelled = target.understand(&target.post(&path, b"{}")?)?;
            show(*output, &cancelled, |cancelled| told_of_cancel(cancelled).to_owned());
        }
        Question::Clients(Options { output, target }) => {
            let clients = all_clients(target)?;
            show(*output, &clients, |clients| list_clients(clients));
        }
        Question::Backup { question } => backup::run(question)?,
        Question::Restore(wanted) => backup::restore(wanted)?,
        Question::Export(wanted) => transfer::export(wanted)?,
        Question::Import(wanted) => transfer::import(wanted)?,
        Question::Tree { limit, options: Options { output, target } } => {
            let tree: Tree = target.read(&format!("/api/v1/tree?limit={limit}"))?;
            show(*output, &tree, tree::draw);
        }
    }
    Ok(())
}

fn show<T: Serialize>(form: Form, value: &T, for_people: impl Fn(&T) -> String) {
    match form {
        Form::Table => print(&for_people(value)),
        // Texts, numbers and lists; this cannot fail.
        Form::Json => print(&format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default())),
    }
}

fn all_tables(target: &Target) -> Result<Vec<TableSummary>, CliError> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page: Tables = target.read(&format!("/api/v1/tables?after={}", escaped(&after)))?;
        all.extend(page.tables);
        match page.next {
            // A node that did not go on would never let this end.
            Some(next) if next > after => after = next,
            _ => return Ok(all),
        }
    }
}

fn all_clients(target: &Target) -> Result<Vec<Client>, CliError> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page: Clients = target.read(&format!("/api/v1/clients?after={after}"))?;
        all.extend(page.clients);
        match page.next {
            Some(next) if next > after => after = next,
            _ => return Ok(all),
        }
    }
}

/// A name as a part of a URL.
fn escaped(name: &str) -> String {
    let sign = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(sign).collect()
}

fn facts(pairs: Vec<(&str, String)>) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    pairs.iter().map(|(name, fact)| format!("{name:width$}  {}\n", crate::output::printable(fact))).collect()
}

fn facts_of_status(status: &Status) -> String {
    let mut pairs = vec![
        ("node", status.name.clone()),
        ("version", status.version.clone()),
        ("ready", if status.ready { "yes" } else { "no" }.to_owned()),
    ];
    pairs.extend(status.failures.iter().map(|failure| ("failure", failure.clone())));
    pairs.extend([
        ("uptime", human_seconds(status.uptime_s)),
        ("resp", status.resp.clone().unwrap_or_else(|| "-".to_owned())),
        ("clients", status.clients.to_string()),
        ("commands", status.commands.to_string()),
        ("tables", status.tables.to_string()),
        ("rows", status.rows.to_string()),
        ("bytes of rows", human_bytes(status.bytes)),
        ("resident memory", status.resident_bytes.map_or_else(|| "-".to_owned(), human_bytes)),
        ("commits", status.commits.to_string()),
        ("conflicts", status.conflicts.to_string()),
        ("open snapshots", status.snapshots_open.to_string()),
    ]);
    if let Some(backups) = &status.backups {
        pairs.extend(facts_of_backups(backups));
    }
    if let Some(disc) = &status.disc {
        pairs.extend(facts_of_disc(disc));
    }
    facts(pairs)
}

fn facts_of_disc(disc: &Disc) -> Vec<(&'static str, String)> {
    let group = disc.synced_entries as f64 / disc.syncs.max(1) as f64;
    let checkpoint = match (disc.checkpoint_age_s, disc.checkpoint_ms) {
        (Some(age_s), Some(ms)) => format!("{} ago, took {ms} ms", human_seconds(age_s)),
        _ => "none since the start".to_owned(),
    };
    vec![
        ("data directory", disc.directory.clone()),
        ("log on disc", human_bytes(disc.log_bytes)),
        ("syncs", disc.syncs.to_string()),
        (
            "sync duration",
            format!("{} us on average, {} us at most", disc.sync_mean_us, disc.sync_longest_us),
        ),
        ("commits a sync", format!("{group:.1} on average, {} at most", disc.largest_group)),
        ("tables loaded in", disc.load_ms.map_or_else(|| "(loading)".to_owned(), |ms| format!("{ms} ms"))),
        ("log entries replayed", disc.replayed_entries.to_string()),
        ("last checkpoint", checkpoint),
        ("failed checkpoints", disc.failed_checkpoints.to_string()),
    ]
}

fn facts_of_backups(backups: &BackupStatus) -> Vec<(&'static str, String)> {
    let age = backups.age_s.map_or_else(|| "never".to_owned(), |age| format!("{} ago", human_seconds(age)));
    let mut pairs = vec![("last backup", age)];
    if let Some(last) = &backups.last {
        let (bytes, ms) = (human_bytes(last.bytes), last.duration_ms);
        pairs.push(("", format!("{}: {} rows, {bytes}, took {ms} ms", last.name, last.rows)));
    }
    pairs.push(("backups", format!("{} taken, {} failed", backups.taken, backups.failed)));
    pairs.extend(backups.failure.clone().map(|failure| ("backup failure", failure)));
    pairs.extend(backups.running.clone().map(|running| ("under way", running)));
    pairs
}

fn list_tables(tables: &[TableSummary]) -> String {
    let header = ["name", "kind", "rows", "bytes", "expiring", "expired", "evicted", "subscribers"];
    let rows = tables.iter().map(|found| {
        let counts =
            [found.rows, found.bytes, found.expiring, found.expired, found.evicted, found.subscribers];
        let counts = counts.iter().map(u64::to_string);
        [found.name.clone(), found.kind.clone()].into_iter().chain(counts).collect()
    });
    let damaged = tables.iter().filter_map(|found| Some((&found.name, found.damage.as_ref()?)));
    let damaged =
        damaged.map(|(name, cause)| crate::output::printable(&format!("DAMAGED {name}: {cause}")) + "\n");
    table(&header, rows) + &damaged.collect::<String>()
}

fn list_changes(changes: &[Change]) -> String {
    let header = ["table", "what", "phase", "rows done", "of", "since", "cancelled"];
    let rows = changes.iter().map(|change| {
        vec![
            change.table.clone(),
            change.what.clone(),
            change.phase.clone(),
            change.done.to_string(),
            change.total.to_string(),
            human_seconds(change.age_s),
            if change.cancelled { "yes" } else { "no" }.to_owned(),
        ]
    });
    table(&header, rows)
}

fn told_of_cancel(cancelled: &Cancelled) -> &'static str {
    match (cancelled.cancelled, cancelled.ended) {
        (true, true) => "cancelled: the table is as it was\n",
        (true, false) => "cancelled: it is being taken back; `mnemon ctl changes` shows until when\n",
        (false, _) => "too late: the change has been made\n",
    }
}

fn facts_of_table(found: &Table) -> String {
    let bound = |bound: Option<u64>| bound.map_or_else(|| "-".to_owned(), |bound| bound.to_string());
    let names = |indexed: bool| {
        let chosen = found.attributes.iter().filter(|attribute| attribute.indexed || !indexed);
        let names: Vec<&str> = chosen.map(|attribute| attribute.name.as_str()).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(", ") }
    };
    let mut pairs = vec![
        ("name", found.summary.name.clone()),
        ("kind", found.summary.kind.clone()),
        ("attributes", names(false)),
        ("indexed", names(true)),
        ("access", found.access.clone()),
        ("storage", found.storage.clone()),
        ("ttl (ms)", bound(found.ttl_ms)),
        ("most entries", bound(found.max_entries)),
        ("most bytes", bound(found.max_bytes)),
        ("schema version", found.schema_version.to_string()),
        ("rows", found.summary.rows.to_string()),
        ("bytes", human_bytes(found.summary.bytes)),
        ("expiring rows", found.summary.expiring.to_string()),
        ("expired", found.summary.expired.to_string()),
        ("evicted", found.summary.evicted.to_string()),
        ("subscribers", found.summary.subscribers.to_string()),
    ];
    pairs.extend(found.changes.iter().map(|change| ("changing", change.to_string())));
    pairs.extend(found.summary.damage.clone().map(|cause| ("DAMAGED", cause)));
    facts(pairs)
}

fn list_clients(clients: &[Client]) -> String {
    let header = ["id", "address", "name", "user", "db", "resp", "age", "idle", "command"];
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let rows = clients.iter().map(|client| {
        vec![
            client.id.to_string(),
            client.address.clone(),
            or_dash(&client.name),
            or_dash(&client.user),
            client.database.to_string(),
            client.protocol.to_string(),
            human_seconds(client.age_s),
            human_seconds(client.idle_s),
            or_dash(&client.command),
        ]
    });
    table(&header, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        assert_eq!(escaped("users.2024_a-b"), "users.2024_a-b");
        assert_eq!(escaped("a/../b?c#d é"), "a%2F..%2Fb%3Fc%23d%20%C3%A9");
    }
}
