//! The client's side: reply bytes become a [`Reply`].
//!
//! Reads RESP2 and RESP3 alike. What must stay true: nesting is a stack on the heap with a limit, never recursion; a
//! half-read reply resumes at the value where it stopped; memory grows with what has arrived (an element of three bytes
//! costs 32), never with what was announced.
//!
//! Strings of unannounced length (RESP3's `$?`) are refused: no server sends them.

use std::borrow::Cow;

use memchr::memchr;

use super::{error::ProtocolError, reply::Reply};

/// An aggregate reserves room for at most this many elements before they arrive.
const MAX_RESERVED: usize = 64;
/// Upper bound of [`DecodeLimits::max_depth`]: dropping a reply recurses, and must not exhaust a small thread's stack.
const MAX_DEPTH: usize = 1024;

/// How much one reply may ask of the client. All are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Deepest nesting of aggregates; above 1024 counts as 1024. Default 128.
    pub max_depth: usize,
    /// Longest bulk string in bytes. Default 512 MiB.
    pub max_bulk_len: usize,
    /// Longest line (statuses, errors, numbers) in bytes. Default 64 KiB.
    pub max_line_len: usize,
    /// Most elements of one aggregate; a pair of a map counts as two. Default 2^31 − 1.
    pub max_elements: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            max_depth: 128,
            max_bulk_len: 512 << 20,
            max_line_len: 64 << 10,
            max_elements: i32::MAX.unsigned_abs() as usize,
        }
    }
}

/// Decodes the reply at the head of `bytes`: the reply and its length, or `None` if it is not whole yet. O(length).
///
/// It starts anew on each call; for large replies that arrive in pieces use a [`Decoder`].
///
/// # Errors
///
/// A reply error of [`ProtocolError`].
///
/// ```
/// use mnemon_resp::protocol::{DecodeLimits, Reply, decode};
///
/// let limits = DecodeLimits::default();
/// assert_eq!(decode(b"+OK\r\n:1\r\n", &limits)?, Some((Reply::OK, 5)));
/// assert_eq!(decode(b"$5\r\nhel", &limits)?, None);
/// # Ok::<(), mnemon_resp::protocol::ProtocolError>(())
/// ```
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Option<(Reply, usize)>, ProtocolError> {
    Decoder::new(*limits).advance(bytes)
}

/// The incremental reply decoder of one client connection.
///
/// Call [`advance`](Self::advance) with all bytes not yet consumed; after `None`, again with the same bytes and more behind
/// them. After an error, close the connection.
#[derive(Debug, Default)]
pub struct Decoder {
    limits: DecodeLimits,
    /// The aggregates that are open, the outermost first.
    open: Vec<Frame>,
    /// The next byte to read.
    position: usize,
    /// Up to where the line at `position` has been searched for its end.
    scanned: usize,
}

/// An aggregate whose elements are still arriving.
#[derive(Debug)]
struct Frame {
    kind: Kind,
    missing: usize,
    items: Vec<Reply>,
    pairs: Vec<(Reply, Reply)>,
    /// The key of a map that waits for its value.
    key: Option<Reply>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Map,
    Set,
    Push,
    /// Facts about the reply that follows; read and dropped.
    Attribute,
}

