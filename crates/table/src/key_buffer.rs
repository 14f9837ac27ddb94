//! Key bytes in a buffer that its thread uses again: a key is needed for as long as a row is looked for, and an
//! allocation would cost as much as finding the row.

use std::cell::Cell;
use std::ops::Deref;

/// Capacity of a new buffer: enough for most keys.
const USUAL: usize = 64;
/// A buffer that has grown beyond this is not kept.
const KEPT_MAX: usize = 4096;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The bytes of one key. Dropped, its memory serves the thread's next key.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyBuffer(Vec<u8>);

impl KeyBuffer {
    /// A key's bytes as `encode` writes them into an empty buffer.
    ///
    /// # Errors
    /// What `encode` returns.
    pub fn fill<E>(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Self, E> {
        // Taken, not borrowed: whoever needs a key while this one is in use gets a buffer of its own.
        let mut bytes = SPARE.take();
        bytes.clear();
        if bytes.capacity() == 0 {
            bytes.reserve(USUAL);
        }
        let mut key = Self(bytes);
        encode(&mut key.0).map(|()| key)
    }
}

impl Deref for KeyBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for KeyBuffer {
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

    fn key(bytes: &[u8]) -> KeyBuffer {
        KeyBuffer::fill::<()>(|buffer| {
            buffer.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn two_keys_at_a_time_do_not_share() {
        let one = key(b"one");
        let two = key(b"two");
        assert_eq!((&*one, &*two), (&b"one"[..], &b"two"[..]));
    }

    #[test]
    fn the_memory_of_a_key_serves_the_next() {
        let first = key(b"first");
        let place = first.as_ptr();
        drop(first);
        let second = key(b"2");
        assert_eq!((second.as_ptr(), &*second), (place, &b"2"[..]));
        drop(second);
        assert!(KeyBuffer::fill(|_| Err("no key")).is_err());
        drop(key(&vec![0; KEPT_MAX + 1]));
        assert!(SPARE.take().capacity() <= KEPT_MAX);
    }
}
