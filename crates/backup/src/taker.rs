//! Backups for clients that know nothing of this crate.

use std::sync::{Arc, Weak};

use mnemon_table::{BackupRefused, BackupTaken, TakesBackups, TakingBackup};

use crate::error::BackupError;
use crate::service::Backups;

/// Takes a node's backups for its catalog, which must not keep the node's parts alive.
struct Taker(Weak<Backups>);

impl Backups {
    /// Lets the clients of the node's catalog ask for backups.
    pub fn serve_clients(self: &Arc<Self>) {
        self.catalog().set_backup_taker(Arc::new(Taker(Arc::downgrade(self))));
    }
}

impl TakesBackups for Taker {
    fn take(&self, name: Option<String>, tables: Option<Vec<String>>) -> TakingBackup {
        let backups = self.0.upgrade();
        Box::pin(async move {
            let backups = backups.ok_or_else(|| BackupRefused {
                word: "ERR",
                message: "the node is stopping; connect to another one".to_owned(),
            })?;
            let refused =
                |cause: BackupError| BackupRefused { word: cause.word(), message: cause.to_string() };
            let report = backups.create(name, tables).await.map_err(refused)?;
            let (tables, rows, bytes) = (report.tables, report.rows, report.bytes);
            Ok(BackupTaken { name: report.name, tables, rows, bytes })
        })
    }
}
