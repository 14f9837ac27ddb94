//! All clients that are connected to a server.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::presence::Presence;

/// Clients that are looked at while the lock is held.
const PAGE: usize = 256;

/// The connected clients, by number.
#[derive(Debug, Default)]
pub(crate) struct Roster(Mutex<BTreeMap<u64, Arc<Presence>>>);

impl Roster {
    pub(crate) fn enter(&self, client: Arc<Presence>) {
        self.0.lock().insert(client.id, client);
    }

    pub(crate) fn leave(&self, id: u64) {
        self.0.lock().remove(&id);
    }

    pub(crate) fn get(&self, id: u64) -> Option<Arc<Presence>> {
        self.0.lock().get(&id).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// All clients in the order of their numbers. Those that come and go meanwhile may be among them or not.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Arc<Presence>> {
        self.iter_after(0)
    }

    /// As `iter`, the clients with larger numbers only.
    pub(crate) fn iter_after(&self, after: u64) -> impl Iterator<Item = Arc<Presence>> {
        let mut last = after;
        let mut page = Vec::new().into_iter();
        std::iter::from_fn(move || {
            if page.len() == 0 {
                let clients = self.0.lock();
                let next = clients.range((Excluded(last), Unbounded)).take(PAGE);
                page = next.map(|(_, client)| client.clone()).collect::<Vec<_>>().into_iter();
            }
            let client = page.next()?;
            last = client.id;
            Some(client)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_is_met_once() {
        let roster = Roster::default();
        for id in 1..=1_000 {
            roster.enter(Presence::numbered(id));
        }
        roster.leave(500);
        let met: Vec<u64> = roster.iter().map(|client| client.id).collect();
        assert_eq!(met, (1..=1_000).filter(|id| *id != 500).collect::<Vec<_>>());
        assert_eq!(roster.len(), 999);
        assert!(roster.get(500).is_none() && roster.get(501).is_some());
    }
}
