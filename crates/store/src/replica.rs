//! The boundary beneath `table`: whoever orders the commits of a group.
//!
//! [`Local`] applies them to the store of this node at once. A replicated group orders them first and answers later;
//! nothing above has to know.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use mnemon_disc::Synced;
use serde::{Deserialize, Serialize};

use crate::commit::{Applied, Commit};
use crate::copy::{CopySpec, TableCopy};
use crate::course::Course;
use crate::error::StoreError;
use crate::event::TableId;
use crate::journal::Noted;
use crate::op::{Op, OpError, Outcome};
use crate::store::Store;

/// An answer that may be there already.
pub enum Verdict<T> {
    /// Here it is.
    Ready(T),
    /// It was applied, and is to be told when it is durable.
    Unsynced(Unsynced<T>),
    /// It comes when others have agreed.
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
}

/// An answer that is not durable yet.
pub struct Unsynced<T> {
    /// The answer.
    pub answer: T,
    /// Comes true when the answer may be told.
    pub synced: Synced,
    /// Makes the answer instead when the disc fails.
    pub failed: fn(StoreError) -> T,
}

impl<T> Verdict<T> {
    /// The answer, if it is there already, durable or not: always with a local group.
    pub fn ready(self) -> Option<T> {
        match self {
            Self::Ready(answer) | Self::Unsynced(Unsynced { answer, .. }) => Some(answer),
            Self::Later(_) => None,
        }
    }

    /// The same for a caller that sees to it that nothing is told before it is durable (see [`Store::unsynced`]).
    #[must_use]
    pub fn applied(self) -> Self {
        match self {
            Self::Unsynced(Unsynced { answer, .. }) => Self::Ready(answer),
            other => other,
        }
    }
}

impl<T: Unpin + 'static> Future for Verdict<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match std::mem::replace(&mut *self, Self::Later(Box::pin(std::future::pending()))) {
            Self::Ready(answer) => Poll::Ready(answer),
            Self::Unsynced(mut unsynced) => match Pin::new(&mut unsynced.synced).poll(context) {
                Poll::Ready(Ok(())) => Poll::Ready(unsynced.answer),
                Poll::Ready(Err(cause)) => {
                    Poll::Ready((unsynced.failed)(StoreError::OutcomeUnknown(cause.to_string())))
                }
                Poll::Pending => {
                    *self = Self::Unsynced(unsynced);
                    Poll::Pending
                }
            },
            Self::Later(mut answer) => {
                let polled = answer.as_mut().poll(context);
                *self = Self::Later(answer);
                polled
            }
        }
    }
}

/// A change of what tables and indexes there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SchemaChange {
    /// A new table.
    Create {
        /// Its number.
        table: TableId,
        /// What the store must know of it.
        spec: CopySpec,
    },
    /// A table goes.
    Drop {
        /// Its number.
        table: TableId,
    },
    /// A new index; done when it serves.
    AddIndex {
        /// The table.
        table: TableId,
        /// The attribute's place.
        attribute: u16,
    },
    /// An index goes.
    DelIndex {
        /// The table.
        table: TableId,
        /// The attribute's place.
        attribute: u16,
    },
    /// The schema has a new version.
    Version {
        /// The table.
        table: TableId,
        /// The version.
        version: u64,
        /// Whether, from here on, only commits that check this version may write.
        sealed: bool,
    },
    /// What those above the store know of the table, so that it is there again after a restart.
    Define {
        /// The table.
        table: TableId,
        /// Bytes that mean nothing to the store.
        definition: Vec<u8>,
    },
    /// As `Define`, and another table goes at the same moment: what is found after a crash is one of the two.
    Replace {
        /// The table that is defined.
        table: TableId,
        /// Bytes that mean nothing to the store.
        definition: Vec<u8>,
        /// The table that goes.
        replaces: TableId,
    },
    /// A new table whose rows are on disc and may exceed the memory.
    CreateDiscOnly {
        /// Its number.
        table: TableId,
        /// What the store must know of it.
        spec: CopySpec,
    },
}

impl SchemaChange {
    /// The change that makes a table: one of two, by where its rows are.
    #[must_use]
    pub fn create(table: TableId, spec: CopySpec) -> Self {
        if spec.disc_only { Self::CreateDiscOnly { table, spec } } else { Self::Create { table, spec } }
    }
}

/// The clock of a one-operation commit, and what its operation answered.
pub type Single = (u64, Result<Outcome, OpError>);

/// One copy's engine: applies commits in the order that all copies of the group have agreed on.
pub trait Replica: Send + Sync + 'static {
    /// The rows of this copy, for reads and snapshots. Writing goes through commits only.
    fn store(&self) -> &Store;

    /// Validates and applies a commit.
    fn commit(&self, commit: &Commit<'_>) -> Verdict<Result<Applied, StoreError>>;

    /// A commit of one operation that validates nothing; the short way of a plain write. Gives the commit's clock.
    fn commit_one(&self, copy: &TableCopy, time_ms: u64, op: &Op<'_>) -> Verdict<Result<Single, StoreError>>;

    /// Changes tables and indexes.
    fn change_schema(&self, change: &SchemaChange) -> Verdict<Result<(), StoreError>>;

    /// As [`SchemaChange::AddIndex`], watched: where it can be, its progress is told, and it ends with `Cancelled` as soon as
    /// that is asked for; then there is no index. Whether it counts is decided by the caller.
    fn build_index(
        &self,
        table: TableId,
        attribute: u16,
        course: &Course,
    ) -> Verdict<Result<(), StoreError>> {
        match course.check() {
            Ok(()) => self.change_schema(&SchemaChange::AddIndex { table, attribute }),
            Err(cancelled) => Verdict::Ready(Err(cancelled)),
        }
    }
}

/// The engine of tables that only this node has.
pub struct Local(Store);

impl Local {
    /// Applies commits to this store at once.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(store)
    }
}

