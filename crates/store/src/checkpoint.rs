//! Checkpoints: the rows of tables that are kept on disc, as of one commit, so that the log before it can go.
//!
//! What must stay true: writers go on; what is published holds all commits that stand in the log before `log_from`, because
//! an entry is appended after its commit's tick and the snapshot's clock is read after `log_from`. Commits behind `log_from`
//! may be in a checkpoint too; replaying skips them by their clocks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mnemon_disc::checkpoint::{CheckpointOptions, MAX_META_BYTES};
use mnemon_disc::{CheckpointRef, DataDirectory, DiscError, StreamId};
use serde::{Deserialize, Serialize};

use crate::cold::Cold;
use crate::copy::{CopySpec, TableCopy};
use crate::course::Course;
use crate::encoding;
use crate::error::StoreError;
use crate::event::TableId;
use crate::gate::Damage;
use crate::journal::Journal;
use crate::row_image;
use crate::scan::Scan;
use crate::snapshot::Snapshot;
use crate::storage::StorageChange;
use crate::store::Store;

/// How long a checkpoint may take before its snapshot is closed, in milliseconds.
const SNAPSHOT_TTL_MS: u64 = 3_600_000;
const SYNC_WITHIN: Duration = Duration::from_secs(60);
/// The stream of the log with entries of damaged tables that checkpoints have noted once more.
pub(crate) const CARRIED: StreamId = match StreamId::new(1) {
    Some(stream) => stream,
    None => StreamId::LOCAL,
};
/// The format of [`StoreImage`] where all tables are in memory.
const FORMAT: u8 = 1;
/// The format where some are on disc only: before each table, the generation of its rows.
const FORMAT_WITH_ROWS: u8 = 2;

/// What tables there are; part of every manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoreImage {
    pub(crate) clock: u64,
    pub(crate) time_ms: u64,
    pub(crate) tables: Vec<TableImage>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TableImage {
    pub(crate) table: TableId,
    pub(crate) spec: CopySpec,
    pub(crate) indexes: Vec<u16>,
    pub(crate) schema_version: u64,
    pub(crate) definition: Vec<u8>,
    /// Of a table on disc only: the generation of its rows, 0 when there are none yet.
    #[serde(skip)]
    pub(crate) rows: Option<u64>,
}

/// [`StoreImage`] in the format with rows on disc.
#[derive(Serialize, Deserialize)]
struct ImageWithRows<T> {
    clock: u64,
    time_ms: u64,
    tables: Vec<(Option<u64>, T)>,
}

impl TableImage {
    fn of(copy: &TableCopy) -> Self {
        Self {
            table: copy.id(),
            spec: CopySpec { disc: copy.disc(), ..copy.spec().clone() },
            indexes: copy.indexed(),
            schema_version: copy.schema_version(),
            definition: Vec::clone(&copy.definition.load()),
            rows: copy.cold_part().map(Cold::generation),
        }
    }
}

impl StoreImage {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        if self.tables.iter().all(|table| table.rows.is_none()) {
            return encoding::append(self, vec![FORMAT]);
        }
        let tables = self.tables.iter().map(|table| (table.rows, table)).collect();
        let image = ImageWithRows { clock: self.clock, time_ms: self.time_ms, tables };
        encoding::append(&image, vec![FORMAT_WITH_ROWS])
    }

    /// # Errors
    /// `Encoding`, also for a format that is not known.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let broken = |cause: String| StoreError::Encoding(format!("the list of tables: {cause}"));
        match bytes.split_first() {
            Some((&FORMAT, image)) => postcard::from_bytes(image).map_err(|cause| broken(cause.to_string())),
            Some((&FORMAT_WITH_ROWS, image)) => {
                let image: ImageWithRows<TableImage> =
                    postcard::from_bytes(image).map_err(|cause| broken(cause.to_string()))?;
                let of = |(rows, table): (Option<u64>, TableImage)| {
                    let spec = CopySpec { disc_only: rows.is_some(), ..table.spec };
                    TableImage { rows, spec, ..table }
                };
                let tables = image.tables.into_iter().map(of).collect();
                Ok(Self { clock: image.clock, time_ms: image.time_ms, tables })
            }
            Some((format, _)) => {
                Err(broken(format!("it has format {format}, known are up to {FORMAT_WITH_ROWS}")))
            }
            None => Err(broken("it is empty".to_owned())),
        }
    }
}

/// What a checkpoint has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointReport {
    /// Tables that were written.
    pub tables: usize,
    /// Their rows.
    pub rows: u64,
    /// Bytes on disc.
    pub bytes: u64,
    /// Whether the log before had to stay, for a table that was damaged while it was used.
    pub holds_log: bool,
}

