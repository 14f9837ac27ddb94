//! Operations: the deterministic steps that commits are made of, with their outcomes.
//!
//! An operation is data. Applied to the same rows at the same time stamp it does the same on every copy: it asks no
//! clock, no random source and no hash order. What depends on those (a TTL, a random member, a transformed record)
//! is computed before and written down here.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bits::BitStep;
use crate::collection::Collection;
use crate::encoding;
use crate::event::{Cause, TableId};
use crate::row::Row;

/// Bytes that an operation carries: borrowed from a request, or owned when they had to be computed.
pub type Bytes<'a> = Cow<'a, [u8]>;

/// What a write does with the row's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiry {
    /// The row lives for ever.
    Never,
    /// The row keeps the expiry it has.
    Keep,
    /// The row expires at this time, in milliseconds since the epoch.
    At(u64),
}

/// The condition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// Write in any case.
    Always,
    /// Write when the key (or field) is absent.
    Absent,
    /// Write when the key (or field) is present.
    Present,
}

/// The condition of a new expiry, as Redis's `EXPIRE` has it. A row without expiry counts as expiring never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExpireWhen {
    /// In any case.
    Always,
    /// When the row has no expiry.
    None,
    /// When the row has one.
    Some,
    /// When the new expiry is later.
    Later,
    /// When the new expiry is earlier.
    Earlier,
}

/// Fields of a hash with their values.
pub type Fields<'a> = Vec<(Bytes<'a>, Bytes<'a>)>;

/// One step of a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Op<'a> {
    /// Reads a row. Outcome: `Row`.
    Get {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
    },
    /// Writes a row; in a bag, adds an object. Outcome: `Put`.
    Put {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// The value, or the encoded record.
        #[serde(borrow, with = "serde_bytes")]
        body: Bytes<'a>,
        /// The row's expiry from now on.
        expiry: Expiry,
        /// The condition.
        when: When,
        /// Refuse with `WrongType` when a collection stands there (`SET … GET`).
        over_bytes_only: bool,
    },
    /// Deletes a row. Outcome: `Removed`.
    Delete {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// What subscribers are told.
        cause: Cause,
        /// Only when the row has this version; 0: any.
        version: u64,
    },
    /// Deletes one object of a bag, or a row that equals this record. Outcome: `Changed`.
    DeleteObject {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// The encoded record.
        #[serde(borrow, with = "serde_bytes")]
        body: Bytes<'a>,
    },
    /// Adds to an integer attribute of a record. Outcome: `Int`.
    Counter {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// The attribute's place in the record; the key is 0.
        attribute: u16,
        /// What is added.
        by: i64,
        /// The record to write when there is none, before adding; without it, a missing row is an error.
        #[serde(borrow, with = "serde_bytes")]
        initial: Option<Bytes<'a>>,
        /// When a record that is made expires; one that is there keeps its expiry.
        expires_at: Option<u64>,
    },
    /// Sets or takes away the expiry; a time that has passed deletes the row. Outcome: `Changed`.
    ExpireAt {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// The new expiry; `None` takes it away.
        at_ms: Option<u64>,
        /// The condition.
        when: ExpireWhen,
    },
    /// Adds to a string that is a decimal integer. Outcome: `Int`.
    Increment {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// What is added.
        by: i64,
    },
    /// Adds to a string that is a decimal number. Outcome: `Text`.
    IncrementFloat {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// What is added, as decimal text.
        #[serde(borrow, with = "serde_bytes")]
        by: Bytes<'a>,
    },
    /// Adds bytes at the end of a string. Outcome: `Int`, the new length.
    Append {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// What is added.
        #[serde(borrow, with = "serde_bytes")]
        tail: Bytes<'a>,
    },
    /// Sets fields of a hash. Outcome: `Int`, the number of new fields.
    FieldPut {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// The fields.
        #[serde(borrow, serialize_with = "encoding::pairs")]
        fields: Fields<'a>,
        /// The condition on each field.
        when: When,
    },
    /// Removes fields of a hash. Outcome: `Int`, the number removed.
    FieldDelete {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// The fields.
        #[serde(borrow, serialize_with = "encoding::list")]
        fields: Vec<Bytes<'a>>,
    },
    /// Adds to a field that is a decimal integer. Outcome: `Int`.
    FieldIncrement {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// The field.
        #[serde(borrow, with = "serde_bytes")]
        field: Bytes<'a>,
        /// What is added.
        by: i64,
    },
    /// Adds to a field that is a decimal number. Outcome: `Text`.
    FieldIncrementFloat {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// The field.
        #[serde(borrow, with = "serde_bytes")]
        field: Bytes<'a>,
        /// What is added, as decimal text.
        #[serde(borrow, with = "serde_bytes")]
        by: Bytes<'a>,
    },
    /// Deletes all rows of the table. Outcome: `Int`, how many there were.
    Clear,
    /// Writes bytes into a string at an offset; what it lacks up to there becomes zeros. Nothing is written, or made,
    /// when there are no bytes. Outcome: `Int`, the new length.
    SetRange {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// Where the bytes go.
        offset: u64,
        /// The bytes.
        #[serde(borrow, with = "serde_bytes")]
        part: Bytes<'a>,
    },
    /// Reads and writes bits of a string, which grows as far as any step writes. Outcome: `Integers`, one a step.
    Bits {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// What to do, in order.
        steps: Vec<BitStep>,
    },
    /// Writes a row that holds a whole collection, over whatever stands there; an empty one deletes it. Nothing is
    /// copied but where the operation is encoded. Outcome: `Put`.
    PutCollection {
        /// The row's key.
        #[serde(borrow, with = "serde_bytes")]
        key: Bytes<'a>,
        /// The collection.
        #[serde(with = "crate::collection::image")]
        collection: Arc<Collection>,
        /// The row's expiry from now on.
        expiry: Expiry,
    },
    /// Counts the rows of the table, those included whose time has passed and that nobody has met since. Outcome: `Int`.
    Count,
    /// The rows of the table and those of another one change places, in O(1). Both are sets in memory, without indexes and
    /// bounds, and kept on disc alike; else the commit is refused. Outcome: `Changed`.
    Exchange {
        /// The other table.
        with: TableId,
    },
}

