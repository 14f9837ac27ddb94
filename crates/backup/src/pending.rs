//! The note in a data directory of a restore that the next start has to do: because it was asked for, or because a crash came
//! in the middle of a table.
//!
//! What must stay true: while the note is there, no client is served before the restore is done; what the note names is
//! restored as a whole, so doing it twice is doing it once.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mnemon_disc::{Disc, FsDisc};
use mnemon_table::Catalog;
use serde::{Deserialize, Serialize};

use crate::error::BackupError;
use crate::restore::{Mode, Notes, RestorePlan};

/// The note's file in the data directory.
pub const PENDING_FILE: &str = "restore-pending";
const DRAFT: &str = "restore-pending.draft";
const FORMAT: u16 = 1;
/// A note larger than this is none of ours.
const BYTES_MAX: u64 = 64 << 20;
/// How long the rows of a restored table may take to be durable.
const SYNC_WITHIN: Duration = Duration::from_secs(60);

/// What is to be restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRestore {
    /// The number of this form.
    pub(crate) format: u16,
    /// The backup.
    pub file: PathBuf,
    /// Its identity.
    pub id: [u8; 16],
    /// What to do with which table.
    pub plan: RestorePlan,
}

impl PendingRestore {
    pub(crate) fn new(file: PathBuf, id: [u8; 16], plan: RestorePlan) -> Self {
        Self { format: FORMAT, file, id, plan }
    }
}

/// The place of the note.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    disc: Arc<dyn Disc>,
}

impl Pending {
    /// # Errors
    /// `Io`.
    pub(crate) fn open(data: &Path) -> Result<Self, BackupError> {
        let shown = data.display().to_string();
        let disc = FsDisc::open_shared(data)
            .map_err(|cause| BackupError::io("open", &shown)(std::io::Error::other(cause.to_string())))?;
        Ok(Self { disc: Arc::new(disc) })
    }

    /// # Errors
    /// `Io`; `Corrupt` for a note that is none.
    pub(crate) fn read(&self) -> Result<Option<PendingRestore>, BackupError> {
        let failed = || BackupError::io("read", PENDING_FILE);
        let names = self.disc.list().map_err(failed())?;
        if !names.iter().any(|name| name == PENDING_FILE) {
            return Ok(None);
        }
        let file = self.disc.open(PENDING_FILE).map_err(failed())?;
        let corrupt = |what: &str| crate::reader::corrupt(PENDING_FILE, None, 0, what);
        if file.len().map_err(failed())? > BYTES_MAX {
            return Err(corrupt("it is too long for a note of a restore"));
        }
        let mut bytes = Vec::new();
        crate::shelf::Source::new(file).read_to_end(&mut bytes).map_err(failed())?;
        match serde_json::from_slice::<PendingRestore>(&bytes) {
            Ok(note) if note.format == FORMAT => Ok(Some(note)),
            Ok(note) => {
                let (file, found) = (PENDING_FILE.to_owned(), note.format);
                Err(BackupError::UnknownFormat { file, found, known: FORMAT })
            }
            Err(cause) => Err(corrupt(&format!("it is no note of a restore: {cause}"))),
        }
    }

    /// # Errors
    /// `Io`.
    pub(crate) fn write(&self, note: &PendingRestore) -> Result<(), BackupError> {
        let failed = || BackupError::io("write", PENDING_FILE);
        let bytes = serde_json::to_vec_pretty(note).map_err(|cause| failed()(cause.into()))?;
        let file = self.disc.create(DRAFT, 0).map_err(failed())?;
        file.write_at(0, &bytes).map_err(failed())?;
        file.sync().map_err(failed())?;
        self.disc.rename(DRAFT, PENDING_FILE).map_err(failed())
    }

    /// # Errors
    /// `Io`.
    pub(crate) fn remove(&self) -> Result<(), BackupError> {
        match self.disc.remove(PENDING_FILE) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(BackupError::io("remove", PENDING_FILE)(cause))
            }
            _ => Ok(()),
        }
    }
}

/// Notes the table that is being filled in place, so that a start after a crash completes it.
pub(crate) struct Noted<'a> {
    pub(crate) pending: &'a Pending,
    pub(crate) catalog: &'a Catalog,
    pub(crate) file: PathBuf,
}

impl Notes for Noted<'_> {
    fn begin(&self, backup: [u8; 16], table: &str, mode: Mode) -> Result<(), BackupError> {
        let plan = RestorePlan::only([table], mode);
        self.pending.write(&PendingRestore::new(self.file.clone(), backup, plan))
    }

    fn end(&self) -> Result<(), BackupError> {
        // What the note stands for must be durable before it goes.
        self.catalog.store().sync_log(SYNC_WITHIN)?;
        self.pending.remove()
    }
}
