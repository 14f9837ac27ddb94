//! The rows of one copy: RAM maps, secondary indexes, expiry, eviction, snapshots, and the commits that change them.
//!
//! What must stay true:
//! - Every change of a row goes through [`Commit`] (or its short form, [`Store::commit_one`]) and there through one
//!   place, `cell`, so that indexes, before-images, expiry, bounds and events are in step with the rows.
//! - Applying a commit is deterministic; the same commits make the same rows on every copy and after every crash.
//! - No lock is held across a page of a scan, and growth moves one segment of at most 224 rows at a time.
//!
//! It knows no network, no protocol, no table names and no schema beyond kinds, bounds and indexed attributes.
//!
//! ```
//! use mnemon_store::{CopySpec, Expiry, Kind, Op, Store, StoreConfig, SystemClock, TableId, When};
//!
//! let store = Store::new(StoreConfig::new(Box::new(SystemClock)));
//! let copy = store.create(TableId(1), CopySpec::new(Kind::Set))?;
//! let put = Op::Put {
//!     key: b"greeting"[..].into(),
//!     body: b"hello"[..].into(),
//!     expiry: Expiry::Never,
//!     when: When::Always,
//!     over_bytes_only: false,
//! };
//! let (clock, outcome) = store.commit_one(&copy, store.now_ms(), &put)?;
//! assert!(outcome.is_ok());
//! let row = store.get(&copy, b"greeting").expect("just written");
//! assert_eq!((row.body(), row.version()), (&b"hello"[..], clock));
//! # Ok::<(), mnemon_store::StoreError>(())
//! ```

mod apply;
pub mod bits;
mod cell;
mod checkpoint;
pub mod clock;
mod cold;
pub mod collection;
pub mod commit;
mod committing;
mod copy;
mod course;
pub mod decimal;
mod durability;
mod encoding;
mod error;
pub mod event;
mod eviction;
mod expiry;
mod gate;
mod hash_rows;
mod images;
mod index;
mod indexing;
mod journal;
mod large;
mod lock;
mod moved;
pub mod op;
mod prefetch;
mod recovery;
mod removals;
pub mod replica;
mod row;
pub mod row_image;
mod rows;
mod scan;
mod segment;
mod shard;
mod snapshot;
mod storage;
mod store;
mod versioned;

pub use checkpoint::CheckpointReport;
pub use clock::{Clock, ManualClock, SystemClock};
pub use cold::{FlushReport, MAX_KEY_BYTES, SHORT_RECORD_BYTES};
pub use collection::Collection;
pub use commit::{Applied, Before, Check, Commit, Seen, TableOp};
pub use copy::{CopySpec, Kind, TableCopy};
pub use course::{Course, CourseProgress};
pub use durability::Durability;
pub use error::StoreError;
pub use event::{Batch, Cause, Change, Sink, TableId};
pub use index::entry_keys;
pub use mnemon_disc::Synced;
pub use op::{ExpireWhen, Expiry, Op, OpError, Outcome, When};
pub use recovery::{LoadFailure, LoadProgress, Loading, Recovered, Salvaged, SalvagedTable, StopLoading};
pub use replica::{Local, Replica, SchemaChange, Single, Unsynced, Verdict};
pub use row::{Row, Value};
pub use scan::{Scan, ScanPage, Source};
pub use snapshot::Snapshot;
pub use storage::StorageChange;
pub use store::{Store, StoreConfig};
