//! Subscriptions: events of a table in the order of the commit clock, a commit's together.
//!
//! Each subscriber has a bounded queue. One that is too slow misses events and is told so, with the clock from which
//! to go on: it reads a snapshot and continues with the events after its clock. Nobody waits for a subscriber.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mnemon_store::event::FieldChange;
use mnemon_store::{Batch, Cause, Change, Replica, Row, Sink, Synced, TableId};
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// Events that wait for a subscriber, by default.
pub const DEFAULT_QUEUE: usize = 4_096;

/// How much an event tells, Mnesia's `simple` and `detailed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Detail {
    /// What was written or deleted.
    #[default]
    Simple,
    /// Also what stood there before.
    Detailed,
}

/// One change of a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A row as a whole.
    Row {
        /// The clock of the commit.
        clock: u64,
        /// Why it changed.
        cause: Cause,
        /// What was there before; only in detailed subscriptions, else the last known row of a deletion's key.
        old: Option<Row>,
        /// What is there now.
        new: Option<Row>,
    },
    /// Fields of a hash.
    Fields {
        /// The clock of the commit.
        clock: u64,
        /// The hash's key.
        key: Box<[u8]>,
        /// The fields and their new values; `None`: removed.
        fields: Vec<FieldChange>,
    },
    /// All rows are gone.
    Cleared {
        /// The clock of the commit.
        clock: u64,
    },
    /// The subscriber was too slow and events were dropped, or all rows have changed places with those of another table. Read a
    /// snapshot and go on from its clock.
    Lagged,
}

struct Subscriber {
    queue: mpsc::Sender<Vec<Event>>,
    /// Events up to this clock are not for this subscriber.
    after: u64,
    detail: Detail,
    lagged: Arc<AtomicBool>,
}

/// The subscribers of all tables of a node.
#[derive(Default)]
pub(crate) struct Feed {
    subscribers: Mutex<HashMap<TableId, Vec<Subscriber>>>,
}

/// A stream of a table's events. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    events: mpsc::Receiver<Vec<Event>>,
    ready: std::vec::IntoIter<Event>,
    clock: u64,
    /// Events were dropped behind those in the queue.
    lagged: Arc<AtomicBool>,
    /// Whose commits must be durable before they are told of.
    gate: Option<Gate>,
    /// Events that wait for that.
    held: Option<(Vec<Event>, Synced)>,
}

/// The engine of a table, and whether its commits are synced.
struct Gate(Arc<dyn Replica>, Arc<AtomicBool>);

impl Gate {
    /// What has to be waited for before anything is told.
    fn closed(&self) -> Option<Synced> {
        self.1.load(Ordering::SeqCst).then(|| self.0.store().unsynced()).flatten()
    }

    fn is_open(&self) -> bool {
        self.closed().is_none()
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

impl Subscription {
    /// Holds events back until their commits are durable, while they have to be.
    pub(crate) fn gated(mut self, replica: Arc<dyn Replica>, synced: Arc<AtomicBool>) -> Self {
        self.gate = Some(Gate(replica, synced));
        self
    }

    /// Takes in the events of a commit.
    fn take(&mut self, events: Vec<Event>) {
        match self.gate.as_ref().and_then(Gate::closed) {
            Some(synced) => self.held = Some((events, synced)),
            None => self.ready = events.into_iter(),
        }
    }

    /// The clock after which every commit is reported. A snapshot opened from now on shows at least that state.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// The next event; `None` when the table was dropped or the node has stopped.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            if let Some((_, synced)) = &mut self.held {
                let durable = synced.await;
                let (events, _) = self.held.take()?;
                // What the disc may have lost did not happen for anybody, so the subscription ends before it.
                durable.ok()?;
                self.ready = events.into_iter();
            }
            if let Some(event) = self.try_recv() {
                return Some(event);
            }
            if self.held.is_none() {
                let events = self.events.recv().await?;
                self.take(events);
            }
        }
    }

    /// The next event, if one is there.
    pub fn try_recv(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.next() {
                return Some(event);
            }
            if let Some((events, _)) = self.held.take_if(|_| self.gate.as_ref().is_none_or(Gate::is_open)) {
                self.ready = events.into_iter();
                continue;
            }
            if self.held.is_some() {
                return None;
            }
            match self.events.try_recv() {
                Ok(events) => self.take(events),
                // The queue was full when the flag was set, so all that was queued before the gap has been read.
                Err(_) => return self.lagged.swap(false, Ordering::SeqCst).then_some(Event::Lagged),
            }
        }
    }
}

