//! The incremental parser of client requests: arrays of bulk strings, and inline lines.
//!
//! What must stay true: a half-read command resumes where it stopped, so parsing is O(bytes) however they trickle in;
//! arguments are borrowed from the caller's buffer, so a warm parser allocates nothing for an ordinary command; memory grows
//! with what has arrived, never with what was announced. Where Redis is lenient (the byte behind `\r`, the two bytes
//! behind an argument are not looked at) this parser is lenient alike, and what it refuses it refuses in the same words.
//!
//! The buffer belongs to the connection, and so does the answer to an error.

mod reading;

use super::{
    args::{Args, Span},
    error::ProtocolError,
    limits::Limits,
};

/// A parser does not keep more argument slots than this from one command to the next.
const KEEP_SPANS: usize = 1024;
/// A parser does not keep more inline text than this from one command to the next.
const KEEP_TEXT: usize = 4 * 1024;
/// What [`Parser::advance`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A whole command: [`Parser::args`] has it, and the next one begins `consumed` bytes into the buffer.
    Command {
        /// Length of the command and of empty requests before it.
        consumed: usize,
    },
    /// The buffer ends before the command does.
    Incomplete {
        /// Bytes at the buffer's head that held empty requests (`*0`, blank lines): drop them, and pass the rest again with
        /// more behind it.
        consumed: usize,
        /// How many bytes are worth reserving for the next read. At least 1, at most what the request still lacks, and
        /// never more than the larger of 16 KiB and seven times what has already arrived of this request. Room that is
        /// reserved takes no memory until it is written to; fill only as much of it as one read needs.
        hint: usize,
    },
}

/// The incremental request parser of one connection.
///
/// # The rule for the connection
///
/// Call [`advance`](Self::advance) with all bytes that are not yet consumed. After `Command`, use
/// [`args`](Self::args) with the same slice, then go on behind `consumed`. After `Incomplete`, drop `consumed` bytes, reserve
/// `hint` (never the announced length), read, and call again with the same bytes and the new ones behind them. After an
/// error, answer it and close: the parser repeats the error for ever.
///
/// ```
/// use mnemon_resp::protocol::{Parser, Progress, ProtocolError};
///
/// let mut parser = Parser::default();
/// let mut rest: &[u8] = b"PING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPI";
/// let mut names = Vec::new();
/// while let Progress::Command { consumed } = parser.advance(rest)? {
///     names.push(parser.args(rest).name().to_vec());
///     rest = &rest[consumed..];
/// }
/// assert_eq!(names, [&b"PING"[..], b"GET"]);
/// assert_eq!(rest, b"*1\r\n$4\r\nPI");
/// # Ok::<(), ProtocolError>(())
/// ```
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    /// The tighter of the limits and what an unauthenticated client may send.
    accepted_args: usize,
    accepted_bulk_len: usize,
    /// The arguments found so far, relative to the request's first byte or to `text`.
    spans: Vec<Span>,
    /// The arguments of an inline request, unquoted.
    text: Vec<u8>,
    stage: Stage,
    /// Where the request begins in the buffer: behind the empty requests before it.
    start: usize,
    /// The next byte to read, relative to `start`.
    position: usize,
    /// Up to where the line at `position` has been searched for its end, relative to `start`.
    scanned: usize,
    /// How many arguments are still to come.
    remaining: usize,
    /// The length of the argument at `position`, once its header is read.
    bulk_len: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// The next byte opens a request, or goes on with its first line.
    Opening,
    /// The count is known, arguments are missing.
    Arguments,
    /// A command is ready, and its arguments stand in the buffer.
    Ready,
    /// A command is ready, and its arguments stand in `text`.
    ReadyInline,
    Failed(ProtocolError),
}

