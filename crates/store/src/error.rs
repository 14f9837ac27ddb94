//! What can go wrong in the store.

use crate::event::TableId;

/// Why the store refused. Nothing was applied, except with `OutcomeUnknown`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A row, range or schema that the commit had read has changed since.
    #[error("what was read of table {table:?} has changed; run the transaction again")]
    Conflict {
        /// The table.
        table: TableId,
        /// The key, when one row was meant.
        key: Option<Box<[u8]>>,
    },
    /// There is no such table (any more).
    #[error("there is no table {0:?}; it was dropped")]
    NoTable(TableId),
    /// The table takes no writes while its records are given a new shape.
    #[error("table {0:?} is being transformed; try again when it is done")]
    Sealed(TableId),
    /// The table's rows are still being read from the disc.
    #[error("table {0:?} is being loaded from the disc; wait for it, or try again when it is done")]
    Loading(TableId),
    /// The table's rows cannot be read from the disc. It can be cleared or dropped.
    #[error("table {table:?} is damaged: {cause}; restore it from a backup, or clear or drop it")]
    Damaged {
        /// The table.
        table: TableId,
        /// Why, with the file.
        cause: String,
    },
    /// The change of a table was cancelled before it took effect; the table is as it was.
    #[error("the change was cancelled")]
    Cancelled,
    /// There is no index on this attribute.
    #[error("table {table:?} has no index on attribute {attribute}; add one or match without it")]
    NoIndex {
        /// The table.
        table: TableId,
        /// The attribute's place.
        attribute: u16,
    },
    /// The table or index is there already.
    #[error("{0} exists already")]
    Exists(String),
    /// A key is longer than rows on disc can have.
    #[error("a key of {bytes} bytes in table {table:?}; rows on disc and their indexes have at most {limit}")]
    KeyTooLong {
        /// The table.
        table: TableId,
        /// The key's length, or that of an entry of an index: the attribute and the key.
        bytes: usize,
        /// The most.
        limit: usize,
    },
    /// The rows of two tables cannot change places.
    #[error("tables {0:?} and {1:?} cannot be exchanged: they are not kept in the same way")]
    Unlike(TableId, TableId),
    /// A snapshot was closed by its deadline or because its before-images had grown too large.
    #[error("the snapshot is too old: {0}; open a new one, read faster or raise the limit")]
    SnapshotExpired(&'static str),
    /// The log has no room: the disc is full, or slower than the writers. Reads go on, and writes do when there is room.
    #[error("the disc takes no more: {0}; free space or write less")]
    DiscFull(String),
    /// The log takes nothing any more.
    #[error("the disc failed: {0}; reads go on, restart the node when it is mended")]
    Disc(String),
    /// The commit was applied and the disc then failed: whether it will be there after a restart is not known.
    #[error("outcome unknown: the disc failed before the commit was synced: {0}")]
    OutcomeUnknown(String),
    /// Bytes that should be a commit are none.
    #[error("bytes are not a commit: {0}")]
    Encoding(String),
}
