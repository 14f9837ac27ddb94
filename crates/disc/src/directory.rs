//! The data directory: whose it is, what counts in it, and how a node comes back from it.
//!
//! The way back: the newest good manifest, its checkpoints, then the log from the place they reach to. The way forth: write
//! checkpoints, [`DataDirectory::publish`] them, then purge the log.

use std::path::Path;
use std::sync::Arc;

use crate::checkpoint::{
    Checkpoint, CheckpointHeader, CheckpointOptions, CheckpointWriter, parse_checkpoint_name,
};
use crate::disc::{DRAFT_SUFFIX, Disc};
use crate::error::DiscError;
use crate::fs_disc::FsDisc;
use crate::identity::{self, IDENTITY_NAME, NodeId};
use crate::log::{LogConfig, LogPlace, Opened, Record, parse_segment_name};
use crate::manifest::{CheckpointRef, Manifest, generations, parse_manifest_name};
use crate::time::Ticker;

/// A file of this name says that a directory is in the middle of being exchanged for a repaired one: no node may use it.
pub const REPAIR_MARK: &str = "repairing";

/// A node's data directory, locked while this lives.
///
/// ```
/// use mnemon_disc::{DataDirectory, DiscError, Durability, LogConfig, StreamId, time::SystemTicker};
/// use std::time::Duration;
///
/// # let path = std::env::temp_dir().join(format!("mnemon-doc-{}", std::process::id()));
/// let mut directory = DataDirectory::open(&path, || [4; 16])?;
/// let ticker = Box::new(SystemTicker::new());
/// let opened = directory.open_log(LogConfig::default(), ticker, |_record| Ok::<(), DiscError>(()))?;
/// let (log, workers, _found) = opened.start()?;
///
/// let wait = Duration::from_secs(5);
/// let reservation = log.reserve(5, wait)?;
/// // Under the locks of the rows: append, then apply.
/// let position = log.append(reservation, StreamId::LOCAL, b"entry", Durability::Commit)?;
/// // Without locks:
/// log.synced(position).wait(wait)?;
/// workers.close()?;
/// # drop(directory);
/// # std::fs::remove_dir_all(&path).unwrap();
/// # Ok::<(), DiscError>(())
/// ```
#[derive(Debug)]
pub struct DataDirectory {
    disc: Arc<dyn Disc>,
    node: NodeId,
    manifest: Manifest,
    damaged: Vec<DiscError>,
}

impl DataDirectory {
    /// Opens a directory of the file system and locks it; a new one gets a UUID of the random bytes.
    ///
    /// # Errors
    /// `Locked` when another node uses it; as [`DataDirectory::on`].
    pub fn open(path: &Path, random: impl FnOnce() -> [u8; 16]) -> Result<Self, DiscError> {
        Self::on(Arc::new(FsDisc::open(path)?), random)
    }

    /// Opens the directory that `disc` is. What earlier crashes left half is removed.
    ///
    /// # Errors
    /// `Corrupt`, `Missing`, `Foreign`, `UnknownFormat`, `Io`.
    pub fn on(disc: Arc<dyn Disc>, random: impl FnOnce() -> [u8; 16]) -> Result<Self, DiscError> {
        let names = disc.list().map_err(DiscError::io("list", "the data directory"))?;
        if names.iter().any(|name| name == REPAIR_MARK) {
            let what = "a repair was interrupted; let `mnemon repair` go on".to_owned();
            return Err(DiscError::Missing { file: "a part of the data directory".to_owned(), what });
        }
        let node = if names.iter().any(|name| name == IDENTITY_NAME) {
            identity::read(&*disc)?
        } else if let Some(left) = names.iter().find(|name| holds_data(name)) {
            let what = format!("{left} is there, so this was a node's directory");
            return Err(DiscError::Missing { file: IDENTITY_NAME.to_owned(), what });
        } else {
            let node = NodeId::from_random(random());
            identity::write(&*disc, node)?;
            node
        };
        let (manifest, damaged) = newest(&*disc, node, &names)?;
        let directory = Self { disc, node, manifest, damaged };
        // With damage about, everything is kept for whoever repairs it.
        if directory.damaged.is_empty() {
            directory.clean(&names)?;
        }
        Ok(directory)
    }

    /// Whose directory it is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The files.
    #[must_use]
    pub fn disc(&self) -> &Arc<dyn Disc> {
        &self.disc
    }

    /// What counts.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Newer manifests that could not be used: to be told to the operator. Nothing is lost by that if the log opens.
    #[must_use]
    pub fn damaged(&self) -> &[DiscError] {
        &self.damaged
    }

    /// Opens a checkpoint that counts.
    ///
    /// # Errors
    /// As [`Checkpoint::open`]; `Corrupt` when it is not the one that the manifest means.
    pub fn checkpoint(&self, of: &CheckpointRef) -> Result<Checkpoint, DiscError> {
        of.open(&*self.disc, self.node)
    }