impl Default for Parser {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Parser {
    /// A parser at the beginning of a stream. Allocates nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let mut parser = Self {
            limits,
            accepted_args: 0,
            accepted_bulk_len: 0,
            spans: Vec::new(),
            text: Vec::new(),
            stage: Stage::Opening,
            start: 0,
            position: 0,
            scanned: 0,
            remaining: 0,
            bulk_len: None,
        };
        parser.set_authenticated(true);
        parser
    }

    /// Tells whether the client has authenticated (a new parser assumes so). Until then a command may have at most 10
    /// arguments of at most 16 KiB, as in Redis, so that strangers cannot make the server hold much. Affects lengths
    /// that are read from now on.
    pub fn set_authenticated(&mut self, authenticated: bool) {
        (self.accepted_args, self.accepted_bulk_len) = self.limits.accepted(authenticated);
    }

    /// Sets other limits. Affects lengths that are read from now on. As for a new parser, the client counts as
    /// authenticated until [`set_authenticated`](Self::set_authenticated) says otherwise.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.set_authenticated(true);
    }

    /// Reads on in `buffer`, which must hold all bytes not yet consumed (see the rule above). O(new bytes).
    ///
    /// Empty requests (`*0`, `*-1`, blank lines) are skipped.
    ///
    /// # Errors
    ///
    /// A request error of [`ProtocolError`], now and on every later call.
    pub fn advance(&mut self, buffer: &[u8]) -> Result<Progress, ProtocolError> {
        match self.stage {
            Stage::Arguments | Stage::Opening => {}
            Stage::Ready | Stage::ReadyInline => self.begin(),
            Stage::Failed(error) => return Err(error),
        }
        let progress = self.read(buffer);
        if let Err(error) = progress {
            self.stage = Stage::Failed(error);
        }
        progress
    }

    /// The arguments of the command that the last [`advance`](Self::advance) found; `buffer` must be the slice that was
    /// passed to it. Empty if it found none.
    #[inline]
    #[must_use]
    pub fn args<'a>(&'a self, buffer: &'a [u8]) -> Args<'a> {
        match self.stage {
            Stage::Ready => Args { source: buffer.get(self.start..).unwrap_or_default(), spans: &self.spans },
            Stage::ReadyInline => Args { source: &self.text, spans: &self.spans },
            Stage::Opening | Stage::Arguments | Stage::Failed(_) => Args { source: &[], spans: &[] },
        }
    }

    /// Forgets the command that was handed out.
    #[inline]
    fn begin(&mut self) {
        self.spans.clear();
        if self.spans.capacity() > KEEP_SPANS {
            self.spans.shrink_to(KEEP_SPANS);
        }
        if !self.text.is_empty() {
            self.text.clear();
            self.text.shrink_to(KEEP_TEXT);
        }
        self.stage = Stage::Opening;
        self.start = 0;
        self.position = 0;
        self.scanned = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_parser_repeats_its_error() {
        let mut parser = Parser::default();
        assert_eq!(parser.advance(b"*x\r\n"), Err(ProtocolError::InvalidCount));
        assert_eq!(parser.advance(b"PING\r\n"), Err(ProtocolError::InvalidCount));
        assert!(parser.args(b"PING\r\n").is_empty());
    }

    #[test]
    fn a_large_command_leaves_little_behind() {
        let mut parser = Parser::default();
        let large = [&b"*5000\r\n"[..], &b"$0\r\n\r\n".repeat(5000)].concat();
        assert_eq!(parser.advance(&large), Ok(Progress::Command { consumed: large.len() }));
        assert_eq!(parser.args(&large).len(), 5000);
        let line = [&b"ECHO "[..], &b"x".repeat(60_000), b"\n"].concat();
        assert_eq!(parser.advance(&line), Ok(Progress::Command { consumed: line.len() }));
        assert_eq!(parser.advance(b"PING\r\n"), Ok(Progress::Command { consumed: 6 }));
        assert!(parser.spans.capacity() <= KEEP_SPANS);
        assert!(parser.text.capacity() <= KEEP_TEXT);
    }

    #[test]
    fn what_is_only_announced_allocates_nothing() {
        let mut parser = Parser::default();
        assert!(matches!(parser.advance(b"*1048576\r\n$536870912\r\n"), Ok(Progress::Incomplete { .. })));
        assert_eq!((parser.spans.capacity(), parser.text.capacity()), (0, 0));
    }

    #[test]
    fn a_line_is_searched_once() {
        let mut parser = Parser::default();
        let line = b"x".repeat(60_000);
        for end in 1..line.len() {
            assert!(matches!(parser.advance(&line[..end]), Ok(Progress::Incomplete { consumed: 0, .. })));
            assert_eq!(parser.scanned, end);
        }
    }

    #[test]
    fn a_shorter_buffer_than_before_is_only_incomplete() {
        let mut parser = Parser::default();
        let request = b"*2\r\n$3\r\nGET\r\n$9\r\nabc";
        assert!(matches!(parser.advance(request), Ok(Progress::Incomplete { .. })));
        for end in 0..request.len() {
            assert!(matches!(parser.advance(&request[..end]), Ok(Progress::Incomplete { .. })));
        }
    }
}
