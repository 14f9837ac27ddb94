//! What the backups of a node have come to, for operators.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// A backup that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupReport {
    /// Its name.
    pub name: String,
    /// Tables in it.
    pub tables: u64,
    /// Rows in it; of a bag, keys.
    pub rows: u64,
    /// Bytes of the rows before compression.
    pub raw_bytes: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The commit clock of the moment that it holds.
    pub clock: u64,
    /// When that was, in milliseconds since the epoch.
    pub created_ms: u64,
    /// How long it took.
    pub duration_ms: u64,
}

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// The last backup that was taken.
    pub last: Option<BackupReport>,
    /// When the newest backup known was taken, in milliseconds since the epoch, also before the start.
    pub newest_ms: Option<u64>,
    /// Backups that were taken.
    pub taken: u64,
    /// Those that failed.
    pub failed: u64,
    /// Why the last one failed, if none was taken since.
    pub failure: Option<String>,
    /// Restores that were done.
    pub restored: u64,
    /// What is under way: a verb and a name.
    pub running: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Figures>);

impl Book {
    pub(crate) fn figures(&self) -> Figures {
        self.0.lock().clone()
    }

    pub(crate) fn taken(&self, report: &BackupReport) {
        let mut figures = self.0.lock();
        figures.taken += 1;
        figures.newest_ms = figures.newest_ms.max(Some(report.created_ms));
        figures.last = Some(report.clone());
        figures.failure = None;
    }

    pub(crate) fn failed(&self, cause: &str) {
        let mut figures = self.0.lock();
        figures.failed += 1;
        figures.failure = Some(cause.to_owned());
    }

    pub(crate) fn restored(&self) {
        self.0.lock().restored += 1;
    }

    pub(crate) fn known(&self, newest_ms: Option<u64>) {
        let mut figures = self.0.lock();
        figures.newest_ms = figures.newest_ms.max(newest_ms);
    }

    pub(crate) fn running(&self, what: Option<String>) {
        self.0.lock().running = what;
    }
}