enum Value {
    Whole(Reply),
    Head(Kind, usize),
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new(limits: DecodeLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Reads on in `buffer`: the next reply and its length once it is whole, `None` until then. O(new bytes).
    ///
    /// # Errors
    ///
    /// A reply error of [`ProtocolError`].
    pub fn advance(&mut self, buffer: &[u8]) -> Result<Option<(Reply, usize)>, ProtocolError> {
        loop {
            let Some((value, len)) = self.read_value(buffer)? else {
                return Ok(None);
            };
            self.position += len;
            let whole = match value {
                Value::Whole(reply) => self.deliver(reply),
                Value::Head(kind, missing) => self.enter(kind, missing)?,
            };
            if let Some(reply) = whole {
                self.scanned = 0;
                return Ok(Some((reply, std::mem::take(&mut self.position))));
            }
        }
    }

    /// Opens an aggregate. An empty one is whole at once.
    fn enter(&mut self, kind: Kind, missing: usize) -> Result<Option<Reply>, ProtocolError> {
        let limit = self.limits.max_depth.min(MAX_DEPTH);
        if self.open.len() >= limit {
            return Err(ProtocolError::ReplyTooDeep { limit });
        }
        let frame = Frame::new(kind, missing);
        if missing > 0 {
            self.open.push(frame);
            return Ok(None);
        }
        Ok(frame.close().and_then(|reply| self.deliver(reply)))
    }

    /// Puts a whole value into the innermost aggregate, and closes what it completes. The reply, if that was the last.
    fn deliver(&mut self, mut reply: Reply) -> Option<Reply> {
        while let Some(mut frame) = self.open.pop() {
            frame.put(reply);
            if frame.missing > 0 {
                self.open.push(frame);
                return None;
            }
            reply = frame.close()?;
        }
        Some(reply)
    }

    fn read_value(&mut self, buffer: &[u8]) -> Result<Option<(Value, usize)>, ProtocolError> {
        let rest = buffer.get(self.position..).unwrap_or_default();
        let Some(&tag) = rest.first() else { return Ok(None) };
        if !b"+-:$*_%~>,#(=!|".contains(&tag) {
            return Err(ProtocolError::UnknownReplyType { got: tag });
        }
        let Some(line) = self.read_line(buffer)? else {
            return Ok(None);
        };
        let header = line.len() + 3;
        let value = match tag {
            b'$' | b'=' | b'!' => return self.read_bulk(tag, line, rest.get(header..).unwrap_or_default()),
            b'*' | b'~' | b'>' | b'%' | b'|' => self.read_head(tag, line)?,
            _ => Value::Whole(read_scalar(tag, line)?),
        };
        Ok(Some((value, header)))
    }

    /// The line at `position` without its type byte and its line break.
    fn read_line<'a>(&mut self, buffer: &'a [u8]) -> Result<Option<&'a [u8]>, ProtocolError> {
        let limit = self.limits.max_line_len;
        let begin = self.position + 1;
        let from = begin.max(self.scanned);
        // Type byte, text, `\r\n`.
        let last = begin.saturating_add(limit).saturating_add(1);
        let window = buffer.get(from..buffer.len().min(last.saturating_add(1))).unwrap_or_default();
        let Some(found) = memchr(b'\n', window) else {
            self.scanned = from + window.len();
            let too_long = buffer.len() > last;
            return if too_long {
                Err(ProtocolError::ReplyTooLarge { what: "a line", limit })
            } else {
                Ok(None)
            };
        };
        let line = buffer.get(begin..from + found).and_then(|line| line.strip_suffix(b"\r"));
        line.map(Some).ok_or(ProtocolError::MalformedReply { what: "a line break without a carriage return" })
    }

    fn read_bulk(&self, tag: u8, line: &[u8], rest: &[u8]) -> Result<Option<(Value, usize)>, ProtocolError> {
        let header = line.len() + 3;
        if line == b"-1" && tag == b'$' {
            return Ok(Some((Value::Whole(Reply::Null), header)));
        }
        let len = read_length(line)?;
        let limit = self.limits.max_bulk_len;
        if len > limit {
            return Err(ProtocolError::ReplyTooLarge { what: "a string", limit });
        }
        let Some((body, end)) = rest.split_at_checked(len) else {
            return Ok(None);
        };
        match end {
            [b'\r', b'\n', ..] => {}
            [] | [b'\r'] => return Ok(None),
            _ => {
                return Err(ProtocolError::MalformedReply { what: "the end of a string" });
            }
        }
        let reply = match tag {
            b'=' => read_verbatim(body)?,
            b'!' => Reply::Error(text(body)),
            _ => Reply::Bulk(body.to_vec()),
        };
        Ok(Some((Value::Whole(reply), header + len + 2)))
    }

    fn read_head(&self, tag: u8, line: &[u8]) -> Result<Value, ProtocolError> {
        if line == b"-1" && tag == b'*' {
            return Ok(Value::Whole(Reply::NullArray));
        }
        let count = read_length(line)?;
        let (kind, missing) = match tag {
            b'%' => (Kind::Map, count.saturating_mul(2)),
            b'|' => (Kind::Attribute, count.saturating_mul(2)),
            b'~' => (Kind::Set, count),
            b'>' => (Kind::Push, count),
            _ => (Kind::Array, count),
        };
        let limit = self.limits.max_elements;
        if missing > limit {
            return Err(ProtocolError::ReplyTooLarge { what: "an aggregate", limit });
        }
        Ok(Value::Head(kind, missing))
    }
}

impl Frame {
    fn new(kind: Kind, missing: usize) -> Self {
        let reserved = missing.min(MAX_RESERVED);
        let (items, pairs) = match kind {
            Kind::Map => (Vec::new(), Vec::with_capacity(reserved / 2)),
            Kind::Attribute => (Vec::new(), Vec::new()),
            Kind::Array | Kind::Set | Kind::Push => (Vec::with_capacity(reserved), Vec::new()),
        };
        Self { kind, missing, items, pairs, key: None }
    }

