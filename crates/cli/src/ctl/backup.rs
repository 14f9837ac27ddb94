//! `mnemon ctl backup` and `mnemon ctl restore`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mnemon_backup::{BackupReport, Job, JobState, Mode, RestorePlan, Restored, Summary, open_file};
use mnemon_http::api::{Backup, BackupList, Imported, NewBackup, Restore as RestoreRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Options, escaped, facts, show};
use crate::error::CliError;
use crate::operator::Target;
use crate::output::{Form, human_bytes, print, table};

#[derive(Debug, Subcommand)]
pub(super) enum BackupQuestion {
    /// Takes a backup while everybody goes on, and waits for its end.
    Create {
        /// Its name [default: after the node and the time].
        name: Option<String>,
        /// Only these tables.
        #[arg(long, value_name = "TABLE,...", value_delimiter = ',')]
        tables: Option<Vec<String>>,
        #[command(flatten)]
        options: Options,
    },
    /// Reads a backup to its end and checks every byte.
    Verify {
        /// Its name in the node's directory of backups.
        #[arg(required_unless_present = "file")]
        name: Option<String>,
        /// A file on this machine instead; no node is asked.
        #[arg(long, value_name = "FILE", conflicts_with = "name")]
        file: Option<PathBuf>,
        #[command(flatten)]
        options: Options,
    },
    /// The backups in the node's directory.
    List(Options),
}

/// What `ctl restore` is told.
#[derive(Debug, Args)]
pub(super) struct Restoring {
    /// The backup's name in the node's directory of backups.
    #[arg(required_unless_present = "cancel")]
    name: Option<String>,
    /// Only these tables.
    #[arg(long, value_name = "TABLE,...", value_delimiter = ',')]
    tables: Option<Vec<String>>,
    /// What becomes of a table that is there: clear, keep, recreate or skip.
    #[arg(long, value_name = "MODE", default_value = "clear", value_parser = mode)]
    mode: Mode,
    /// Another way for one table; may be given several times.
    #[arg(long, value_name = "TABLE=MODE", value_parser = one)]
    table: Vec<(String, Mode)>,
    /// Not now: when the node starts again, before anybody is served.
    #[arg(long)]
    at_next_start: bool,
    /// Takes back --at-next-start.
    #[arg(long, conflicts_with_all = ["name", "tables", "mode", "table", "at_next_start"])]
    cancel: bool,
    #[command(flatten)]
    options: Options,
}

fn mode(text: &str) -> Result<Mode, String> {
    text.parse().map_err(|error: mnemon_backup::BackupError| error.to_string())
}

fn one(text: &str) -> Result<(String, Mode), String> {
    let (table, way) = text.split_once('=').ok_or("write TABLE=MODE")?;
    Ok((table.to_owned(), mode(way)?))
}

/// Asks and prints.
///
/// # Errors
/// `Unreachable`, `Refused`.
pub(super) fn run(question: &BackupQuestion) -> Result<(), CliError> {
    match question {
        BackupQuestion::Create { name, tables, options } => {
            let wanted = NewBackup { name: name.clone(), tables: tables.clone() };
            let report: BackupReport = done(&options.target, "/api/v1/backups", &wanted)?;
            show(options.output, &report, facts_of_report);
        }
        BackupQuestion::Verify { name: Some(name), options, .. } => {
            let path = format!("/api/v1/backups/{}/verify", escaped(name));
            let summary: Summary = done(&options.target, &path, &Value::Null)?;
            show(options.output, &summary, facts_of_summary);
        }
        BackupQuestion::Verify { name: None, file, options } => {
            let refused = |cause: mnemon_backup::BackupError| CliError::Refused(cause.to_string());
            let file = file.clone().unwrap_or_default();
            let summary = open_file(&file).and_then(|reader| reader.verify(|_| ())).map_err(refused)?;
            show(options.output, &summary, facts_of_summary);
        }
        BackupQuestion::List(Options { output, target }) => {
            let found: BackupList = target.read("/api/v1/backups")?;
            show(*output, &found, |found| list(&found.backups));
        }
    }
    Ok(())
}

