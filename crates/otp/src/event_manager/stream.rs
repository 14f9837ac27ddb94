//! Events taken one by one, with a bound on those that wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{EventHandler, Handled};
use crate::context::Me;

/// Events of a manager, as they come.
#[derive(Debug)]
pub struct EventStream<E> {
    events: Receiver<E>,
    missed: Arc<AtomicU64>,
}

/// What a stream gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streamed<E> {
    /// An event.
    Event(E),
    /// So many events did not find room since the last time this was said; they fall between what was taken before and
    /// what is newest.
    Lagged(u64),
}

impl<E> EventStream<E> {
    /// The next event; `None` when the manager has ended and all were taken.
    pub async fn next(&mut self) -> Option<Streamed<E>> {
        match self.missed.swap(0, Ordering::Relaxed) {
            0 => self.events.recv().await.map(Streamed::Event),
            missed => Some(Streamed::Lagged(missed)),
        }
    }
}

struct StreamHandler<E> {
    events: Sender<E>,
    missed: Arc<AtomicU64>,
}

impl<E: Clone + Send + 'static> EventHandler<E> for StreamHandler<E> {
    fn handle_event(&mut self, event: &E, _: &Me) -> Handled {
        match self.events.try_send(event.clone()) {
            Ok(()) => Handled::Keep,
            Err(TrySendError::Full(_)) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                Handled::Keep
            }
            Err(TrySendError::Closed(_)) => Handled::Remove,
        }
    }
}

/// A handler and the stream it feeds.
pub(crate) fn pair<E: Clone + Send + 'static>(capacity: usize) -> (impl EventHandler<E>, EventStream<E>) {
    // The channel refuses more than this, and no room at all.
    let (sender, events) = channel(capacity.clamp(1, tokio::sync::Semaphore::MAX_PERMITS));
    let missed = Arc::new(AtomicU64::new(0));
    (StreamHandler { events: sender, missed: missed.clone() }, EventStream { events, missed })
}
