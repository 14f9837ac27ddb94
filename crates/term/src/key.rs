//! Key bytes: terms as bytes whose `memcmp` order is the order of the terms.
//!
//! # Format, version 1
//!
//! A term's key bytes open with a tag; the tags stand in the order of the types, with room for the types to come.
//!
//! | tag | term | after the tag |
//! |---|---|---|
//! | `04` `05` | in a map's keys only: an integer, a float | the number as below |
//! | `06`–`8A` | number (see below) | exponent, mantissa, and for [`Keying::Exact`] `01` integer or `02` float |
//! | `90` | atom | the name, escaped, ended by `00` |
//! | `98` `A0` `A8` `B0` | free: reference, fun, port, pid | |
//! | `B8` | tuple | size, elements |
//! | `C0` | map | size, keys in map-key order, values in the order of their keys |
//! | `C8` | empty list | nothing |
//! | `D0` | list | elements, ended by `00` |
//! | `D8` | binary | the bytes, escaped, ended by `00` |
//!
//! A number is ±1.mantissa × 2^exponent. Zero is tag `48`. For positive numbers the tag is `49` for
//! exponents below 0, `4A` + exponent for 0 to 63, `8A` above; negative numbers mirror that below `48`. `49` and
//! `8A` are followed by the exponent in 2 bytes, big-endian (`49`: plus 32,768; `8A`: first byte below `FF`, which is kept
//! for longer exponents). The mantissa follows in groups of 7 bits, most significant first, the lowest bit of each byte saying
//! that another group follows; trailing zero groups are cut, one group is always there. For negative numbers exponent and
//! mantissa are complemented. An integer of any size fits this scheme, so larger ones can come without changing a key.
//!
//! Escaping makes `00` into `01 01` and `01` into `01 02`. A size is one byte below 255, else `FF` and 8 bytes big-endian.
//!
//! Every encoding ends by itself and none is a prefix of another, so encodings may be concatenated: if a < b then
//! a‖x < b‖y for whatever x and y. Keys are compared and split ([`split_first`]), never turned back into terms.

mod bytes;
mod number;
mod range;
mod walk;

pub use bytes::KeyBytes;
pub use number::NumberKey;
pub use range::{increment, successor_of_prefix};
pub use walk::split_first;

use crate::order::Mode;
use crate::view::{MapRef, SeqRef, TermRef};

pub(crate) const END: u8 = 0x00;
pub(crate) const ESCAPE: u8 = 0x01;
pub(crate) const MAP_KEY_INT: u8 = 0x04;
pub(crate) const MAP_KEY_FLOAT: u8 = 0x05;
pub(crate) const ATOM: u8 = 0x90;
pub(crate) const TUPLE: u8 = 0xB8;
pub(crate) const MAP: u8 = 0xC0;
pub(crate) const NIL: u8 = 0xC8;
pub(crate) const LIST: u8 = 0xD0;
pub(crate) const BINARY: u8 = 0xD8;
/// A size of 255 or more follows in 8 bytes.
pub(crate) const LONG_SIZE: u8 = 0xFF;

/// Which terms have the same key, and in which order keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keying {
    /// 1 and 1.0 are two keys; the order is that of `Term`'s `Ord`. For `set` and `bag`.
    Exact,
    /// 1 and 1.0 are one key; the order is [`Term::compare`](crate::Term::compare). For `ordered_set`, and for whatever
    /// answers range conditions.
    Numeric,
}

impl Keying {
    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Exact => Mode::Exact,
            Self::Numeric => Mode::Numeric,
        }
    }
}

