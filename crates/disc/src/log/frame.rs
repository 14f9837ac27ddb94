//! A frame: what one append, or a part of a large one, is on disc.
//!
//! The header has a checksum of its own, so that looking for frames behind a damaged one costs a glance at each place.

use crate::fields::Fields;

/// Bytes of a frame's header.
pub(crate) const HEADER: usize = 28;
/// Frames begin at multiples of this.
pub(crate) const ALIGN: usize = 4;
/// Streams are numbered below this.
pub(crate) const STREAMS: u32 = 1 << 24;

/// Which log in the log: the node's own tables, or a Raft group. Numbers go up to 2²⁴ − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(u32);

impl StreamId {
    /// The stream of the node's local tables.
    pub const LOCAL: Self = Self(0);

    /// The stream of this number; `None` from 2²⁴ on.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number < STREAMS { Some(Self(number)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameKind {
    /// A whole entry.
    Whole = 1,
    /// The first part of an entry that goes on in the next segment.
    First = 2,
    /// A part between.
    Middle = 3,
    /// The last part.
    Last = 4,
    /// Entries of the stream from a sequence number on are void.
    Truncate = 5,
    /// Entries of the stream below a sequence number are no longer needed.
    Purge = 6,
    /// The log was closed in order here.
    Close = 7,
}

impl FrameKind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Whole, Self::First, Self::Middle, Self::Last, Self::Truncate, Self::Purge, Self::Close]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }

    /// Whether its segment must stay as long as its stream needs it.
    pub(crate) fn pins(self) -> bool {
        matches!(self, Self::Whole | Self::First | Self::Middle | Self::Last)
    }
}

/// What stands before a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) payload_checksum: u32,
    pub(crate) sequence: u64,
    pub(crate) length: u32,
    /// How many frames before this one may not have been durable when it was written: those from `sequence - unsynced` on. All
    /// before had been synced, so if one of them is bad, it is damage and no torn write.
    pub(crate) unsynced: u32,
    pub(crate) kind: FrameKind,
    pub(crate) stream: StreamId,
}

impl FrameHeader {
    pub(crate) fn encode(&self, salt: u32) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[4..8].copy_from_slice(&self.payload_checksum.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.length.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.unsynced.to_le_bytes());
        bytes[24..].copy_from_slice(&self.stream.0.to_le_bytes());
        // The stream's top byte is free: numbers are below 2^24.
        bytes[27] = self.kind as u8;
        let checksum = crc32c::crc32c_append(salt, &bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header at the beginning of `bytes`, if a good one stands there.
    pub(crate) fn decode(bytes: &[u8], salt: u32) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let mut fields = Fields(header);
        let checksum = fields.u32()?;
        let payload_checksum = fields.u32()?;
        let sequence = fields.u64()?;
        let length = fields.u32()?;
        let unsynced = fields.u32()?;
        let [a, b, c, kind] = fields.array::<4>()?;
        if crc32c::crc32c_append(salt, &header[4..]) != checksum {
            return None;
        }
        let stream = StreamId(u32::from_le_bytes([a, b, c, 0]));
        let kind = FrameKind::from_byte(kind)?;
        Some(Self { payload_checksum, sequence, length, unsynced, kind, stream })
    }

    /// Everything below this was durable before the frame was written.
    pub(crate) fn floor(&self) -> u64 {
        self.sequence.saturating_sub(u64::from(self.unsynced))
    }
}

/// How many bytes a frame takes with this much payload.
pub(crate) const fn frame_len(payload: usize) -> usize {
    (HEADER + payload).next_multiple_of(ALIGN)
}

/// A good frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) header: FrameHeader,
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the beginning of `bytes`, if a good one stands there.
    pub(crate) fn decode(bytes: &'a [u8], salt: u32) -> Option<Self> {
        let header = FrameHeader::decode(bytes, salt)?;
        let length = usize::try_from(header.length).ok()?;
        let end = HEADER.checked_add(length)?;
        let payload = bytes.get(HEADER..end)?;
        let padding = bytes.get(end..frame_len(length))?;
        let good =
            crc32c::crc32c(payload) == header.payload_checksum && padding.iter().all(|byte| *byte == 0);
        good.then_some(Self { header, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_frame_is_found() {
        let payload = b"payload";
        let header = FrameHeader {
            payload_checksum: crc32c::crc32c(payload),
            sequence: 1 << 40,
            length: payload.len() as u32,
            unsynced: 3,
            kind: FrameKind::Whole,
            stream: StreamId::new(STREAMS - 1).unwrap(),
        };
        let mut bytes = header.encode(5).to_vec();
        bytes.extend_from_slice(payload);
        bytes.resize(frame_len(payload.len()), 0);
        let frame = Frame::decode(&bytes, 5).unwrap();
        assert_eq!((frame.header, frame.payload), (header, &payload[..]));
        assert_eq!(header.floor(), (1 << 40) - 3);
        assert!(Frame::decode(&bytes, 6).is_none(), "another segment's salt");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::decode(&flipped, 5).is_none(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(Frame::decode(&bytes[..len], 5).is_none(), "cut at {len}");
        }
    }

    #[test]
    fn zeroes_are_no_frame() {
        assert!(Frame::decode(&[0; 64], 0).is_none());
    }
}
