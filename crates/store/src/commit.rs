//! A commit: what was read, what to do, and the time. Data, never a closure, so it can be logged and replicated.

use std::ops::Bound;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::encoding;
use crate::error::StoreError;
use crate::event::{Change, TableId};
use crate::op::{Bytes, Op, OpError, Outcome};
use crate::snapshot::Snapshot;

/// A key that was seen, and the version it had.
pub type Seen = (Box<[u8]>, u64);

/// Something read before the commit that must still be so when it is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Check<'a> {
    /// The row has this version; 0: there is none.
    Key {
        /// The row's table.
        table: TableId,
        /// The row's key.
        #[serde(borrow)]
        key: Bytes<'a>,
        /// Its version.
        version: u64,
    },
    /// A scan gives the same keys with the same versions.
    Scan {
        /// The table.
        table: TableId,
        /// The index that was read, by attribute; `None`: the rows themselves.
        index: Option<u16>,
        /// Where the scan began: a key, or an index's composite key.
        from: Bound<Box<[u8]>>,
        /// Where it ended.
        to: Bound<Box<[u8]>>,
        /// What was seen.
        seen: Vec<Seen>,
    },
    /// The table's schema has this version.
    Schema {
        /// The table.
        table: TableId,
        /// Its schema's version.
        version: u64,
    },
    /// The table's rows were last exchanged with another's by this commit. For who also checks a key of it: rows keep their
    /// versions when they move.
    Exchanged {
        /// The table.
        table: TableId,
        /// What [`crate::TableCopy::exchanged`] said.
        clock: u64,
    },
}

impl Check<'_> {
    /// The table that was read.
    #[must_use]
    pub fn table(&self) -> TableId {
        match self {
            Self::Key { table, .. }
            | Self::Scan { table, .. }
            | Self::Schema { table, .. }
            | Self::Exchanged { table, .. } => *table,
        }
    }

    /// The key whose row was read, when it was one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Key { key, .. } => Some(key),
            _ => None,
        }
    }
}

/// One operation on one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableOp<'a> {
    /// The table.
    pub table: TableId,
    /// What to do there.
    #[serde(borrow)]
    pub op: Op<'a>,
}

/// A unit that is applied as a whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Commit<'a> {
    /// The group's time when the commit was made, in milliseconds since the epoch. Rows expired by then are absent.
    pub time_ms: u64,
    /// What was read; any difference refuses the commit.
    #[serde(borrow)]
    pub checks: Vec<Check<'a>>,
    /// What to do, in order.
    #[serde(borrow)]
    pub ops: Vec<TableOp<'a>>,
    /// Whether the answer shall bring a snapshot of the state just before the commit, and what each operation
    /// changed: what queries inside Redis's `EXEC` are answered from.
    pub with_before: bool,
}

impl<'a> Commit<'a> {
    /// The commit as bytes, for a log or another copy.
    ///
    /// # Errors
    /// None in practice; the encoder's are passed on.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        encoding::append(self, Vec::new())
    }

    /// A commit from its bytes, borrowing from them.
    ///
    /// # Errors
    /// `Encoding` when the bytes are no commit.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, StoreError> {
        postcard::from_bytes(bytes).map_err(|cause| StoreError::Encoding(cause.to_string()))
    }
}

/// The state around a commit, for queries that belong to it.
#[derive(Debug)]
pub struct Before {
    /// The state just before the commit.
    pub snapshot: Snapshot,
    /// What the operations changed, each with the operation's place in the commit, in order.
    pub changes: Vec<(usize, Change)>,
}

/// What a commit did.
#[derive(Debug, Default)]
pub struct Applied {
    /// The commit's clock, which is the version of all rows it wrote. A commit that only reads has that of the last
    /// commit it may have seen.
    pub clock: u64,
    /// One a operation, in order. A refused operation leaves the others standing, as in Redis's `EXEC`.
    pub outcomes: SmallVec<[Result<Outcome, OpError>; 1]>,
    /// When the commit asked for it.
    pub before: Option<Before>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Expiry, When};

    #[test]
    fn a_commit_comes_back_from_its_bytes() {
        let commit = Commit {
            time_ms: 12,
            checks: vec![
                Check::Key { table: TableId(3), key: b"k"[..].into(), version: 0 },
                Check::Scan {
                    table: TableId(3),
                    index: Some(2),
                    from: Bound::Included(b"a"[..].into()),
                    to: Bound::Unbounded,
                    seen: vec![(b"x"[..].into(), 9)],
                },
            ],
            ops: vec![TableOp {
                table: TableId(3),
                op: Op::Put {
                    key: b"k"[..].into(),
                    body: vec![0, 255].into(),
                    expiry: Expiry::At(5),
                    when: When::Absent,
                    over_bytes_only: false,
                },
            }],
            with_before: true,
        };
        let bytes = commit.encode().unwrap();
        let again = Commit::decode(&bytes).unwrap();
        assert_eq!(format!("{again:?}"), format!("{commit:?}"));
        assert!(Commit::decode(b"\xff\xff\xff").is_err());
    }
}