/// Asks and prints.
///
/// # Errors
/// `Unreachable`, `Refused`.
pub(super) fn restore(wanted: &Restoring) -> Result<(), CliError> {
    let Options { output, target } = &wanted.options;
    let Some(name) = wanted.name.as_ref().filter(|_| !wanted.cancel) else {
        let _: Imported = target.understand(&target.post("/api/v1/cancel-restore", b"")?)?;
        return say(*output, "the next start restores nothing");
    };
    let plan = match &wanted.tables {
        Some(tables) => RestorePlan::only(tables, wanted.mode),
        None => RestorePlan::all(wanted.mode),
    };
    let ways = wanted.table.iter().cloned();
    let plan = ways.fold(plan, |plan, (table, mode)| plan.with(table, mode));
    let path = format!("/api/v1/backups/{}/restore", escaped(name));
    let request = RestoreRequest { plan, at_next_start: wanted.at_next_start };
    if wanted.at_next_start {
        let _: bool = done(target, &path, &request)?;
        return say(*output, "the backup is good; the node restores it at its next start");
    }
    let restored: Restored = done(target, &path, &request)?;
    show(*output, &restored, list_restored);
    Ok(())
}

fn say(form: Form, text: &str) -> Result<(), CliError> {
    match form {
        Form::Table => print(&format!("{text}\n")),
        Form::Json => print("true\n"),
    }
    Ok(())
}

/// Begins a piece of work and waits for its end.
fn done<T: DeserializeOwned>(target: &Target, path: &str, request: &impl Serialize) -> Result<T, CliError> {
    let body = serde_json::to_vec(request).map_err(|cause| CliError::Refused(cause.to_string()))?;
    let mut job: Job = target.understand(&target.post(path, &body)?)?;
    while job.state == JobState::Running {
        job = target.read(&format!("/api/v1/jobs/{}?wait", job.id))?;
    }
    match job {
        Job { state: JobState::Done, result: Some(result), .. } => {
            serde_json::from_value(result).map_err(|cause| CliError::Refused(cause.to_string()))
        }
        Job { error, message, .. } => Err(CliError::Refused(format!(
            "{} {}",
            error.unwrap_or_else(|| "ERR".to_owned()),
            message.unwrap_or_default()
        ))),
    }
}

fn facts_of_report(report: &BackupReport) -> String {
    facts(vec![
        ("backup", report.name.clone()),
        ("tables", report.tables.to_string()),
        ("rows", report.rows.to_string()),
        ("bytes", human_bytes(report.bytes)),
        ("before compression", human_bytes(report.raw_bytes)),
        ("commit clock", report.clock.to_string()),
        ("took", format!("{} ms", report.duration_ms)),
    ])
}

fn facts_of_summary(summary: &Summary) -> String {
    let mut pairs = vec![
        ("damage", "none".to_owned()),
        ("rows", summary.rows.to_string()),
        ("bytes", human_bytes(summary.bytes)),
    ];
    let table = |(name, rows): &(String, u64)| ("table", format!("{name}, {rows} rows"));
    pairs.extend(summary.tables.iter().map(table));
    facts(pairs)
}

fn list(backups: &[Backup]) -> String {
    let header = ["name", "bytes", "taken (UTC)", "node", "tables", "header"];
    let rows = backups.iter().map(|backup| {
        vec![
            backup.name.clone(),
            human_bytes(backup.bytes),
            mnemon_backup::moment_text(backup.created_ms),
            backup.node.clone(),
            backup.tables.len().to_string(),
            backup.failure.clone().unwrap_or_else(|| "good".to_owned()),
        ]
    });
    table(&header, rows)
}

fn list_restored(restored: &Restored) -> String {
    let done = restored.tables.iter().map(|done| {
        let what = if done.made { "made".to_owned() } else { done.mode.to_string() };
        vec![done.name.clone(), what, done.rows.to_string()]
    });
    let skipped = restored.skipped.iter().map(|name| vec![name.clone(), "skip".to_owned(), "-".to_owned()]);
    table(&["table", "done", "rows"], done.chain(skipped))
}
