//! Key bytes for as long as a row is looked for: of a number on the stack, of other terms in a buffer that its thread uses
//! again. An allocation would cost as much as finding the row.

use std::cell::Cell;
use std::ops::Deref;

use mnemon_term::TermRef;
use mnemon_term::key::{self, Keying, NumberKey};

/// Capacity of a new buffer: enough for most keys.
const USUAL: usize = 64;
/// A buffer that has grown beyond this is not kept.
const KEPT_MAX: usize = 4096;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The bytes of one key.
#[derive(Debug)]
pub(crate) enum KeyBuffer {
    Number(NumberKey),
    Encoded(Buffer),
}

/// Dropped, its memory serves the thread's next key.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<u8>);

impl KeyBuffer {
    pub(crate) fn of(term: TermRef<'_>, keying: Keying) -> Self {
        match NumberKey::new(term, keying) {
            Some(key) => Self::Number(key),
            None => Self::Encoded(Buffer::of(term, keying)),
        }
    }
}

impl Buffer {
    fn of(term: TermRef<'_>, keying: Keying) -> Self {
        // Taken, not borrowed: whoever needs a key while this one is in use gets a buffer of its own.
        let mut bytes = SPARE.take();
        bytes.clear();
        if bytes.capacity() == 0 {
            bytes.reserve(USUAL);
        }
        key::encode(term, keying, &mut bytes);
        Self(bytes)
    }
}

impl Deref for KeyBuffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Number(key) => key,
            Self::Encoded(buffer) => &buffer.0,
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.capacity() <= KEPT_MAX {
            // At a thread's end the place may be gone; then the memory goes too.
            let bytes = std::mem::take(&mut self.0);
            let _ = SPARE.try_with(|spare| spare.set(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &[u8]) -> KeyBuffer {
        KeyBuffer::of(TermRef::from(text), Keying::Exact)
    }

    #[test]
    fn a_key_has_the_bytes_that_rows_are_found_by() {
        for keying in [Keying::Exact, Keying::Numeric] {
            for term in [TermRef::Int(-7), TermRef::Float(0.5), TermRef::NIL, TermRef::from("seven")] {
                let mut bytes = Vec::new();
                key::encode(term, keying, &mut bytes);
                assert_eq!(*KeyBuffer::of(term, keying), *bytes);
            }
        }
    }

    #[test]
    fn two_keys_at_a_time_do_not_share() {
        let one = key(b"one");
        let two = key(b"two");
        assert_eq!((&one[1..4], &two[1..4]), (&b"one"[..], &b"two"[..]));
    }

    #[test]
    fn the_memory_of_a_key_serves_the_next() {
        let first = key(b"first");
        let place = first.as_ptr();
        drop(first);
        let second = key(b"2");
        assert_eq!((second.as_ptr(), second[1]), (place, b'2'));
        drop(second);
        drop(key(&vec![b'k'; KEPT_MAX + 1]));
        assert!(SPARE.take().capacity() <= KEPT_MAX);
    }
}
