//! An entry of the journal as bytes: the commit clock, then what was done at it.
//!
//! Layout: clock (8 bytes, little endian), then the postcard form of [`Entry`]. The order of variants and fields is the
//! format; `docs/formats.md` gives its history.

use serde::{Deserialize, Serialize};

use crate::commit::TableOp;
use crate::encoding;
use crate::error::StoreError;
use crate::event::TableId;
use crate::op::Op;
use crate::replica::SchemaChange;

const CLOCK_LEN: usize = 8;
/// Capacity of an entry's bytes from the start: enough for most, so that encoding seldom has to ask for more.
const USUAL_LEN: usize = 160;

/// What is noted, borrowed from whoever does it. Has the same form as [`Entry`].
#[derive(Serialize)]
pub(super) enum ToNote<'e, 'a> {
    Commit { time_ms: u64, ops: Vec<OpRef<'e, 'a>> },
    Schema(&'e SchemaChange),
}

/// As [`TableOp`].
#[derive(Serialize)]
pub(super) struct OpRef<'e, 'a> {
    pub(super) table: TableId,
    pub(super) op: &'e Op<'a>,
}

/// What was noted.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) enum Entry<'a> {
    /// Operations that were applied together.
    Commit {
        /// The commit's time.
        time_ms: u64,
        /// Those on tables that are kept on disc, in order.
        #[serde(borrow)]
        ops: Vec<TableOp<'a>>,
    },
    /// A change of what tables there are.
    Schema(SchemaChange),
}

/// The bytes of an entry, with room for the clock.
pub(super) fn encode(entry: &ToNote<'_, '_>) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(USUAL_LEN);
    bytes.extend_from_slice(&[0; CLOCK_LEN]);
    encoding::append(entry, bytes)
}

pub(super) fn set_clock(bytes: &mut [u8], clock: u64) {
    if let Some(place) = bytes.get_mut(..CLOCK_LEN) {
        place.copy_from_slice(&clock.to_le_bytes());
    }
}

/// The clock alone.
pub(crate) fn clock(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<CLOCK_LEN>().map(|clock| u64::from_le_bytes(*clock))
}

/// The clock and the entry.
///
/// # Errors
/// `Encoding`.
pub(crate) fn decode(bytes: &[u8]) -> Result<(u64, Entry<'_>), StoreError> {
    let broken = |cause: String| StoreError::Encoding(format!("an entry of the log: {cause}"));
    let (clock, rest) =
        bytes.split_first_chunk::<CLOCK_LEN>().ok_or_else(|| broken("it is too short".to_owned()))?;
    let entry = postcard::from_bytes(rest).map_err(|cause| broken(cause.to_string()))?;
    Ok((u64::from_le_bytes(*clock), entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::{CopySpec, Kind};

    #[test]
    fn entries_come_back_from_their_bytes() {
        let op = Op::Increment { key: b"k"[..].into(), by: 7 };
        let to_note = ToNote::Commit { time_ms: 5, ops: vec![OpRef { table: TableId(3), op: &op }] };
        let mut bytes = encode(&to_note).unwrap();
        set_clock(&mut bytes, 9);
        let ops = vec![TableOp { table: TableId(3), op: op.clone() }];
        assert_eq!(decode(&bytes).unwrap(), (9, Entry::Commit { time_ms: 5, ops }));

        let change = SchemaChange::Create { table: TableId(1), spec: CopySpec::new(Kind::Bag) };
        let bytes = encode(&ToNote::Schema(&change)).unwrap();
        assert_eq!(decode(&bytes).unwrap(), (0, Entry::Schema(change)));
        assert!(decode(&bytes[..4]).is_err() && decode(&[0xff; 20]).is_err());
    }
}