    /// Begins a checkpoint of a table. It counts once it is published.
    ///
    /// # Errors
    /// `Io`, `TooLarge`.
    pub fn write_checkpoint(
        &self,
        table: u64,
        clock: u64,
        meta: Vec<u8>,
        options: CheckpointOptions,
    ) -> Result<CheckpointWriter<'_>, DiscError> {
        CheckpointWriter::create(
            &*self.disc,
            &CheckpointHeader { table, clock, node: self.node, meta },
            options,
        )
    }

    /// Opens the log and hands out the records that the checkpoints do not contain.
    ///
    /// # Errors
    /// As [`crate::log::open`].
    pub fn open_log<E: From<DiscError>>(
        &self,
        config: LogConfig,
        ticker: Box<dyn Ticker>,
        replay: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<Opened, E> {
        let place = LogPlace { disc: self.disc.clone(), node: self.node, ticker, config };
        crate::log::open(place, self.manifest.log_from, replay)
    }

    /// Lets these checkpoints count instead of those before: afterwards, and after a crash, either the old ones or the new ones.
    /// The log up to `log_from` must be durable, or the checkpoints would be ahead of it; it may be purged up to there
    /// afterwards. Files that no longer count are removed.
    ///
    /// # Errors
    /// `Io`, `TooLarge`, `Missing` when a checkpoint is not there that did not count before; then the old ones count.
    pub fn publish(
        &mut self,
        log_from: u64,
        checkpoints: Vec<CheckpointRef>,
        meta: Vec<u8>,
    ) -> Result<(), DiscError> {
        let names = self.disc.list().map_err(DiscError::io("list", "the data directory"))?;
        // One that is missing already stays missed, until its table is cleared or dropped.
        let new = checkpoints.iter().filter(|of| !self.manifest.checkpoints.contains(of));
        if let Some(absent) = new.map(CheckpointRef::file).find(|file| !names.contains(file)) {
            return Err(DiscError::Missing { file: absent, what: "it was to be published".to_owned() });
        }
        let newest = generations(&names).first().copied().unwrap_or(0).max(self.manifest.generation);
        let manifest = Manifest { generation: newest + 1, log_from, checkpoints, meta };
        manifest.write(&*self.disc, self.node)?;
        self.manifest = manifest;
        self.damaged.clear();
        // The new state counts already; what cannot be removed now is removed at the next start.
        let _ = self.clean(&names);
        Ok(())
    }

    /// Lets another node use the directory, although parts of this one may still be held. The log must be closed.
    pub fn release(&self) {
        self.disc.release();
    }

    /// Removes older manifests, then checkpoints that do not count, and what was never completed.
    fn clean(&self, names: &[String]) -> Result<(), DiscError> {
        let counts: Vec<String> = self.manifest.checkpoints.iter().map(CheckpointRef::file).collect();
        let old =
            |name: &&String| parse_manifest_name(name).is_some_and(|found| found != self.manifest.generation);
        let unused = |name: &&String| {
            name.ends_with(DRAFT_SUFFIX) || parse_checkpoint_name(name).is_some() && !counts.contains(name)
        };
        for name in names.iter().filter(old).chain(names.iter().filter(unused)) {
            match self.disc.remove(name) {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    return Err(DiscError::io("remove", name)(cause));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a name is that of a file that only a node's directory has.
pub(crate) fn holds_data(name: &str) -> bool {
    parse_segment_name(name).is_some()
        || parse_manifest_name(name).is_some()
        || parse_checkpoint_name(name).is_some()
}

/// The newest manifest that is good and whose checkpoints are there, and what was wrong with newer ones. When there is none whose
/// checkpoints are all there, the newest good one: whoever opens a checkpoint that is not there is told so.
fn newest(disc: &dyn Disc, node: NodeId, names: &[String]) -> Result<(Manifest, Vec<DiscError>), DiscError> {
    let mut damaged = Vec::new();
    let mut partial = None;
    for generation in generations(names) {
        match Manifest::read(disc, generation, node) {
            Ok(manifest) if manifest.checkpoints.iter().all(|of| names.contains(&of.file())) => {
                return Ok((manifest, damaged));
            }
            Ok(manifest) if partial.is_none() => partial = Some(manifest),
            Ok(_) => {}
            Err(cause) if cause.is_damage() => damaged.push(cause),
            Err(cause) => return Err(cause),
        }
    }
    if let Some(manifest) = partial {
        return Ok((manifest, damaged));
    }
    // No manifest at all: a new directory. Damaged ones only: the state is lost, and must not be taken for empty.
    match damaged.into_iter().next() {
        Some(cause) => Err(cause),
        None => Ok((Manifest::default(), Vec::new())),
    }
}