    fn put(&mut self, reply: Reply) {
        self.missing = self.missing.saturating_sub(1);
        match (self.kind, self.key.take()) {
            (Kind::Attribute, _) => {}
            (Kind::Map, None) => self.key = Some(reply),
            (Kind::Map, Some(key)) => self.pairs.push((key, reply)),
            (Kind::Array | Kind::Set | Kind::Push, _) => self.items.push(reply),
        }
    }

    /// The whole aggregate; nothing for an attribute.
    fn close(self) -> Option<Reply> {
        match self.kind {
            Kind::Array => Some(Reply::Array(self.items)),
            Kind::Set => Some(Reply::Set(self.items)),
            Kind::Push => Some(Reply::Push(self.items)),
            Kind::Map => Some(Reply::Map(self.pairs)),
            Kind::Attribute => None,
        }
    }
}

fn read_scalar(tag: u8, line: &[u8]) -> Result<Reply, ProtocolError> {
    let malformed = |what| ProtocolError::MalformedReply { what };
    match (tag, line) {
        (b'+', line) => Ok(Reply::Simple(text(line))),
        (b'-', line) => Ok(Reply::Error(text(line))),
        (b':', line) => parse(line).map(Reply::Int).ok_or(malformed("an integer")),
        (b',', b"inf" | b"+inf") => Ok(Reply::Double(f64::INFINITY)),
        (b',', b"-inf") => Ok(Reply::Double(f64::NEG_INFINITY)),
        (b',', b"nan" | b"-nan") => Ok(Reply::Double(f64::NAN)),
        (b',', line) => parse(line).map(Reply::Double).ok_or(malformed("a double")),
        (b'#', b"t") => Ok(Reply::Bool(true)),
        (b'#', b"f") => Ok(Reply::Bool(false)),
        (b'#', _) => Err(malformed("a boolean")),
        (b'(', line) => read_big_number(line).ok_or(malformed("a big number")),
        (_, b"") => Ok(Reply::Null),
        _ => Err(malformed("a null")),
    }
}

fn read_big_number(line: &[u8]) -> Option<Reply> {
    let digits = line.strip_prefix(b"-").or(line.strip_prefix(b"+")).unwrap_or(line);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(Reply::BigNumber(text(line).into_owned()))
}

fn read_verbatim(body: &[u8]) -> Result<Reply, ProtocolError> {
    match body {
        [a, b, c, b':', rest @ ..] => {
            Ok(Reply::Verbatim { format: [*a, *b, *c], text: text(rest).into_owned() })
        }
        _ => Err(ProtocolError::MalformedReply { what: "the format of a verbatim text" }),
    }
}

fn read_length(line: &[u8]) -> Result<usize, ProtocolError> {
    let digits = line.iter().all(u8::is_ascii_digit);
    digits.then(|| parse(line)).flatten().ok_or(ProtocolError::MalformedReply { what: "a length" })
}

fn parse<T: std::str::FromStr>(line: &[u8]) -> Option<T> {
    str::from_utf8(line).ok()?.parse().ok()
}

/// Text of a peer; bytes that are not UTF-8 become U+FFFD.
fn text(bytes: &[u8]) -> Cow<'static, str> {
    Cow::Owned(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_searched_once() {
        let mut decoder = Decoder::default();
        let line = [&b"+"[..], &b"x".repeat(60_000)].concat();
        for end in 1..line.len() {
            assert_eq!(decoder.advance(&line[..end]), Ok(None));
            assert_eq!(decoder.scanned, end.max(1));
        }
    }

    #[test]
    fn a_wide_reply_resumes_at_the_element_where_it_stopped() {
        let mut decoder = Decoder::default();
        let bytes = [&b"*3\r\n"[..], b":1\r\n", b"$2\r\nab\r\n", b":2\r\n"].concat();
        assert_eq!(decoder.advance(&bytes[..9]), Ok(None));
        assert_eq!(decoder.position, 8);
        assert_eq!(decoder.advance(&bytes[..16]), Ok(None));
        assert_eq!(decoder.position, 16);
        let reply = Reply::Array(vec![Reply::Int(1), Reply::bulk("ab"), Reply::Int(2)]);
        assert_eq!(decoder.advance(&bytes), Ok(Some((reply, bytes.len()))));
        assert_eq!(decoder.position, 0);
    }

    #[test]
    fn an_announced_element_reserves_little() {
        assert!(Frame::new(Kind::Array, usize::MAX).items.capacity() <= MAX_RESERVED);
        assert!(Frame::new(Kind::Map, usize::MAX).pairs.capacity() <= MAX_RESERVED);
    }
}
