//! Subscriptions: a table's changes as Rust values.
//!
//! Beneath, an event is of a row; a bag's row is all objects of a key, so what came and went is found by comparing
//! the two states. Order and completeness are those of `mnemon_table`'s feed.

use std::collections::{HashSet, VecDeque};

use mnemon_store::{Cause, Row};
use mnemon_table::{Detail, TableError as Error};
use mnemon_term::RecordRef;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Table;
use crate::codec;

/// One change of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<T> {
    /// A record was written.
    Written {
        /// The clock of its commit; the events of one commit share it and come together.
        clock: u64,
        /// What the key held before; in a bag always `None`, as a record there replaces none.
        old: Option<T>,
        /// What it holds now.
        new: T,
    },
    /// A record has gone.
    Deleted {
        /// The clock of the commit.
        clock: u64,
        /// Why: [`Cause::Delete`], [`Cause::Expired`] or [`Cause::Evicted`].
        cause: Cause,
        /// What it was.
        old: T,
    },
    /// All records have gone at once.
    Cleared {
        /// The clock of the commit.
        clock: u64,
    },
    /// This subscriber was too slow and events were dropped here. Read the table, by [`Table::snapshot`], and go on
    /// with the events after the snapshot's clock.
    Lagged,
}

/// The changes of a table from the moment of [`Table::subscribe`] on, in the order of the commits. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription<T> {
    changes: mnemon_table::Subscription,
    /// Events of the change that was received last.
    ready: VecDeque<Result<Event<T>, Error>>,
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    /// Follows the table's changes from now on, whoever makes them: this program or Redis clients. At most 4,096
    /// commits wait for the subscriber; beyond, events are dropped and it is told [`Event::Lagged`]. Nobody waits for it.
    ///
    /// # Errors
    /// [`Error::NoTable`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mnemon::{Event, Node};
    ///
    /// let node = Node::builder().start().await?;
    /// let stock = node.create_table::<(String, u64)>("stock").await?;
    /// let mut changes = stock.subscribe()?;
    ///
    /// stock.write(&("nuts".into(), 40)).await?;
    /// let Some(Event::Written { new: (article, pieces), .. }) = changes.recv().await? else { panic!() };
    /// assert_eq!((article.as_str(), pieces), ("nuts", 40));
    /// # Ok(()) }
    /// ```
    pub fn subscribe(&self) -> Result<Subscription<T>, Error> {
        self.subscribe_with_queue(mnemon_table::DEFAULT_QUEUE)
    }

    /// As [`subscribe`](Self::subscribe), with room for so many commits, at least one.
    ///
    /// # Errors
    /// [`Error::NoTable`].
    pub fn subscribe_with_queue(&self, commits: usize) -> Result<Subscription<T>, Error> {
        let changes = self.untyped().subscribe(Detail::Detailed, Some(commits))?;
        Ok(Subscription { changes, ready: VecDeque::new() })
    }
}

impl<T: DeserializeOwned> Subscription<T> {
    /// The clock after which every commit is reported.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.changes.clock()
    }

    /// The next event; `None` when the table was dropped. May be abandoned at any time without losing an event.
    ///
    /// # Errors
    /// [`Error::Term`] for a record that is not a `T`; the next call goes on after it.
    pub async fn recv(&mut self) -> Result<Option<Event<T>>, Error> {
        while self.ready.is_empty() {
            match self.changes.recv().await {
                Some(change) => self.ready.extend(events(change)),
                None => return Ok(None),
            }
        }
        self.ready.pop_front().transpose()
    }

    /// The next event, if one is there.
    ///
    /// # Errors
    /// As of [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Option<Event<T>>, Error> {
        while self.ready.is_empty() {
            match self.changes.try_recv() {
                Some(change) => self.ready.extend(events(change)),
                None => return Ok(None),
            }
        }
        self.ready.pop_front().transpose()
    }
}

/// What a change of a row means record by record.
fn events<T: DeserializeOwned>(change: mnemon_table::Event) -> Vec<Result<Event<T>, Error>> {
    match change {
        mnemon_table::Event::Row { clock, cause, old, new } => {
            let is_bag = [&old, &new].into_iter().flatten().any(|row| row.as_collection().is_some());
            if is_bag {
                of_bag(clock, cause, old.as_ref(), new.as_ref())
            } else {
                of_row(clock, cause, old.as_ref(), new.as_ref()).transpose().into_iter().collect()
            }
        }
        mnemon_table::Event::Cleared { clock } => vec![Ok(Event::Cleared { clock })],
        mnemon_table::Event::Lagged => vec![Ok(Event::Lagged)],
        // Fields belong to the hashes of the numbered databases, which are no tables of records.
        _ => Vec::new(),
    }
}

fn of_row<T: DeserializeOwned>(
    clock: u64,
    cause: Cause,
    old: Option<&Row>,
    new: Option<&Row>,
) -> Result<Option<Event<T>>, Error> {
    let decode = |row: &Row| codec::value::<T>(RecordRef::trusted(row.body()));
    let old = old.map(decode).transpose()?;
    Ok(match (old, new) {
        (old, Some(new)) => Some(Event::Written { clock, old, new: decode(new)? }),
        (Some(old), None) => Some(Event::Deleted { clock, cause, old }),
        (None, None) => None,
    })
}

fn of_bag<T: DeserializeOwned>(
    clock: u64,
    cause: Cause,
    old: Option<&Row>,
    new: Option<&Row>,
) -> Vec<Result<Event<T>, Error>> {
    let objects = |row: Option<&Row>| -> Vec<Box<[u8]>> {
        row.into_iter().flat_map(codec::bodies).map(Box::from).collect()
    };
    let (old, new) = (objects(old), objects(new));
    let decode = |body: &[u8]| codec::value::<T>(RecordRef::trusted(body));
    // Taking an object out of a bag changes its row, which is a write to the store.
    let cause = if new.is_empty() { cause } else { Cause::Delete };
    let (before, after): (HashSet<_>, HashSet<_>) = (old.iter().collect(), new.iter().collect());
    let gone = old.iter().filter(|body| !after.contains(body));
    let come = new.iter().filter(|body| !before.contains(body));
    gone.map(|body| Ok(Event::Deleted { clock, cause, old: decode(body)? }))
        .chain(come.map(|body| Ok(Event::Written { clock, old: None, new: decode(body)? })))
        .collect()
}
