//! Large values of a commit: their rows are built before its locks are taken, and what they replace is freed when the locks are
//! gone. Nobody waits for a copy of megabytes who reads another row of the shard.

use crate::op::{Expiry, Op};
use crate::row::Row;

/// Values from here on, in bytes; to copy or free less takes some microseconds.
const LARGE: usize = 64 << 10;

/// Rows that a commit has built and not yet written, and rows it has replaced.
#[derive(Debug, Default)]
pub(crate) struct Large {
    /// With the address of the bytes that each was built from: an operation that is refused leaves its row to nobody else.
    built: Vec<(usize, Row)>,
    replaced: Vec<Row>,
}

/// Whether a value is too large to be copied while a lock is held.
pub(crate) fn is_large(body: &[u8]) -> bool {
    body.len() >= LARGE
}

impl Large {
    /// Builds the rows of the large values that are put. `None`: there are none.
    #[inline]
    pub(crate) fn build<'o>(ops: impl Iterator<Item = &'o Op<'o>>) -> Option<Box<Self>> {
        let mut large = None;
        for op in ops {
            if let Op::Put { key, body, expiry, .. } = op
                && is_large(body)
            {
                let row = Row::bytes(0, expiry_of(*expiry), key, body);
                let large: &mut Box<Self> = large.get_or_insert_default();
                large.built.push((address(body), row));
            }
        }
        large
    }

    /// The row that was built of these bytes for this key, with its version.
    fn take(&mut self, version: u64, expires_at: Option<u64>, key: &[u8], body: &[u8]) -> Option<Row> {
        let is_wanted = |(from, row): &(usize, Row)| *from == address(body) && row.key() == key;
        let place = self.built.iter().position(is_wanted)?;
        let (_, mut row) = self.built.swap_remove(place);
        // The expiry may have been found out later, from the row that is replaced.
        let is_as_wanted = row.expires_at() == expires_at && row.body().len() == body.len();
        (is_as_wanted && row.alter(version, |_| ())).then_some(row)
    }
}

/// The row of a value: the one that was built before, or a new one.
pub(crate) fn row_of(
    large: &mut Option<Box<Large>>,
    version: u64,
    expires_at: Option<u64>,
    key: &[u8],
    body: &[u8],
) -> Row {
    let built = if is_large(body) { large.as_mut() } else { None };
    let built = built.and_then(|large| large.take(version, expires_at, key, body));
    built.unwrap_or_else(|| Row::bytes(version, expires_at, key, body))
}

/// Frees a row that was replaced, at once or when the commit's locks are gone.
pub(crate) fn free(large: &mut Option<Box<Large>>, row: Row) {
    if row.memory() >= LARGE {
        large.get_or_insert_default().replaced.push(row);
    }
}

fn expiry_of(expiry: Expiry) -> Option<u64> {
    match expiry {
        Expiry::At(at_ms) => Some(at_ms),
        Expiry::Never | Expiry::Keep => None,
    }
}

fn address(body: &[u8]) -> usize {
    body.as_ptr().addr()
}
