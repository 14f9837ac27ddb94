//! What a command answers: a reply, or rows that are written without a copy.
//!
//! A [`Reply`] owns its bytes; an [`Answer`] may hold the row itself (one reference count), so that the value of a `GET`
//! goes from the row into the output buffer. Only a connection turns answers into bytes.

use std::sync::Arc;

use mnemon_store::collection::Hash;
use mnemon_store::{Collection, Row, Value};

use crate::protocol::{Reply, Version, writer};

/// Bytes of an error text, at most.
const ERROR_MAX: usize = 512;

/// Which part of a hash is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashPart {
    /// Fields with their values.
    All,
    /// Fields.
    Fields,
    /// Values.
    Values,
}

/// The answer to one command.
///
/// ```
/// use mnemon_resp::Answer;
/// use mnemon_resp::protocol::{Reply, Version};
///
/// let mut out = Vec::new();
/// Answer::OK.write(Version::Resp2, &mut out);
/// Answer::from(Reply::Int(7)).write(Version::Resp2, &mut out);
/// assert_eq!(out, b"+OK\r\n:7\r\n");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Answer {
    /// Bytes that need no encoding and are the same in every protocol version.
    Static(&'static [u8]),
    /// An integer.
    Int(i64),
    /// The string that a row holds.
    Body(Row),
    /// The key of a row.
    Key(Row),
    /// The hash that a row holds.
    Hash(Row, HashPart),
    /// Any reply.
    Reply(Reply),
    /// An error that repeats bytes of the request; line breaks become spaces.
    Refusal(Vec<u8>),
    /// An array of answers.
    All(Vec<Answer>),
    /// Several answers one behind the other, as `T.UNSUBSCRIBE` gives one for each table.
    Several(Vec<Answer>),
    /// A push message as RESP2 has it, an array; its bytes are shared by all who get it.
    Message(Arc<[u8]>),
}

impl Answer {
    /// `+OK`.
    pub const OK: Self = Self::Static(b"+OK\r\n");
    /// The integer 0.
    pub const ZERO: Self = Self::Static(b":0\r\n");
    /// The integer 1.
    pub const ONE: Self = Self::Static(b":1\r\n");
    /// Null.
    pub const NULL: Self = Self::Reply(Reply::Null);

    /// An error whose text is known beforehand.
    #[must_use]
    pub const fn error(text: &'static str) -> Self {
        Self::Reply(Reply::Error(std::borrow::Cow::Borrowed(text)))
    }

    /// An error; `text` begins with its code word. What a client sent may be in it, so it is cut to a length that
    /// tells enough.
    #[must_use]
    pub fn failure(mut text: String) -> Self {
        if text.len() > ERROR_MAX {
            text.truncate(text.floor_char_boundary(ERROR_MAX));
            text.push('…');
        }
        Self::Reply(Reply::Error(text.into()))
    }

    /// Whether this is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self {
            Self::Refusal(_) => true,
            Self::Reply(reply) => reply.is_error(),
            _ => false,
        }
    }

    /// Whether this is a push message, or several: those are told even to a client that wants no replies.
    #[must_use]
    pub fn is_push(&self) -> bool {
        match self {
            Self::Message(_) | Self::Reply(Reply::Push(_)) => true,
            Self::Several(answers) => answers.iter().all(Self::is_push),
            _ => false,
        }
    }

    /// About how many bytes the answer will have; none are made. O(parts).
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Static(bytes) => bytes.len(),
            Self::Message(bytes) => bytes.len(),
            Self::Int(_) => 24,
            Self::Body(row) => row.body().len(),
            Self::Key(row) => row.key().len(),
            Self::Hash(row, _) => row.memory(),
            Self::Refusal(text) => text.len(),
            Self::All(answers) | Self::Several(answers) => {
                answers.iter().fold(0, |sum, answer| sum.saturating_add(answer.weight()))
            }
            // Such a reply owns its bytes, so that writing it at most doubles what is there already.
            Self::Reply(_) => 0,
        }
    }

    /// Appends the answer as bytes. O(bytes).
    #[inline]
    pub fn write(&self, version: Version, out: &mut Vec<u8>) {
        match self {
            Self::Static(bytes) => out.extend_from_slice(bytes),
            Self::Int(value) => writer::write_int(out, *value),
            Self::Body(row) => writer::write_bulk(out, row.body()),
            Self::Key(row) => writer::write_bulk(out, row.key()),
            Self::Hash(row, part) => write_hash(row, *part, version, out),
            Self::Reply(reply) => writer::write(reply, version, out),
            Self::Refusal(text) => write_refusal(text, out),
            Self::All(answers) => write_array(answers, version, out),
            Self::Several(answers) => write_each(answers, version, out),
            Self::Message(bytes) => write_message(bytes, version, out),
        }
    }

    /// The answer as bytes of its own; for tests and callers without a buffer.
    #[must_use]
    pub fn to_bytes(&self, version: Version) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(version, &mut out);
        out
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::ONE } else { Self::ZERO }
    }
}

/// The forms of a push differ in their first byte.
pub(crate) fn write_message(bytes: &[u8], version: Version, out: &mut Vec<u8>) {
    out.reserve(bytes.len());
    match (version, bytes) {
        (Version::Resp3, [_, rest @ ..]) => {
            out.push(b'>');
            out.extend_from_slice(rest);
        }
        _ => out.extend_from_slice(bytes),
    }
}

fn write_array(answers: &[Answer], version: Version, out: &mut Vec<u8>) {
    writer::write_array_header(out, answers.len());
    write_each(answers, version, out);
}

fn write_each(answers: &[Answer], version: Version, out: &mut Vec<u8>) {
    for answer in answers {
        answer.write(version, out);
    }
}

fn write_hash(row: &Row, part: HashPart, version: Version, out: &mut Vec<u8>) {
    let empty = Hash::default();
    let hash = match row.value() {
        Value::Collection(Collection::Hash(hash)) => hash,
        _ => &empty,
    };
    match part {
        HashPart::All => writer::write_map_header(out, hash.len(), version),
        HashPart::Fields | HashPart::Values => writer::write_array_header(out, hash.len()),
    }
    for element in hash.iter() {
        if part != HashPart::Values {
            writer::write_bulk(out, element.field());
        }
        if part != HashPart::Fields {
            writer::write_bulk(out, element.value());
        }
    }
}

fn write_refusal(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'-');
    out.extend(text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_stays_one_line() {
        assert_eq!(Answer::Refusal(b"ERR a\r\n\xff".to_vec()).to_bytes(Version::Resp2), b"-ERR a  \xff\r\n");
    }

    #[test]
    fn rows_are_written_as_they_are() {
        let row = Row::bytes(1, None, b"k", b"v\r\n");
        assert_eq!(Answer::Key(row.clone()).to_bytes(Version::Resp2), b"$1\r\nk\r\n");
        assert_eq!(Answer::Body(row).to_bytes(Version::Resp2), b"$3\r\nv\r\n\r\n");
        let several = Answer::Several(vec![Answer::ONE, Answer::All(vec![Answer::NULL])]);
        assert_eq!(several.to_bytes(Version::Resp3), b":1\r\n*1\r\n_\r\n");
    }
}
