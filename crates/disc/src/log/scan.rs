//! The frames of one segment, and what the place where they end means. Pure: bytes in, verdict out.
//!
//! Where no good frame stands, either nothing was written yet, or a write was torn by a crash, or bytes were damaged. Only
//! the first two may be cut off. It is damage when
//! - a later good frame says that this place had been synced before it was written, or
//! - a good frame follows, and no sector in between is missing: a torn write lacks whole sectors, which then are zero, as a
//!   segment is zero throughout before it is written.

use super::frame::{ALIGN, Frame, FrameHeader, HEADER};

/// What a disc writes as a whole or not at all.
const SECTOR: usize = 512;

/// Goes through the frames of a segment.
#[derive(Clone, Debug)]
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    salt: u32,
    offset: usize,
    expected: u64,
}

/// Why there is no further good frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing was written from here on.
    Clean,
    /// What follows was never completed. `frames` good ones stand among it.
    Torn { frames: u64 },
    /// Bytes that had been written have changed.
    Corrupt { what: String },
}

impl<'a> Scan<'a> {
    /// Scans `bytes`, a whole segment whose header has been checked.
    pub(crate) fn new(bytes: &'a [u8], salt: u32, first: u64) -> Self {
        Self { bytes, salt, offset: super::segment::HEADER, expected: first }
    }

    /// Goes on where another scan of the same segment has stopped.
    pub(crate) fn resume(bytes: &'a [u8], salt: u32, offset: usize, expected: u64) -> Self {
        Self { bytes, salt, offset, expected }
    }

    /// The next frame, if a good one with the right sequence number stands here.
    pub(crate) fn next_frame(&mut self) -> Option<Frame<'a>> {
        let frame = Frame::decode(self.bytes.get(self.offset..)?, self.salt)?;
        if frame.header.sequence != self.expected {
            return None;
        }
        self.offset += super::frame::frame_len(frame.payload.len());
        self.expected += 1;
        Some(frame)
    }

    /// Where the next frame would stand.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// Its sequence number.
    pub(crate) fn expected(&self) -> u64 {
        self.expected
    }

    /// What it means that there is no good frame here, in the last segment of the log. O(bytes left).
    pub(crate) fn judge(&self) -> End {
        let rest = self.bytes.get(self.offset..).unwrap_or(&[]);
        if is_zero(rest) {
            return End::Clean;
        }
        let mut good = 0;
        let mut first_good = None;
        let mut place = 0;
        while let Some(at) = rest.get(place..).filter(|at| at.len() >= HEADER) {
            let Some(header) = self.plausible(at) else {
                place += ALIGN;
                continue;
            };
            if header.floor() > self.expected {
                let what = format!(
                    "entry {} is bad, and had been synced when entry {} was written",
                    self.expected, header.sequence
                );
                return End::Corrupt { what };
            }
            match Frame::decode(at, self.salt) {
                Some(frame) => {
                    good += 1;
                    first_good.get_or_insert((place, header.sequence));
                    place += super::frame::frame_len(frame.payload.len());
                }
                None => place += ALIGN,
            }
        }
        match first_good {
            Some((until, sequence)) if !self.lacks_a_sector(until) => End::Corrupt {
                what: format!("entry {} is bad, and good entry {sequence} follows", self.expected),
            },
            _ => End::Torn { frames: good },
        }
    }

    /// The header of a frame that may belong behind this place. The look at the number is what makes the search cheap.
    fn plausible(&self, bytes: &[u8]) -> Option<FrameHeader> {
        let sequence = u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
        let reach = (self.bytes.len() / HEADER) as u64;
        if sequence < self.expected || sequence - self.expected > reach {
            return None;
        }
        FrameHeader::decode(bytes, self.salt)
    }

    /// Whether a whole sector, or the end of the one that the good frames reach into, is missing in the `len` bytes
    /// from here.
    fn lacks_a_sector(&self, len: usize) -> bool {
        let end = self.offset + len;
        let mut from = self.offset;
        while from < end {
            let to = (from + 1).next_multiple_of(SECTOR);
            if to > end {
                return false;
            }
            if self.bytes.get(from..to).is_some_and(is_zero) {
                return true;
            }
            from = to;
        }
        false
    }
}

/// Whether there are only zeros. Most of a log's last segment is such, and is looked at before anyone is served: without an
/// end at the first other byte, a piece is compared many bytes at once.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(SECTOR).all(|sector| sector.iter().fold(0, |all, byte| all | byte) == 0)
}
