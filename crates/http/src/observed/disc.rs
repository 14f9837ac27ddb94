//! What a node tells of its data directory.

use super::Bucket;

/// How the data directory is doing; counters since the start.
#[derive(Clone, Debug, Default)]
pub struct DiscFacts {
    /// Where it is.
    pub directory: String,
    /// Bytes of the log as it lies on the disc.
    pub log_bytes: u64,
    /// Entries handed to the operating system.
    pub log_entries: u64,
    /// Bytes handed to it.
    pub log_written_bytes: u64,
    /// Bytes that are reserved or wait to be written.
    pub waiting_bytes: u64,
    /// Syncs of the log.
    pub syncs: u64,
    /// Entries that those made durable: divided by `syncs`, the size of a group.
    pub synced_entries: u64,
    /// The most entries that one sync made durable.
    pub largest_group: u64,
    /// How long syncs took, without the longest ones.
    pub sync_buckets: Vec<Bucket>,
    /// All syncs together.
    pub sync_seconds: f64,
    /// The longest one.
    pub longest_sync_seconds: f64,
    /// How long loading all tables took; `None` while it goes on.
    pub load_seconds: Option<f64>,
    /// Entries of the log that were read at the start.
    pub replayed_entries: u64,
    /// Checkpoints made.
    pub checkpoints: u64,
    /// Checkpoints that could not be made.
    pub failed_checkpoints: u64,
    /// The last one that was made.
    pub last_checkpoint: Option<CheckpointFacts>,
}

/// A checkpoint.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckpointFacts {
    /// How long ago it was done.
    pub age_s: u64,
    /// How long it took.
    pub took_seconds: f64,
    /// Tables that were written.
    pub tables: u64,
    /// Their rows.
    pub rows: u64,
    /// Bytes of their files.
    pub bytes: u64,
}
