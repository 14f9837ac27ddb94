//! What can go wrong in a table operation.

use mnemon_store::{OpError, StoreError};

use crate::catalog::database_number;

/// Why a request was refused. Unless a variant says otherwise nothing was applied.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is no table of this name.
    #[error("there is no table {0:?}; create it or list the tables that exist")]
    NoTable(String),
    /// A table of this name exists.
    #[error("table {0:?} exists already; {how}", how = way_out_of(.0))]
    TableExists(String),
    /// A schema that cannot be.
    #[error("bad schema: {0}")]
    BadSchema(String),
    /// A record that does not fit its table's schema.
    #[error("table {table:?} cannot take the record: {cause}")]
    BadRecord {
        /// The table.
        table: String,
        /// What does not fit.
        cause: String,
    },
    /// A condition or pattern that cannot be.
    #[error("bad query: {0}")]
    BadQuery(String),
    /// The table is read-only.
    #[error("table {0:?} is read-only; change its access mode first")]
    ReadOnly(String),
    /// The table's records are still being read from the disc.
    #[error("table {table:?} is being loaded from the disc ({percent} %); wait for it or try again")]
    Loading {
        /// The table.
        table: String,
        /// How much of it is there.
        percent: u8,
    },
    /// The table's records cannot be read from the disc.
    #[error("table {table:?} could not be loaded: {cause}")]
    NotLoaded {
        /// The table.
        table: String,
        /// Why loading ended, with the table and file at fault, which may be another one.
        cause: String,
    },
    /// The table's records cannot be read: a file of it in the data directory is damaged. Other tables are not concerned.
    #[error(
        "table {table:?} is damaged: {cause}; look with `mnemon repair --dry-run` on the stopped node, restore the table from \
         a backup, or clear or drop it"
    )]
    Damaged {
        /// The table.
        table: String,
        /// What was found, with the file.
        cause: String,
    },
    /// A change of the table was cancelled before it took effect.
    #[error("the change of table {0:?} was cancelled; the table is as it was")]
    Cancelled(String),
    /// There is no change of the table that could be cancelled.
    #[error("no change of table {0:?} is under way; it has ended, or was never begun")]
    NoChange(String),
    /// The table's records are being transformed, moved or restored.
    #[error("table {0:?} is being transformed, moved or restored; try again when it is done")]
    Transforming(String),
    /// The attribute has no index.
    #[error("table {table:?} has no index on {attribute:?}; add one or match without it")]
    NoIndex {
        /// The table.
        table: String,
        /// The attribute.
        attribute: String,
    },
    /// The attribute has an index already.
    #[error("table {table:?} has an index on {attribute:?} already")]
    IndexExists {
        /// The table.
        table: String,
        /// The attribute.
        attribute: String,
    },
    /// This kind of table cannot do that.
    #[error("table {table:?} cannot do that: {cause}")]
    Unsupported {
        /// The table.
        table: String,
        /// Why.
        cause: &'static str,
    },
    /// The operation was refused by the value it met.
    #[error("table {table:?}: {cause}")]
    Refused {
        /// The table.
        table: String,
        /// Why.
        cause: OpError,
    },
    /// A transaction read more rows than can be validated.
    #[error(
        "the transaction read more than {0} rows; read on a snapshot (a read-only transaction) or in parts"
    )]
    TooLarge(usize),
    /// A transaction may use tables of one group only.
    #[error("table {0:?} belongs to another group or node than the transaction; use one transaction a group")]
    CrossGroup(String),
    /// The transaction met newer data than it had read; it is run again.
    #[error("what the transaction read has changed; it is run again")]
    Conflict,
    /// The transaction was given up; nothing was applied.
    #[error("the transaction was aborted: {0}")]
    Aborted(String),
    /// A handle or cursor was used after its transaction had ended.
    #[error("the transaction of this handle has ended; use the handle inside its closure only")]
    NoTransaction,
    /// The transaction may only read.
    #[error("the transaction was declared read-only; start one that may write")]
    ReadOnlyTransaction,
    /// A loader of `fetch` failed or panicked; every waiter is told.
    #[error("loading failed: {0}")]
    LoadFailed(String),
    /// The snapshot was closed before the reader was done.
    #[error("{0}")]
    SnapshotExpired(StoreError),
    /// A term, record or JSON text that cannot be.
    #[error(transparent)]
    Term(#[from] mnemon_term::Error),
    /// The disc takes no more. Reads go on, and writes do when there is room again.
    #[error("{0}")]
    DiscFull(StoreError),
    /// The commit was applied, and then the disc failed: whether it will be there after a restart is not known.
    #[error("{0}")]
    OutcomeUnknown(StoreError),
    /// The store refused.
    #[error(transparent)]
    Store(StoreError),
}

/// What to do about a name that is taken.
fn way_out_of(name: &str) -> &'static str {
    match database_number(name) {
        Some(_) => "the numbered databases are always there; choose another name",
        None => "drop it first or choose another name",
    }
}

impl TableError {
    /// Whether the same request may well succeed when it is made again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Conflict
                | Self::Aborted(_)
                | Self::Transforming(_)
                | Self::Loading { .. }
                | Self::SnapshotExpired(_)
                | Self::DiscFull(_)
        )
    }

    /// The refusal of a record whose key, or entry of an index, no table on disc only can hold.
    pub(crate) fn key_too_long(table: &str, bytes: usize, limit: usize) -> Self {
        let cause = format!("a key of {bytes} bytes; rows on disc and their indexes have at most {limit}");
        Self::BadRecord { table: table.to_owned(), cause }
    }
}

impl From<StoreError> for TableError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::Conflict,
            expired @ StoreError::SnapshotExpired(_) => Self::SnapshotExpired(expired),
            full @ StoreError::DiscFull(_) => Self::DiscFull(full),
            unknown @ StoreError::OutcomeUnknown(_) => Self::OutcomeUnknown(unknown),
            StoreError::Loading(table) => Self::Loading { table: format!("number {}", table.0), percent: 0 },
            StoreError::Damaged { table, cause } => {
                Self::Damaged { table: format!("number {}", table.0), cause }
            }
            other => Self::Store(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TableError;

    #[test]
    fn nobody_is_told_to_drop_a_numbered_database() {
        let advice = |name: &str| TableError::TableExists(name.to_owned()).to_string();
        assert!(advice("users").contains("drop it first"));
        assert!(!advice("db0").contains("drop it first") && advice("db0").contains("another name"));
    }
}
