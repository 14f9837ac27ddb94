//! Finds where one term ends inside key bytes, so that composite keys can be taken apart.

use crate::key::number::{HUGE, TINY, ZERO};
use crate::key::{ATOM, BINARY, END, Keying, LIST, LONG_SIZE, MAP, MAP_KEY_FLOAT, MAP_KEY_INT, NIL, TUPLE};
use crate::order::Mode;
use crate::wire::MAX_DEPTH;

/// Splits key bytes after their first term, which was encoded with this keying. `None` when they do not begin with
/// a term, or one nested deeper than [`MAX_DEPTH`]. O(length of the first term); allocates nothing.
///
/// ```
/// use mnemon_term::{Keying, key};
///
/// let mut composite = Vec::new();
/// key::encode("blue", Keying::Numeric, &mut composite);
/// let attribute_len = composite.len();
/// key::encode(42, Keying::Exact, &mut composite);
/// assert_eq!(key::split_first(&composite, Keying::Numeric), composite.split_at_checked(attribute_len));
/// ```
pub fn split_first(bytes: &[u8], keying: Keying) -> Option<(&[u8], &[u8])> {
    let rest = skip(bytes, keying.mode(), 0)?;
    bytes.split_at_checked(bytes.len() - rest.len())
}

/// What follows the first term.
fn skip(bytes: &[u8], mode: Mode, depth: usize) -> Option<&[u8]> {
    let (&tag, rest) = bytes.split_first()?;
    let nested = (depth < MAX_DEPTH).then_some(depth + 1);
    match tag {
        MAP_KEY_INT | MAP_KEY_FLOAT if mode == Mode::MapKey => {
            let (&tag, rest) = rest.split_first()?;
            skip_number(tag, rest)
        }
        ATOM | BINARY => {
            let end = rest.iter().position(|&byte| byte == END)?;
            rest.get(end + 1..)
        }
        TUPLE => {
            let (size, rest) = size(rest)?;
            skip_all(rest, size, mode, nested?)
        }
        MAP => {
            let (size, rest) = size(rest)?;
            let values = skip_all(rest, size, Mode::MapKey, nested?)?;
            skip_all(values, size, mode, nested?)
        }
        NIL => Some(rest),
        LIST => {
            let mut rest = rest;
            loop {
                match rest.split_first()? {
                    (&END, after) => return Some(after),
                    _ => rest = skip(rest, mode, nested?)?,
                }
            }
        }
        _ => {
            let rest = skip_number(tag, rest)?;
            if mode == Mode::Exact { rest.get(1..) } else { Some(rest) }
        }
    }
}

fn skip_all(bytes: &[u8], count: u64, mode: Mode, depth: usize) -> Option<&[u8]> {
    let mut rest = bytes;
    for _ in 0..count {
        rest = skip(rest, mode, depth)?;
    }
    Some(rest)
}

fn size(bytes: &[u8]) -> Option<(u64, &[u8])> {
    match bytes.split_first()? {
        (&LONG_SIZE, rest) => {
            let (size, rest) = rest.split_first_chunk()?;
            Some((u64::from_be_bytes(*size), rest))
        }
        (&size, rest) => Some((u64::from(size), rest)),
    }
}

/// Skips what follows a number's tag: the exponent where there is one, and the mantissa.
fn skip_number(tag: u8, rest: &[u8]) -> Option<&[u8]> {
    let distance = tag.abs_diff(ZERO);
    let rest = match distance {
        0 => return Some(rest),
        TINY | HUGE => rest.get(2..)?,
        distance if distance < HUGE => rest,
        _ => return None,
    };
    let flip = if tag < ZERO { 0xFF } else { 0 };
    let last = rest.iter().position(|&byte| (byte ^ flip) & 1 == 0)?;
    rest.get(last + 1..)
}