impl Replica for Local {
    fn store(&self) -> &Store {
        &self.0
    }

    fn commit(&self, commit: &Commit<'_>) -> Verdict<Result<Applied, StoreError>> {
        self.0.verdict(self.0.commit_noted(commit))
    }

    fn commit_one(&self, copy: &TableCopy, time_ms: u64, op: &Op<'_>) -> Verdict<Result<Single, StoreError>> {
        self.0.verdict(self.0.commit_one_noted(copy, time_ms, op))
    }

    fn change_schema(&self, change: &SchemaChange) -> Verdict<Result<(), StoreError>> {
        self.0.verdict(self.0.change_schema_noted(change))
    }

    fn build_index(
        &self,
        table: TableId,
        attribute: u16,
        course: &Course,
    ) -> Verdict<Result<(), StoreError>> {
        self.0.verdict(self.0.build_index_noted(table, attribute, course))
    }
}

impl Store {
    /// Applies a change of schema to this copy.
    ///
    /// # Errors
    /// `NoTable`, `NoIndex`, `Exists`.
    pub fn change_schema(&self, change: &SchemaChange) -> Result<(), StoreError> {
        self.change_schema_noted(change).map(|(answer, _)| answer)
    }

    fn change_schema_noted(&self, change: &SchemaChange) -> Result<((), Noted), StoreError> {
        let journal = self.journal().filter(|_| !self.is_unnoted(change));
        let draft = journal.map(|journal| journal.draft_schema(change)).transpose()?;
        // In the log before any commit on the table can be.
        let noted = draft.map(|draft| draft.note(self.clock())).transpose()?.flatten();
        self.install(change).map(|()| ((), noted))
    }

    /// The index first and then its entry in the log, so that one that is cancelled has left none there.
    fn build_index_noted(
        &self,
        table: TableId,
        attribute: u16,
        course: &Course,
    ) -> Result<((), Noted), StoreError> {
        let copy = self.copy(table)?;
        let change = SchemaChange::AddIndex { table, attribute };
        let journal = self.journal().filter(|_| !self.is_unnoted(&change));
        // Room for the entry is asked for before the work is done, and held until then.
        let draft = journal.map(|journal| journal.draft_schema(&change)).transpose()?;
        self.build_index(&copy, attribute, course)?;
        match draft.map(|draft| draft.note(self.clock())).transpose() {
            Ok(noted) => Ok(((), noted.flatten())),
            Err(refused) => {
                self.del_index(&copy, attribute)?;
                Err(refused)
            }
        }
    }

    /// Whether the change is part of a table's rewriting, of which a crash must find nothing.
    fn is_unnoted(&self, change: &SchemaChange) -> bool {
        let (SchemaChange::AddIndex { table, .. } | SchemaChange::DelIndex { table, .. }) = change else {
            return false;
        };
        self.copy(*table).is_ok_and(|copy| copy.unlogged.load(Ordering::SeqCst))
    }

    /// Makes the answer to something that was noted wait for the disc.
    fn verdict<T: 'static>(&self, answer: Result<(T, Noted), StoreError>) -> Verdict<Result<T, StoreError>> {
        match (answer, self.journal()) {
            (Ok((answer, Some(position))), Some(journal)) => {
                let synced = journal.log.synced(position);
                Verdict::Unsynced(Unsynced { answer: Ok(answer), synced, failed: Err })
            }
            (answer, _) => Verdict::Ready(answer.map(|(answer, _)| answer)),
        }
    }

    pub(crate) fn install(&self, change: &SchemaChange) -> Result<(), StoreError> {
        match change {
            SchemaChange::Create { table, spec } => self.create(*table, spec.clone()).map(drop),
            SchemaChange::CreateDiscOnly { table, spec } => {
                self.create(*table, CopySpec { disc_only: true, ..spec.clone() }).map(drop)
            }
            SchemaChange::Drop { table } => self.drop_copy(*table),
            SchemaChange::AddIndex { table, attribute } => self.add_index(&*self.copy(*table)?, *attribute),
            SchemaChange::DelIndex { table, attribute } => self.del_index(&*self.copy(*table)?, *attribute),
            SchemaChange::Version { table, version, sealed } => {
                self.set_schema_version(&*self.copy(*table)?, *version, *sealed);
                Ok(())
            }
            SchemaChange::Define { table, definition } => {
                self.copy(*table)?.definition.store(Arc::new(definition.clone()));
                Ok(())
            }
            SchemaChange::Replace { table, definition, replaces } => {
                self.copy(*table)?.definition.store(Arc::new(definition.clone()));
                self.drop_copy(*replaces)
            }
        }
    }
}
