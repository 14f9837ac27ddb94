//! Which row a full table gives up. One policy: [`S3Fifo`], in each shard of a bounded table.

mod s3fifo;

pub(crate) use s3fifo::{Probe, S3Fifo};

use crate::rows::At;

/// The policy of one shard, by how its rows are named in the queues.
pub(crate) enum Policy {
    /// A hashed row is named by its hash: eight bytes. When two keys share a hash, either may go.
    Hashed(S3Fifo<u64>),
    /// An ordered row is named by its key.
    Ordered(S3Fifo<Box<[u8]>>),
}

impl Policy {
    pub(crate) fn inserted(&mut self, at: At<'_>) {
        match self {
            Self::Hashed(queues) => queues.insert(at.hash),
            Self::Ordered(queues) => queues.insert(at.key.into()),
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Hashed(queues) => queues.clear(),
            Self::Ordered(queues) => queues.clear(),
        }
    }
}
