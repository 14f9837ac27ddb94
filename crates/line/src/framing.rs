//! Bytes to lines: a buffer that what arrives is put into and that lines are taken out of.
//!
//! A line ends with LF or CRLF. What must stay true: a line longer than the limit is refused before it has arrived whole,
//! and no byte is looked at twice for its end.

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 8 << 10;

/// The buffer.
#[derive(Debug)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where there is no end of a line.
    searched: usize,
    limit: usize,
}

/// A line is longer than it may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Lines {
    /// For lines of at most `limit` bytes, their ends not counted.
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, searched: 0, limit }
    }

    /// Where to put what arrives next, behind what is there.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        if self.bytes.is_empty() && self.bytes.capacity() > READ_BYTES * 2 {
            // A long line has passed; its buffer need not stay with an idle client.
            self.bytes = Vec::new();
        }
        self.bytes.reserve(READ_BYTES);
        &mut self.bytes
    }

    /// The next line without its end, if it has arrived.
    ///
    /// # Errors
    /// `TooLong`.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let unseen = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(at) = memchr::memchr(b'\n', unseen) else {
            self.searched = self.bytes.len();
            // One byte more may be the CR of an end that is still to come.
            return if self.searched - self.start > self.limit + 1 { Err(TooLong) } else { Ok(None) };
        };
        let (from, end) = (self.start, self.searched + at);
        self.start = end + 1;
        self.searched = self.start;
        let line = self.bytes.get(from..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > self.limit { Err(TooLong) } else { Ok(Some(line)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(lines: &mut Lines) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| lines.next().expect("they are short").map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn lines_end_with_lf_or_crlf() {
        let mut lines = Lines::new(8);
        lines.room().extend_from_slice(b"a\r\n\nb\rc\nrest");
        assert_eq!(all(&mut lines), [&b"a"[..], b"", b"b\rc"]);
        lines.room().extend_from_slice(b"!\r\n");
        assert_eq!(all(&mut lines), [&b"rest!"[..]]);
    }

    #[test]
    fn a_line_of_the_limit_is_taken_and_one_byte_more_is_not() {
        for end in ["\n", "\r\n"] {
            let mut lines = Lines::new(4);
            lines.room().extend_from_slice(format!("1234{end}").as_bytes());
            assert_eq!(lines.next(), Ok(Some(&b"1234"[..])));
            lines.room().extend_from_slice(format!("12345{end}").as_bytes());
            assert_eq!(lines.next(), Err(TooLong));
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused_when_it_is_too_long() {
        let mut lines = Lines::new(4);
        lines.room().extend_from_slice(b"12345");
        assert_eq!(lines.next(), Ok(None), "a CR may be its last byte");
        lines.room().push(b'6');
        assert_eq!(lines.next(), Err(TooLong));
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_arrive(
            lines in proptest::collection::vec("[a-z ]{0,9}", 0..20),
            pieces in proptest::collection::vec(1_usize..20, 1..40),
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let (mut buffer, mut found, mut rest) = (Lines::new(9), Vec::new(), text.as_bytes());
            for piece in pieces.into_iter().chain([usize::MAX]) {
                let (now, later) = rest.split_at(piece.min(rest.len()));
                buffer.room().extend_from_slice(now);
                found.extend(all(&mut buffer));
                rest = later;
            }
            let found: Vec<String> = found.into_iter().map(|line| String::from_utf8_lossy(&line).into_owned()).collect();
            prop_assert_eq!(found, lines);
        }
    }
}
