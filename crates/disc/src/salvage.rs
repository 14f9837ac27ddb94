//! Reading what is left of a damaged data directory. Nothing in it is changed.
//!
//! What must stay true: nothing is handed out whose checksum is wrong; of the log, nothing behind the first damage, as it
//! would be applied to a state that misses what came before. What the bytes mean is the owner's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::checkpoint::{Checkpoint, parse_checkpoint_name};
use crate::disc::Disc;
use crate::error::DiscError;
use crate::identity::NodeId;
use crate::log::{Record, read_log_prefix};
use crate::manifest::{CheckpointRef, Manifest, generations};
use crate::survey::node_of;

/// A data directory whose intact parts are wanted.
#[derive(Debug)]
pub struct Salvage {
    disc: Arc<dyn Disc>,
    node: NodeId,
    manifest: Option<Manifest>,
    names: Vec<String>,
}

/// What was read of a checkpoint.
#[derive(Debug, Default)]
pub struct SalvagedCheckpoint {
    /// What its writer put into its header; empty when that is damaged.
    pub meta: Vec<u8>,
    /// Entries that were handed out.
    pub entries: u64,
    /// What is wrong with it.
    pub damage: Vec<DiscError>,
}

/// Why reading stopped.
enum Stopped<E> {
    Damage(DiscError),
    Own(E),
}

impl<E> From<DiscError> for Stopped<E> {
    fn from(cause: DiscError) -> Self {
        Self::Damage(cause)
    }
}

impl Salvage {
    /// Looks for the newest good manifest. The directory should be locked by `disc`.
    ///
    /// # Errors
    /// `Io` when the directory cannot be read; `Missing` when nothing says whose it is.
    pub fn of(disc: Arc<dyn Disc>) -> Result<Self, DiscError> {
        let mut names = disc.list().map_err(DiscError::io("list", "the data directory"))?;
        names.sort_unstable();
        let node = node_of(&*disc, &names).ok_or_else(|| DiscError::Missing {
            file: "the data directory".to_owned(),
            what: "there is no file of a node in it".to_owned(),
        })?;
        let good = |generation: u64| Manifest::read(&*disc, generation, node).ok();
        let manifest = generations(&names).into_iter().find_map(good);
        Ok(Self { disc, node, manifest, names })
    }

    /// Whose directory it is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The newest manifest that is good.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The checkpoints that count: those of the manifest; without one the youngest of each table, with unknown sizes.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<CheckpointRef> {
        if let Some(manifest) = &self.manifest {
            return manifest.checkpoints.clone();
        }
        let mut youngest = BTreeMap::new();
        for (table, clock) in self.names.iter().filter_map(|name| parse_checkpoint_name(name)) {
            let known = youngest.entry(table).or_insert(clock);
            *known = clock.max(*known);
        }
        youngest
            .into_iter()
            .map(|(table, clock)| CheckpointRef { table, clock, entries: 0, bytes: 0 })
            .collect()
    }

    /// Hands out the entries of a checkpoint's good blocks.
    ///
    /// # Errors
    /// What `each` answers; damage is in the answer.
    pub fn read_checkpoint<E>(
        &self,
        of: &CheckpointRef,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<SalvagedCheckpoint, E> {
        let mut found = SalvagedCheckpoint::default();
        let name = of.file();
        let opened = match Checkpoint::open(&*self.disc, &name, self.node) {
            Ok(checkpoint) => Ok(checkpoint),
            Err(cause) => {
                found.damage.push(cause);
                Checkpoint::open_without_index(&*self.disc, &name, self.node)
            }
        };
        let Ok(checkpoint) = opened else { return Ok(found) };
        found.meta.clone_from(&checkpoint.header().meta);
        for number in 0..checkpoint.blocks() {
            match checkpoint.read_block(number) {
                Ok(block) => {
                    for entry in block.entries() {
                        each(entry)?;
                        found.entries += 1;
                    }
                }
                Err(cause) => found.damage.push(cause),
            }
        }
        Ok(found)
    }

    /// Hands out the records of the log that are not in the checkpoints, up to the first damage, which is the answer. Without
    /// a manifest these are all that are there.
    ///
    /// # Errors
    /// What `each` answers.
    pub fn read_log<E>(
        &self,
        mut each: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<Option<DiscError>, E> {
        let from = self.manifest.as_ref().map(|manifest| manifest.log_from);
        let read = read_log_prefix(&*self.disc, self.node, from, &self.names, |record| {
            each(record).map_err(Stopped::Own)
        });
        match read {
            Ok(()) => Ok(None),
            Err(Stopped::Damage(cause)) => Ok(Some(cause)),
            Err(Stopped::Own(cause)) => Err(cause),
        }
    }
}
