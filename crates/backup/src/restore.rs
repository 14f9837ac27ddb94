//! Restoring a backup: the whole file is checked first, then table after table is filled.
//!
//! What must stay true: nothing is changed before every byte of the file was checked and every record of it is known to fit
//! the table that it goes to. A table that is made or made anew is filled aside and put in its place at one moment; one that
//! stays is filled in place, with writers refused meanwhile (see `mnemon_table::Refill`).

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::str::FromStr;

use mnemon_store::Row;
use mnemon_table::schema::{Schema, Storage};
use mnemon_table::{Catalog, Refill};
use serde::{Deserialize, Serialize};

use crate::create::Progress;
use crate::entry::check_row;
use crate::error::BackupError;
use crate::format::BackedTable;
use crate::reader::{BackupReader, Part, RowBlock};

/// What becomes of a table, as `mnesia:restore` has it. A table that is not there is made in all but `skip`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Its rows go, those of the backup come; its schema stays, and so do handles and subscriptions.
    #[default]
    Clear,
    /// Its rows stay unless the backup has one with the same key; a bag keeps its records and gets those of the backup.
    Keep,
    /// It is made anew with the schema and the rows of the backup; handles and subscriptions of the old one end. For
    /// `db0`…`db15` this is `clear`.
    Recreate,
    /// Nothing.
    Skip,
}

impl Mode {
    const NAMES: [(Self, &'static str); 4] =
        [(Self::Clear, "clear"), (Self::Keep, "keep"), (Self::Recreate, "recreate"), (Self::Skip, "skip")];
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::NAMES.iter().find(|(mode, _)| mode == self).map_or("clear", |(_, name)| name))
    }
}

impl FromStr for Mode {
    type Err = BackupError;

    /// # Errors
    /// `Unsupported` for any other word than those that `Display` writes.
    fn from_str(text: &str) -> Result<Self, BackupError> {
        let found = Self::NAMES.iter().find(|(_, name)| *name == text).map(|(mode, _)| *mode);
        found.ok_or_else(|| {
            BackupError::Unsupported(format!("there is no {text:?}; write clear, keep, recreate or skip"))
        })
    }
}

/// What a restore does with which table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestorePlan {
    /// With tables that are not named below.
    pub default: Mode,
    /// With these.
    pub tables: BTreeMap<String, Mode>,
}

impl RestorePlan {
    /// All tables in this way.
    #[must_use]
    pub fn all(mode: Mode) -> Self {
        Self { default: mode, tables: BTreeMap::new() }
    }

    /// These tables in this way, the others not at all.
    #[must_use]
    pub fn only(tables: impl IntoIterator<Item = impl Into<String>>, mode: Mode) -> Self {
        let tables = tables.into_iter().map(|name| (name.into(), mode)).collect();
        Self { default: Mode::Skip, tables }
    }

    /// The same with another way for one table.
    #[must_use]
    pub fn with(mut self, table: impl Into<String>, mode: Mode) -> Self {
        self.tables.insert(table.into(), mode);
        self
    }

    fn mode_of(&self, table: &str) -> Mode {
        self.tables.get(table).copied().unwrap_or(self.default)
    }
}

/// What a restore has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Restored {
    /// The tables that were restored.
    pub tables: Vec<RestoredTable>,
    /// Those of the backup that were left alone.
    pub skipped: Vec<String>,
}

/// A table that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoredTable {
    /// Its name.
    pub name: String,
    /// The way it took.
    pub mode: Mode,
    /// Whether it was not there before.
    pub made: bool,
    /// Rows of the backup, those included whose time has passed.
    pub rows: u64,
}

/// What is to be done with a table, as far as the present tables tell.
enum Action {
    Skip,
    Aside {
        replaces: bool,
    },
    /// With the schema that records must fit.
    InPlace {
        clear: bool,
        schema: Schema,
    },
}

/// Restores a backup. `open` opens it from its beginning; it is called twice, for checking and for restoring. Reads the file
/// where it is called, so call it where that holds nobody up.
///
/// # Errors
/// Before anything is changed: `Corrupt`, `UnknownFormat`, `Io`, `NotInBackup`, `Misfit`, `Table`. Later: `Incomplete`.
pub async fn restore<R: Read + Send>(
    catalog: &Catalog,
    open: impl FnMut() -> Result<BackupReader<R>, BackupError>,
    plan: &RestorePlan,
    progress: &Progress,
) -> Result<Restored, BackupError> {
    restore_noting(catalog, open, plan, progress, &Unnoted).await
}

