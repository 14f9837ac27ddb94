//! How the request parser reads: first lines, argument headers, arguments.
//!
//! What must stay true: every step either moves on or leaves all it has learnt in the parser, so that nothing is read twice;
//! common lines (at most three digits, whole) take a fast road that means the same as the slow one. Positions are relative to
//! the request's first byte. What a caller sees is left to the parent.

use memchr::memchr;

use super::{Parser, Progress, Stage};
use crate::protocol::{args::Span, error::ProtocolError, inline, integer};

/// Least number of bytes a connection should offer to one read, and the floor of [`Progress::Incomplete`]'s hint.
const MIN_READ: usize = 16 * 1024;
/// How many times what has arrived of a request its buffer may be grown by. Each growth moves what is there; more of it at
/// once moves a long argument less often.
const GROWTH: usize = 7;
/// Least limit of a line: what the fast road reads before it looks at limits, a tag and three digits. With less it would
/// depend on how a line arrives whether it is too long.
const MIN_LINE: usize = 4;

/// The first line of a request.
enum Opening {
    Incomplete,
    /// An empty request of this length.
    Empty(usize),
    /// The arguments follow.
    Arguments,
    /// An inline command of this length.
    Inline(usize),
}

impl Parser {
    #[inline]
    pub(super) fn read(&mut self, buffer: &[u8]) -> Result<Progress, ProtocolError> {
        while matches!(self.stage, Stage::Opening) {
            let request = buffer.get(self.start..).unwrap_or_default();
            match self.read_opening(request)? {
                Opening::Incomplete => return Ok(self.incomplete(request, 1)),
                Opening::Empty(len) => {
                    self.start += len;
                    self.scanned = 0;
                }
                Opening::Arguments => self.stage = Stage::Arguments,
                Opening::Inline(len) => {
                    self.stage = Stage::ReadyInline;
                    return Ok(Progress::Command { consumed: self.start + len });
                }
            }
        }
        self.read_arguments(buffer.get(self.start..).unwrap_or_default())
    }

    #[inline]
    fn read_opening(&mut self, request: &[u8]) -> Result<Opening, ProtocolError> {
        if let Some((count, len)) = integer::parse_short_line(request, b'*')
            && count <= self.accepted_args
        {
            return Ok(self.open(count, len));
        }
        match request.first() {
            None => Ok(Opening::Incomplete),
            Some(b'*') => self.read_count(request),
            Some(_) => self.read_inline(request),
        }
    }

    /// The slow road of `*<count>\r\n`.
    #[cold]
    fn read_count(&mut self, request: &[u8]) -> Result<Opening, ProtocolError> {
        let Some((digits, len)) = self.read_length_line(request, ProtocolError::CountLineTooLong)? else {
            return Ok(Opening::Incomplete);
        };
        let count = integer::parse(digits).ok_or(ProtocolError::InvalidCount)?;
        // A negative count is an empty request, like 0.
        let count = usize::try_from(count.max(0)).map_err(|_| ProtocolError::InvalidCount)?;
        if count > self.limits.max_args {
            return Err(ProtocolError::InvalidCount);
        }
        if count > self.accepted_args {
            return Err(ProtocolError::UnauthenticatedCount);
        }
        Ok(self.open(count, len))
    }

    #[inline]
    fn open(&mut self, count: usize, len: usize) -> Opening {
        if count == 0 {
            return Opening::Empty(len);
        }
        self.remaining = count;
        self.position = len;
        Opening::Arguments
    }

    fn read_inline(&mut self, request: &[u8]) -> Result<Opening, ProtocolError> {
        let Some(end) = self.find(b'\n', request, ProtocolError::InlineTooLong)? else {
            return Ok(Opening::Incomplete);
        };
        let line = request.get(..end).unwrap_or_default();
        inline::split(line.strip_suffix(b"\r").unwrap_or(line), &mut self.text, &mut self.spans)?;
        if self.spans.is_empty() { Ok(Opening::Empty(end + 1)) } else { Ok(Opening::Inline(end + 1)) }
    }

