//! Writes record bytes. Containers are opened, filled and closed; their length and count are set on closing,
//! so that a source need not know them before.

use crate::atom::check_name;
use crate::error::{Error, Result};
use crate::order::{Mode, order};
use crate::view::TermRef;
use crate::wire::{
    ATOM, ATOM_SHORT, BINARY_8, BINARY_32, BINARY_SHORT, FLOAT, INT, LIST_8, LONG, MAP_8, MAX_DEPTH, TUPLE_8,
    read,
};

/// Bytes of a short container's head, and what a long one's has more.
const SHORT_HEAD: usize = 3;
const LONG_EXTRA: usize = 6;

/// Which container is opened; the value is its short tag.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(crate) enum Container {
    Tuple = TUPLE_8,
    List = LIST_8,
    Map = MAP_8,
}

/// A container that was opened: the offset of its tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open(usize);

/// A buffer of encoded terms.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    out: Vec<u8>,
    depth: usize,
}

impl Encoder {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity), depth: 0 }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// The offset at which the next term will begin.
    pub(crate) fn position(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Overwrites one byte that was written before.
    pub(crate) fn patch(&mut self, at: usize, byte: u8) {
        if let Some(slot) = self.out.get_mut(at) {
            *slot = byte;
        }
    }

    /// Takes back everything from `position` on.
    pub(crate) fn truncate(&mut self, position: usize, depth: usize) {
        self.out.truncate(position);
        self.depth = depth;
    }

    /// Writes any term. The recursion ends at [`MAX_DEPTH`].
    pub(crate) fn term(&mut self, term: TermRef<'_>) -> Result<()> {
        match term {
            TermRef::Int(value) => self.int(value),
            TermRef::Float(value) => return self.float(value),
            TermRef::Atom(name) => return self.atom(name),
            TermRef::Binary(bytes) => return self.binary(bytes),
            TermRef::Tuple(elements) => {
                let open = self.open(Container::Tuple)?;
                let count = self.all(elements.iter())?;
                return self.close_counted(open, count, elements.len());
            }
            TermRef::List(elements) => {
                let open = self.open(Container::List)?;
                let count = self.all(elements.iter())?;
                return self.close_counted(open, count, elements.len());
            }
            TermRef::Map(pairs) => {
                let open = self.open(Container::Map)?;
                let count = self.all(pairs.iter().flat_map(|(key, value)| [key, value]))?;
                return self.close_counted(open, count / 2, pairs.len());
            }
        }
        Ok(())
    }

    fn all<'t>(&mut self, terms: impl Iterator<Item = TermRef<'t>>) -> Result<usize> {
        let mut count = 0;
        for term in terms {
            self.term(term)?;
            count += 1;
        }
        Ok(count)
    }

    /// Closes a container copied from a view, which yields fewer terms than it announces when it is malformed.
    fn close_counted(&mut self, open: Open, count: usize, announced: usize) -> Result<()> {
        if count != announced {
            return Err(Error::Malformed {
                offset: self.out.len(),
                reason: "a term of a view cannot be read",
            });
        }
        self.close(open, count)
    }

    pub(crate) fn int(&mut self, value: i64) {
        if let Ok(small @ 0x00..BINARY_SHORT) = u8::try_from(value) {
            return self.out.push(small);
        }
        let magnitude = if value < 0 { !value } else { value };
        // One bit more than the magnitude, for the sign: 1 to 64 bits, 1 to 8 bytes.
        let size = ((72 - magnitude.leading_zeros()) / 8).clamp(1, 8) as u8;
        self.out.push(INT + size - 1);
        self.out.extend(value.to_le_bytes().into_iter().take(usize::from(size)));
    }

    pub(crate) fn float(&mut self, value: f64) -> Result<()> {
        let value = crate::float::Float::new(value)?;
        self.out.push(FLOAT);
        self.out.extend_from_slice(&value.get().to_le_bytes());
        Ok(())
    }

    pub(crate) fn atom(&mut self, name: &str) -> Result<()> {
        check_name(name)?;
        match u16::try_from(name.len()) {
            Ok(len @ 0..=31) => self.out.push(ATOM_SHORT | len as u8),
            Ok(len) => {
                self.out.push(ATOM);
                self.out.extend_from_slice(&len.to_le_bytes());
            }
            // 255 characters are at most 1,020 bytes, so `check_name` has refused it.
            Err(_) => {
                return Err(Error::AtomTooLong { chars: name.chars().count() });
            }
        }
        self.out.extend_from_slice(name.as_bytes());
        Ok(())
    }

    pub(crate) fn binary(&mut self, bytes: &[u8]) -> Result<()> {
        match u32::try_from(bytes.len()) {
            Ok(len @ 0..=63) => self.out.push(BINARY_SHORT | len as u8),
            Ok(len @ 64..=255) => self.out.extend_from_slice(&[BINARY_8, len as u8]),
            Ok(len) => {
                self.out.push(BINARY_32);
                self.out.extend_from_slice(&len.to_le_bytes());
            }
            Err(_) => return Err(Error::TooLarge { what: "a binary" }),
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Opens a container. Its terms follow; [`Encoder::close`] must come.
    pub(crate) fn open(&mut self, kind: Container) -> Result<Open> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        self.depth += 1;
        let open = Open(self.out.len());
        self.out.extend_from_slice(&[kind as u8, 0, 0]);
        Ok(open)
    }

    /// Closes a container of `count` elements or pairs; a body of more than 255 bytes is moved to make
    /// room for the long head.
    pub(crate) fn close(&mut self, open: Open, count: usize) -> Result<()> {
        self.depth = self.depth.saturating_sub(1);
        let body = open.0 + SHORT_HEAD;
        let len = self.out.len() - body;
        if let (Ok(len), Ok(count)) = (u8::try_from(len), u8::try_from(count)) {
            self.patch(open.0 + 1, len);
            self.patch(open.0 + 2, count);
            return Ok(());
        }
        let too_large = |_| Error::TooLarge { what: "a tuple, list or map" };
        let (len32, count32) =
            (u32::try_from(len).map_err(too_large)?, u32::try_from(count).map_err(too_large)?);
        self.out.resize(self.out.len() + LONG_EXTRA, 0);
        self.out.copy_within(body..body + len, body + LONG_EXTRA);
        if let Some([tag, head @ ..]) = self.out.get_mut(open.0..body + LONG_EXTRA) {
            *tag += LONG;
            let (lengths, counts) = head.split_at_mut(4);
            lengths.copy_from_slice(&len32.to_le_bytes());
            counts.copy_from_slice(&count32.to_le_bytes());
        }
        Ok(())
    }

    /// Closes a map whose pairs came in any order, and begin at these offsets: sorts them into map-key order
    /// and keeps the last of equal keys.
    pub(crate) fn close_map(&mut self, open: Open, starts: &[usize]) -> Result<()> {
        let key = |start: usize| self.out.get(start..).and_then(|bytes| read(bytes, 0)).map(|(key, _)| key);
        let compare = |a: usize, b: usize| match (key(a), key(b)) {
            (Some(a), Some(b)) => order(a, b, Mode::MapKey),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        if starts.is_sorted_by(|&a, &b| compare(a, b).is_lt()) {
            return self.close(open, starts.len());
        }
        let ends = starts.iter().skip(1).copied().chain([self.out.len()]);
        let mut pairs: Vec<(usize, usize)> = starts.iter().copied().zip(ends).collect();
        pairs.sort_by(|a, b| compare(a.0, b.0));
        // Equal keys stand in the order they came, so the last of a run is the one that came last.
        let mut kept: Vec<(usize, usize)> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            match kept.last_mut() {
                Some(last) if compare(last.0, pair.0).is_eq() => *last = pair,
                _ => kept.push(pair),
            }
        }
        let mut body = Vec::with_capacity(self.out.len() - open.0);
        for &(start, end) in &kept {
            body.extend_from_slice(self.out.get(start..end).unwrap_or_default());
        }
        self.out.truncate(open.0 + SHORT_HEAD);
        self.out.extend_from_slice(&body);
        self.close(open, kept.len())
    }
}
