//! The clients of an I/O thread that have mail and do not know yet.
//!
//! To wake a client of another thread costs a system call, and a message to many wakes many. So who publishes leaves a list with each
//! thread, and wakes one process there; it tells the clients, on their own thread, some at a time. In between, the thread looks what
//! has arrived: its other clients' commands do not wait for all of an audience, and what is published meanwhile leaves with
//! what waits already.
//!
//! What must stay true: whoever was put here is woken; in the order in which they came; commands and mail keep
//! each other waiting for a while, never for ever.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::presence::Presence;

/// Clients that are told at once, at least.
const LEAST: usize = 8;
/// And of those that wait, one in so many: however many they are, the first hears again after so many turns, so no more than
/// what arrives in these piles up.
const AMONG: usize = 8;
/// Clients for which an empty list keeps room.
pub(crate) const KEPT_ROOM: usize = 1_024;

/// The list of one thread. All threads write it, so it lies apart from what only its own does.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Post {
    waiting: Mutex<VecDeque<Arc<Presence>>>,
    arrived: Notify,
}

impl Post {
    /// Sees to it that clients are told that they have mail.
    pub(crate) fn put(&self, clients: impl ExactSizeIterator<Item = Arc<Presence>>) {
        let mut waiting = self.waiting.lock();
        let first = waiting.is_empty();
        if first && clients.len() == 1 {
            // One alone needs no detour.
            drop(waiting);
            return clients.for_each(|client| client.wake());
        }
        waiting.extend(clients);
        drop(waiting);
        if first {
            self.arrived.notify_one();
        }
    }

    /// Moves those who are to be told next into an empty list; whether others wait on. `commands` have been run since it was asked
    /// last: as many clients may be told.
    pub(crate) fn take(&self, commands: usize, next: &mut Vec<Arc<Presence>>) -> bool {
        let mut waiting = self.waiting.lock();
        let count = LEAST.max(waiting.len() / AMONG).max(commands).min(waiting.len());
        next.extend(waiting.drain(..count));
        if waiting.is_empty() {
            waiting.shrink_to(KEPT_ROOM);
        }
        !waiting.is_empty()
    }

    /// Waits until somebody is put here; at once, if it has happened since the last wait.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::wakes::Wakes;

    fn put(post: &Post, ids: std::ops::Range<u64>) {
        post.put(ids.map(Presence::numbered).collect::<Vec<_>>().into_iter());
    }

    /// The numbers of those who are told next, and whether others wait on.
    fn take(post: &Post, commands: usize) -> (Vec<u64>, bool) {
        let mut next = Vec::new();
        let more = post.take(commands, &mut next);
        (next.iter().map(|client| client.id).collect(), more)
    }

    #[test]
    fn clients_are_told_in_their_order_some_at_a_time() {
        let post = Post::default();
        put(&post, 0..20);
        put(&post, 20..21);
        assert_eq!(take(&post, 0), ((0..8).collect(), true));
        assert_eq!(take(&post, 12), ((8..20).collect(), true), "as many as there were commands");
        assert_eq!(take(&post, 100), (vec![20], false));
        assert_eq!(take(&post, 100), (vec![], false));
    }

    #[test]
    fn a_large_audience_is_told_in_few_turns() {
        let post = Post::default();
        put(&post, 0..10_000);
        for turn in 0..8 {
            // What is published meanwhile puts those who were told behind the others.
            let (told, more) = take(&post, 1);
            assert!(told.len() >= 1_000 && more, "{turn}");
            put(&post, told[0]..told[0] + told.len() as u64);
        }
        assert!(take(&post, 1).0[0] < 1_250, "the first hears again");
    }

    #[test]
    fn one_alone_is_woken_at_once_unless_others_wait() {
        let (post, wakes) = (Post::default(), Arc::<Wakes>::default());
        let client = Presence::numbered(7);
        client.set_waker(&wakes.waker());
        post.put(std::iter::once(client.clone()));
        assert_eq!((take(&post, 0), wakes.take()), ((vec![], false), 1));
        put(&post, 0..2);
        post.put(std::iter::once(client));
        assert_eq!((take(&post, 0), wakes.take()), ((vec![0, 1, 7], false), 0));
    }

    #[test]
    fn who_comes_while_nobody_waits_is_not_missed() {
        let post = Post::default();
        let context = &mut Context::from_waker(Waker::noop());
        put(&post, 0..2);
        assert!(pin!(post.arrival()).poll(context).is_ready());
        take(&post, 0);
        let mut arrival = pin!(post.arrival());
        assert!(arrival.as_mut().poll(context).is_pending());
        put(&post, 2..4);
        assert!(arrival.poll(context).is_ready());
    }
}
