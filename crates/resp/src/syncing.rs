//! One wait for the disc for all clients of an I/O thread.
//!
//! To wake a task of another thread costs a system call, and clients that write come in crowds. So one of them, who leads, waits
//! for the log, and wakes the others, which costs next to nothing on their common thread.
//!
//! What must stay true: while anybody waits, somebody leads. Who leads and ends, whatever the reason, wakes all others: one of
//! those that have to wait on leads next.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use mnemon_store::Synced;
use tokio::sync::Notify;

/// The waiting clients of one I/O thread.
#[derive(Debug, Default)]
pub(crate) struct Syncing {
    led: AtomicBool,
    ended: Notify,
}

struct Lead<'s>(&'s Syncing);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.0.led.store(false, SeqCst);
        self.0.ended.notify_waiters();
    }
}

impl Syncing {
    /// Waits for it, and answers as it does.
    pub(crate) async fn wait(&self, synced: Synced) -> <Synced as Future>::Output {
        loop {
            let mut ended = pin!(self.ended.notified());
            // From here on no end is missed.
            ended.as_mut().enable();
            if synced.is_durable() {
                return Ok(());
            }
            if !self.led.swap(true, SeqCst) {
                let _lead = Lead(self);
                // What has arrived of the other clients is run before, and shares the sync.
                tokio::task::yield_now().await;
                return synced.await;
            }
            ended.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use mnemon_disc::log::{LogPlace, Opened, open};
    use mnemon_disc::testing::{Fault, FaultyDisc};
    use mnemon_disc::time::SystemTicker;
    use mnemon_disc::{DiscError, Durability, LogConfig, NodeId, StreamId};

    use super::*;
    use crate::wakes::Wakes;

    /// A client that waits for an entry of its own.
    struct Client<'s> {
        waiting: Pin<Box<dyn Future<Output = Result<(), DiscError>> + 's>>,
        wakes: Arc<Wakes>,
    }

    impl<'s> Client<'s> {
        fn new(syncing: &'s Syncing, opened: &Opened) -> Self {
            let reservation = opened.log.reserve(4, Duration::ZERO).unwrap();
            let appended = opened.log.append(reservation, StreamId::LOCAL, b"here", Durability::Commit);
            let synced = opened.log.synced(appended.unwrap());
            Self { waiting: Box::pin(syncing.wait(synced)), wakes: Arc::default() }
        }

        fn poll(&mut self) -> Poll<Result<(), DiscError>> {
            self.waiting.as_mut().poll(&mut Context::from_waker(&self.wakes.waker()))
        }

        /// Polls as often as it asks for by itself; whether it waits then.
        fn waits(&mut self) -> bool {
            let mut waits = self.poll().is_pending();
            while waits && self.woken() > 0 {
                waits = self.poll().is_pending();
            }
            waits
        }

        fn woken(&self) -> usize {
            self.wakes.take()
        }
    }

    /// A log without threads: a test takes its steps.
    fn log(disc: &FaultyDisc) -> Opened {
        let ticker = Box::new(SystemTicker::new());
        let place = LogPlace {
            disc: Arc::new(disc.clone()),
            node: NodeId([7; 16]),
            ticker,
            config: LogConfig { segment_bytes: 64 << 10, ..LogConfig::default() },
        };
        let mut opened = open(place, 1, |_| Ok::<(), DiscError>(())).unwrap();
        while opened.preparer.step().unwrap() {}
        opened
    }

    #[test]
    fn one_waits_for_the_log_and_wakes_the_others() {
        let (syncing, mut opened) = (Syncing::default(), log(&FaultyDisc::new()));
        let mut clients: Vec<Client<'_>> = (0..5).map(|_| Client::new(&syncing, &opened)).collect();
        assert!(clients.iter_mut().all(|client| client.waits()));
        assert_eq!(opened.log.status().waiters, 1);
        opened.committer.step().unwrap();
        assert_eq!(clients.iter().map(Client::woken).collect::<Vec<_>>(), [1, 0, 0, 0, 0]);
        assert!(matches!(clients[0].poll(), Poll::Ready(Ok(()))));
        assert_eq!(clients.iter().map(Client::woken).collect::<Vec<_>>(), [0, 1, 1, 1, 1]);
        assert!(clients[1..].iter_mut().all(|client| matches!(client.poll(), Poll::Ready(Ok(())))));
    }

    #[test]
    fn another_leads_when_the_one_who_led_is_gone_or_has_what_it_needs() {
        let (syncing, mut opened) = (Syncing::default(), log(&FaultyDisc::new()));
        let mut clients: Vec<Client<'_>> = (0..3).map(|_| Client::new(&syncing, &opened)).collect();
        assert!(clients.iter_mut().all(|client| client.waits()));
        drop(clients.remove(0));
        assert_eq!(clients.iter().map(Client::woken).collect::<Vec<_>>(), [1, 1]);
        assert!(clients.iter_mut().all(|client| client.waits()));
        assert_eq!(opened.log.status().waiters, 1);
        opened.committer.step().unwrap();
        let mut late = Client::new(&syncing, &opened);
        assert!(late.waits());
        assert!(clients.iter_mut().all(|client| matches!(client.poll(), Poll::Ready(Ok(())))));
        assert_eq!(late.woken(), 1);
        assert!(late.waits());
        opened.committer.step().unwrap();
        assert_eq!(late.woken(), 1);
        assert!(matches!(late.poll(), Poll::Ready(Ok(()))));
    }

    #[test]
    fn all_hear_of_a_sync_that_failed() {
        let disc = FaultyDisc::new();
        let (syncing, mut opened) = (Syncing::default(), log(&disc));
        let mut clients: Vec<Client<'_>> = (0..3).map(|_| Client::new(&syncing, &opened)).collect();
        assert!(clients.iter_mut().all(|client| client.waits()));
        disc.fail_at(disc.steps(), Fault::Stop);
        opened.committer.step().unwrap_err();
        for client in &mut clients {
            assert_eq!(client.woken(), 1);
            // Whoever leads lets others run first.
            let heard = match client.poll() {
                Poll::Pending if client.woken() > 0 => client.poll(),
                heard => heard,
            };
            assert!(matches!(heard, Poll::Ready(Err(DiscError::OutcomeUnknown { .. }))));
        }
    }
}
