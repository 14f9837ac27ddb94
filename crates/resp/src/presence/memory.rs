//! Memory that the buffers of all clients take together, and who goes when it is too much.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::{Presence, Roster};

/// The bytes of all buffers that take much; small ones are not counted.
#[derive(Debug, Default)]
pub(crate) struct ClientMemory(AtomicUsize);

impl ClientMemory {
    /// The bytes of all.
    pub(crate) fn held(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Notes what a client's buffers take from now on.
    pub(crate) fn note(&self, client: &Presence, bytes: usize) {
        let before = client.buffers.swap(bytes, Relaxed);
        // Wraps around when it shrinks, and so does the addition.
        self.0.fetch_add(bytes.wrapping_sub(before), Relaxed);
    }

    /// The clients that must go, those that hold most first, so that the others hold at most `max`. Who is about to go
    /// already counts as gone: its memory is free as soon as its task has run.
    pub(crate) fn too_much(&self, clients: &Roster, max: u64) -> Vec<Arc<Presence>> {
        let held = |client: &Arc<Presence>| client.buffers.load(Relaxed) as u64;
        let mut large: Vec<(u64, Arc<Presence>)> =
            clients.iter().map(|client| (held(&client), client)).filter(|(held, _)| *held > 0).collect();
        let going = large.iter().filter(|(_, client)| client.ordered().is_some()).map(|(held, _)| held);
        let mut excess = (self.held() as u64).saturating_sub(max).saturating_sub(going.sum());
        large.retain(|(_, client)| client.ordered().is_none() && !client.no_evict.load(Relaxed));
        large.sort_by_key(|(held, _)| Reverse(*held));
        let goes = |(held, _): &(u64, Arc<Presence>)| {
            let goes = excess > 0;
            excess = excess.saturating_sub(*held);
            goes
        };
        large.into_iter().take_while(goes).map(|(_, client)| client).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::Order;

    #[test]
    fn those_that_hold_most_go_and_no_more_than_needed() {
        let (roster, memory) = (Roster::default(), ClientMemory::default());
        let clients: Vec<Arc<Presence>> = (1..=5).map(Presence::numbered).collect();
        for (client, bytes) in clients.iter().zip([100, 500, 300, 400, 0]) {
            roster.enter(client.clone());
            memory.note(client, 7);
            memory.note(client, bytes);
        }
        let going = |max| memory.too_much(&roster, max).iter().map(|client| client.id).collect::<Vec<_>>();
        assert_eq!(memory.held(), 1_300);
        assert_eq!((going(1_300), going(1_299), going(850)), (vec![], vec![2], vec![2]));
        assert_eq!(going(700), [2, 4]);
        clients[1].no_evict.store(true, Relaxed);
        assert_eq!(going(700), [4, 3]);
        clients[3].order(Order::Evict);
        assert_eq!((going(900), going(700)), (vec![], vec![3]));
        memory.note(&clients[3], 0);
        assert_eq!(memory.held(), 900);
    }
}