impl Feed {
    pub(crate) fn count(&self, table: TableId) -> usize {
        self.subscribers.lock().get(&table).map_or(0, Vec::len)
    }

    /// Adds a subscriber to a table whose commits report already. `clock` is asked while nothing can be published:
    /// what was published before is not younger, and what comes after finds the subscriber.
    pub(crate) fn subscribe(
        &self,
        table: TableId,
        detail: Detail,
        queue: usize,
        clock: impl FnOnce() -> u64,
    ) -> Subscription {
        let (sender, events) = mpsc::channel(queue.max(1));
        let lagged = Arc::new(AtomicBool::new(false));
        let mut subscribers = self.subscribers.lock();
        let after = clock();
        let subscriber = Subscriber { queue: sender, after, detail, lagged: lagged.clone() };
        subscribers.entry(table).or_default().push(subscriber);
        Subscription { events, ready: Vec::new().into_iter(), clock: after, lagged, gate: None, held: None }
    }

    /// Ends all subscriptions of a table.
    pub(crate) fn close(&self, table: TableId) {
        self.subscribers.lock().remove(&table);
    }

    /// Gives the subscribers of a table to another one, whose commits report already.
    /// `is_whole`: all that happened to the one was told.
    pub(crate) fn hand_over(&self, from: TableId, to: TableId, is_whole: bool) {
        let mut subscribers = self.subscribers.lock();
        let of_table = subscribers.remove(&from).unwrap_or_default();
        if !is_whole {
            of_table.iter().for_each(|subscriber| subscriber.lagged.store(true, Ordering::SeqCst));
        }
        subscribers.entry(to).or_default().extend(of_table);
    }

    /// Forgets subscribers that have gone; whether any is left.
    pub(crate) fn sweep(&self, table: TableId) -> bool {
        let mut subscribers = self.subscribers.lock();
        let Some(of_table) = subscribers.get_mut(&table) else {
            return false;
        };
        of_table.retain(|subscriber| !subscriber.queue.is_closed());
        !of_table.is_empty()
    }
}

impl Sink for Feed {
    fn publish(&self, batch: Batch) {
        let mut subscribers = self.subscribers.lock();
        for (table, of_table) in subscribers.iter_mut() {
            if !batch.changes.iter().any(|change| change.concerns(*table)) {
                continue;
            }
            of_table
                .retain_mut(|subscriber| subscriber.after >= batch.clock || subscriber.send(*table, &batch));
        }
    }
}

impl Subscriber {
    /// Hands over the batch's events of the table; `false` when the subscriber has gone.
    fn send(&mut self, table: TableId, batch: &Batch) -> bool {
        let of_table = batch.changes.iter().filter(|change| change.concerns(table));
        let mut events: Vec<Event> = of_table.map(|change| event(change, batch.clock, self.detail)).collect();
        if self.queue.capacity() == 0 {
            self.lagged.store(true, Ordering::SeqCst);
            return !self.queue.is_closed();
        }
        if self.lagged.swap(false, Ordering::SeqCst) {
            events.insert(0, Event::Lagged);
        }
        // There is room: only this thread, which holds the feed's lock, puts anything in.
        self.queue.try_send(events).is_ok()
    }
}

fn event(change: &Change, clock: u64, detail: Detail) -> Event {
    match change {
        Change::Row { cause, old, new, .. } => {
            let show_old = detail == Detail::Detailed || new.is_none();
            Event::Row { clock, cause: *cause, old: old.clone().filter(|_| show_old), new: new.clone() }
        }
        Change::Fields { key, fields, .. } => {
            Event::Fields { clock, key: key.clone(), fields: fields.clone() }
        }
        // The table has all rows of another one, which nobody wants told one by one.
        Change::Exchanged { .. } => Event::Lagged,
        // `Change` may grow; what this version does not know concerns the table as a whole.
        _ => Event::Cleared { clock },
    }
}

#[cfg(test)]
mod tests {
    use mnemon_store::ManualClock;
    use mnemon_term::{Record, Term, TermRef};

    use super::*;
    use crate::catalog::Catalog;
    use crate::error::TableError;
    use crate::schema::{AttributeType, Schema};

    fn record(key: i64, value: i64) -> Record {
        Record::new([TermRef::from(key), TermRef::from(value)]).unwrap()
    }

