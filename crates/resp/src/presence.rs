//! What the other threads of a server may know of a connected client, and ask of its connection.
//!
//! The connection stays on its thread; others see it only through this. What must stay true: a command costs the client
//! no lock here; who delivers or kills never waits for the client; what waits for a client that does not read is bounded.

mod mailbox;
mod memory;
mod roster;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};
use std::task::Waker;

use parking_lot::Mutex;

use mailbox::Mailbox;
pub(crate) use mailbox::{KEPT_ROOM, Message};
pub(crate) use memory::ClientMemory;
pub(crate) use roster::Roster;

use crate::bounds::OutputLimit;

/// The connection is to end at once.
const KILL: u8 = 1;
/// The client let too much pile up.
const OVERFLOW: u8 = 1 << 1;
/// The client took nothing of what waits for it for too long.
const STALLED: u8 = 1 << 2;
/// The client said nothing for too long.
const IDLE: u8 = 1 << 3;
/// The connection is to end once what has arrived is answered. No order: it cuts nothing off.
const LEAVE: u8 = 1 << 4;
/// The buffers of all clients took too much memory, and the client's the most.
const EVICT: u8 = 1 << 5;

/// Why a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Another client, or an operator, wants it.
    Kill,
    /// Too much waits to be read.
    Overflow,
    /// Nothing is read.
    Stalled,
    /// Nothing is said.
    Idle,
    /// All clients together hold too much memory, and this one the most.
    Evict,
}

/// Subscriptions of a client, for others to see.
#[derive(Debug, Default)]
pub(crate) struct Subscribed {
    pub(crate) channels: AtomicU32,
    pub(crate) patterns: AtomicU32,
    pub(crate) shards: AtomicU32,
    pub(crate) tables: AtomicU32,
}

impl Subscribed {
    /// Whether there are any.
    pub(crate) fn any(&self) -> bool {
        [&self.channels, &self.patterns, &self.shards, &self.tables].iter().any(|kind| kind.load(Relaxed) > 0)
    }
}