/// Appends the key bytes of a term (a [`TermRef`], a `&Term`, an `i64`, a `&str`, …) to `out`. Small integers take
/// 2 to 4 bytes, a binary its length and 2. O(size); allocates nothing but in `out` (and for maps of a
/// [`Term`](crate::Term) tree that mix integer and float keys).
///
/// ```
/// use mnemon_term::{Keying, Term, key};
///
/// let bytes_of = |term: &Term, keying| {
///     let mut bytes = Vec::new();
///     key::encode(term, keying, &mut bytes);
///     bytes
/// };
/// let (one, float) = (Term::from(1), Term::float(1.0)?);
/// assert_eq!(bytes_of(&one, Keying::Numeric), bytes_of(&float, Keying::Numeric));
/// assert!(bytes_of(&one, Keying::Exact) < bytes_of(&float, Keying::Exact));
/// assert!(bytes_of(&Term::from(-5), Keying::Exact) < bytes_of(&one, Keying::Exact));
/// # Ok::<(), mnemon_term::Error>(())
/// ```
#[inline]
pub fn encode<'t>(term: impl Into<TermRef<'t>>, keying: Keying, out: &mut Vec<u8>) {
    put(term.into(), keying.mode(), out);
}

fn put(term: TermRef<'_>, mode: Mode, out: &mut Vec<u8>) {
    match term {
        TermRef::Int(value) => out.extend_from_slice(&NumberKey::int_in(value, mode)),
        TermRef::Float(value) => out.extend_from_slice(&NumberKey::float_in(value, mode)),
        TermRef::Atom(name) => put_bytes(ATOM, name.as_bytes(), out),
        TermRef::Binary(bytes) => put_bytes(BINARY, bytes, out),
        TermRef::Tuple(elements) => put_tuple(elements, mode, out),
        TermRef::List(elements) => put_list(elements, mode, out),
        TermRef::Map(pairs) => put_map(pairs, mode, out),
    }
}

fn put_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + 2);
    out.push(tag);
    let mut rest = bytes;
    while !is_plain(rest)
        && let Some(at) = rest.iter().position(|&byte| byte <= ESCAPE)
    {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else {
            break;
        };
        out.extend_from_slice(&[ESCAPE, byte + 1]);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(END);
}

/// Whether nothing is to be escaped, looked at word by word: what text mostly is.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    const LOWS: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = LOWS << 7;
    let (words, rest) = bytes.as_chunks::<8>();
    // A byte below 2 borrows from its highest bit, which it does not have itself.
    let any_low = |word: u64| word.wrapping_sub(2 * LOWS) & !word & HIGHS != 0;
    !words.iter().any(|word| any_low(u64::from_le_bytes(*word))) && rest.iter().all(|&byte| byte > ESCAPE)
}

fn put_tuple(elements: SeqRef<'_>, mode: Mode, out: &mut Vec<u8>) {
    out.push(TUPLE);
    put_size(elements.len(), out);
    for element in elements {
        put(element, mode, out);
    }
}

fn put_list(elements: SeqRef<'_>, mode: Mode, out: &mut Vec<u8>) {
    if elements.is_empty() {
        return out.push(NIL);
    }
    out.push(LIST);
    for element in elements {
        put(element, mode, out);
    }
    out.push(END);
}

fn put_map(pairs: MapRef<'_>, mode: Mode, out: &mut Vec<u8>) {
    out.push(MAP);
    put_size(pairs.len(), out);
    if pairs.is_sorted() {
        for (key, _) in pairs.stored() {
            put(key, Mode::MapKey, out);
        }
        for (_, value) in pairs.stored() {
            put(value, mode, out);
        }
        return;
    }
    // Every key is encoded once, then the encodings are sorted.
    let mut sorted: Vec<_> = pairs.stored().map(|(key, value)| (map_key(key), value)).collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (key, _) in &sorted {
        out.extend_from_slice(key);
    }
    for (_, value) in sorted {
        put(value, mode, out);
    }
}

/// The bytes of a map's key, which sort in map-key order.
pub(crate) fn map_key(key: TermRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(key, Mode::MapKey, &mut bytes);
    bytes
}

/// The bytes of a map in an order.
pub(crate) fn map(pairs: MapRef<'_>, mode: Mode) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_map(pairs, mode, &mut bytes);
    bytes
}

fn put_size(size: usize, out: &mut Vec<u8>) {
    match u8::try_from(size) {
        Ok(size) if size != LONG_SIZE => out.push(size),
        _ => {
            out.push(LONG_SIZE);
            out.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
}
