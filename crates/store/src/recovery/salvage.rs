//! Bringing back what is intact of a damaged directory: good blocks of checkpoints, and the log up to the first damage.
//!
//! What must stay true: nothing is brought back whose checksum was wrong, and everything that is missing is told.

use std::sync::atomic::Ordering;

use mnemon_disc::log::Content;
use mnemon_disc::{CheckpointRef, DiscError, Salvage};

use super::loading::TableLoad;
use super::{Failure, Recovered, Replay};
use crate::checkpoint::{StoreImage, TableImage};
use crate::cold::{Saved, check_all, saved_of};
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
    /// Tables on disc only whose rows are damaged, with the generation of those. Not used any more.
    pub broken_rows: Vec<(TableId, u64)>,
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
        let mut damage = Vec::new();
        if let Some(manifest) = manifest {
            let mut image = StoreImage::decode(&manifest.meta)?;
            let on_disc: Vec<TableImage> =
                image.tables.extract_if(.., |table| table.rows.is_some()).collect();
            self.create_all(image, &mut replay)?;
            for table in on_disc {
                let (id, generation) = (table.table, table.rows.unwrap_or(0));
                let broken = self.salvage_tree(table, &mut replay)?;
                report.broken_rows.extend(broken.as_ref().map(|_| (id, generation)));
                damage.extend(broken.map(|cause| (id, None, vec![cause])));
            }
        }
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
        self.exchange_salvaged(&replay)?;
        for (table, cause) in replay.exchanged.lost() {
            self.copy(table)?.clear_unseen(replay.clock);
            damage.push((table, None, vec![cause]));
        }
        let mut copies = self.copies();
        copies.sort_unstable_by_key(|copy| copy.id());
        for copy in copies {
            let id = copy.id();
            let noted = replay.noted.remove(&id).unwrap_or_default();
            let indexes = replay.indexes.remove(&id).unwrap_or_default();
            let load =
                TableLoad { copy, checkpoint: None, noted, indexes, broken: None, exchanged: Vec::new() };
            load.let_indexes_go(self)?;
            load.apply_all(self)?;
            load.missing_indexes().try_for_each(|attribute| self.add_index(&load.copy, attribute))?;
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

    /// Takes in the rows of a table on disc only, where they are; of a damaged tree those of its intact blocks, which go into
    /// a new one. Gives what is wrong.
    fn salvage_tree(&self, image: TableImage, replay: &mut Replay) -> Result<Option<DiscError>, StoreError> {
        let generation = image.rows.unwrap_or(0);
        let table = image.table;
        let opened = self.open_rows(table, generation);
        let checked = opened.and_then(|found| match found {
            Some(found) => check_all(&*found.tree).map(|()| Some(found)),
            None => Ok(None),
        });
        let cause = match checked {
            Ok(found) => {
                self.create_found(image, found, replay)?;
                return Ok(None);
            }
            Err(cause) => cause,
        };
        self.create_found(TableImage { rows: Some(0), ..image }, None, replay)?;
        let copy = self.copy(table)?;
        copy.cold_part().iter().for_each(|cold| cold.begin_after(generation));
        let (mut noted, mut newest) = (0, 0);
        let saved = self.space()?.trees.salvage(u64::from(table.0), generation, &mut |key, value| {
            match saved_of(key, value) {
                Some(Saved::Meta(meta)) => noted = meta.clock,
                Some(Saved::Row(row)) => {
                    newest = newest.max(row.version());
                    copy.restore(row);
                    self.make_rows_room();
                }
                // Indexes and queues are made anew.
                None => {}
            }
        });
        if saved.is_ok() || newest > 0 {
            replay.rows.insert(table, noted.max(newest));
            replay.clock = replay.clock.max(noted).max(newest);
        }
        Ok(Some(cause))
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