/// A connected client, as others see it.
#[derive(Debug)]
pub(crate) struct Presence {
    pub(crate) id: u64,
    /// The number of the I/O thread that serves it; `None`: it is served by whoever has its session.
    pub(crate) thread: Option<usize>,
    /// The client's address.
    pub(crate) peer: String,
    /// The address it has connected to.
    pub(crate) local: String,
    pub(crate) born_ms: u64,
    name: Mutex<Arc<[u8]>>,
    user: Mutex<Arc<str>>,
    pub(crate) database: AtomicU8,
    pub(crate) subscribed: Subscribed,
    /// Commands queued by `MULTI`; -1: no transaction.
    pub(crate) queued: AtomicI64,
    pub(crate) watched: AtomicU32,
    pub(crate) resp3: AtomicBool,
    /// The place of the last command in the command table.
    pub(crate) command: AtomicUsize,
    /// When the client was last heard of, by the server's heartbeat.
    pub(crate) active_ms: AtomicU64,
    /// Bytes that have arrived and were not run.
    pub(crate) unread: AtomicUsize,
    /// Bytes of answers that wait to be written.
    pub(crate) pending: AtomicUsize,
    /// Since when nothing of them was taken; 0: something was.
    pub(crate) stalled_since_ms: AtomicU64,
    /// Waits for an answer of its own, or for the end of a pause.
    pub(crate) blocked: AtomicBool,
    pub(crate) no_evict: AtomicBool,
    /// Bytes that the client's buffers take, once that is much.
    pub(crate) buffers: AtomicUsize,
    mailbox: Mailbox,
    orders: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Presence {
    /// `ends` are the client's address and the one it has connected to.
    pub(crate) fn new(id: u64, thread: Option<usize>, ends: [String; 2], now_ms: u64) -> Self {
        let [peer, local] = ends;
        Self {
            id,
            thread,
            peer,
            local,
            born_ms: now_ms,
            name: Mutex::new(Arc::default()),
            user: Mutex::new("default".into()),
            database: AtomicU8::new(0),
            subscribed: Subscribed::default(),
            queued: AtomicI64::new(-1),
            watched: AtomicU32::new(0),
            resp3: AtomicBool::new(false),
            command: AtomicUsize::new(usize::MAX),
            active_ms: AtomicU64::new(now_ms),
            unread: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            stalled_since_ms: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            no_evict: AtomicBool::new(false),
            buffers: AtomicUsize::new(0),
            mailbox: Mailbox::default(),
            orders: AtomicU8::new(0),
            waker: Mutex::new(None),
        }
    }

    /// A client with nothing but a number, for tests.
    #[cfg(test)]
    pub(crate) fn numbered(id: u64) -> Arc<Self> {
        Arc::new(Self::new(id, None, [String::new(), String::new()], 0))
    }

    /// The name that the client gave itself; empty: none.
    pub(crate) fn name(&self) -> Arc<[u8]> {
        self.name.lock().clone()
    }

    pub(crate) fn set_name(&self, name: &[u8]) {
        *self.name.lock() = name.into();
    }

    /// The user the client has authenticated as.
    pub(crate) fn user(&self) -> Arc<str> {
        self.user.lock().clone()
    }

    pub(crate) fn set_user(&self, user: Arc<str>) {
        *self.user.lock() = user;
    }

    /// Notes whom to wake when there is something for the connection to do.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    /// Wakes the connection. Holds no lock meanwhile.
    pub(crate) fn wake(&self) {
        let waker = self.waker.lock().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has the connection ended; it notices soon.
    pub(crate) fn order(&self, order: Order) {
        let bit = match order {
            Order::Kill => KILL,
            Order::Overflow => OVERFLOW,
            Order::Stalled => STALLED,
            Order::Idle => IDLE,
            Order::Evict => EVICT,
        };
        self.orders.fetch_or(bit, Relaxed);
        self.wake();
    }

    /// Has the connection end once what has arrived is answered: the server stops.
    pub(crate) fn ask_to_leave(&self) {
        self.orders.fetch_or(LEAVE, Relaxed);
        self.wake();
    }

    /// Whether it was asked to.
    #[inline]
    pub(crate) fn is_to_leave(&self) -> bool {
        self.orders.load(Relaxed) & LEAVE != 0
    }

    /// Why the connection is to end, if it is.
    #[inline]
    pub(crate) fn ordered(&self) -> Option<Order> {
        match self.orders.load(Relaxed) & !LEAVE {
            0 => None,
            orders if orders & OVERFLOW != 0 => Some(Order::Overflow),
            orders if orders & STALLED != 0 => Some(Order::Stalled),
            orders if orders & IDLE != 0 => Some(Order::Idle),
            orders if orders & EVICT != 0 => Some(Order::Evict),
            _ => Some(Order::Kill),
        }
    }

    /// Puts a message into the mailbox; whether the connection has to be woken for it. The caller does so once it
    /// holds no lock. A client that lets too much pile up is cut off instead.
    pub(crate) fn deliver(&self, message: &Message, limit: OutputLimit, now_ms: u64) -> bool {
        let delivery = self.mailbox.put(message, limit, self.pending.load(Relaxed), now_ms);
        match delivery {
            mailbox::Delivery::First => true,
            mailbox::Delivery::Queued | mailbox::Delivery::Closed => false,
            mailbox::Delivery::Overflow => {
                self.orders.fetch_or(OVERFLOW, Relaxed);
                true
            }
        }
    }

    /// The oldest message that was not taken.
    pub(crate) fn take_message(&self) -> Option<Message> {
        self.mailbox.take()
    }

    /// All messages that were not taken, unless they are more than `most` or take more than `most_bytes`.
    pub(crate) fn take_messages(&self, most: usize, most_bytes: usize, into: &mut VecDeque<Message>) -> bool {
        self.mailbox.take_all(most, most_bytes, into)
    }

    /// Bytes of messages that were not taken.
    pub(crate) fn mail_bytes(&self) -> usize {
        self.mailbox.bytes()
    }

    /// What the client has used and given up waiting for, whatever its kind: answers and messages.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.pending.load(Relaxed).saturating_add(self.mail_bytes())
    }

    /// Since when more waits than `limit` lets wait for long; `None`: it does not.
    pub(crate) fn over_soft_since(&self, limit: OutputLimit, now_ms: u64) -> Option<u64> {
        self.mailbox.over_soft_since(limit, self.pending.load(Relaxed), now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: OutputLimit = OutputLimit { hard: 1_000, soft: 0, soft_seconds: 0 };

    fn client() -> Presence {
        Presence::new(1, None, ["a".to_owned(), "b".to_owned()], 5)
    }

    #[test]
    fn only_the_first_message_wakes() {
        let client = client();
        let message: Message = Arc::from(&b"*0\r\n"[..]);
        assert!(client.deliver(&message, LIMIT, 5));
        assert!(!client.deliver(&message, LIMIT, 5));
        assert!(client.take_message().is_some() && client.take_message().is_some());
        assert!(client.take_message().is_none());
        assert!(client.deliver(&message, LIMIT, 5));
        assert_eq!(client.ordered(), None);
    }

    #[test]
    fn a_client_that_takes_nothing_is_cut_off() {
        let client = client();
        let message: Message = Arc::from(vec![b'x'; 300]);
        let woken: Vec<bool> = (0..6).map(|_| client.deliver(&message, LIMIT, 5)).collect();
        assert_eq!(woken, [true, false, false, true, false, false]);
        assert_eq!(client.ordered(), Some(Order::Overflow));
        assert_eq!((client.mail_bytes(), client.take_message()), (0, None));
    }

    #[test]
    fn who_is_asked_to_leave_is_not_cut_off() {
        let client = client();
        client.ask_to_leave();
        assert_eq!((client.is_to_leave(), client.ordered()), (true, None));
        client.order(Order::Kill);
        assert_eq!(client.ordered(), Some(Order::Kill));
    }

    #[test]
    fn what_waits_to_be_written_counts() {
        let client = client();
        client.pending.store(999, Relaxed);
        assert!(client.deliver(&Arc::from(&b"*0\r\n"[..]), LIMIT, 5));
        assert_eq!(client.ordered(), Some(Order::Overflow));
    }
}
