//! Backups of a node's tables, and tables as text.
//!
//! A backup is one file with all or some tables as of one commit, taken while writers go on, whatever the tables' storage.
//! It is compressed, every byte is covered by a checksum, and it can be verified, listed, walked and rewritten record by
//! record, and restored in the ways that `mnesia:restore` knows. `docs/backup.md` is the operators' page, `docs/formats.md`
//! has the bytes.
//!
//! | looking for | file |
//! |---|---|
//! | the layout | `format.rs`, `writer.rs`, `reader.rs` |
//! | taking one; restoring one | `create.rs`; `restore.rs` |
//! | records one by one | `traverse.rs` |
//! | the directory, names, retention | `shelf.rs`, `names.rs`, `schedule.rs` |
//! | what a node offers | `service.rs` |
//! | a restore that the next start does | `pending.rs` |
//! | JSON lines and CSV | `text.rs` |
//!
//! What must stay true: a file under its final name is complete and durable; a damaged file is found before anything is
//! changed; nothing from a file is used before its checksum was checked, and no memory taken for what it only claims.
//! This crate knows no protocol and no schedule of its own making: a node starts what runs.

mod create;
mod entry;
mod error;
mod figures;
mod format;
mod jobs;
mod names;
mod pending;
mod reader;
mod restore;
mod schedule;
mod service;
mod shelf;
mod taker;
pub mod text;
mod traverse;
mod writer;

pub use create::{Progress, Source, write_backup};
pub use entry::Entry;
pub use error::BackupError;
pub use figures::{BackupReport, Figures};
pub use format::{BACKUP_FORMAT, BackedTable, BackupHeader, BackupMeta};
pub use jobs::{Job, JobState, Task};
pub use names::{SCHEDULED, moment_text};
pub use pending::{PENDING_FILE, PendingRestore};
pub use reader::{BackupReader, Part, RowBlock, Summary};
pub use restore::{Mode, RestorePlan, Restored, RestoredTable, restore};
pub use schedule::Schedule;
pub use service::{Backups, Places, open_file};
pub use shelf::{Draft, Listed, SUFFIX, Shelf};
pub use traverse::{Rewritten, rewrite, traverse};
pub use writer::{BackupWriter, Written};
