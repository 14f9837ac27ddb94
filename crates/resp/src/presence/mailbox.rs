//! Messages on their way to one client.
//!
//! What must stay true: messages come out in the order in which they went in; their bytes are shared with all other
//! receivers; what waits is bounded, and past the bound the mailbox is emptied and closed.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::bounds::OutputLimit;

/// A message as RESP2 has it; in RESP3 its first byte is another.
pub(crate) type Message = Arc<[u8]>;

/// What a message costs beside its bytes.
const OVERHEAD: usize = 32;
/// Messages for which an empty queue keeps room: a burst does not leave a large one behind.
pub(crate) const KEPT_ROOM: usize = 64;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It is the only one, so the client does not know yet.
    First,
    /// It stands behind others.
    Queued,
    /// With it there was too much; nothing is kept.
    Overflow,
    /// There had been too much before.
    Closed,
}

#[derive(Debug, Default)]
struct Contents {
    messages: VecDeque<Message>,
    bytes: usize,
    /// Since when there is more than may wait for long.
    over_soft_since_ms: Option<u64>,
    closed: bool,
}

/// The messages that one client has not taken.
#[derive(Debug, Default)]
pub(super) struct Mailbox(Mutex<Contents>);

impl Mailbox {
    /// Adds a message. `pending` is what waits behind the mailbox, in the buffer that is being written.
    pub(super) fn put(&self, message: &Message, limit: OutputLimit, pending: usize, now_ms: u64) -> Delivery {
        let mut contents = self.0.lock();
        if contents.closed {
            return Delivery::Closed;
        }
        let bytes = contents.bytes.saturating_add(message.len() + OVERHEAD);
        let total = bytes.saturating_add(pending);
        if limit.hard > 0 && total > limit.hard || contents.is_over_soft(limit, total, now_ms) {
            *contents = Contents { closed: true, ..Contents::default() };
            return Delivery::Overflow;
        }
        contents.bytes = bytes;
        contents.messages.push_back(message.clone());
        if contents.messages.len() == 1 { Delivery::First } else { Delivery::Queued }
    }

    /// Takes the oldest message.
    pub(super) fn take(&self) -> Option<Message> {
        let mut contents = self.0.lock();
        let message = contents.messages.pop_front()?;
        contents.bytes = contents.bytes.saturating_sub(message.len() + OVERHEAD);
        if contents.messages.is_empty() {
            contents.messages.shrink_to(KEPT_ROOM);
        }
        Some(message)
    }

    /// Takes all messages, unless they are more than `most` or take more than `most_bytes`; into a queue that is empty, which the
    /// mailbox goes on with. O(1): whoever delivers does not wait while they are written.
    pub(super) fn take_all(&self, most: usize, most_bytes: usize, into: &mut VecDeque<Message>) -> bool {
        let mut contents = self.0.lock();
        if contents.messages.len() > most || contents.bytes > most_bytes || !into.is_empty() {
            return false;
        }
        std::mem::swap(&mut contents.messages, into);
        contents.bytes = 0;
        true
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.lock().bytes
    }

    /// Since when more than the soft limit waits, as seen by those who look from time to time.
    pub(super) fn over_soft_since(&self, limit: OutputLimit, pending: usize, now_ms: u64) -> Option<u64> {
        let mut contents = self.0.lock();
        let total = contents.bytes.saturating_add(pending);
        contents.is_over_soft(limit, total, now_ms);
        contents.over_soft_since_ms
    }
}

impl Contents {
    /// Whether more than the soft limit has waited for as long as it allows.
    fn is_over_soft(&mut self, limit: OutputLimit, total: usize, now_ms: u64) -> bool {
        if limit.soft == 0 || total <= limit.soft {
            self.over_soft_since_ms = None;
            return false;
        }
        let since = *self.over_soft_since_ms.get_or_insert(now_ms);
        now_ms.saturating_sub(since) > limit.soft_seconds.saturating_mul(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_messages_are_taken_at_once_or_none() {
        let limit = OutputLimit { hard: 0, soft: 0, soft_seconds: 0 };
        let (mailbox, mut taken) = (Mailbox::default(), VecDeque::new());
        let messages: Vec<Message> = (0..3_u8).map(|n| Arc::from(vec![n; 10])).collect();
        let put = |message| mailbox.put(message, limit, 0, 0);
        assert_eq!(messages.iter().map(put).collect::<Vec<_>>()[..2], [Delivery::First, Delivery::Queued]);
        let bytes = mailbox.bytes();
        assert!(!mailbox.take_all(2, bytes, &mut taken) && !mailbox.take_all(3, bytes - 1, &mut taken));
        assert_eq!((mailbox.bytes(), taken.len()), (bytes, 0));
        assert!(mailbox.take_all(3, bytes, &mut taken));
        assert_eq!((mailbox.bytes(), taken.make_contiguous() == messages), (0, true));
        assert_eq!(put(&messages[0]), Delivery::First, "who has taken all is to be woken");
        assert!(!mailbox.take_all(3, bytes, &mut taken), "what was taken is not written yet");
    }

    #[test]
    fn the_soft_limit_gives_time() {
        let limit = OutputLimit { hard: 0, soft: 100, soft_seconds: 2 };
        let mailbox = Mailbox::default();
        let message: Message = Arc::from(vec![b'x'; 90]);
        assert_eq!(mailbox.put(&message, limit, 0, 1_000), Delivery::First);
        assert_eq!(mailbox.put(&message, limit, 0, 3_000), Delivery::Queued);
        // Below the limit for a moment: the time begins anew.
        mailbox.take();
        mailbox.take();
        assert_eq!(mailbox.over_soft_since(limit, 0, 3_100), None);
        assert_eq!(mailbox.put(&message, limit, 0, 3_200), Delivery::First);
        assert_eq!(mailbox.over_soft_since(limit, 0, 3_300), Some(3_200));
        assert_eq!(mailbox.put(&message, limit, 0, 5_300), Delivery::Overflow);
        assert_eq!(mailbox.put(&message, limit, 0, 5_400), Delivery::Closed);
    }
}