impl Store {
    /// Writes the rows of all tables that are kept on disc into the directory and frees the log before. Tables without
    /// commits since their last checkpoint, and damaged ones, are left alone. Blocks, for as long as the disc takes; writers go on.
    ///
    /// # Errors
    /// `Disc`, `SnapshotExpired`, `Loading` while a table is still being loaded, `Sealed` while one is rewritten; then the checkpoints and the log of before still count.
    pub fn checkpoint(&self, directory: &mut DataDirectory) -> Result<CheckpointReport, StoreError> {
        self.checkpoint_with(directory, None, &Course::default())
    }

    /// The same, with one table as it will be once the checkpoint is published, which decides the course.
    pub(crate) fn checkpoint_with(
        &self,
        directory: &mut DataDirectory,
        change: Option<&StorageChange>,
        course: &Course,
    ) -> Result<CheckpointReport, StoreError> {
        let Some(journal) = self.journal() else { return Ok(CheckpointReport::default()) };
        if let Some(loading) = self.copies().iter().find(|copy| copy.is_loading()) {
            return Err(StoreError::Loading(loading.id()));
        }
        if let Some(rewritten) = self.copies().iter().find(|copy| copy.unlogged.load(Ordering::SeqCst)) {
            return Err(StoreError::Sealed(rewritten.id()));
        }
        let kept = |copy: &TableCopy| match change {
            Some(change) if change.table == copy.id() => change.disc,
            _ => copy.disc(),
        };
        let mut log_from = journal.log.next();
        let snapshot = self.snapshot(SNAPSHOT_TTL_MS);
        let mut report = CheckpointReport::default();
        let mut refs = Vec::new();
        let copies = self.copies();
        for copy in copies.iter().filter(|copy| kept(copy).is_some()) {
            let damage = damage_of(copy);
            if copy.is_disc_only() && damage.is_none() {
                // Its tree is its checkpoint: it holds all that stands in the log before `log_from`.
                let rows = self.flush_rows(copy)?.rows;
                report.tables += usize::from(rows > 0);
                report.rows += rows;
                continue;
            }
            let last_noted = copy.last_noted.load(Ordering::SeqCst);
            let known = directory.manifest().checkpoints.iter().find(|of| of.table == u64::from(copy.id().0));
            if let Some(damage) = damage {
                // Its file stays for whoever repairs it, and so does what the log has of it.
                let is_whole = known.is_some_and(|known| known.clock >= last_noted);
                refs.extend(known);
                match &damage.carried {
                    Some(entries) => self.carry(journal, entries)?,
                    None if is_whole => {}
                    None => {
                        log_from = log_from.min(directory.manifest().log_from);
                        report.holds_log = true;
                    }
                }
                continue;
            }
            if let Some(known) = known.filter(|known| known.clock >= last_noted) {
                refs.push(*known);
                continue;
            }
            if last_noted == 0 && known.is_none() {
                // Nothing was ever written to it.
                continue;
            }
            let is_changed = change.is_some_and(|change| change.table == copy.id());
            course.enter("writing to disc", if is_changed { copy.len() as u64 } else { 0 });
            let written = self.write_rows(directory, copy, &snapshot, course)?;
            report.tables += 1;
            report.rows += written.entries;
            report.bytes += written.bytes;
            refs.push(written);
        }
        journal.log.sync(SYNC_WITHIN).map_err(failed)?;
        let image = self.image(&snapshot, change);
        course.decide()?;
        directory.publish(log_from, refs, image.encode()?).map_err(failed)?;
        drop(snapshot);
        self.retain_rows(&image)?;
        for stream in [StreamId::LOCAL, CARRIED] {
            // When there is no room for the note that it may go, it goes at the next checkpoint.
            if let Err(cause @ (DiscError::Poisoned { .. } | DiscError::Closed)) =
                journal.log.purge(stream, log_from)
            {
                return Err(failed(cause));
            }
        }
        Ok(report)
    }

    /// Notes entries of a damaged table once more, so that the log before can go. Whoever reads both knows them by their clocks.
    fn carry(&self, journal: &Journal, entries: &[Arc<[u8]>]) -> Result<(), StoreError> {
        for entry in entries {
            let room = journal.log.reserve(entry.len(), SYNC_WITHIN).map_err(failed)?;
            journal.log.append(room, CARRIED, entry, mnemon_disc::Durability::None).map_err(failed)?;
        }
        Ok(())
    }

