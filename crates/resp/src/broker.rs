//! Publish and subscribe: who listens to which channels and patterns, and how a message reaches them.
//!
//! What must stay true: every subscriber gets the messages in one order, the order in which they were published; a
//! message is encoded once for each channel or pattern, whoever hears it; nobody is woken while the lock is held, and a
//! publisher waits for no subscriber. Those who have to be woken get their turn in [`Post`](crate::post::Post).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::bounds::OutputLimit;
use crate::glob;
use crate::presence::{Message, Presence};
use crate::protocol::writer;

/// What a subscription is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A channel by its name.
    Channel,
    /// All channels that match a pattern.
    Pattern,
    /// A channel of the kind that a cluster would keep on one shard.
    Shard,
}

/// The subscribers of one channel or pattern, by their number.
type Listeners = BTreeMap<u64, Arc<Presence>>;
type Book = HashMap<Box<[u8]>, Listeners>;

#[derive(Debug, Default)]
struct Books {
    channels: Book,
    patterns: Book,
    shards: Book,
}

impl Books {
    fn of(&mut self, kind: Kind) -> &mut Book {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }
}

/// All subscriptions to channels of a server.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    books: Mutex<Books>,
    /// Channels, patterns and shard channels that somebody listens to. While it is 0, publishing takes no lock.
    listened: AtomicUsize,
}

impl Broker {
    /// Adds a subscriber. One that is there already stays there once.
    pub(crate) fn subscribe(&self, kind: Kind, name: &[u8], client: &Arc<Presence>) {
        let mut books = self.books.lock();
        let book = books.of(kind);
        if !book.contains_key(name) {
            book.insert(name.into(), Listeners::new());
            self.listened.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(listeners) = book.get_mut(name) {
            listeners.insert(client.id, client.clone());
        }
    }

    /// Removes a subscriber, if it is there.
    pub(crate) fn unsubscribe(&self, kind: Kind, name: &[u8], client: u64) {
        let mut books = self.books.lock();
        let book = books.of(kind);
        let Some(listeners) = book.get_mut(name) else { return };
        listeners.remove(&client);
        if listeners.is_empty() {
            book.remove(name);
            self.listened.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Gives a message to all who listen to a channel; how many times it was given, and who has to be woken for it. `kind` is
    /// `Channel` or `Shard`. O(receivers + patterns).
    pub(crate) fn publish(
        &self,
        kind: Kind,
        channel: &[u8],
        text: &[u8],
        limit: OutputLimit,
        now_ms: u64,
    ) -> (usize, Vec<Arc<Presence>>) {
        let (mut receivers, mut asleep) = (0, Vec::new());
        if self.listened.load(Ordering::SeqCst) == 0 {
            return (receivers, asleep);
        }
        let mut give = |listeners: &Listeners, message: &Message| {
            receivers += listeners.len();
            for client in listeners.values() {
                if client.deliver(message, limit, now_ms) {
                    asleep.push(client.clone());
                }
            }
        };
        let mut books = self.books.lock();
        if let Some(listeners) = books.of(kind).get(channel) {
            let word = if kind == Kind::Shard { "smessage" } else { "message" };
            give(listeners, &encode(&[word.as_bytes(), channel, text]));
        }
        if kind == Kind::Channel {
            for (pattern, listeners) in &books.patterns {
                if glob::matches_exactly(pattern, channel) {
                    give(listeners, &encode(&[b"pmessage", pattern, channel, text]));
                }
            }
        }
        (receivers, asleep)
    }

    /// The channels that match a pattern, in their order.
    pub(crate) fn channels(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Vec<u8>> {
        let mut books = self.books.lock();
        let names = books.of(kind).keys();
        let wanted = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches_exactly(pattern, name));
        let mut found: Vec<Vec<u8>> = names.filter(|name| wanted(name)).map(|name| name.to_vec()).collect();
        drop(books);
        found.sort_unstable();
        found
    }

    /// How many clients listen to a channel by its name.
    pub(crate) fn listeners(&self, kind: Kind, channel: &[u8]) -> usize {
        self.books.lock().of(kind).get(channel).map_or(0, BTreeMap::len)
    }

    /// How many channels or patterns somebody listens to.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.books.lock().of(kind).len()
    }
}

/// An array of strings as RESP2 has it.
fn encode(parts: &[&[u8]]) -> Message {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 25).sum::<usize>() + 5);
    writer::write_array_header(&mut bytes, parts.len());
    parts.iter().for_each(|part| writer::write_bulk(&mut bytes, part));
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: OutputLimit = OutputLimit { hard: 0, soft: 0, soft_seconds: 0 };

    fn client(id: u64) -> Arc<Presence> {
        Presence::numbered(id)
    }

    #[test]
    fn receivers_share_one_message() {
        let broker = Broker::default();
        let (one, other) = (client(1), client(2));
        assert_eq!(broker.publish(Kind::Channel, b"c", b"text", LIMIT, 0).0, 0);
        broker.subscribe(Kind::Channel, b"c", &one);
        broker.subscribe(Kind::Channel, b"c", &one);
        broker.subscribe(Kind::Channel, b"c", &other);
        assert_eq!(broker.publish(Kind::Channel, b"c", b"text", LIMIT, 0).0, 2);
        let (first, second) = (one.take_message().unwrap(), other.take_message().unwrap());
        assert!(Arc::ptr_eq(&first, &second) && one.take_message().is_none());
        assert_eq!(&first[..], b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\ntext\r\n");
    }

    #[test]
    fn a_client_hears_a_message_once_for_each_subscription() {
        let broker = Broker::default();
        let one = client(1);
        broker.subscribe(Kind::Channel, b"news", &one);
        broker.subscribe(Kind::Pattern, b"n*", &one);
        broker.subscribe(Kind::Pattern, b"x*", &one);
        broker.subscribe(Kind::Shard, b"news", &one);
        assert_eq!(broker.publish(Kind::Channel, b"news", b"1", LIMIT, 0).0, 2);
        assert_eq!(broker.publish(Kind::Shard, b"news", b"2", LIMIT, 0).0, 1);
        let all: Vec<Message> = std::iter::from_fn(|| one.take_message()).collect();
        assert_eq!(&all[1][..], b"*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$1\r\n1\r\n");
        assert_eq!(&all[2][..], b"*3\r\n$8\r\nsmessage\r\n$4\r\nnews\r\n$1\r\n2\r\n");
    }

    #[test]
    fn what_nobody_listens_to_is_forgotten() {
        let broker = Broker::default();
        let one = client(1);
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            broker.subscribe(kind, b"a", &one);
            assert_eq!((broker.count(kind), broker.listeners(kind, b"a")), (1, 1));
            broker.unsubscribe(kind, b"a", 1);
            broker.unsubscribe(kind, b"a", 1);
            assert_eq!((broker.count(kind), broker.listeners(kind, b"a")), (0, 0));
        }
        assert_eq!(broker.listened.load(Ordering::SeqCst), 0);
    }
}
