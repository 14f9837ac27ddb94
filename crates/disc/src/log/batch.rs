//! What waits to be written: frames, ready as bytes, for the current segment and those to be opened after it.

use std::sync::Arc;

use super::segment::{self, SegmentHeader, segment_name};
use crate::disc::DiscFile;
use crate::identity::NodeId;

/// A buffer that grew beyond this is not kept for the next batch.
const KEEP_BYTES: usize = 4 << 20;

/// A reserved file that waits to become a segment.
#[derive(Clone, Debug)]
pub(crate) struct Spare {
    pub(crate) name: String,
    pub(crate) file: Arc<dyn DiscFile>,
}

/// A segment that begins in this batch.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) spare: Spare,
    pub(crate) name: String,
    pub(crate) first: u64,
    pub(crate) header: [u8; segment::HEADER],
}

impl Opening {
    /// Makes a segment of a spare one; gives the salt for its frames, too.
    pub(crate) fn new(spare: Spare, first: u64, node: NodeId, len: u64) -> (Self, u32) {
        let (header, salt) = SegmentHeader { first, node, len }.encode();
        (Self { spare, name: segment_name(first), first, header }, salt)
    }
}

/// Bytes that follow one another in one segment.
#[derive(Debug)]
pub(crate) struct Piece {
    /// `None`: they go to the segment that is open.
    pub(crate) opens: Option<Opening>,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// What the committer writes at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
    /// An emptied buffer whose memory is used again.
    pub(crate) scrap: Vec<u8>,
}

impl Batch {
    /// The buffer for what comes next in the current segment, whose end is at `offset`.
    pub(crate) fn tail(&mut self, offset: u64) -> &mut Vec<u8> {
        if self.pieces.is_empty() {
            let bytes = std::mem::take(&mut self.scrap);
            self.pieces.push(Piece { opens: None, offset, bytes });
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last].bytes
    }

    /// From here on, bytes go to a new segment.
    pub(crate) fn open(&mut self, opening: Opening) {
        let bytes = if self.pieces.is_empty() { std::mem::take(&mut self.scrap) } else { Vec::new() };
        self.pieces.push(Piece { opens: Some(opening), offset: segment::HEADER as u64, bytes });
    }

    /// An empty batch that uses the memory of this one, which has been written.
    pub(crate) fn recycle(self) -> Vec<u8> {
        let buffers =
            self.pieces.into_iter().map(|piece| piece.bytes).filter(|bytes| bytes.capacity() <= KEEP_BYTES);
        let mut largest = buffers.max_by_key(Vec::capacity).unwrap_or_default();
        largest.clear();
        largest
    }
}
