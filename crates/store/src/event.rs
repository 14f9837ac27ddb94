//! What a commit changed, as subscribers and logs see it.

use serde::{Deserialize, Serialize};

use crate::row::Row;

/// A table's number, unique on its node and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableId(pub u32);

/// Why a row changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// It was written.
    Write,
    /// It was deleted.
    Delete,
    /// Its time to live had passed.
    Expired,
    /// The table was full.
    Evicted,
    /// The whole table was cleared.
    Clear,
}

/// A field of a hash and its new value; `None`: it was removed.
pub type FieldChange = (Box<[u8]>, Option<Box<[u8]>>);

/// What one operation changed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// A row as a whole.
    Row {
        /// Its table.
        table: TableId,
        /// Why.
        cause: Cause,
        /// What stood there before.
        old: Option<Row>,
        /// What stands there now.
        new: Option<Row>,
    },
    /// Some fields of a hash.
    Fields {
        /// The hash's table.
        table: TableId,
        /// The hash's key.
        key: Box<[u8]>,
        /// The fields.
        fields: Vec<FieldChange>,
    },
    /// The rows of two tables have changed places.
    Exchanged {
        /// The one table.
        table: TableId,
        /// The other one.
        with: TableId,
    },
    /// All rows of a table are gone.
    Cleared {
        /// The table.
        table: TableId,
    },
}

impl Change {
    /// Whether the change concerns a table.
    #[must_use]
    pub fn concerns(&self, table: TableId) -> bool {
        self.table() == table || matches!(self, Self::Exchanged { with, .. } if *with == table)
    }

    /// The table that changed; of two, the one that is named first.
    #[must_use]
    pub fn table(&self) -> TableId {
        match self {
            Self::Row { table, .. }
            | Self::Fields { table, .. }
            | Self::Exchanged { table, .. }
            | Self::Cleared { table } => *table,
        }
    }
}

/// The changes of one commit.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The commit's clock.
    pub clock: u64,
    /// In the order of the commit's operations.
    pub changes: Vec<Change>,
}

/// Takes the batches of a store, in the order of their clocks.
///
/// Called with the locks of the changed rows held, so it must not block and must not come back to the store.
pub trait Sink: Send + Sync + 'static {
    /// Takes one commit's changes to tables that are watched.
    fn publish(&self, batch: Batch);
}
