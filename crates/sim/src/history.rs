//! What concurrent transactions saw and did, in the order of a clock that all of them share.
//!
//! Rows carry the number of the write that made them, unique in a history, so a read tells which write it saw. Every
//! run of a transaction's closure is recorded, also those that were lost. Judging is left to
//! [`crate::serializability`].

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// A row's table and key.
pub type Place = (u32, u64);

/// What a row holds: the number of its write, and the attribute that is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Which write it was.
    pub write: u64,
    /// The indexed attribute.
    pub group: u64,
}

/// One read and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// Of one key.
    Key(Place, Option<Cell>),
    /// Of the keys of a table from the first one up to, not including, the second, in order.
    Range(u32, u64, u64, Vec<(u64, Cell)>),
    /// Of the rows of a table with this attribute, sorted by key.
    Group(u32, u64, Vec<(u64, Cell)>),
}

/// One run of a transaction's closure.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What kind of run it was, for people.
    pub(crate) label: String,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    /// Each with the number of own writes that came before it.
    pub(crate) reads: Vec<(usize, Read)>,
    /// `None`: deleted.
    pub(crate) writes: Vec<(Place, Option<Cell>)>,
    /// The version of what it wrote, when it was committed.
    pub(crate) version: Option<u64>,
}

impl Attempt {
    /// Notes a read.
    pub fn saw(&mut self, read: Read) {
        self.reads.push((self.writes.len(), read));
    }

    /// Whether the run has written nothing so far.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.writes.is_empty()
    }

    /// When the run's closure had ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended
    }

    /// Notes a write that is kept back until the commit.
    pub fn wrote(&mut self, place: Place, cell: Option<Cell>) {
        self.writes.push((place, cell));
    }
}

/// A history that grows.
#[derive(Debug, Default)]
pub struct History {
    ticks: AtomicU64,
    attempts: Mutex<Vec<Attempt>>,
}

impl History {
    /// The present moment.
    pub fn now(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// A run that began no earlier than at `since`: when the transaction was called, or when its last run ended. (Not
    /// when its closure was entered: the state that it reads may have been chosen before.) `label` says what kind of run
    /// it is.
    #[must_use]
    pub fn begin(&self, label: impl Into<String>, since: u64) -> Attempt {
        Attempt {
            label: label.into(),
            began: since,
            ended: u64::MAX,
            reads: Vec::new(),
            writes: Vec::new(),
            version: None,
        }
    }

    /// The closure of a run has ended, so it reads no more.
    pub fn pause(&self, attempt: &mut Attempt) {
        attempt.ended = self.now();
    }

    /// A run was not committed, or it only read. If `pause` was not told when its closure ended, that is now.
    pub fn end(&self, mut attempt: Attempt) {
        if attempt.ended == u64::MAX {
            self.pause(&mut attempt);
        }
        self.attempts.lock().push(attempt);
    }

    /// A run was committed just now, and all it wrote has this version.
    pub fn committed(&self, mut attempt: Attempt, version: u64) {
        attempt.version = Some(version);
        attempt.ended = self.now();
        self.attempts.lock().push(attempt);
    }

    /// All runs, in the order of their beginnings.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        let mut attempts = self.attempts.lock().clone();
        attempts.sort_by_key(|attempt| attempt.began);
        attempts
    }
}
