//! The node's backups: where they are, when they are due, and what a start has to finish before it opens its doors.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mnemon_backup::{BackupError, BackupReport, Backups, Places, RestorePlan, Restored, Schedule};
use mnemon_table::Catalog;
use tokio::task::JoinHandle;

use crate::config::NodeBuilder;
use crate::disc::Disc;
use crate::error::NodeError;
use crate::node::Node;

/// The directory of backups in a data directory, unless another one is named.
const DIRECTORY: &str = "backups";
/// Scheduled backups that stay unless said otherwise.
const KEEP: usize = 7;

/// What a node is told about its backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BackupSettings {
    directory: Option<PathBuf>,
    every: Option<Duration>,
    keep: usize,
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self { directory: None, every: None, keep: KEEP }
    }
}

impl BackupSettings {
    /// # Errors
    /// `BadSetting`.
    pub(crate) fn check(&self, data: Option<&Path>) -> Result<(), NodeError> {
        let bad = |setting, cause: &str| Err(NodeError::BadSetting { setting, cause: cause.to_owned() });
        if self.every.is_some() && self.directory.is_none() && data.is_none() {
            return bad("backup_every", "there is no place for backups; give backup_dir or a data directory");
        }
        if self.keep == 0 {
            return bad("backup_keep", "at least one scheduled backup must stay");
        }
        Ok(())
    }
}

impl NodeBuilder {
    /// The directory of backups; made when it is first needed. Nodes may share one. Default: `backups` in the data
    /// directory; none without one.
    #[must_use]
    pub fn backup_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.backups.directory = Some(directory.into());
        self
    }

    /// Takes a backup of all tables at this interval. The first one is due when the newest backup of the node is older than
    /// that. A shorter interval loses less and costs more reading and space. Default, and zero: none.
    #[must_use]
    pub fn backup_every(mut self, interval: Duration) -> Self {
        self.backups.every = Some(interval).filter(|interval| !interval.is_zero());
        self
    }

    /// Scheduled backups that stay; the oldest beyond go after a new one was taken. Those that somebody named are never
    /// removed. Default: 7.
    #[must_use]
    pub fn backup_keep(mut self, count: usize) -> Self {
        self.backups.keep = count;
        self
    }
}

/// The backups of a running node.
pub(crate) struct NodeBackups {
    backups: Arc<Backups>,
    schedule: Option<JoinHandle<()>>,
}

impl NodeBackups {
    /// Opens the backups, and finishes a restore that this start was to do.
    ///
    /// # Errors
    /// `Backup`, `Data`.
    pub(crate) async fn open(
        catalog: Arc<Catalog>,
        name: &str,
        settings: &BackupSettings,
        data: Option<&Path>,
        disc: Option<Arc<Disc>>,
    ) -> Result<Self, NodeError> {
        let directory = settings.directory.clone().or_else(|| data.map(|data| data.join(DIRECTORY)));
        let places = Places { backups: directory, data: data.map(Path::to_owned) };
        let backups = Backups::new(catalog, name, places);
        backups.serve_clients();
        if let Some(disc) = &disc
            && backups.pending_restore().await?.is_some()
        {
            disc.load();
            disc.loaded().await?;
            tracing::warn!("a restore is noted in the data directory; it is done before anybody is served");
            tokio::select! {
                done = backups.finish_pending() => drop(done?),
                // The process that does it comes later, and tables on disc only wait until their rows are written.
                () = disc.clone().write_rows() => {}
            }
        }
        let own = backups.clone();
        let schedule = settings.every.map(|every| {
            let schedule = Schedule { every, keep: settings.keep };
            tokio::spawn(async move {
                if let Some(disc) = disc {
                    // Why it failed is told by whoever loads.
                    let _ = disc.loaded().await;
                }
                own.run_schedule(schedule).await;
            })
        });
        Ok(Self { backups, schedule })
    }

    pub(crate) fn backups(&self) -> &Arc<Backups> {
        &self.backups
    }

    /// Gives up a backup that is under way, waits for a restore.
    pub(crate) async fn shutdown(&self) {
        self.abort();
        self.backups.shutdown().await;
    }

    /// Ends the schedule.
    pub(crate) fn abort(&self) {
        if let Some(schedule) = &self.schedule {
            schedule.abort();
        }
    }
}

impl Node {
    /// The node's backups: listing, verifying, restoring at the next start, figures.
    #[must_use]
    pub fn backups(&self) -> &Arc<Backups> {
        self.own_backups().backups()
    }

    /// Takes a backup of these tables, or of all, as of one moment, while everybody goes on.
    ///
    /// # Errors
    /// As [`Backups::create`].
    pub async fn backup(
        &self,
        name: Option<&str>,
        tables: Option<&[&str]>,
    ) -> Result<BackupReport, BackupError> {
        let tables = tables.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        self.backups().create(name.map(str::to_owned), tables).await
    }

    /// Restores a backup from the node's directory of backups.
    ///
    /// # Errors
    /// As [`Backups::restore`].
    pub async fn restore(&self, name: &str, plan: RestorePlan) -> Result<Restored, BackupError> {
        self.backups().restore(name, plan).await
    }

    /// Restores a backup from a file anywhere.
    ///
    /// # Errors
    /// As [`Backups::restore_file`].
    pub async fn restore_file(&self, file: &Path, plan: RestorePlan) -> Result<Restored, BackupError> {
        self.backups().restore_file(file, plan).await
    }
}
