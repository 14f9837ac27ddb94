//! The arguments of one command: where they stand in bytes that somebody else owns.
//!
//! [`Args`] is borrowed and free to make; [`ArgsBuf`] owns its bytes, for a command that must outlive the read buffer
//! (a queued transaction) or that no client sent (a test).

use std::{fmt, ops::Index, slice};

/// Where an argument stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: usize,
    pub(super) len: usize,
}

impl Span {
    fn of(self, source: &[u8]) -> Option<&[u8]> {
        source.get(self.offset..self.offset.checked_add(self.len)?)
    }
}

/// The arguments of one command, its name first, borrowed from the bytes they arrived in.
///
/// Copying it is free. A command that was parsed has at least one argument.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    pub(super) source: &'a [u8],
    pub(super) spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// How many arguments there are, the name included.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none: only before a command was parsed.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The argument at `position` (0 is the name), or `None` past the end. O(1).
    #[inline]
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&'a [u8]> {
        self.spans.get(position)?.of(self.source)
    }

    /// The command's name as it was sent, in whatever case; empty if there is none.
    #[inline]
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.get(0).unwrap_or_default()
    }

    /// All arguments in order, the name first.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> ArgsIter<'a> {
        ArgsIter { source: self.source, spans: self.spans.iter() }
    }

    /// The arguments from `position` on; empty past the end. O(1).
    #[inline]
    #[must_use]
    pub fn skip(&self, position: usize) -> Self {
        Self { source: self.source, spans: self.spans.get(position..).unwrap_or_default() }
    }

    /// A copy that owns its bytes: two allocations, O(bytes).
    #[must_use]
    pub fn to_buf(&self) -> ArgsBuf {
        self.iter().collect()
    }
}

/// `args[i]` for an `i` that the command's arity has already vouched for.
///
/// # Panics
///
/// Past the last argument; use [`Args::get`] where the count is not known.
impl Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, position: usize) -> &[u8] {
        self.get(position).expect("the caller has checked the number of arguments")
    }
}

impl<'a> IntoIterator for Args<'a> {
    type Item = &'a [u8];
    type IntoIter = ArgsIter<'a>;

    fn into_iter(self) -> ArgsIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|arg| arg.escape_ascii().to_string())).finish()
    }
}

/// The iterator of [`Args::iter`].
#[derive(Clone)]
pub struct ArgsIter<'a> {
    source: &'a [u8],
    spans: slice::Iter<'a, Span>,
}

impl<'a> Iterator for ArgsIter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.spans.next().map(|span| span.of(self.source).unwrap_or_default())
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }
}

impl ExactSizeIterator for ArgsIter<'_> {}

impl fmt::Debug for ArgsIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Args { source: self.source, spans: self.spans.as_slice() }.fmt(f)
    }
}

/// Arguments that own their bytes.
///
/// ```
/// use mnemon_resp::protocol::ArgsBuf;
///
/// let command: ArgsBuf = ["SET", "key", "value"].iter().collect();
/// assert_eq!(command.as_args().name(), b"SET");
/// assert_eq!(command.as_args().len(), 3);
/// ```
#[derive(Clone, Default)]
pub struct ArgsBuf {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl ArgsBuf {
    /// The arguments, borrowed. Free.
    #[must_use]
    pub fn as_args(&self) -> Args<'_> {
        Args { source: &self.bytes, spans: &self.spans }
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for ArgsBuf {
    fn from_iter<I: IntoIterator<Item = T>>(args: I) -> Self {
        let mut buf = Self::default();
        for arg in args {
            let arg = arg.as_ref();
            buf.spans.push(Span { offset: buf.bytes.len(), len: arg.len() });
            buf.bytes.extend_from_slice(arg);
        }
        buf
    }
}

impl fmt::Debug for ArgsBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_args().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_end_there_is_nothing() {
        let buf: ArgsBuf = ["GET", "k"].iter().collect();
        let args = buf.as_args();
        assert_eq!(args.get(1), Some(&b"k"[..]));
        assert_eq!(args.get(2), None);
        assert!(args.skip(2).is_empty());
        assert!(args.skip(9).is_empty());
        assert_eq!(args.skip(1).name(), b"k");
        assert_eq!(ArgsBuf::default().as_args().name(), b"");
    }

    #[test]
    fn a_span_outside_the_bytes_is_absent() {
        let args = Args {
            source: b"abc",
            spans: &[Span { offset: 2, len: 9 }, Span { offset: 1, len: usize::MAX }],
        };
        assert_eq!(args.get(0), None);
        assert_eq!(args.get(1), None);
        assert_eq!(args.iter().collect::<Vec<_>>(), [b"", b""]);
    }

    #[test]
    fn debug_shows_bytes_as_text() {
        let buf: ArgsBuf = [&b"GET"[..], b"\xff"].iter().collect();
        assert_eq!(format!("{buf:?}"), r#"["GET", "\\xff"]"#);
    }
}
