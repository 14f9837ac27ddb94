//! The manifest: which checkpoints count, and from where the log is replayed on top of them.
//!
//! Each one is a file of its own with a growing generation, put in place at once. The newest one counts.

use crate::checkpoint::{Checkpoint, checkpoint_name};
use crate::disc::{Disc, read_whole, replace};
use crate::error::DiscError;
use crate::fields::{Fields, put_sized};
use crate::identity::NodeId;
use crate::log::parse_number;

/// The newest format of manifests.
pub const MANIFEST_FORMAT: u16 = 1;
/// The longest `meta`.
pub const MAX_META_BYTES: usize = 32 << 20;

const MAGIC: [u8; 8] = *b"MNEMNMAN";
const PREFIX: &str = "manifest-";
const MAX_LEN: u64 = 64 << 20;
const CHECKPOINT_LEN: usize = 32;

/// A checkpoint that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointRef {
    /// The table's number.
    pub table: u64,
    /// The commit clock it was taken at.
    pub clock: u64,
    /// How many entries it has.
    pub entries: u64,
    /// How long its file is.
    pub bytes: u64,
}

impl CheckpointRef {
    /// Its file.
    #[must_use]
    pub fn file(&self) -> String {
        checkpoint_name(self.table, self.clock)
    }

    /// Opens it on the disc of its node.
    ///
    /// # Errors
    /// As [`Checkpoint::open`]; `Corrupt` when it is not the one that is meant.
    pub fn open(&self, disc: &dyn Disc, node: NodeId) -> Result<Checkpoint, DiscError> {
        let name = self.file();
        let checkpoint = Checkpoint::open(disc, &name, node)?;
        let header = checkpoint.header();
        if (header.table, header.clock, checkpoint.entries()) == (self.table, self.clock, self.entries) {
            Ok(checkpoint)
        } else {
            Err(DiscError::corrupt(&name, 0, "it is not the checkpoint that the manifest means"))
        }
    }
}

/// What a data directory holds: checkpoints, and the place in the log that they reach to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Counts manifests; 0: there was none yet.
    pub generation: u64,
    /// The first entry of the log that is not in the checkpoints. 1: all of the log is needed.
    pub log_from: u64,
    /// The checkpoints, at most one a table.
    pub checkpoints: Vec<CheckpointRef>,
    /// Whatever belongs to this state, such as the schemas of all tables. At most [`MAX_META_BYTES`].
    pub meta: Vec<u8>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self { generation: 0, log_from: 1, checkpoints: Vec::new(), meta: Vec::new() }
    }
}

pub(crate) fn manifest_name(generation: u64) -> String {
    format!("{PREFIX}{generation:016x}")
}

pub(crate) fn parse_manifest_name(name: &str) -> Option<u64> {
    parse_number(name.strip_prefix(PREFIX)?)
}

impl Manifest {
    fn encode(&self, node: NodeId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.checkpoints.len() * CHECKPOINT_LEN + self.meta.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&MANIFEST_FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[0; 6]);
        bytes.extend_from_slice(&node.0);
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.log_from.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(self.checkpoints.len()).unwrap_or(u32::MAX).to_le_bytes());
        for checkpoint in &self.checkpoints {
            for field in [checkpoint.table, checkpoint.clock, checkpoint.entries, checkpoint.bytes] {
                bytes.extend_from_slice(&field.to_le_bytes());
            }
        }
        put_sized(&mut bytes, &self.meta);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<(Self, NodeId)> {
        let mut fields = Fields(bytes);
        fields.bytes(16)?;
        let node = NodeId(fields.array()?);
        let (generation, log_from) = (fields.u64()?, fields.u64()?);
        let mut checkpoints = Vec::new();
        // Grows with what is there, not with what is announced.
        for _ in 0..fields.u32()? {
            let (table, clock) = (fields.u64()?, fields.u64()?);
            checkpoints.push(CheckpointRef { table, clock, entries: fields.u64()?, bytes: fields.u64()? });
        }
        let meta = fields.sized()?.to_vec();
        fields.0.is_empty().then_some((Self { generation, log_from, checkpoints, meta }, node))
    }

    /// Reads the manifest of a generation.
    pub(crate) fn read(disc: &dyn Disc, generation: u64, own: NodeId) -> Result<Self, DiscError> {
        let name = manifest_name(generation);
        let bytes = read_whole(disc, &name, MAX_LEN)?;
        let corrupt = |what: &str| DiscError::corrupt(&name, 0, what);
        let (content, stored) = bytes.split_last_chunk::<4>().ok_or_else(|| corrupt("it is cut off"))?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*stored) {
            return Err(corrupt("its checksum is wrong"));
        }
        let mut fields = Fields(content);
        let (magic, format) = (fields.array::<8>(), fields.u16().unwrap_or(0));
        if magic != Some(MAGIC) {
            return Err(corrupt("it is not a manifest"));
        }
        if format > MANIFEST_FORMAT {
            return Err(DiscError::UnknownFormat { file: name, found: format, known: MANIFEST_FORMAT });
        }
        let (manifest, node) = Self::decode(content).ok_or_else(|| corrupt("it contradicts itself"))?;
        if node != own {
            return Err(DiscError::Foreign { file: name, found: node.to_string(), own: own.to_string() });
        }
        if manifest.generation != generation {
            return Err(corrupt("it is of another generation: it was renamed"));
        }
        Ok(manifest)
    }

    /// Puts this manifest in place.
    pub(crate) fn write(&self, disc: &dyn Disc, node: NodeId) -> Result<(), DiscError> {
        let (meta, limit) = (self.meta.len() as u64, MAX_META_BYTES as u64);
        if meta > limit {
            return Err(DiscError::TooLarge { bytes: meta, limit });
        }
        let bytes = self.encode(node);
        if bytes.len() as u64 > MAX_LEN {
            return Err(DiscError::TooLarge { bytes: bytes.len() as u64, limit: MAX_LEN });
        }
        replace(disc, &manifest_name(self.generation), &bytes)
    }
}

/// The generations of all manifests, newest first.
pub(crate) fn generations(names: &[String]) -> Vec<u64> {
    let mut found: Vec<u64> = names.iter().filter_map(|name| parse_manifest_name(name)).collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found
}
