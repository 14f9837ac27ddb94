//! Bringing back what is intact of a damaged directory: good blocks of checkpoints, and the log up to the first damage.
//!
//! What must stay true: nothing is brought back whose checksum was wrong, and everything that is missing is told.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use mnemon_disc::log::Content;
use mnemon_disc::{CheckpointRef, DiscError, Salvage};

use super::loading::TableLoad;
use super::{Failure, Recovered, Replay};
use crate::checkpoint::StoreImage;
use crate::error::StoreError;
use crate::event::TableId;
use crate::row_image;
use crate::store::Store;

/// What was brought back.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Salvaged {
    /// The tables, by their numbers.
    pub tables: Vec<SalvagedTable>,
    /// Entries of the log that were applied.
    pub entries: u64,
    /// Where the log had to be given up; what stood behind is lost.
    pub log_damage: Option<DiscError>,
    /// Checkpoints of tables of which nothing else is known.
    pub nameless: Vec<DiscError>,
}

/// A table that was brought back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SalvagedTable {
    /// What is known of it.
    pub table: Recovered,
    /// Rows that are there now.
    pub rows: u64,
    /// Rows of its checkpoint that cannot be read; `None`: nobody knows how many.
    pub lost_rows: Option<u64>,
    /// What is wrong with its checkpoint.
    pub damage: Vec<DiscError>,
}

impl Salvaged {
    /// Whether anything is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.log_damage.is_none()
            && self.nameless.is_empty()
            && self.tables.iter().all(|table| table.damage.is_empty())
    }
}

impl Store {
    /// Brings back into this store, which must be empty, what is intact of a directory. Its log is left alone. Blocks.
    ///
    /// # Errors
    /// `Encoding` when bytes with a good checksum are not what this version writes.
    pub fn salvage(&self, salvage: &Salvage) -> Result<Salvaged, StoreError> {
        let mut replay = Replay::default();
        let mut report = Salvaged::default();
        let manifest = salvage.manifest().filter(|manifest| !manifest.meta.is_empty());
        if let Some(manifest) = manifest {
            self.create_all(StoreImage::decode(&manifest.meta)?, &mut replay)?;
        }
        let mut damage = Vec::new();
        for of in salvage.checkpoints() {
            let Ok(table) = u32::try_from(of.table).map(TableId) else { continue };
            replay.checkpoints.insert(table, of);
            let found = self.salvage_rows(salvage, &of, &mut replay)?;
            if self.copy(table).is_err() && manifest.is_none() {
                report.nameless.extend(found.damage);
                continue;
            }
            if !found.damage.is_empty() {
                let lost = manifest.map(|_| of.entries.saturating_sub(found.entries));
                damage.push((table, lost, found.damage));
            }
        }
        let read = salvage.read_log(|record| {
            let is_entry = matches!(record.content, Content::Entry(_));
            self.replay(&record, &mut replay).map_err(Failure)?;
            report.entries += u64::from(is_entry);
            Ok(())
        });
        report.log_damage = read.map_err(|Failure(cause)| cause)?;
        self.set_clock(replay.clock);
        let mut copies = self.copies();
        copies.sort_unstable_by_key(|copy| copy.id());
        for copy in copies {
            let id = copy.id();
            let noted = replay.noted.remove(&id).unwrap_or_default();
            let load = TableLoad { copy, checkpoint: None, noted, indexes: BTreeSet::new() };
            load.apply_all(self)?;
            for attribute in replay.indexes.remove(&id).unwrap_or_default() {
                self.add_index(&load.copy, attribute)?;
            }
            // A checkpoint of it has to be made, whatever it holds.
            load.copy.last_noted.fetch_max(replay.clock.max(1), Ordering::SeqCst);
            let place = damage.iter().position(|(table, ..)| *table == id);
            let (_, lost_rows, damage) =
                place.map_or((id, Some(0), Vec::new()), |place| damage.remove(place));
            let table = Recovered { table: id, definition: self.definition_of(id) };
            report.tables.push(SalvagedTable { table, rows: load.copy.len() as u64, lost_rows, damage });
        }
        Ok(report)
    }

    /// Puts the rows of good blocks into their table, which is made by what the checkpoint says of it if need be.
    fn salvage_rows(
        &self,
        salvage: &Salvage,
        of: &CheckpointRef,
        replay: &mut Replay,
    ) -> Result<mnemon_disc::SalvagedCheckpoint, StoreError> {
        let table = TableId(u32::try_from(of.table).unwrap_or(u32::MAX));
        let mut rows = Vec::new();
        let found = salvage.read_checkpoint(of, |entry| {
            rows.push(row_image::decode(entry)?);
            Ok::<(), StoreError>(())
        })?;
        if self.copy(table).is_err() && salvage.manifest().is_none() && !found.meta.is_empty() {
            self.create_all(StoreImage::decode(&found.meta)?, replay)?;
        }
        if let Ok(copy) = self.copy(table) {
            rows.into_iter().for_each(|row| copy.restore(row));
        }
        Ok(found)
    }
}