/// Told when a table is about to hold a part of what it should, and when it holds all of it, durably or not. What
/// `begin` has noted must survive a crash.
pub(crate) trait Notes: Sync {
    fn begin(&self, backup: [u8; 16], table: &str, mode: Mode) -> Result<(), BackupError>;
    fn end(&self) -> Result<(), BackupError>;
}

/// For tables that do not survive a crash, and for a restore that is begun anew after one.
pub(crate) struct Unnoted;

impl Notes for Unnoted {
    fn begin(&self, _: [u8; 16], _: &str, _: Mode) -> Result<(), BackupError> {
        Ok(())
    }

    fn end(&self) -> Result<(), BackupError> {
        Ok(())
    }
}

/// As [`restore`].
pub(crate) async fn restore_noting<R: Read + Send>(
    catalog: &Catalog,
    mut open: impl FnMut() -> Result<BackupReader<R>, BackupError>,
    plan: &RestorePlan,
    progress: &Progress,
    notes: &dyn Notes,
) -> Result<Restored, BackupError> {
    let id = check(catalog, open()?, plan, progress)?;
    let reader = open()?;
    if reader.header().id != id {
        let cause = "the backup was replaced while it was checked; try again";
        return Err(BackupError::Unsupported(cause.to_owned()));
    }
    let mut run = Run { catalog, reader, plan, progress, notes, restored: Restored::default() };
    loop {
        match run.next_table().await {
            Ok(true) => {}
            Ok(false) => return Ok(run.restored),
            Err(Stop { table, cause, sealed }) if !run.restored.tables.is_empty() || sealed => {
                let done = run.restored.tables.into_iter().map(|table| table.name).collect();
                return Err(BackupError::Incomplete { table, cause: cause.to_string(), done, sealed });
            }
            Err(Stop { cause, .. }) => return Err(cause),
        }
    }
}

fn decide(catalog: &Catalog, table: &BackedTable, plan: &RestorePlan) -> Result<Action, BackupError> {
    let mode = plan.mode_of(table.name());
    if mode == Mode::Skip {
        return Ok(Action::Skip);
    }
    let misfit =
        |cause: &str| Err(BackupError::Misfit { table: table.name().to_owned(), cause: cause.to_owned() });
    let present = catalog.table(table.name()).ok();
    match present {
        Some(present) if present.is_database() != table.database => {
            misfit("one is a numbered database and the other is not")
        }
        Some(present) if mode != Mode::Recreate || table.database => {
            if mode == Mode::Keep {
                // Of a damaged table nothing is there to be kept.
                present.check_open()?;
            }
            let schema = present.schema().as_ref().clone();
            if schema.kind() != table.schema.kind() {
                return misfit(&format!("it is a {:?} and was a {:?}", schema.kind(), table.schema.kind()));
            }
            Ok(Action::InPlace { clear: mode != Mode::Keep, schema })
        }
        _ if table.database => misfit("there is no such numbered database"),
        present => {
            if !catalog.has_place_for(table.schema.storage()) {
                return misfit("it is kept on disc and this node has no data directory");
            }
            Ok(Action::Aside { replaces: present.is_some() })
        }
    }
}

/// Reads the whole file and changes nothing. Gives the backup's identity.
pub(crate) fn check<R: Read>(
    catalog: &Catalog,
    mut reader: BackupReader<R>,
    plan: &RestorePlan,
    progress: &Progress,
) -> Result<[u8; 16], BackupError> {
    let mut current: Option<(Box<BackedTable>, Action)> = None;
    while let Some(part) = reader.next_part()? {
        match part {
            Part::Table(table) => {
                let action = decide(catalog, &table, plan)?;
                current = Some((table, action));
            }
            Part::Rows(block) => {
                let Some((table, action)) = &current else { continue };
                for row in block.rows() {
                    check_against(table, action, &block, &row?)?;
                }
                progress.note(0, reader.offset());
                progress.check()?;
            }
            Part::TableEnd { .. } => {}
        }
    }
    let header = reader.header();
    if let Some(absent) = plan.tables.keys().find(|name| !header.meta.tables.contains(name)) {
        let file = reader.name().to_owned();
        return Err(BackupError::NotInBackup { file, table: absent.clone() });
    }
    Ok(header.id)
}

