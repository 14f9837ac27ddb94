//! Repair of a data directory that no node uses: what is intact, what would be lost, and a directory with the intact part.
//!
//! What must stay true: without being told to, nothing is changed; the broken files are kept aside; the new directory counts
//! only when it is complete, so a repair that is interrupted can be made again.

mod exchange;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mnemon_disc::rows::LsmTrees;
use mnemon_disc::time::SystemTicker;
use mnemon_disc::{DataDirectory, Disc, DiscError, FileReport, FsDisc, LogConfig, Salvage, Survey};
use mnemon_store::{Salvaged, Store, StoreConfig, StoreError, SystemClock};
use mnemon_table::schema::Schema;

use crate::disc::ROWS_DIRECTORY;
use crate::error::NodeError;

/// Memory for rows of tables on disc only.
const ROWS_CACHE_BYTES: u64 = 32 << 20;
const ROWS_PENDING_BYTES: usize = 32 << 20;
/// Where the new directory is made, inside the old one.
const DRAFT: &str = "repair.draft";
const SYNC_WITHIN: Duration = Duration::from_secs(60);

/// What is in a data directory, and what a repair keeps or has kept of it.
#[derive(Debug)]
pub struct RepairReport {
    /// The files.
    pub survey: Survey,
    /// The tables, with what is lost of each.
    pub tables: Vec<TableReport>,
    /// Entries of the log that are kept.
    pub entries: u64,
    /// Entries of the log that can be read, but stand behind damage and are not kept.
    pub entries_behind: u64,
    /// Where the log is damaged.
    pub log_damage: Option<String>,
    /// Where the broken files are now; `None` when nothing was changed.
    pub aside: Option<PathBuf>,
}

/// A table in a [`RepairReport`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReport {
    /// Its name; its number if that is all that is known.
    pub name: String,
    /// Rows that are kept, expired ones included.
    pub rows: u64,
    /// Rows that cannot be read; `None`: nobody knows how many.
    pub lost_rows: Option<u64>,
    /// What is damaged.
    pub damage: Vec<String>,
}

impl RepairReport {
    /// Whether the directory is as a node left it.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.survey.is_intact()
            && self.log_damage.is_none()
            && self.tables.iter().all(|table| table.damage.is_empty())
    }
}

/// Looks at a data directory, and, unless `dry_run`, makes it anew from what is intact; broken files are moved into a directory
/// `broken-N` beside. An intact directory is left alone. The node must not run. Reads everything into memory, as a node does.
///
/// # Errors
/// `Data`: a node uses the directory, it is none, or the disc fails. Without `dry_run` the directory may then be in the middle of
/// being exchanged; the message says where its files are.
pub fn repair(path: &Path, dry_run: bool) -> Result<RepairReport, NodeError> {
    if !path.is_dir() {
        return Err(NodeError::Data(format!("{} is no directory", path.display())));
    }
    let disc: Arc<dyn Disc> = Arc::new(FsDisc::open(path).map_err(data)?);
    let draft = path.join(DRAFT);
    if !dry_run {
        exchange::go_on(path, &draft)?;
    }
    let survey = Survey::of(&*disc).map_err(data)?;
    let salvage = Salvage::of(disc.clone()).map_err(data)?;
    let store = Store::new(StoreConfig::new(Box::new(SystemClock)));
    let rows = path.join(ROWS_DIRECTORY);
    let trees = Arc::new(LsmTrees::new(&rows, ROWS_CACHE_BYTES).keeping_all());
    // A look changes nothing.
    store.set_rows(trees, if dry_run { usize::MAX } else { ROWS_PENDING_BYTES });
    let salvaged = store.salvage(&salvage).map_err(|cause| NodeError::Data(cause.to_string()))?;
    let mut report = report(survey, &salvaged);
    if dry_run || report.is_intact() {
        return Ok(report);
    }
    if draft.exists() {
        // Left behind by a repair that was interrupted before it counted.
        fs::remove_dir_all(&draft).map_err(failed("remove", &draft))?;
    }
    write(&draft, &salvage, store)?;
    let aside = exchange::begin(path, &draft)?;
    for (table, generation) in &salvaged.broken_rows {
        let name = format!("{}.{generation}", table.0);
        let (from, to) = (rows.join(&name), aside.join(format!("{ROWS_DIRECTORY}-{name}")));
        match fs::rename(&from, &to) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(failed("move", &from)(cause));
            }
            _ => {}
        }
    }
    report.aside = Some(aside);
    Ok(report)
}

