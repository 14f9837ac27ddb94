//! What the API shows: the node's state as the types of [`crate::api`].

use axum::http::StatusCode;
use mnemon_backup::Backups;
use mnemon_otp::ProcessTree;
use mnemon_store::Kind;
use mnemon_table::Table;
use mnemon_table::schema::AccessMode;

use crate::api;
use crate::guard::Refused;
use crate::observed::{DiscFacts, Observed, Weight};
use crate::process::resident_bytes;

/// Entries of a list unless the request says otherwise.
const PAGE: usize = 1_000;
/// The most entries of a list.
const PAGE_MAX: usize = 10_000;

/// `/api/v1/status`. O(tables × shards).
pub(crate) fn status(node: &dyn Observed) -> api::Status {
    let catalog = node.catalog();
    let tables = catalog.tables();
    let checks = node.checks();
    let ready = checks.iter().all(|check| check.failure.is_none() || check.weight == Weight::Notice);
    let failures: Vec<String> = checks
        .into_iter()
        .filter_map(|check| check.failure.map(|cause| format!("{}: {cause}", check.name)))
        .collect();
    let counts = node.counts().unwrap_or_default();
    api::Status {
        name: node.name().to_owned(),
        version: node.version().to_owned(),
        ready,
        failures,
        uptime_s: catalog.store().now_ms().saturating_sub(node.started_ms()) / 1000,
        resp: node.resp_address(),
        clients: counts.connected as u64,
        commands: counts.commands,
        tables: tables.len() as u64,
        rows: tables.iter().map(|table| table.copy().len() as u64).sum(),
        bytes: tables.iter().map(|table| table.copy().memory() as u64).sum(),
        commits: catalog.store().clock(),
        conflicts: catalog.conflicts(),
        snapshots_open: catalog.store().open_snapshots() as u64,
        resident_bytes: resident_bytes(),
        backups: node.backups().map(|backups| backup_status(backups)),
        disc: node.disc().map(disc),
    }
}

fn backup_status(backups: &Backups) -> api::BackupStatus {
    let figures = backups.figures();
    let now_ms = backups.catalog().store().now_ms();
    api::BackupStatus {
        age_s: figures.newest_ms.map(|newest| now_ms.saturating_sub(newest) / 1_000),
        last: figures.last,
        taken: figures.taken,
        failed: figures.failed,
        failure: figures.failure,
        restored: figures.restored,
        running: figures.running,
    }
}

fn disc(facts: DiscFacts) -> api::Disc {
    let us = |seconds: f64| (seconds * 1e6) as u64;
    let ms = |seconds: f64| (seconds * 1e3) as u64;
    api::Disc {
        sync_mean_us: us(facts.sync_seconds) / facts.syncs.max(1),
        sync_longest_us: us(facts.longest_sync_seconds),
        load_ms: facts.load_seconds.map(ms),
        checkpoint_age_s: facts.last_checkpoint.map(|last| last.age_s),
        checkpoint_ms: facts.last_checkpoint.map(|last| ms(last.took_seconds)),
        directory: facts.directory,
        log_bytes: facts.log_bytes,
        syncs: facts.syncs,
        synced_entries: facts.synced_entries,
        largest_group: facts.largest_group,
        replayed_entries: facts.replayed_entries,
        checkpoints: facts.checkpoints,
        failed_checkpoints: facts.failed_checkpoints,
    }
}

/// `/api/v1/tables`, a page of them.
///
/// # Errors
/// 400.
pub(crate) fn tables(node: &dyn Observed, query: &str) -> Result<api::Tables, Refused> {
    let page = Page::read(query)?;
    let mut tables = node.catalog().tables();
    tables.sort_by_key(|table| table.name());
    let from = page.after.map_or(0, |after| tables.partition_point(|table| table.name().as_str() <= after));
    let rest = tables.get(from..).unwrap_or_default();
    let shown = rest.get(..page.limit).unwrap_or(rest);
    let next = if shown.len() < rest.len() { shown.last().map(|table| table.name()) } else { None };
    Ok(api::Tables { tables: shown.iter().map(|table| summary(table)).collect(), next })
}

