//! Key bytes for as long as a row is looked for. An allocation would cost as much as finding the row.

use std::cell::Cell;
use std::ops::Deref;

use crate::key::{self, Keying, NumberKey};
use crate::view::TermRef;

/// Capacity of a new buffer: enough for most keys.
const USUAL: usize = 64;
/// A buffer that has grown beyond this is not kept.
const KEPT_MAX: usize = 4096;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The key bytes of one term: of a number in place, of another term in a buffer that its thread uses again.
///
/// ```
/// use mnemon_term::{Keying, TermRef, key, key::KeyBytes};
///
/// let mut bytes = Vec::new();
/// key::encode("alice", Keying::Exact, &mut bytes);
/// assert_eq!(*KeyBytes::of(TermRef::from("alice"), Keying::Exact), *bytes);
/// ```
#[derive(Debug)]
pub struct KeyBytes(Form);

#[derive(Debug)]
enum Form {
    Number(NumberKey),
    Encoded(Buffer),
}

/// Dropped, its memory serves the thread's next key.
#[derive(Debug)]
struct Buffer(Vec<u8>);

impl KeyBytes {
    /// The bytes that [`key::encode`] writes. O(size).
    #[inline]
    #[must_use]
    pub fn of(term: TermRef<'_>, keying: Keying) -> Self {
        match NumberKey::new(term, keying) {
            Some(key) => Self(Form::Number(key)),
            None => Self(Form::Encoded(Buffer::of(term, keying))),
        }
    }
}

impl Buffer {
    fn of(term: TermRef<'_>, keying: Keying) -> Self {
        // Taken, not borrowed: whoever needs a key while this one is in use gets a buffer of its own.
        // At a thread's end the place may be gone.
        let mut bytes = SPARE.try_with(Cell::take).unwrap_or_default();
        bytes.clear();
        if bytes.capacity() == 0 {
            bytes.reserve(USUAL);
        }
        key::encode(term, keying, &mut bytes);
        Self(bytes)
    }
}

impl Deref for KeyBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Form::Number(key) => key,
            Form::Encoded(buffer) => &buffer.0,
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.capacity() <= KEPT_MAX {
            // Where the place is gone, the memory goes too.
            let bytes = std::mem::take(&mut self.0);
            let _ = SPARE.try_with(|spare| spare.set(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &[u8]) -> KeyBytes {
        KeyBytes::of(TermRef::from(text), Keying::Exact)
    }

    #[test]
    fn a_key_has_the_bytes_that_rows_are_found_by() {
        for keying in [Keying::Exact, Keying::Numeric] {
            for term in [
                TermRef::Int(-7),
                TermRef::Int(1_000_003),
                TermRef::Float(0.5),
                TermRef::NIL,
                TermRef::from("seven"),
            ] {
                let mut bytes = Vec::new();
                key::encode(term, keying, &mut bytes);
                assert_eq!(*KeyBytes::of(term, keying), *bytes);
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
