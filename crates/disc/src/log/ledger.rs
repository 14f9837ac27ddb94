//! The log's state in memory, behind one lock: sequence numbers, space, streams, and the batch that grows. No I/O, no waiting.
//!
//! What must stay true: whatever order appends come in, what is reserved fits into the segments that are ready. An entry that
//! does not fit into the rest of a segment is split, so that no more than [`MARGIN`] bytes of a segment are ever wasted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::batch::{Batch, Opening, Spare};
use super::frame::{self, FrameHeader, FrameKind, StreamId, frame_len};
use super::segment;
use super::shift::Duty;
use crate::identity::NodeId;

/// Bytes of a segment that are not counted on: the header of the frame that continues a split entry, and the rest that is
/// too short for a frame.
const MARGIN: u64 = 64;
/// A rest of a segment shorter than this holds no frame worth writing.
const SHORTEST_PART: u64 = frame::HEADER as u64 + 4;

/// The last sequence number of each stream that has entries in a segment.
pub(crate) type Streams = BTreeMap<StreamId, u64>;

/// A segment that is full, or was found at the start.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) first: u64,
    pub(crate) streams: Streams,
}

/// The segment that is being filled.
#[derive(Debug)]
struct Active {
    first: u64,
    used: u64,
    salt: u32,
    streams: Streams,
}

/// Everything about the log that changes under its lock.
#[derive(Debug)]
pub(crate) struct Ledger {
    node: NodeId,
    segment_bytes: u64,
    /// The next sequence number.
    pub(crate) next: u64,
    /// Everything below is durable before anything of the present batch is written.
    pub(crate) floor: u64,
    active: Option<Active>,
    pub(crate) sealed: VecDeque<Sealed>,
    /// Names of segments that nobody needs any more, oldest first.
    pub(crate) retired: VecDeque<String>,
    pub(crate) spares: VecDeque<Spare>,
    floors: BTreeMap<StreamId, u64>,
    /// The first sequence number of the newest segment on the disc.
    placed: u64,
    /// Bytes of frames promised to reservations.
    pub(crate) reserved: u64,
    /// Bytes taken by the committer that are not written yet.
    pub(crate) in_flight: u64,
    pub(crate) batch: Batch,
    /// Up to which sequence number the next batch is to be synced.
    pub(crate) sync_wanted: u64,
    /// Up to which sequence number somebody waits, so that the next batch is not to wait for more.
    pub(crate) awaited: u64,
    /// The shortest interval asked for since the last sync.
    pub(crate) interval_ms: Option<u32>,
    /// When the sync for it is due, once the committer has looked.
    pub(crate) due_us: Option<u64>,
    /// How much space is asked for beyond the usual.
    pub(crate) demand: u64,
    /// Why space could not be reserved, until it can.
    pub(crate) no_space: Option<String>,
    pub(crate) failure: Option<Arc<str>>,
    pub(crate) closing: bool,
    /// How the committer is watched over.
    pub(crate) committer: Duty,
    /// How the preparer is.
    pub(crate) preparer: Duty,
    /// Whether the close mark has been appended.
    pub(crate) marked: bool,
    pub(crate) mood: Mood,
}

/// What the committer is doing, so that writers wake it only when they must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It will look at the batch by itself.
    Busy,
    /// It will look in a few milliseconds; wake it for what is urgent.
    Napping,
    /// It waits to be woken, or for a sync that is due in a while.
    Asleep,
}

/// How many bytes of log an entry takes.
pub(crate) fn cost(payload: u64) -> u64 {
    (payload + frame::HEADER as u64).next_multiple_of(frame::ALIGN as u64)
}

impl Ledger {
    pub(crate) fn new(node: NodeId, segment_bytes: u64, next: u64) -> Self {
        Self {
            node,
            segment_bytes,
            next,
            floor: next,
            active: None,
            sealed: VecDeque::new(),
            retired: VecDeque::new(),
            spares: VecDeque::new(),
            floors: BTreeMap::new(),
            placed: 0,
            reserved: 0,
            in_flight: 0,
            batch: Batch::default(),
            sync_wanted: 0,
            awaited: 0,
            interval_ms: None,
            due_us: None,
            demand: 0,
            no_space: None,
            failure: None,
            committer: Duty::default(),
            preparer: Duty::default(),
            closing: false,
            marked: false,
            mood: Mood::Busy,
        }
    }

    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    /// What a fresh segment can be counted on to hold.
    pub(crate) fn segment_room(&self) -> u64 {
        self.segment_bytes.saturating_sub(segment::HEADER as u64 + MARGIN)
    }

    /// Whether anything was written since the log was opened.
    pub(crate) fn is_open(&self) -> bool {
        self.active.is_some()
    }

