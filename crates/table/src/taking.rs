//! Backups on request: the seam by which a client of any front door asks for one, without a front door knowing how they are
//! taken.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::catalog::Catalog;

/// A backup that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupTaken {
    /// Its name.
    pub name: String,
    /// Tables in it.
    pub tables: u64,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of its file.
    pub bytes: u64,
}

/// A backup that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupRefused {
    /// An upper-case word.
    pub word: &'static str,
    /// What failed and what to try.
    pub message: String,
}

/// A backup on its way.
pub type TakingBackup = Pin<Box<dyn Future<Output = Result<BackupTaken, BackupRefused>> + Send>>;

/// Whoever takes backups of a catalog's tables.
pub trait TakesBackups: Send + Sync {
    /// Begins a backup of these tables, or of all. Without a name it gets one.
    fn take(&self, name: Option<String>, tables: Option<Vec<String>>) -> TakingBackup;
}

/// Set once by a node that can take backups.
#[derive(Default)]
pub(crate) struct Taker(std::sync::OnceLock<Arc<dyn TakesBackups>>);

impl Catalog {
    /// Lets clients ask for backups. The first one stays.
    pub fn set_backup_taker(&self, taker: Arc<dyn TakesBackups>) {
        // A second one would be a mistake of the node's; nothing is lost by it.
        drop(self.backup_taker.0.set(taker));
    }

    /// Who takes backups of these tables, if anybody does.
    #[must_use]
    pub fn backup_taker(&self) -> Option<&Arc<dyn TakesBackups>> {
        self.backup_taker.0.get()
    }
}

impl fmt::Debug for Taker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Taker").field(&self.0.get().is_some()).finish()
    }
}
