//! Record bytes: the format in which records are stored, logged and sent.
//!
//! # Format, version 1
//!
//! The bytes carry no version of their own: whatever holds them (a log segment, a snapshot, a frame)
//! says which [`FORMAT_VERSION`] they have. A record is its arity in one byte (1 to 255; 0 is reserved for a longer
//! header), then that many terms, then nothing. A term opens with a tag:
//!
//! | tag | term | after the tag |
//! |---|---|---|
//! | `00`–`3F` | integer 0 to 63 | nothing |
//! | `40`–`7F` | binary of 0 to 63 bytes | the bytes |
//! | `80`–`9F` | atom of 0 to 31 bytes | the name |
//! | `A0`–`A7` | integer of 1 to 8 bytes | two's complement, little-endian, as few bytes as hold it |
//! | `A8` | float | 8 bytes, IEEE 754, little-endian; finite, never -0.0 |
//! | `A9` | atom of more than 31 bytes | length in 2 bytes, the name |
//! | `AA` | binary of 64 to 255 bytes | length in 1 byte, the bytes |
//! | `AB` | binary of more than 255 bytes | length in 4 bytes, the bytes |
//! | `AC` `AD` `AE` | tuple, list, map with a body of at most 255 bytes | length of the body in 1 byte, count in 1 byte, body |
//! | `AF` `B0` `B1` | tuple, list, map with a longer body | length of the body in 4 bytes, count in 4 bytes, body |
//!
//! Lengths and counts are little-endian. The body of a tuple or list is its elements; the body of a map is
//! key, value, key, value, …, keys strictly ascending in map-key order (Erlang's order with every integer before
//! every float), and its count is of pairs. Tags from `B2` up are free for later types.
//!
//! The format is canonical: one sequence of terms has one encoding, so equal bytes are equal records.
//! Containers nest at most [`MAX_DEPTH`] levels. A term is skipped in constant time.
//!
//! This module reads and skips single terms; writing is `encoder`'s, checking untrusted bytes `validate`'s.

pub(crate) mod encoder;
pub(crate) mod validate;

use crate::view::{MapRef, SeqRef, TermRef};

/// The version of the record format this crate reads and writes.
pub const FORMAT_VERSION: u8 = 1;

/// The deepest nesting of tuples, lists and maps in one term.
pub const MAX_DEPTH: usize = 128;

/// The most attributes a record can have.
pub const MAX_ARITY: usize = 255;

pub(crate) const BINARY_SHORT: u8 = 0x40;
pub(crate) const ATOM_SHORT: u8 = 0x80;
pub(crate) const INT: u8 = 0xA0;
pub(crate) const FLOAT: u8 = 0xA8;
pub(crate) const ATOM: u8 = 0xA9;
pub(crate) const BINARY_8: u8 = 0xAA;
pub(crate) const BINARY_32: u8 = 0xAB;
pub(crate) const TUPLE_8: u8 = 0xAC;
pub(crate) const LIST_8: u8 = 0xAD;
pub(crate) const MAP_8: u8 = 0xAE;
pub(crate) const TUPLE_32: u8 = 0xAF;
pub(crate) const MAP_32: u8 = 0xB1;
/// What is added to a short container's tag to make the long one's.
pub(crate) const LONG: u8 = TUPLE_32 - TUPLE_8;

/// A term's head: what it is, and where its content lies.
struct Head {
    /// Bytes before the content.
    skip: usize,
    /// Bytes of the content.
    len: usize,
}

/// Reads the head of the term that `bytes` begin with; `None` when they are cut or the tag is unknown.
#[inline]
fn head(bytes: &[u8]) -> Option<Head> {
    let &tag = bytes.first()?;
    let (skip, len) = match tag {
        0x00..BINARY_SHORT => (1, 0),
        BINARY_SHORT..ATOM_SHORT => (1, usize::from(tag & 0x3F)),
        ATOM_SHORT..INT => (1, usize::from(tag & 0x1F)),
        INT..FLOAT => (1, usize::from(tag - INT) + 1),
        FLOAT => (1, 8),
        ATOM => (3, usize::from(u16::from_le_bytes(*bytes.get(1..)?.first_chunk()?))),
        BINARY_8 => (2, usize::from(*bytes.get(1)?)),
        BINARY_32 => (5, length(bytes, 1)?),
        TUPLE_8..=MAP_8 => (3, usize::from(*bytes.get(1)?)),
        TUPLE_32..=MAP_32 => (9, length(bytes, 1)?),
        _ => return None,
    };
    Some(Head { skip, len })
}

/// The 4-byte length at `at`.
fn length(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

/// The length of the term that `bytes` begin with, its content not looked at. O(1).
#[inline]
pub(crate) fn span(bytes: &[u8]) -> Option<usize> {
    let Head { skip, len } = head(bytes)?;
    skip.checked_add(len).filter(|&end| end <= bytes.len())
}

/// Reads the term that `bytes` begin with, and its length. `depth` is the number of containers around it;
/// a container at [`MAX_DEPTH`] is malformed. O(1) but for the check that an atom is UTF-8.
#[inline]
pub(crate) fn read(bytes: &[u8], depth: u8) -> Option<(TermRef<'_>, usize)> {
    let &tag = bytes.first()?;
    if tag < BINARY_SHORT {
        return Some((TermRef::Int(i64::from(tag)), 1));
    }
    let Head { skip, len } = head(bytes)?;
    let end = skip.checked_add(len)?;
    let content = bytes.get(skip..end)?;
    let term = match tag {
        BINARY_SHORT..ATOM_SHORT | BINARY_8 | BINARY_32 => TermRef::Binary(content),
        ATOM_SHORT..INT | ATOM => TermRef::Atom(std::str::from_utf8(content).ok()?),
        INT..FLOAT => TermRef::Int(int(content)?),
        FLOAT => {
            let value = f64::from_le_bytes(*content.first_chunk()?);
            TermRef::Float(value.is_finite().then_some(value)?)
        }
        _ => return Some((container(bytes, content, depth)?, end)),
    };
    Some((term, end))
}

/// A tuple, list or map. A count larger than the body can hold is malformed, so that counts may size buffers.
fn container<'a>(bytes: &'a [u8], body: &'a [u8], depth: u8) -> Option<TermRef<'a>> {
    let &tag = bytes.first()?;
    if usize::from(depth) >= MAX_DEPTH {
        return None;
    }
    let (kind, count) = match tag {
        TUPLE_8..=MAP_8 => (tag, usize::from(*bytes.get(2)?)),
        _ => (tag.checked_sub(LONG)?, length(bytes, 5)?),
    };
    let depth = depth + 1;
    match kind {
        TUPLE_8 if count <= body.len() => Some(TermRef::Tuple(SeqRef::encoded(body, count, depth))),
        LIST_8 if count <= body.len() => Some(TermRef::List(SeqRef::encoded(body, count, depth))),
        MAP_8 if count <= body.len() / 2 => Some(TermRef::Map(MapRef::encoded(body, count, depth))),
        _ => None,
    }
}

/// Sign-extends 1 to 8 little-endian bytes.
#[inline]
fn int(content: &[u8]) -> Option<i64> {
    let unused = 64 - 8 * u32::try_from(content.len()).ok().filter(|len| (1..=8).contains(len))?;
    // Byte by byte: a copy of a length that only the run knows is a call.
    let value = content.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
    Some((value << unused).cast_signed() >> unused)
}
