//! The read buffer of a connection.
//!
//! What must stay true: unread bytes are contiguous; the buffer grows with what arrives, not with what is announced; a large
//! request does not leave a large buffer behind.

/// What the first read offers: enough for a command or two, since most connections of a large pool are idle.
const FIRST_LEN: usize = 1024;
/// What one read offers in the end, once reads have filled less.
const READ_LEN: usize = 16 * 1024;
/// The most that one read offers: the buffer's bytes are made up to there, and what is not made takes no memory.
const STEP: usize = 128 * 1024;
/// An empty buffer keeps at most this much.
const KEEP: usize = 64 * 1024;

/// Bytes that have arrived and are not consumed, with room behind them.
#[derive(Debug)]
pub(super) struct Input {
    /// All of it is initialised, so that a read needs no unsafe code; `start..end` has arrived.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// What the next read offers at least.
    read_len: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0, read_len: FIRST_LEN }
    }
}

impl Input {
    /// What has arrived and is not consumed.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Bytes of memory that it has touched.
    #[inline]
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets the first `count` unread bytes.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Room for the next read. `hint` bytes are worth reserving: a long request then grows in few moves, while the memory
    /// it takes is what has arrived and a step more.
    pub(super) fn room(&mut self, hint: usize) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.capacity() > KEEP && hint <= KEEP {
                self.bytes.truncate(READ_LEN);
                self.bytes.shrink_to_fit();
            }
        }
        let wanted = hint.min(STEP).max(self.read_len);
        let least = hint.min(STEP).max(self.read_len / 4);
        if self.bytes.len() - self.end < least && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.bytes.len() - self.end < least {
            let filled = self.end.saturating_add(wanted);
            let whole = self.end.saturating_add(hint);
            if filled > self.bytes.capacity() && whole > self.bytes.capacity().saturating_mul(2) {
                self.bytes.reserve_exact(whole.saturating_sub(self.bytes.len()));
            }
            self.bytes.resize(filled, 0);
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// Notes that `count` bytes were read into the room.
    pub(super) fn arrived(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
        if self.end == self.bytes.len() {
            // There was probably more.
            self.read_len = self.read_len.saturating_mul(4).min(READ_LEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(input: &mut Input, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = input.room(bytes.len());
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            input.arrived(count);
            bytes = &bytes[count..];
        }
    }

    #[test]
    fn unread_bytes_stay_together_and_in_order() {
        let mut input = Input::default();
        let (mut sent, mut read) = (0_u32, 0_u32);
        for round in 0..5_000_u32 {
            for _ in 0..=round % 7 {
                receive(&mut input, &sent.to_be_bytes());
                sent += 1;
            }
            for _ in 0..=round % 6 {
                if input.unread().len() >= 4 {
                    assert_eq!(input.unread()[..4], read.to_be_bytes());
                    input.consume(4);
                    read += 1;
                }
            }
        }
        assert_eq!(input.unread().len(), (sent - read) as usize * 4);
    }

    #[test]
    fn a_large_request_leaves_a_small_buffer_behind() {
        let mut input = Input::default();
        receive(&mut input, &vec![1; 1 << 20]);
        input.consume(1 << 20);
        assert!(input.room(1).len() >= READ_LEN / 4);
        assert!(input.bytes.capacity() <= KEEP);
    }

    #[test]
    fn a_long_request_moves_seldom_and_fills_little_ahead() {
        let mut input = Input::default();
        let whole = 64 << 20;
        let (mut moves, mut capacity) = (0, 0);
        while input.unread().len() < whole {
            let arrived = input.unread().len();
            let hint = (whole - arrived).min((7 * arrived).max(READ_LEN));
            let room = input.room(hint);
            let count = room.len().min(50_000);
            room[..count].fill(1);
            input.arrived(count);
            assert!(input.bytes.len() <= input.unread().len() + STEP + READ_LEN);
            moves += usize::from(input.bytes.capacity() != capacity);
            capacity = input.bytes.capacity();
        }
        assert!(moves <= 8, "{moves}");
        assert!(input.unread().iter().all(|byte| *byte == 1));
    }

    #[test]
    fn what_was_not_received_cannot_be_consumed() {
        let mut input = Input::default();
        receive(&mut input, b"abc");
        input.consume(9);
        assert_eq!(input.unread(), b"");
        input.arrived(usize::MAX / 2);
        assert!(input.unread().len() <= input.bytes.len());
    }

    #[test]
    fn an_idle_connection_holds_little_and_a_busy_one_reads_much() {
        let mut input = Input::default();
        assert_eq!(input.room(1).len(), FIRST_LEN);
        for _ in 0..4 {
            let len = input.room(1).len();
            input.arrived(len);
            input.consume(len);
        }
        assert!(input.room(1).len() >= READ_LEN);
    }
}
