//! Moving a table between RAM and disc while it is used, and rewriting one that is kept on disc as a whole.
//!
//! What must stay true: the publishing of a checkpoint is the moment of the change, so what a crash finds is the table as it
//! was or as it was to be; all commits of a table that counts as kept on disc are in the log or in its checkpoint.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mnemon_disc::DataDirectory;

use crate::checkpoint::CheckpointReport;
use crate::copy::TableCopy;
use crate::course::Course;
use crate::durability::Durability;
use crate::error::StoreError;
use crate::event::TableId;
use crate::store::Store;

/// How a table is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageChange {
    /// Which one.
    pub table: TableId,
    /// On disc, and how safely; `None`: in RAM alone.
    pub disc: Option<Durability>,
    /// What those above the store will know of it.
    pub definition: Vec<u8>,
}

impl Store {
    /// Keeps a table as told from now on: writes a checkpoint of it when it moves to the disc, and takes it out of the
    /// directory when it leaves. Readers and writers go on. Blocks, for as long as the disc takes, or until the course is
    /// cancelled; it is decided right before the checkpoint counts.
    ///
    /// # Errors
    /// `NoTable`, `Loading`, `Damaged`, `Sealed` while a table is rewritten, `Disc`, also without a log, `Cancelled`: the table is kept as before.
    pub fn change_storage(
        &self,
        directory: &mut DataDirectory,
        change: StorageChange,
        course: &Course,
    ) -> Result<CheckpointReport, StoreError> {
        let copy = self.copy(change.table)?;
        if !self.has_log() {
            return Err(StoreError::Disc("there is no data directory".to_owned()));
        }
        copy.check_open()?;
        let before = copy.disc();
        if change.disc.is_some() {
            // Commits are noted from here on, and those that were not have ended: so the checkpoint has them.
            copy.keep_on_disc(change.disc);
            copy.quiesce();
            if before.is_none() {
                self.note_all(&copy);
            }
        }
        let published = self.checkpoint_with(directory, Some(&change), course);
        if published.is_err() {
            copy.keep_on_disc(before);
            return published;
        }
        copy.keep_on_disc(change.disc);
        copy.definition.store(Arc::new(change.definition));
        published
    }

    /// Begins to rewrite a table that is kept on disc and sealed: from here on its commits and changes of indexes are not
    /// noted, and no checkpoint is made. Until [`Store::publish_rewrite`] a crash finds the table as it is now.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn begin_rewrite(&self, table: TableId) -> Result<(), StoreError> {
        let copy = self.copy(table)?;
        copy.unlogged.store(true, Ordering::SeqCst);
        copy.quiesce();
        Ok(())
    }

    /// Ends a rewriting that is to be as if it had never begun; its rows must be what they were.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn abandon_rewrite(&self, table: TableId) -> Result<(), StoreError> {
        self.copy(table)?.unlogged.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Makes what was rewritten the table's state on disc, with `definition`, by a checkpoint. Blocks.
    ///
    /// # Errors
    /// `NoTable`, `Disc`, `Cancelled`: a crash still finds the table as it was, and the rewriting goes on.
    pub fn publish_rewrite(
        &self,
        directory: &mut DataDirectory,
        table: TableId,
        definition: Vec<u8>,
        course: &Course,
    ) -> Result<CheckpointReport, StoreError> {
        let copy = self.copy(table)?;
        self.note_all(&copy);
        let change = StorageChange { table, disc: copy.disc(), definition };
        // The table is sealed, so nobody else commits on it.
        copy.unlogged.store(false, Ordering::SeqCst);
        let published = self.checkpoint_with(directory, Some(&change), course);
        if published.is_err() {
            copy.unlogged.store(true, Ordering::SeqCst);
            return published;
        }
        copy.definition.store(Arc::new(change.definition));
        published
    }

    /// Whatever checkpoint there is, it does not hold what the copy holds.
    fn note_all(&self, copy: &TableCopy) {
        copy.last_noted.fetch_max(self.clock().max(1), Ordering::SeqCst);
    }
}