/// Whether a row may be one of its table, and may stand in the table that is there.
fn check_against(
    table: &BackedTable,
    action: &Action,
    block: &RowBlock,
    row: &Row,
) -> Result<(), BackupError> {
    check_row(&table.schema, table.database, row).map_err(|what| block.corrupt(&what))?;
    match action {
        Action::InPlace { schema, .. } => fits(table, schema, row),
        Action::Aside { .. } | Action::Skip => Ok(()),
    }
}

/// Whether a row of the backup may stand in the table that is there.
fn fits(table: &BackedTable, present: &Schema, row: &Row) -> Result<(), BackupError> {
    // A table on disc only has limits of its own.
    if present.attributes() == table.schema.attributes() && present.storage() != Storage::DiscOnly {
        return Ok(());
    }
    check_row(present, table.database, row)
        .map_err(|cause| BackupError::Misfit { table: table.name().to_owned(), cause })
}

/// Why a table could not be filled.
struct Stop {
    table: String,
    cause: BackupError,
    sealed: bool,
}

/// A restore under way.
struct Run<'r, R> {
    catalog: &'r Catalog,
    reader: BackupReader<R>,
    plan: &'r RestorePlan,
    progress: &'r Progress,
    notes: &'r dyn Notes,
    restored: Restored,
}

impl<R: Read> Run<'_, R> {
    /// Restores the next table of the file; `false` at its end.
    async fn next_table(&mut self) -> Result<bool, Stop> {
        let stop = |table: &str, cause, sealed| Stop { table: table.to_owned(), cause, sealed };
        let table = match self.reader.next_part() {
            Ok(Some(Part::Table(table))) => table,
            // Rows of a table that is skipped, and its end.
            Ok(Some(_)) => return Ok(true),
            Ok(None) => return Ok(false),
            Err(cause) => return Err(stop("", cause, false)),
        };
        let name = table.name().to_owned();
        let action = decide(self.catalog, &table, self.plan).map_err(|cause| stop(&name, cause, false))?;
        let (filled, made) = match &action {
            Action::Skip => {
                self.restored.skipped.push(name);
                return Ok(true);
            }
            Action::Aside { replaces } => (self.fill_aside(&table, &action).await, !replaces),
            Action::InPlace { clear, .. } => (self.fill_in_place(&table, &action, *clear).await, false),
        };
        let is_sealed = || self.catalog.table(&name).is_ok_and(|table| table.copy().is_sealed());
        let rows = filled.map_err(|cause| stop(&name, cause, is_sealed()))?;
        self.restored.tables.push(RestoredTable { mode: self.plan.mode_of(&name), name, made, rows });
        Ok(true)
    }

    async fn fill_aside(&mut self, table: &BackedTable, action: &Action) -> Result<u64, BackupError> {
        let mut refill = self.catalog.refill_aside(table.schema.clone()).await?;
        let rows = self.fill(&mut refill, table, action).await?;
        refill.finish().await?;
        Ok(rows)
    }

    async fn fill_in_place(
        &mut self,
        table: &BackedTable,
        action: &Action,
        clear: bool,
    ) -> Result<u64, BackupError> {
        let mut refill = self.catalog.refill_in_place(table.name()).await?;
        self.notes.begin(self.reader.header().id, table.name(), self.plan.mode_of(table.name()))?;
        if clear {
            refill.clear().await?;
        }
        let rows = self.fill(&mut refill, table, action).await?;
        // Before anybody may write: a restart that did it all again would take that away.
        self.notes.end()?;
        refill.finish().await?;
        Ok(rows)
    }

    async fn fill(
        &mut self,
        refill: &mut Refill<'_>,
        table: &BackedTable,
        action: &Action,
    ) -> Result<u64, BackupError> {
        let (mut count, mut rows) = (0, Vec::new());
        loop {
            match self.reader.next_part()? {
                Some(Part::Rows(block)) => {
                    rows.clear();
                    for row in block.rows() {
                        let row = row?;
                        // Once more: what was checked may have been written over since.
                        check_against(table, action, &block, &row)?;
                        rows.push(row);
                    }
                    refill.put(&rows).await?;
                    count += rows.len() as u64;
                    self.progress.note(count, self.reader.offset());
                }
                Some(Part::TableEnd { rows }) => return Ok(rows),
                _ => return Err(self.reader.broken_off()),
            }
        }
    }
}
