//! The fields that files are made of: fixed-width little-endian numbers, bytes behind their length, lengths in as few bytes
//! as they take. Read from bytes that may be anything.

/// Bytes that are taken field by field; `None` when they are too short.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(field)
    }

    /// The next two bytes as a number.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next four bytes as a number.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes as a number.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Bytes behind their length, a `u32`.
    pub fn sized(&mut self) -> Option<&'a [u8]> {
        let count = self.u32()?;
        self.bytes(usize::try_from(count).ok()?)
    }
}

/// Appends bytes behind their length. Callers keep them below 4 GiB.
pub(crate) fn put_sized(into: &mut Vec<u8>, bytes: &[u8]) {
    into.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    into.extend_from_slice(bytes);
}

/// Appends a length of at most 32 bits in as few bytes as it takes, seven bits each, the lowest first.
pub fn put_length(into: &mut Vec<u8>, mut length: u32) {
    while length >= 0x80 {
        into.push(length as u8 | 0x80);
        length >>= 7;
    }
    into.push(length as u8);
}

/// Takes a length off `bytes`; `None` when they are too short or say more than 32 bits.
pub fn take_length(bytes: &mut &[u8]) -> Option<u32> {
    let mut length = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u32::from(byte & 0x7f);
        if shift == 28 && *byte > 0x0f {
            return None;
        }
        length |= part << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_bytes_give_nothing() {
        let mut fields = Fields(&[1, 0, 2]);
        assert_eq!(fields.u16(), Some(1));
        assert_eq!(fields.u16(), None);
        assert_eq!(fields.array(), Some([2]));
        assert_eq!(fields.sized(), None);
        assert_eq!(Fields(&[9, 0, 0, 0, 1]).sized(), None);
    }

    #[test]
    fn a_length_comes_back() {
        for length in [0, 1, 127, 128, 300, 1 << 14, 1 << 21, 1 << 28, u32::MAX] {
            let mut bytes = Vec::new();
            put_length(&mut bytes, length);
            bytes.push(9);
            let mut rest = &bytes[..];
            assert_eq!((take_length(&mut rest), rest), (Some(length), &[9][..]));
        }
        assert_eq!(take_length(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), None);
        assert_eq!(take_length(&mut &[0x80][..]), None);
    }
}
