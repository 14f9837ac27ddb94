//! Large values that a commit puts into tables in RAM: their rows are built before its locks are taken, and what they replace is
//! freed when the locks are gone, so that nobody who reads another row of the shard waits for megabytes to be copied.
//! Values that are computed from what stands there (`APPEND`, a field of a hash) are still copied under the lock.

use crate::copy::Kind;
use crate::op::{Expiry, Op, When};
use crate::row::Row;

/// Values from here on, in bytes; to copy or free less takes some microseconds.
const LARGE: usize = 64 << 10;
/// Bytes that are built ahead, and bytes that are kept to be freed later, at most. It is memory that nobody counts.
const AHEAD_MAX: usize = 64 << 20;

/// Rows that a commit has built and not yet written, and rows it has replaced.
#[derive(Debug, Default)]
pub(crate) struct Large {
    /// With the address of the bytes that each was built from: an operation that is refused leaves its row to nobody else.
    built: Vec<(usize, Row)>,
    replaced: Vec<Row>,
    built_bytes: usize,
    replaced_bytes: usize,
}

impl Large {
    /// Builds the rows of the large values that are sure to be put as they are. `None`: there are none.
    #[inline]
    pub(crate) fn build<'o>(ops: impl Iterator<Item = (Kind, &'o Op<'o>)>) -> Option<Box<Self>> {
        let mut large = None;
        for (kind, op) in ops {
            if let Op::Put { key, body, expiry, when: When::Always, .. } = op
                && body.len() >= LARGE
                && kind != Kind::Bag
            {
                let large: &mut Box<Self> = large.get_or_insert_default();
                large.build_row(key, body, *expiry);
            }
        }
        large
    }

    fn build_row(&mut self, key: &[u8], body: &[u8], expiry: Expiry) {
        let expires_at = match expiry {
            Expiry::Never => None,
            Expiry::At(at_ms) => Some(at_ms),
            // Only the row that stands there knows.
            Expiry::Keep => return,
        };
        if self.built_bytes + body.len() > AHEAD_MAX && !self.built.is_empty() {
            return;
        }
        self.built_bytes += body.len();
        self.built.push((address(body), Row::bytes(0, expires_at, key, body)));
    }

    /// The row that was built of these bytes for this key, with its version.
    fn take(&mut self, version: u64, expires_at: Option<u64>, key: &[u8], body: &[u8]) -> Option<Row> {
        let place = self.built.iter().position(|(from, row)| {
            *from == address(body)
                && row.key() == key
                && row.expires_at() == expires_at
                && row.body().len() == body.len()
        })?;
        let (_, mut row) = self.built.swap_remove(place);
        row.alter(version, |_| ()).then_some(row)
    }
}

/// The row that was built before of a value, if one was.
pub(crate) fn built(
    large: &mut Option<Box<Large>>,
    version: u64,
    expires_at: Option<u64>,
    key: &[u8],
    body: &[u8],
) -> Option<Row> {
    large.as_mut()?.take(version, expires_at, key, body)
}

/// Frees a row that was replaced, at once or when the commit's locks are gone.
pub(crate) fn free(large: &mut Option<Box<Large>>, row: Row) {
    let bytes = row.memory();
    if bytes >= LARGE {
        let large = large.get_or_insert_default();
        if large.replaced_bytes + bytes <= AHEAD_MAX || large.replaced.is_empty() {
            large.replaced_bytes += bytes;
            large.replaced.push(row);
        }
    }
}

fn address(body: &[u8]) -> usize {
    body.as_ptr().addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(body: &[u8], expiry: Expiry, when: When) -> Op<'_> {
        Op::Put { key: b"k".into(), body: body.into(), expiry, when, over_bytes_only: false }
    }

    fn build(kind: Kind, op: &Op<'_>) -> Option<Box<Large>> {
        Large::build(std::iter::once((kind, op)))
    }

    #[test]
    fn what_is_sure_to_be_put_is_built_once_and_ahead() {
        let body = vec![7; LARGE];
        for (expiry, expires_at) in [(Expiry::Never, None), (Expiry::At(9), Some(9))] {
            let mut large = build(Kind::Set, &put(&body, expiry, When::Always));
            let address = large.as_ref().unwrap().built[0].1.address();
            assert!(built(&mut large, 5, Some(77), b"k", &body).is_none(), "another expiry");
            assert!(built(&mut large, 5, expires_at, b"l", &body).is_none(), "another key");
            assert!(built(&mut large, 5, expires_at, b"k", &body.clone()).is_none(), "another value");
            let row = built(&mut large, 5, expires_at, b"k", &body).unwrap();
            assert_eq!((row.address(), row.version(), row.expires_at()), (address, 5, expires_at));
            assert!(built(&mut large, 6, expires_at, b"k", &body).is_none(), "it is written");
        }
    }

    #[test]
    fn what_may_not_be_put_is_not_built() {
        let body = vec![7; LARGE];
        assert!(build(Kind::Bag, &put(&body, Expiry::Never, When::Always)).is_none());
        assert!(build(Kind::Set, &put(&body, Expiry::Never, When::Absent)).is_none());
        assert!(build(Kind::Set, &put(&body[1..], Expiry::Never, When::Always)).is_none());
        assert!(build(Kind::Set, &put(&body, Expiry::Keep, When::Always)).unwrap().built.is_empty());
    }

    #[test]
    fn what_is_built_and_kept_is_bounded() {
        let body = vec![7; AHEAD_MAX / 3];
        let op = put(&body, Expiry::Never, When::Always);
        let mut large = Large::build([&op; 5].into_iter().map(|op| (Kind::Set, op)));
        assert_eq!(large.as_ref().unwrap().built.len(), 3);
        (0..5).for_each(|_| free(&mut large, Row::bytes(1, None, b"k", &body)));
        assert_eq!(large.unwrap().replaced.len(), 2);
    }
}
