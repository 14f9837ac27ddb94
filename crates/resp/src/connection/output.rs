//! The write buffer of a connection.
//!
//! Answers are mostly written as soon as they are made, so a connection has no buffer of its own until its client is slower:
//! those of one thread fill the same one in turn, which stays in the processor's cache, and idle clients cost nothing.

use std::cell::RefCell;

/// A thread keeps buffers of at most so much together, and so many.
const KEEP: usize = 2 * 1024 * 1024;
const KEEP_COUNT: usize = 64;
/// The least that a buffer is made for.
const FIRST: usize = 1024;
/// Room that a slow client's buffer may have over what it needs.
const SLACK: usize = 16 * 1024;
/// Written bytes are dropped from the front of a buffer that still holds others once there are so many.
const DROP: usize = 256 * 1024;

/// Empty buffers that no connection of a thread uses now. Mostly one; several where answers wait to be durable.
#[derive(Default)]
struct Spares {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

// Not a process global in disguise: an I/O thread belongs to one server, and an empty buffer tells nothing.
thread_local! {
    static SPARES: RefCell<Spares> = RefCell::default();
}

impl Spares {
    fn take(&mut self) -> Vec<u8> {
        let Some(buffer) = self.buffers.pop() else { return Vec::with_capacity(FIRST) };
        self.bytes -= buffer.capacity();
        buffer
    }

    fn put(&mut self, mut buffer: Vec<u8>) {
        if self.buffers.len() < KEEP_COUNT && self.bytes + buffer.capacity() <= KEEP {
            buffer.clear();
            self.bytes += buffer.capacity();
            self.buffers.push(buffer);
        }
    }
}

/// Bytes that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Output {
    /// Where answers are appended to what waits.
    #[inline]
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = SPARES.with_borrow_mut(Spares::take);
        }
        &mut self.bytes
    }

    /// Gives the buffer, in which nothing waits, to the thread.
    pub(super) fn give_back(&mut self) {
        self.written = 0;
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() > 0 {
            SPARES.with_borrow_mut(|spares| spares.put(bytes));
        }
    }

    /// The client takes no more for now: what waits gets a buffer of its own size, if this one is much larger.
    pub(super) fn settle(&mut self) {
        if self.bytes.capacity() > self.len().saturating_mul(4).saturating_add(SLACK) {
            let own = self.pending().to_vec();
            self.give_back();
            self.bytes = own;
        }
    }

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
            self.give_back();
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
            output.buffer().extend_from_slice(part);
            let half = output.pending()[..70_000].to_vec();
            output.wrote(half.len());
            sent.extend_from_slice(&half);
        }
        sent.extend_from_slice(output.pending());
        output.wrote(output.len());
        assert!(sent == all && output.len() == 0);
        assert_eq!(output.bytes.capacity(), 0);
    }

    #[test]
    fn connections_of_a_thread_share_buffers_and_keep_none() {
        let fill = |output: &mut Output, count: usize| {
            output.buffer().resize(count, 1);
            (output.pending().as_ptr(), output.bytes.capacity())
        };
        let [mut one, mut other] = [Output::default(), Output::default()];
        let first = fill(&mut one, 100_000);
        one.wrote(100_000);
        assert_eq!(fill(&mut other, 10), first, "what the one has filled");
        fill(&mut one, 10);
        one.wrote(10);
        other.wrote(10);
        assert_eq!((one.bytes.capacity(), other.bytes.capacity()), (0, 0));
        assert_eq!(fill(&mut one, 10), first, "the one that was given back last");
        one.wrote(10);
        fill(&mut one, KEEP + 1);
        one.wrote(KEEP + 1);
        let mut many: Vec<Output> = (0..2 * KEEP_COUNT).map(|_| Output::default()).collect();
        for output in &mut many {
            fill(output, 30_000);
        }
        many.iter_mut().for_each(|output| output.wrote(30_000));
        SPARES.with_borrow(|spares| {
            let bytes: usize = spares.buffers.iter().map(Vec::capacity).sum();
            assert_eq!(bytes, spares.bytes);
            assert!(bytes <= KEEP && spares.buffers.len() <= KEEP_COUNT);
        });
    }

    #[test]
    fn a_slow_client_keeps_no_more_than_it_needs() {
        let mut output = Output::default();
        output.buffer().resize(1 << 20, 1);
        output.wrote((1 << 20) - 100);
        output.settle();
        assert_eq!((output.len(), output.bytes.capacity()), (100, 100));
        output.buffer().extend_from_slice(&[2; 50]);
        assert_eq!(output.pending()[99..101], [1, 2]);
        let mut other = Output::default();
        assert!(other.buffer().capacity() >= 1 << 20, "the large one is the thread's again");
    }

    #[test]
    fn a_buffer_that_nothing_was_put_into_goes_back() {
        let mut output = Output::default();
        output.buffer().reserve(5_000);
        output.give_back();
        assert_eq!(output.bytes.capacity(), 0);
        assert!(Output::default().buffer().capacity() >= 5_000);
    }
}
