//! Checkpoint files: all entries of one table as of one commit, written once and read whole, in parallel if wished.
//!
//! What must stay true: a file under its final name is complete and durable; every byte of it is covered by a checksum that is
//! checked before what it covers is used. What an entry is, is the writer's business; order and duplicates as well.
//!
//! ```
//! use mnemon_disc::checkpoint::{Checkpoint, CheckpointHeader, CheckpointOptions, CheckpointWriter};
//! use mnemon_disc::{testing::FaultyDisc, NodeId};
//!
//! let disc = FaultyDisc::new();
//! let node = NodeId([7; 16]);
//! let header = CheckpointHeader { table: 3, clock: 12, node, meta: b"schema".to_vec() };
//! let mut writer = CheckpointWriter::create(&disc, &header, CheckpointOptions::default())?;
//! for number in 0..1000_u32 {
//!     writer.push(&number.to_le_bytes())?;
//! }
//! let written = writer.finish()?;
//! assert_eq!(written.entries, 1000);
//!
//! let checkpoint = Checkpoint::open(&disc, &written.file, node)?;
//! let mut count = 0;
//! for block in 0..checkpoint.blocks() {
//!     // Each block may be read by another thread.
//!     count += checkpoint.read_block(block)?.entries().count();
//! }
//! assert_eq!(count, 1000);
//! # Ok::<(), mnemon_disc::DiscError>(())
//! ```

mod format;
mod reader;
mod writer;

pub use format::{CHECKPOINT_FORMAT, checkpoint_name, parse_checkpoint_name};
pub use reader::{Block, Checkpoint, Entries};
pub use writer::{CheckpointWriter, Written};

use crate::identity::NodeId;

/// The longest `meta`.
pub const MAX_META_BYTES: usize = 1 << 20;

/// The longest entry.
pub const MAX_ENTRY_BYTES: usize = 1 << 30;

/// What a checkpoint is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointHeader {
    /// The table's number.
    pub table: u64,
    /// The commit clock: commits up to it are in the checkpoint, later ones are not, or may be in part, as the writer
    /// defines it.
    pub clock: u64,
    /// Who wrote it.
    pub node: NodeId,
    /// Whatever the writer wants to know when reading, such as a schema. At most [`MAX_META_BYTES`].
    pub meta: Vec<u8>,
}

/// How a checkpoint is written.
#[derive(Clone, Debug)]
pub struct CheckpointOptions {
    /// Bytes of entries in a block before it is compressed and checksummed. Larger blocks compress better; smaller ones spread
    /// better over threads. Default 128 KiB; 1 KiB to 64 MiB. An entry longer than this is a block of its own.
    pub block_bytes: usize,
    /// Whether blocks are compressed (LZ4). A block that does not shrink is kept as it is. Default: yes.
    pub compress: bool,
    /// After how many bytes what was written is synced. Without that, the operating system writes much at once, and the
    /// log's syncs wait for it. Default 4 MiB.
    pub sync_every_bytes: u64,
}

impl Default for CheckpointOptions {
    fn default() -> Self {
        Self { block_bytes: 128 << 10, compress: true, sync_every_bytes: 4 << 20 }
    }
}