    #[inline]
    fn read_arguments(&mut self, request: &[u8]) -> Result<Progress, ProtocolError> {
        while self.remaining > 0 {
            let len = match self.bulk_len {
                Some(len) => len,
                None => match self.read_bulk_header(request)? {
                    Some(len) => len,
                    None => return Ok(self.incomplete(request, 1)),
                },
            };
            let next = self.position.saturating_add(len).saturating_add(2);
            if next > request.len() {
                self.bulk_len = Some(len);
                return Ok(self.incomplete(request, next - request.len()));
            }
            self.bulk_len = None;
            self.spans.push(Span { offset: self.position, len });
            self.position = next;
            self.remaining -= 1;
        }
        self.stage = Stage::Ready;
        Ok(Progress::Command { consumed: self.start + self.position })
    }

    /// Reads `$<length>\r\n` and moves behind it. The length it returns fits into the request.
    #[inline]
    fn read_bulk_header(&mut self, request: &[u8]) -> Result<Option<usize>, ProtocolError> {
        let rest = request.get(self.position..).unwrap_or_default();
        let (len, header) = match integer::parse_short_line(rest, b'$') {
            Some((len, header)) if len <= self.accepted_bulk_len => (len, header),
            _ => match self.read_bulk_len(request)? {
                Some(slow) => slow,
                None => return Ok(None),
            },
        };
        self.position += header;
        let limit = self.limits.max_request_len;
        if self.position.saturating_add(len).saturating_add(2) > limit {
            return Err(ProtocolError::RequestTooLong { limit });
        }
        Ok(Some(len))
    }

    /// The slow road of `$<length>\r\n`: the number and the length of its line.
    fn read_bulk_len(&mut self, request: &[u8]) -> Result<Option<(usize, usize)>, ProtocolError> {
        let Some((digits, header)) = self.read_length_line(request, ProtocolError::BulkLineTooLong)? else {
            return Ok(None);
        };
        match request.get(self.position) {
            Some(b'$') | None => {}
            Some(&got) => return Err(ProtocolError::ExpectedBulk { got }),
        }
        let len = integer::parse(digits).and_then(|len| usize::try_from(len).ok());
        match len {
            Some(len) if len <= self.accepted_bulk_len => Ok(Some((len, header))),
            Some(len) if len <= self.limits.max_bulk_len => Err(ProtocolError::UnauthenticatedBulkLength),
            _ => Err(ProtocolError::InvalidBulkLength),
        }
    }

    /// The line at `position` without its first byte, and its length with `\r` and the byte behind that.
    fn read_length_line<'a>(
        &mut self,
        request: &'a [u8],
        too_long: ProtocolError,
    ) -> Result<Option<(&'a [u8], usize)>, ProtocolError> {
        match self.find(b'\r', request, too_long)? {
            Some(end) if end + 1 < request.len() => {
                // An empty line has no first byte and no digits.
                let digits = request.get(self.position + 1..end).unwrap_or_default();
                Ok(Some((digits, end + 2 - self.position)))
            }
            _ => Ok(None),
        }
    }

    /// Where the line at `position` ends. Remembers how far it has looked.
    fn find(
        &mut self,
        end: u8,
        request: &[u8],
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let max_len = self.limits.max_inline_len.min(self.limits.max_request_len).max(MIN_LINE);
        let from = self.position.max(self.scanned);
        let last = self.position.saturating_add(max_len);
        let window = request.get(from..request.len().min(last.saturating_add(1))).unwrap_or_default();
        if let Some(found) = memchr(end, window) {
            self.scanned = from + found;
            return Ok(Some(from + found));
        }
        self.scanned = from + window.len();
        if request.len() > last { Err(too_long) } else { Ok(None) }
    }

    /// Gives up for now: what stands before the request may be dropped.
    fn incomplete(&mut self, request: &[u8], missing: usize) -> Progress {
        let consumed = std::mem::take(&mut self.start);
        Progress::Incomplete {
            consumed,
            hint: missing.min(request.len().saturating_mul(GROWTH).max(MIN_READ)),
        }
    }
}
