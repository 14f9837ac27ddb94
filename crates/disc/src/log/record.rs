//! What a reader of the log is given: entries, put together from their parts, and marks.

use std::borrow::Cow;

use super::frame::{Frame, FrameKind, StreamId};

/// Something that was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its sequence number: that of its first frame.
    pub sequence: u64,
    /// The sequence number of its last frame; the same unless it was split.
    pub last: u64,
    /// Whose it is.
    pub stream: StreamId,
    /// What it is.
    pub content: Content<'a>,
}

impl Record<'_> {
    /// The same, borrowing from nobody.
    #[must_use]
    pub fn into_owned(self) -> Record<'static> {
        let content = match self.content {
            Content::Entry(bytes) => Content::Entry(Cow::Owned(bytes.into_owned())),
            Content::Truncate { from } => Content::Truncate { from },
            Content::Purge { below } => Content::Purge { below },
            Content::Close => Content::Close,
        };
        Record { sequence: self.sequence, last: self.last, stream: self.stream, content }
    }
}

/// What a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content<'a> {
    /// The bytes that were appended.
    Entry(Cow<'a, [u8]>),
    /// All entries of the stream from this sequence number up to here are void.
    Truncate {
        /// The first void one.
        from: u64,
    },
    /// Entries of the stream below this sequence number are no longer needed.
    Purge {
        /// The first one that is still needed.
        below: u64,
    },
    /// The log was closed in order here.
    Close,
}

/// Puts split entries together. An entry whose end is missing vanishes: its append was never acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    partial: Option<Partial>,
    /// Whether a beginning was met. Before, a part may belong to an entry that begins before the reader does.
    begun: bool,
}

#[derive(Debug)]
struct Partial {
    sequence: u64,
    stream: StreamId,
    bytes: Vec<u8>,
}

impl Assembler {
    /// Takes the next frame. `leads`: it is the first of its segment. Only there may an entry be left unfinished, by a crash
    /// after which the log went on in a new segment.
    pub(crate) fn feed<'a>(
        &mut self,
        frame: Frame<'a>,
        leads: bool,
    ) -> Result<Option<Record<'a>>, &'static str> {
        let header = frame.header;
        let (sequence, stream) = (header.sequence, header.stream);
        if matches!(header.kind, FrameKind::Middle | FrameKind::Last) {
            return self.go_on(frame);
        }
        self.begun = true;
        if self.partial.take().is_some() && !leads {
            return Err("an entry ends in its middle");
        }
        let content = match header.kind {
            FrameKind::First => {
                self.partial = Some(Partial { sequence, stream, bytes: frame.payload.to_vec() });
                return Ok(None);
            }
            FrameKind::Truncate => Content::Truncate { from: argument(frame.payload)? },
            FrameKind::Purge => Content::Purge { below: argument(frame.payload)? },
            FrameKind::Close => Content::Close,
            FrameKind::Whole | FrameKind::Middle | FrameKind::Last => Content::Entry(frame.payload.into()),
        };
        Ok(Some(Record { sequence, last: sequence, stream, content }))
    }

    fn go_on<'a>(&mut self, frame: Frame<'a>) -> Result<Option<Record<'a>>, &'static str> {
        let stream = frame.header.stream;
        let Some(partial) = &mut self.partial else {
            return if self.begun { Err("a part of an entry has no beginning") } else { Ok(None) };
        };
        if partial.stream != stream {
            return Err("parts of an entry belong to different streams");
        }
        partial.bytes.extend_from_slice(frame.payload);
        if frame.header.kind == FrameKind::Middle {
            return Ok(None);
        }
        let (sequence, last) = (partial.sequence, frame.header.sequence);
        let bytes = self.partial.take().map(|partial| partial.bytes).unwrap_or_default();
        Ok(Some(Record { sequence, last, stream, content: Content::Entry(bytes.into()) }))
    }
}

fn argument(payload: &[u8]) -> Result<u64, &'static str> {
    payload.try_into().map(u64::from_le_bytes).map_err(|_| "a mark has no argument")
}