fn report(survey: Survey, salvaged: &Salvaged) -> RepairReport {
    let tables = salvaged.tables.iter().map(|table| TableReport {
        name: name_of(&table.table.definition).unwrap_or_else(|| format!("(number {})", table.table.table.0)),
        rows: table.rows,
        lost_rows: table.lost_rows,
        damage: table.damage.iter().map(ToString::to_string).collect(),
    });
    let nameless = salvaged.nameless.iter().map(|cause| TableReport {
        name: "(unknown)".to_owned(),
        rows: 0,
        lost_rows: None,
        damage: vec![cause.to_string()],
    });
    let tables = tables.chain(nameless).collect();
    let readable: u64 =
        survey.files.iter().filter(|file| is_segment(file) && file.counts).map(|file| file.entries).sum();
    let log_damage = salvaged.log_damage.as_ref().map(ToString::to_string);
    // Frames that are no entries, such as marks, are few; without damage there is nothing behind it.
    let entries_behind = if log_damage.is_some() { readable.saturating_sub(salvaged.entries) } else { 0 };
    RepairReport { survey, tables, entries: salvaged.entries, entries_behind, log_damage, aside: None }
}

fn is_segment(file: &FileReport) -> bool {
    file.kind == mnemon_disc::FileKind::Segment
}

/// The name in a table's definition.
fn name_of(definition: &[u8]) -> Option<String> {
    serde_json::from_slice::<Schema>(definition).ok().map(|schema| schema.name().to_owned())
}

/// Writes the store as a new data directory of the same node.
fn write(draft: &Path, salvage: &Salvage, store: Store) -> Result<(), NodeError> {
    let node = salvage.node();
    let mut directory = DataDirectory::open(draft, || node.0).map_err(data)?;
    let ticker = Box::new(SystemTicker::new());
    let opened =
        directory.open_log(LogConfig::default(), ticker, |_| Ok::<(), DiscError>(())).map_err(data)?;
    let (log, workers, _) = opened.start().map_err(data)?;
    store.set_log(log.clone());
    let written =
        store.checkpoint(&mut directory).map_err(|cause: StoreError| NodeError::Data(cause.to_string()));
    log.sync(SYNC_WITHIN).map_err(data)?;
    workers.close().map_err(data)?;
    written.map(drop)
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> NodeError {
    let path = path.to_owned();
    move |cause| NodeError::Data(format!("cannot {operation} {}: {cause}", path.display()))
}

fn data(cause: DiscError) -> NodeError {
    NodeError::Data(cause.to_string())
}

impl fmt::Display for RepairReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.survey)?;
        let is_of_account = |table: &&TableReport| table.rows > 0 || !table.damage.is_empty();
        let empty = self.tables.iter().filter(|table| !is_of_account(table)).count();
        for TableReport { name, rows, lost_rows, damage } in self.tables.iter().filter(is_of_account) {
            let lost = match (damage.is_empty(), lost_rows) {
                (true, _) => "nothing of its checkpoint lost".to_owned(),
                (false, Some(lost)) => format!("{lost} LOST"),
                (false, None) => "an unknown number LOST".to_owned(),
            };
            writeln!(f, "table {name}: {rows} rows intact, {lost}")?;
            damage.iter().try_for_each(|damage| writeln!(f, "  {damage}"))?;
        }
        if empty > 0 {
            writeln!(f, "{empty} tables without rows, intact")?;
        }
        writeln!(f, "log: {} entries intact behind the checkpoints", self.entries)?;
        if let Some(damage) = &self.log_damage {
            let behind = self.entries_behind;
            writeln!(
                f,
                "  {damage}\n  what was committed after that is LOST ({behind} readable entries stand behind it)"
            )?;
        }
        match (&self.aside, self.is_intact()) {
            (Some(aside), _) => writeln!(f, "repaired; the broken files are in {}", aside.display()),
            (None, true) => writeln!(f, "intact: there is nothing to repair"),
            (None, false) => writeln!(
                f,
                "DAMAGED: without --dry-run the intact part would be kept, and what is LOST given up"
            ),
        }
    }
}
