//! The types of the JSON API about backups, exports and imports.

use mnemon_backup::{BackupReport, RestorePlan};
use serde::{Deserialize, Serialize};

/// How a node's backups stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupStatus {
    /// The last one since the start.
    pub last: Option<BackupReport>,
    /// How long ago the newest one known was taken, which may be before the start.
    pub age_s: Option<u64>,
    /// Taken since the start.
    pub taken: u64,
    /// Failed since the start.
    pub failed: u64,
    /// Why the last one failed, if none was taken since.
    pub failure: Option<String>,
    /// Restores since the start.
    pub restored: u64,
    /// What is under way.
    pub running: Option<String>,
}

/// `GET /api/v1/backups`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupList {
    /// The backups in the directory, by name.
    pub backups: Vec<Backup>,
    /// What is under way.
    pub running: Option<String>,
}

/// A backup in the directory, by its header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Its name.
    pub name: String,
    /// Bytes of its file.
    pub bytes: u64,
    /// When it was taken, in milliseconds since the epoch.
    pub created_ms: u64,
    /// The commit clock of the moment that it holds.
    pub clock: u64,
    /// Whose tables they are.
    pub node: String,
    /// The tables in it.
    pub tables: Vec<String>,
    /// Why its header cannot be read.
    pub failure: Option<String>,
}

/// `POST /api/v1/backups`; answered with a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewBackup {
    /// The name; without one: after the node and the time.
    pub name: Option<String>,
    /// The tables; without any: all.
    pub tables: Option<Vec<String>>,
}

/// `POST /api/v1/backups/NAME/restore`; answered with a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Restore {
    /// What to do with which table.
    pub plan: RestorePlan,
    /// Not now, but when the node starts again.
    pub at_next_start: bool,
}

/// `POST /api/v1/tables/NAME/import`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Records that were written.
    pub records: u64,
}
