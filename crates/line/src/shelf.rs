//! What the process of a bucket owns: its keys and values, and those who want to hear of changes.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::feed::{Change, Feed};

/// Bytes that many may hold.
pub(crate) type Bytes = Arc<[u8]>;

/// The bucket has as many keys as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The state of a bucket.
pub(crate) struct Shelf {
    rows: HashMap<Bytes, Bytes>,
    max_keys: usize,
    subscribers: Vec<mpsc::Sender<Change>>,
}

impl Shelf {
    /// An empty bucket for at most `max_keys` keys.
    pub(crate) fn new(max_keys: usize) -> Self {
        Self { rows: HashMap::new(), max_keys, subscribers: Vec::new() }
    }

    pub(crate) fn put(&mut self, key: Bytes, value: Bytes) -> Result<(), Full> {
        if self.rows.len() >= self.max_keys && !self.rows.contains_key(&key) {
            return Err(Full);
        }
        if !self.subscribers.is_empty() {
            self.tell(&Change::Set { key: key.clone(), value: value.clone() });
        }
        self.rows.insert(key, value);
        Ok(())
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Bytes> {
        self.rows.get(key).cloned()
    }

    pub(crate) fn delete(&mut self, key: &[u8]) {
        if let Some((key, _)) = self.rows.remove_entry(key) {
            self.tell(&Change::Deleted { key });
        }
    }

    /// Changes from now on. At most `queue` wait; who lets more come hears no more.
    pub(crate) fn subscribe(&mut self, queue: usize) -> Feed {
        self.subscribers.retain(|subscriber| !subscriber.is_closed());
        let (sender, changes) = mpsc::channel(queue.max(1));
        self.subscribers.push(sender);
        Feed::Process(changes)
    }

    /// Who is gone or too slow is forgotten, which ends its feed.
    fn tell(&mut self, change: &Change) {
        self.subscribers.retain(|subscriber| subscriber.try_send(change.clone()).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Bytes {
        text.as_bytes().into()
    }

    #[test]
    fn a_full_bucket_takes_new_values_and_no_new_keys() {
        let mut shelf = Shelf::new(1);
        assert_eq!(shelf.put(bytes("k"), bytes("1")), Ok(()));
        assert_eq!(shelf.put(bytes("other"), bytes("1")), Err(Full));
        assert_eq!(shelf.put(bytes("k"), bytes("2")), Ok(()));
        assert_eq!(shelf.get(b"k"), Some(bytes("2")));
        shelf.delete(b"k");
        assert_eq!(shelf.put(bytes("other"), bytes("1")), Ok(()));
    }

    #[tokio::test]
    async fn who_is_too_slow_hears_what_waited_and_then_the_end() {
        let mut shelf = Shelf::new(10);
        let mut feed = shelf.subscribe(2);
        for value in ["1", "2", "3"] {
            shelf.put(bytes("k"), bytes(value)).expect("there is room");
        }
        for value in ["1", "2"] {
            assert_eq!(feed.next().await, Some(Change::Set { key: bytes("k"), value: bytes(value) }));
        }
        assert_eq!(feed.next().await, None);
        assert!(shelf.subscribers.is_empty());
    }

    #[tokio::test]
    async fn deleting_what_is_absent_changes_nothing() {
        let mut shelf = Shelf::new(10);
        let mut feed = shelf.subscribe(2);
        shelf.delete(b"k");
        shelf.put(bytes("k"), bytes("1")).expect("there is room");
        shelf.delete(b"k");
        assert!(matches!(feed.next().await, Some(Change::Set { .. })));
        assert_eq!(feed.next().await, Some(Change::Deleted { key: bytes("k") }));
    }
}
