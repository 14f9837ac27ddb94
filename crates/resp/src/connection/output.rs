//! The write buffer of a connection.

/// An empty buffer keeps at most this much.
const KEEP: usize = 64 * 1024;
/// Written bytes are dropped from the front of a buffer that still holds others once there are so many.
const DROP: usize = 256 * 1024;

/// Bytes that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    written: usize,
}

impl Output {
    /// What is still to be written.
    pub(super) fn pending(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// Bytes of memory that it has touched.
    #[inline]
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// How much is still to be written.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Where the next answer begins, for `take_back`. Valid until something is written.
    pub(super) fn end(&self) -> usize {
        self.bytes.len()
    }

    /// Takes back the answers from `end` on.
    pub(super) fn take_back(&mut self, end: usize) {
        self.bytes.truncate(end.max(self.written));
    }

    /// Notes that the first `count` pending bytes are written.
    pub(super) fn wrote(&mut self, count: usize) {
        self.written = (self.written + count).min(self.bytes.len());
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEEP);
            self.written = 0;
        } else if self.written >= DROP {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_or_written_twice() {
        let mut output = Output::default();
        let all: Vec<u8> = (0..2_000_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let mut sent = Vec::new();
        for part in all.chunks(100_000) {
            output.bytes.extend_from_slice(part);
            let half = output.pending()[..70_000].to_vec();
            output.wrote(half.len());
            sent.extend_from_slice(&half);
        }
        sent.extend_from_slice(output.pending());
        output.wrote(output.len());
        assert!(sent == all && output.len() == 0);
        assert!(output.bytes.capacity() <= KEEP);
    }
}