    async fn catalog_with_table(clock: Arc<ManualClock>) -> (Catalog, Arc<crate::Table>) {
        let catalog = Catalog::local(Box::new(clock));
        let schema =
            Schema::builder("t").attribute("k", AttributeType::Any).attribute("v", AttributeType::Any);
        let table = catalog.create(schema.build().unwrap()).await.unwrap();
        (catalog, table)
    }

    fn cause_of(event: Option<Event>) -> Option<Cause> {
        match event {
            Some(Event::Row { cause, .. }) => Some(cause),
            _ => None,
        }
    }

    #[tokio::test]
    async fn events_come_in_commit_order_with_their_cause() {
        let clock = Arc::new(ManualClock::at(1));
        let (catalog, table) = catalog_with_table(clock.clone()).await;
        let mut events = table.subscribe(Detail::Detailed, None).unwrap();
        table.write(record(1, 10).as_ref()).await.unwrap();
        table.write(record(1, 11).as_ref()).await.unwrap();
        table.write_with_ttl(record(2, 20).as_ref(), 50).await.unwrap();
        table.delete(&Term::Int(1)).await.unwrap();
        clock.advance(50);
        catalog.maintain();
        table.clear().await.unwrap();
        let mut clocks = Vec::new();
        for (cause, has_old) in [
            (Cause::Write, false),
            (Cause::Write, true),
            (Cause::Write, false),
            (Cause::Delete, true),
            (Cause::Expired, true),
        ] {
            let Some(Event::Row { cause: found, old, clock, .. }) = events.try_recv() else {
                panic!("an event")
            };
            assert_eq!((found, old.is_some()), (cause, has_old));
            clocks.push(clock);
        }
        assert!(matches!(events.try_recv(), Some(Event::Cleared { .. })));
        assert!(clocks.is_sorted() && clocks[0] > events.clock());
        assert!(events.try_recv().is_none());
    }

    #[tokio::test]
    async fn a_transactions_events_share_a_clock_and_an_aborted_one_has_none() {
        let (catalog, table) = catalog_with_table(Arc::new(ManualClock::at(1))).await;
        let mut events = table.subscribe(Detail::Simple, None).unwrap();
        let aborted: Result<(), TableError> = catalog
            .transaction(|tx| {
                let table = table.clone();
                async move {
                    tx.write(&table, record(9, 9).as_ref()).await?;
                    Err(TableError::Aborted("by hand".to_owned()))
                }
            })
            .await;
        assert!(aborted.is_err());
        let done: Result<(), TableError> = catalog
            .transaction(|tx| {
                let table = table.clone();
                async move {
                    tx.write(&table, record(1, 1).as_ref()).await?;
                    tx.write(&table, record(2, 2).as_ref()).await
                }
            })
            .await;
        done.unwrap();
        let (Some(Event::Row { clock: one, .. }), Some(Event::Row { clock: other, .. })) =
            (events.try_recv(), events.try_recv())
        else {
            panic!("two events")
        };
        assert_eq!(one, other);
        assert!(events.try_recv().is_none());
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_that_it_lagged_and_nobody_waits_for_it() {
        let (_catalog, table) = catalog_with_table(Arc::new(ManualClock::at(1))).await;
        let mut events = table.subscribe(Detail::Simple, Some(2)).unwrap();
        for i in 0..5 {
            table.write(record(i, i).as_ref()).await.unwrap();
        }
        assert_eq!(cause_of(events.recv().await), Some(Cause::Write));
        assert_eq!(cause_of(events.recv().await), Some(Cause::Write));
        assert!(matches!(events.recv().await, Some(Event::Lagged)));
        table.write(record(6, 6).as_ref()).await.unwrap();
        let Some(Event::Row { new: Some(row), .. }) = events.recv().await else {
            panic!("the event after the gap")
        };
        assert_eq!(mnemon_term::RecordRef::trusted(row.body()).get(0).unwrap().as_int(), Some(6));
    }

    #[tokio::test]
    async fn a_dropped_table_ends_its_subscriptions() {
        let (catalog, table) = catalog_with_table(Arc::new(ManualClock::at(1))).await;
        let mut events = table.subscribe(Detail::Simple, None).unwrap();
        catalog.drop_table("t").await.unwrap();
        assert!(events.recv().await.is_none());
        assert!(matches!(table.dirty_read(&Term::Int(1)), Err(TableError::NoTable(_))));
    }
}
