//! A block of rows as the library `lsm-tree` (format 3) writes it: entries in the order of their keys, each with its sequence
//! number. The library itself reads blocks only through lists of them.
//!
//! Layout of an entry: kind (0 value, 1 and 2 removed), sequence number, then at the beginning of each interval the length of the
//! key, else how many bytes it shares with that first key and how many follow; the key's bytes; of a value its length and its
//! bytes. Numbers are varints. The entries end with a byte 255; the block ends with a trailer of 31 bytes, which begins with the
//! interval and ends with the number of entries.

const VALUE: u8 = 0;
const REMOVED: [u8; 2] = [1, 2];
const END: u8 = 255;
const TRAILER: usize = 31;

/// A key of a run, with its value unless it was removed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Vec<u8>,
    pub(super) seqno: u64,
    pub(super) value: Option<Vec<u8>>,
}

impl Entry {
    /// With a sequence number that is higher by so much.
    pub(super) fn raised(self, by: u64) -> Self {
        Self { seqno: self.seqno.saturating_add(by), ..self }
    }
}

/// The entries of a block whose checksum is right; `None` if it is none of this format.
pub(super) fn entries(block: &[u8]) -> Option<Vec<Entry>> {
    let (mut rest, trailer) = block.split_at_checked(block.len().checked_sub(TRAILER)?)?;
    let interval = usize::from(*trailer.first()?);
    let count = u32::from_le_bytes(*trailer.last_chunk()?);
    let mut entries: Vec<Entry> = Vec::new();
    let mut first = Vec::new();
    loop {
        let kind = take(&mut rest, 1)?[0];
        if kind == END {
            return (u32::try_from(entries.len()) == Ok(count)).then_some(entries);
        }
        let seqno = varint(&mut rest)?;
        let begins = entries.len().is_multiple_of(interval.max(1));
        let shared = if begins { 0 } else { length(&mut rest)? };
        let own = length(&mut rest)?;
        let mut key: Vec<u8> = first.get(..shared)?.to_vec();
        key.extend_from_slice(take(&mut rest, own)?);
        if begins {
            first.clone_from(&key);
        }
        let value = match kind {
            VALUE => {
                let len = length(&mut rest)?;
                Some(take(&mut rest, len)?.to_vec())
            }
            kind if REMOVED.contains(&kind) => None,
            _ => return None,
        };
        if entries.last().is_some_and(|last| last.key > key) {
            return None;
        }
        entries.push(Entry { key, seqno, value });
    }
}

fn take<'b>(rest: &mut &'b [u8], len: usize) -> Option<&'b [u8]> {
    let (taken, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(taken)
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(varint(rest)?).ok()
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
