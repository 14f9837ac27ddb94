//! Backups of the node's tables.

use std::path::Path;
use std::sync::Arc;

use mnemon_backup::{BackupError, BackupReport, Backups, RestorePlan, Restored};

use super::Node;

impl Node {
    /// Takes a backup of these tables, or of all, as of one moment, while everybody reads and writes. It becomes one file in
    /// the directory of [`backup_dir`](super::NodeBuilder::backup_dir); without a name it is called after the node and the
    /// time.
    ///
    /// # Errors
    /// As [`Backups::create`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mnemon::Node;
    /// use mnemon::backup::{Mode, RestorePlan};
    ///
    /// # let directory = std::env::temp_dir().join(format!("mnemon-doc-backup-{}", std::process::id()));
    /// let node = Node::builder().backup_dir(&directory).start().await?;
    /// let stock = node.create_table::<(String, u64)>("stock").await?;
    /// stock.write(&("nuts".into(), 40)).await?;
    /// let report = node.backup(Some("evening"), None).await?;
    /// assert_eq!(report.rows, 1);
    ///
    /// stock.write(&("nuts".into(), 0)).await?;
    /// node.restore("evening", RestorePlan::only(["stock"], Mode::Clear)).await?;
    /// assert_eq!(stock.read("nuts").await?, Some(("nuts".into(), 40)));
    /// # node.shutdown().await;
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok(()) }
    /// ```
    pub async fn backup(
        &self,
        name: Option<&str>,
        tables: Option<&[&str]>,
    ) -> Result<BackupReport, BackupError> {
        let tables = tables.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        self.backups().create(name.map(str::to_owned), tables).await
    }

    /// Restores a backup from the directory of backups. The whole file is checked before anything is changed; then table
    /// after table comes back, each as a whole. What becomes of a table that is there, the plan says.
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

    /// The node's backups: listing, verifying, removing, figures.
    #[must_use]
    pub fn backups(&self) -> &Arc<Backups> {
        &self.0.backups
    }
}
