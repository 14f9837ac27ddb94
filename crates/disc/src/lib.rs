//! What a node keeps on disc, as bytes: a write-ahead log, checkpoint files, and the data directory they stand in.
//!
//! It knows no rows, no tables and no network. Core parts are state machines over [`Disc`], a trait for one directory of
//! files; [`FsDisc`] is the real one, [`testing::FaultyDisc`] loses power wherever a test wants it to.

pub mod checkpoint;
mod directory;
mod disc;
mod error;
pub mod fields;
mod fs_disc;
mod identity;
pub mod log;
mod manifest;
pub mod rows;
mod salvage;
mod survey;
pub mod testing;
pub mod time;

pub use directory::{DataDirectory, REPAIR_MARK};
pub use disc::{Disc, DiscFile};
pub use error::DiscError;
pub use fs_disc::FsDisc;
pub use identity::{DIRECTORY_FORMAT, NodeId};
pub use log::{Durability, Log, LogConfig, Position, Reservation, StreamId, Synced};
pub use manifest::{CheckpointRef, MANIFEST_FORMAT, MAX_META_BYTES, Manifest};
pub use salvage::{Salvage, SalvagedCheckpoint};
pub use survey::{FileKind, FileReport, Survey};