    fn left(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| self.segment_bytes.saturating_sub(active.used))
    }

    /// Bytes of frames that surely fit, reserved ones included.
    pub(crate) fn room(&self) -> u64 {
        self.left().saturating_sub(MARGIN) + self.spares.len() as u64 * self.segment_room()
    }

    /// Bytes that wait to be written, the promised ones included.
    pub(crate) fn buffered(&self) -> u64 {
        self.reserved + self.batch.bytes + self.in_flight
    }

    /// Appends an entry; its room has been reserved. Gives its first and its last sequence number.
    pub(crate) fn append(&mut self, stream: StreamId, payload: &[u8], checksum: u32) -> (u64, u64) {
        let first = self.next;
        let whole = frame_len(payload.len()) as u64;
        self.batch.entries += 1;
        if whole <= self.left() {
            self.push(FrameKind::Whole, stream, payload, checksum);
        } else {
            self.append_parts(stream, payload);
        }
        (first, self.next - 1)
    }

    fn append_parts(&mut self, stream: StreamId, payload: &[u8]) {
        let mut rest = payload;
        let mut begun = false;
        loop {
            if self.left() < SHORTEST_PART {
                self.roll();
            }
            let space = usize::try_from(self.left()).unwrap_or(usize::MAX) - frame::HEADER;
            // Rounded down, so that the padding fits as well.
            let (part, after) = rest.split_at(rest.len().min(space & !(frame::ALIGN - 1)));
            let kind = match (begun, after.is_empty()) {
                (false, true) => FrameKind::Whole,
                (false, false) => FrameKind::First,
                (true, false) => FrameKind::Middle,
                (true, true) => FrameKind::Last,
            };
            self.push(kind, stream, part, crc32c::crc32c(part));
            if after.is_empty() {
                return;
            }
            (rest, begun) = (after, true);
        }
    }

    /// Appends a mark, whose room has been reserved. It pins no segment: what it is about lies before it.
    pub(crate) fn mark(&mut self, kind: FrameKind, stream: StreamId, argument: u64) -> u64 {
        let payload = argument.to_le_bytes();
        if (frame_len(payload.len()) as u64) > self.left() {
            self.roll();
        }
        self.push(kind, stream, &payload, crc32c::crc32c(&payload));
        self.next - 1
    }

    fn push(&mut self, kind: FrameKind, stream: StreamId, payload: &[u8], payload_checksum: u32) {
        let sequence = self.next;
        let active = self.active.as_mut().expect("`left` has shown that a segment is open");
        let header = FrameHeader {
            payload_checksum,
            sequence,
            length: u32::try_from(payload.len()).expect("a part is shorter than a segment"),
            unsynced: u32::try_from(sequence - self.floor).unwrap_or(u32::MAX),
            kind,
            stream,
        };
        let tail = self.batch.tail(active.used);
        let before = tail.len();
        tail.extend_from_slice(&header.encode(active.salt));
        tail.extend_from_slice(payload);
        tail.resize(before + frame_len(payload.len()), 0);
        let len = (tail.len() - before) as u64;
        active.used += len;
        self.batch.bytes += len;
        if kind.pins() {
            active.streams.insert(stream, sequence);
        }
        self.next += 1;
    }

    /// Goes on in a fresh segment.
    fn roll(&mut self) {
        let spare = self.spares.pop_front().expect("what is appended was reserved, so a segment is ready");
        if let Some(full) = self.active.take() {
            self.sealed.push_back(Sealed { first: full.first, streams: full.streams });
        }
        let (opening, salt) = Opening::new(spare, self.next, self.node, self.segment_bytes);
        self.batch.open(opening);
        let used = segment::HEADER as u64;
        self.active = Some(Active { first: self.next, used, salt, streams: Streams::new() });
    }

    /// Notes that a stream needs nothing below `below`.
    pub(crate) fn release(&mut self, stream: StreamId, below: u64) {
        let floor = self.floors.entry(stream).or_insert(0);
        *floor = (*floor).max(below);
        self.retire();
    }

    /// Notes that the segment that begins with `first` has its place on the disc.
    pub(crate) fn placed(&mut self, first: u64) {
        self.placed = first;
        self.retire();
    }

    /// Retires the segments that no stream needs any more. The last one on the disc always stays: it tells how far the log has
    /// come. One that exists in memory only does not count. So does one that reaches beyond the floor of the local stream, if
    /// only with marks: the next start reads the log from that floor, and cannot know that what is missing were marks.
    fn retire(&mut self) {
        let read_from = self.floors.get(&StreamId::LOCAL).copied().unwrap_or(u64::MAX);
        while let Some(oldest) = self.sealed.front()
            && oldest.first < self.placed
            && self.first_after_oldest().is_some_and(|next| next <= read_from)
            && oldest
                .streams
                .iter()
                .all(|(stream, last)| self.floors.get(stream).is_some_and(|floor| floor > last))
        {
            self.retired.push_back(segment::segment_name(oldest.first));
            self.sealed.pop_front();
        }
    }

    /// Where the segment behind the oldest sealed one begins.
    fn first_after_oldest(&self) -> Option<u64> {
        let sealed = self.sealed.get(1).map(|sealed| sealed.first);
        sealed.or_else(|| self.active.as_ref().map(|active| active.first))
    }

    /// First sequence numbers of all segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<u64> {
        let active = self.active.as_ref().map(|active| active.first);
        self.sealed.iter().map(|sealed| sealed.first).chain(active).collect()
    }

    /// Bytes of all segments in use.
    pub(crate) fn size(&self) -> u64 {
        self.segments().len() as u64 * self.segment_bytes
    }
}
