//! A command's answer as data.
//!
//! A command returns a [`Reply`] and knows nothing of protocol versions; only the connection turns it into bytes (see
//! [`writer`](super::writer)). A reply is at most 32 bytes on the stack, so that passing one costs little.

use std::borrow::Cow;

/// The protocol version of a connection: RESP2 until `HELLO 3` changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// Redis before 6, and every client that sends no `HELLO`.
    #[default]
    Resp2,
    /// Maps, sets, doubles, booleans, nulls and pushes of their own.
    Resp3,
}

/// One answer, in terms of RESP3. RESP2 clients get the nearest form they know (see [`writer::write()`](super::writer::write())).
///
/// Aggregates own their elements. Commands nest them two or three deep; dropping and writing one recurses that deep.
///
/// ```
/// use mnemon_resp::protocol::Reply;
///
/// let reply = Reply::Array(vec![Reply::Int(1), Reply::bulk("two"), Reply::Null]);
/// assert!(!reply.is_error());
/// assert!(Reply::error("ERR no such key: try KEYS").is_error());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// `+OK`: a short status. Line breaks become spaces.
    Simple(Cow<'static, str>),
    /// `-ERR …`: begins with an upper-case code word. Line breaks become spaces.
    Error(Cow<'static, str>),
    /// A signed integer.
    Int(i64),
    /// A string of bytes.
    Bulk(Vec<u8>),
    /// A string of bytes that is known at compile time.
    StaticBulk(&'static str),
    /// No value: `_`, or `$-1` in RESP2.
    Null,
    /// No value where an array is usual: `_`, or `*-1` in RESP2.
    NullArray,
    /// Replies in order.
    Array(Vec<Reply>),
    /// Pairs of key and value; RESP2 gets a flat array.
    Map(Vec<(Reply, Reply)>),
    /// Pairs in order: an array of arrays of two; RESP2 gets a flat array.
    Pairs(Vec<(Reply, Reply)>),
    /// Replies without order or duplicates; RESP2 gets an array.
    Set(Vec<Reply>),
    /// A message outside the order of requests; RESP2 gets an array.
    Push(Vec<Reply>),
    /// A floating point number; RESP2 gets it as a bulk string.
    Double(f64),
    /// RESP2 gets 1 or 0.
    Bool(bool),
    /// An integer of any size, in decimal digits; RESP2 gets a bulk string.
    BigNumber(String),
    /// Text with the name of its format; RESP2 gets a bulk string of the text.
    Verbatim {
        /// Three letters: `txt` or `mkd`.
        format: [u8; 3],
        /// The text.
        text: String,
    },
}

impl Reply {
    /// `+OK`.
    pub const OK: Self = Self::Simple(Cow::Borrowed("OK"));

    /// A status.
    #[must_use]
    pub fn simple(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Simple(text.into())
    }

    /// An error; `text` begins with its code word (`ERR`, `WRONGTYPE`, …).
    #[must_use]
    pub fn error(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Error(text.into())
    }

    /// A copy of `bytes`. Use [`Reply::Bulk`] for a vector that is already owned.
    #[must_use]
    pub fn bulk(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bulk(bytes.as_ref().to_vec())
    }

    /// The bytes as a bulk string, or null.
    #[must_use]
    pub fn bulk_or_null(bytes: Option<Vec<u8>>) -> Self {
        bytes.map_or(Self::Null, Self::Bulk)
    }

    /// Plain text with the format `txt`.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Verbatim { format: *b"txt", text: text.into() }
    }

    /// Whether this is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_at_most_32_bytes() {
        assert!(size_of::<Reply>() <= 32, "{}", size_of::<Reply>());
    }

    #[test]
    fn an_absent_value_is_null() {
        assert_eq!(Reply::bulk_or_null(None), Reply::Null);
        assert_eq!(Reply::bulk_or_null(Some(b"v".to_vec())), Reply::bulk("v"));
    }
}
