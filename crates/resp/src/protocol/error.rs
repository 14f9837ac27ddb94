//! What can be wrong with bytes from a peer, in the words Redis clients already know.
//!
//! The texts of request errors are those of Redis 7.0 to the letter: client libraries match on them. Reply errors (the
//! client's side) are our own. Every one of them ends the connection, because the stream can no longer be trusted.

use super::writer;

/// Bytes that break the protocol.
///
/// A server answers a request error with [`ProtocolError::write_reply`] and closes the connection; a client closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A line that begins with `*` did not end within [`Limits::max_inline_len`](super::Limits::max_inline_len).
    #[error("Protocol error: too big mbulk count string")]
    CountLineTooLong,
    /// The number behind `*` is not a number, or above [`Limits::max_args`](super::Limits::max_args).
    #[error("Protocol error: invalid multibulk length")]
    InvalidCount,
    /// More than ten arguments before the client has authenticated.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedCount,
    /// A line that should begin with `$` did not end within [`Limits::max_inline_len`](super::Limits::max_inline_len).
    #[error("Protocol error: too big bulk count string")]
    BulkLineTooLong,
    /// An argument began with another byte than `$`.
    #[error("Protocol error: expected '$', got '{}'", char::from(visible(*got)))]
    ExpectedBulk {
        /// The byte that stood in its place.
        got: u8,
    },
    /// The number behind `$` is not a number, negative, or above [`Limits::max_bulk_len`](super::Limits::max_bulk_len).
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// An argument of more than 16 KiB before the client has authenticated.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// An inline request opened a quote and did not close it, or went on right behind a closing one.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// An inline request did not end within [`Limits::max_inline_len`](super::Limits::max_inline_len).
    #[error("Protocol error: too big inline request")]
    InlineTooLong,
    /// A request would not fit into [`Limits::max_request_len`](super::Limits::max_request_len).
    #[error("Protocol error: too big request, send at most {limit} bytes in one command")]
    RequestTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A reply began with a byte that names no type.
    #[error("unknown reply type '{}': is the peer a RESP server?", got.escape_ascii())]
    UnknownReplyType {
        /// The byte.
        got: u8,
    },
    /// A part of a reply does not have the form its type asks for.
    #[error("malformed reply: {what}: is the peer a RESP server?")]
    MalformedReply {
        /// Which part.
        what: &'static str,
    },
    /// A reply nests deeper than [`DecodeLimits::max_depth`](super::DecodeLimits::max_depth).
    #[error("a reply nests deeper than {limit} levels: raise max_depth if the server is trusted")]
    ReplyTooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// A string, line or aggregate of a reply is larger than [`DecodeLimits`](super::DecodeLimits) allow.
    #[error("{what} of a reply exceeds the limit of {limit}: raise the limit or ask for less")]
    ReplyTooLarge {
        /// Which part.
        what: &'static str,
        /// The limit: bytes for a string or a line, elements for an aggregate.
        limit: usize,
    },
}

impl ProtocolError {
    /// Appends the error reply a server sends before it closes the connection.
    ///
    /// Bytes outside ASCII in `expected '$', got '…'` go out raw, as Redis sends them.
    ///
    /// ```
    /// use mnemon_resp::protocol::ProtocolError;
    ///
    /// let mut out = Vec::new();
    /// ProtocolError::ExpectedBulk { got: b'*' }.write_reply(&mut out);
    /// assert_eq!(out, b"-ERR Protocol error: expected '$', got '*'\r\n");
    /// ```
    pub fn write_reply(&self, out: &mut Vec<u8>) {
        if let Self::ExpectedBulk { got } = *self {
            out.extend_from_slice(b"-ERR Protocol error: expected '$', got '");
            out.push(visible(got));
            out.extend_from_slice(b"'\r\n");
        } else {
            writer::write_error(out, &format!("ERR {self}"));
        }
    }
}

/// The byte as it may stand in an error reply, which is one line.
const fn visible(byte: u8) -> u8 {
    if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(error: ProtocolError) -> Vec<u8> {
        let mut out = Vec::new();
        error.write_reply(&mut out);
        out
    }

    #[test]
    fn a_byte_outside_ascii_goes_out_raw() {
        let expected: &[u8] = b"-ERR Protocol error: expected '$', got '\xff'\r\n";
        assert_eq!(reply(ProtocolError::ExpectedBulk { got: 0xff }), expected);
    }

    #[test]
    fn a_line_break_becomes_a_space() {
        let expected: &[u8] = b"-ERR Protocol error: expected '$', got ' '\r\n";
        assert_eq!(reply(ProtocolError::ExpectedBulk { got: b'\r' }), expected);
        assert_eq!(reply(ProtocolError::ExpectedBulk { got: b'\n' }), expected);
    }

    #[test]
    fn an_error_is_one_line_that_begins_with_err() {
        let expected: &[u8] =
            b"-ERR Protocol error: too big request, send at most 7 bytes in one command\r\n";
        assert_eq!(reply(ProtocolError::RequestTooLong { limit: 7 }), expected);
    }
}