    fn write_rows(
        &self,
        directory: &DataDirectory,
        copy: &TableCopy,
        snapshot: &Snapshot,
        course: &Course,
    ) -> Result<CheckpointRef, StoreError> {
        let (table, clock) = (u64::from(copy.id().0), snapshot.clock());
        let options = CheckpointOptions::default();
        // Should all manifests be damaged, this says what the rows are of.
        let meta = self.image_of(copy, clock).encode()?;
        let meta = if meta.len() <= MAX_META_BYTES { meta } else { Vec::new() };
        let mut writer = directory.write_checkpoint(table, clock, meta, options).map_err(failed)?;
        let mut scan = Scan::all();
        let mut bytes = Vec::new();
        while let Some(page) = scan.next_page(self, copy, Some(snapshot))? {
            for row in &page.rows {
                bytes.clear();
                bytes = row_image::encode(row, bytes)?;
                writer.push(&bytes).map_err(failed)?;
            }
            course.advance(page.rows.len() as u64);
            course.check()?;
        }
        let written = writer.finish().map_err(failed)?;
        Ok(CheckpointRef { table, clock, entries: written.entries, bytes: written.bytes })
    }

    /// Removes rows on disc that the published image does not name. While some cannot be read, everything stays: they may be under
    /// another name.
    pub(crate) fn retain_rows(&self, image: &StoreImage) -> Result<(), StoreError> {
        let Some(space) = self.space.get() else { return Ok(()) };
        if self.copies().iter().any(|copy| copy.is_disc_only() && copy.damage().is_some()) {
            return Ok(());
        }
        let named =
            |table: &TableImage| Some((u64::from(table.table.0), table.rows.filter(|rows| *rows > 0)?));
        let named: Vec<(u64, u64)> = image.tables.iter().filter_map(named).collect();
        space.trees.retain(&named).map_err(failed)
    }

    /// What tables there are now: at least those that the log knew when the checkpoint began.
    fn image(&self, snapshot: &Snapshot, change: Option<&StorageChange>) -> StoreImage {
        let image = |copy: &TableCopy| {
            let mut image = TableImage::of(copy);
            if let Some(change) = change.filter(|change| change.table == copy.id()) {
                image.spec.disc = change.disc;
                image.definition.clone_from(&change.definition);
            }
            image
        };
        let mut tables: Vec<TableImage> = self.copies().iter().map(|copy| image(copy)).collect();
        tables.sort_unstable_by_key(|image| image.table);
        StoreImage { clock: snapshot.clock(), time_ms: self.now_ms(), tables }
    }

    /// The same of one table alone.
    fn image_of(&self, copy: &TableCopy, clock: u64) -> StoreImage {
        StoreImage { clock, time_ms: self.now_ms(), tables: vec![TableImage::of(copy)] }
    }
}

/// Whether a copy is damaged, once the commits have ended that stand in the log: one that clears it opens it.
fn damage_of(copy: &TableCopy) -> Option<Arc<Damage>> {
    copy.damaged()?;
    copy.quiesce();
    copy.damaged()
}

pub(crate) fn failed(cause: DiscError) -> StoreError {
    StoreError::Disc(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::Kind;
    use crate::durability::Durability;

    fn image(rows: [Option<u64>; 2]) -> StoreImage {
        let table = |(number, rows): (u32, Option<u64>)| TableImage {
            table: TableId(number),
            spec: CopySpec {
                disc: Some(Durability::Commit),
                disc_only: rows.is_some(),
                ..CopySpec::new(Kind::Bag)
            },
            indexes: vec![1],
            schema_version: 3,
            definition: b"{}".to_vec(),
            rows,
        };
        StoreImage { clock: 9, time_ms: 5, tables: [(7, rows[0]), (8, rows[1])].map(table).into() }
    }

    /// The bytes are what is on discs: they must be read for ever.
    #[test]
    fn lists_of_tables_are_read_in_both_formats() {
        let first =
            b"\x01\x09\x05\x02\x07\x02\0\0\x01\0\x01\x01\x03\x02{}\x08\x02\0\0\x01\0\x01\x01\x03\x02{}";
        assert_eq!(StoreImage::decode(first).unwrap(), image([None, None]));
        assert_eq!(image([None, None]).encode().unwrap(), first);
        let second = b"\x02\x09\x05\x02\0\x07\x02\0\0\x01\0\x01\x01\x03\x02{}\x01\x04\x08\x02\0\0\x01\0\x01\x01\x03\x02{}";
        assert_eq!(StoreImage::decode(second).unwrap(), image([None, Some(4)]));
        assert_eq!(image([None, Some(4)]).encode().unwrap(), second);
        assert!(StoreImage::decode(b"\x03").unwrap_err().to_string().contains("known are up to 2"));
    }
}