impl Op<'_> {
    /// The key; `None` for an operation on the whole table.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Get { key }
            | Self::Put { key, .. }
            | Self::Delete { key, .. }
            | Self::DeleteObject { key, .. }
            | Self::Counter { key, .. }
            | Self::ExpireAt { key, .. }
            | Self::Increment { key, .. }
            | Self::IncrementFloat { key, .. }
            | Self::Append { key, .. }
            | Self::FieldPut { key, .. }
            | Self::FieldDelete { key, .. }
            | Self::FieldIncrement { key, .. }
            | Self::FieldIncrementFloat { key, .. }
            | Self::SetRange { key, .. }
            | Self::Bits { key, .. }
            | Self::PutCollection { key, .. } => Some(key),
            Self::Clear | Self::Count | Self::Exchange { .. } => None,
        }
    }

    /// The table that the operation concerns as well as its own.
    #[must_use]
    pub fn other_table(&self) -> Option<TableId> {
        if let Self::Exchange { with } = self { Some(*with) } else { None }
    }

    /// Whether the operation changes nothing.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Get { .. } | Self::Count)
    }
}

/// What an operation answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The row that was read.
    Row(Option<Row>),
    /// Of a write.
    Put {
        /// Whether the condition held (and, in a bag, the object is new).
        stored: bool,
        /// What stands there: when the condition did not hold. What stood there: when the operation was to look
        /// (`over_bytes_only`).
        old: Option<Row>,
    },
    /// The row that was deleted.
    Removed(Option<Row>),
    /// Whether anything changed.
    Changed(bool),
    /// A number.
    Int(i64),
    /// A number as text.
    Text(String),
    /// Numbers; `None` where one was not to be had.
    Integers(Vec<Option<i64>>),
}

/// Why an operation was refused. It changed nothing; the commit's other operations stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
    /// The value is of another type.
    #[error("the value is of another type than the operation needs")]
    WrongType,
    /// A string or field is no decimal integer in the range of i64.
    #[error("the value is not an integer or out of range")]
    NotAnInteger,
    /// A string or field is no decimal number.
    #[error("the value is not a valid number")]
    NotANumber,
    /// The sum leaves the range of i64.
    #[error("the sum leaves the range of 64-bit integers")]
    Overflow,
    /// The sum is no finite number.
    #[error("the sum is not a finite number")]
    NotFinite,
    /// The string would get longer than 512 MiB, or a field of bits cannot be.
    #[error("the string would exceed 512 MiB")]
    TooLong,
    /// There is no row, and no initial record was given.
    #[error("there is no such row; give an initial record")]
    Missing,
    /// The record has no such attribute, or it holds no integer.
    #[error("the attribute is missing or holds no integer")]
    NotACounter,
}