/// `/api/v1/tables/NAME`. A database that was never used is not made by looking at it.
pub(crate) fn table(node: &dyn Observed, name: &str) -> Option<api::Table> {
    let table = node.catalog().tables().into_iter().find(|table| table.name() == name)?;
    let schema = table.schema();
    let attributes = schema.attributes().iter().zip(0..).map(|(attribute, place): (_, u16)| api::Attribute {
        name: attribute.to_string(),
        indexed: schema.indexes().contains(&place),
    });
    Some(api::Table {
        summary: summary(&table),
        attributes: attributes.collect(),
        access: if schema.access() == AccessMode::ReadOnly { "ro" } else { "rw" }.to_owned(),
        storage: schema.storage().to_string(),
        ttl_ms: schema.ttl_ms(),
        max_entries: schema.max_entries(),
        max_bytes: schema.max_bytes(),
        schema_version: schema.version(),
        changes: crate::changes::shown(node.catalog())
            .into_iter()
            .filter(|change| change.table == name)
            .collect(),
    })
}

fn summary(table: &Table) -> api::TableSummary {
    let info = table.info();
    let kind = match table.kind() {
        Kind::Set => "set",
        Kind::OrderedSet => "ordered_set",
        Kind::Bag => "bag",
    };
    api::TableSummary {
        name: table.name(),
        kind: kind.to_owned(),
        rows: info.size as u64,
        bytes: info.memory_bytes as u64,
        expiring: info.expiring as u64,
        expired: info.expired,
        evicted: info.evicted,
        subscribers: info.subscribers as u64,
        damage: table.copy().damage(),
    }
}

/// `/api/v1/clients`, a page of them.
///
/// # Errors
/// 400.
pub(crate) fn clients(node: &dyn Observed, query: &str) -> Result<api::Clients, Refused> {
    let page = Page::read(query)?;
    let after = match page.after.map(str::parse) {
        None => 0,
        Some(Ok(after)) => after,
        Some(Err(_)) => return Err(BAD_PAGE),
    };
    // One more than is shown tells whether there are more.
    let mut clients = node.clients(after, page.limit + 1);
    let more = clients.len() > page.limit;
    clients.truncate(page.limit);
    let next = if more { clients.last().map(|client| client.id) } else { None };
    Ok(api::Clients { clients, next })
}

/// `/api/v1/tree`; `limit` is for the processes that one process has started. O(processes × log processes).
///
/// # Errors
/// 400.
pub(crate) fn tree(node: &dyn Observed, query: &str) -> Result<api::Tree, Refused> {
    let page = Page::read(query)?;
    let trees = node.processes();
    let count = trees.iter().map(size).sum();
    Ok(api::Tree { processes: trees.into_iter().map(|tree| process(tree, page.limit)).collect(), count })
}

/// How many processes a tree has. Recurses as deep as [`mnemon_otp::MAX_TREE_DEPTH`].
fn size(tree: &ProcessTree) -> u64 {
    1 + tree.children.iter().map(size).sum::<u64>()
}

/// As [`size`], recurses only so deep.
fn process(tree: ProcessTree, limit: usize) -> api::Process {
    let ProcessTree { process: of, children } = tree;
    let hidden = children.len().saturating_sub(limit) as u64;
    api::Process {
        pid: of.pid.to_string(),
        child: of.child,
        name: of.name,
        kind: of.kind.to_string(),
        module: of.module,
        mailbox: of.mailbox,
        handled: of.handled,
        links: of.links.len() as u64,
        monitors: of.monitors.len() as u64,
        memory: of.memory as u64,
        uptime_ms: of.uptime_ms,
        last_exit: of.last_exit.map(|reason| reason.to_string()),
        children: children.into_iter().take(limit).map(|child| process(child, limit)).collect(),
        hidden,
    }
}

/// Which part of a list is asked for.
struct Page<'a> {
    after: Option<&'a str>,
    limit: usize,
}

const BAD_PAGE: Refused = Refused {
    status: StatusCode::BAD_REQUEST,
    error: "BADQUERY",
    message: "unknown or bad query parameter: write limit=1…10000 and after= with the last answer's `next`",
};

impl<'a> Page<'a> {
    fn read(query: &'a str) -> Result<Self, Refused> {
        let mut page = Self { after: None, limit: PAGE };
        for word in query.split('&').filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some(("after", after)) => page.after = Some(after),
                Some(("limit", limit)) => {
                    let limit = limit.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
                    page.limit = limit.ok_or(BAD_PAGE)?;
                }
                _ => return Err(BAD_PAGE),
            }
        }
        Ok(page)
    }
}
