//! The handle of a table, which leads to its rows wherever they have been moved.
//!
//! What must stay true: one load and one branch lead to the rows of a table that was never moved; whoever has looked the rows
//! up and is overtaken by a move reads what they were at its end, and can write nothing any more.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use mnemon_store::{Replica, Snapshot, TableCopy};

use crate::error::TableError;
use crate::feed::{Detail, Feed, Subscription};
use crate::form::TableForm;
use crate::schema::Schema;

/// One table. Cheap to clone behind its `Arc`; stays usable until the table is dropped, after which every call says
/// `NoTable`. It goes on when the rows move to the disc alone, back, or are transformed there. What can be done with it is told
/// at [`TableForm`].
pub struct Table {
    form: TableForm,
    /// Where the rows have gone.
    next: OnceLock<Arc<Table>>,
}

/// The form of a table that a reader is to look at.
pub(crate) enum FormRef<'t> {
    /// It is in the table's chain of forms.
    Here(&'t TableForm),
    /// One before that, kept for the snapshots that see it.
    Before(Arc<Table>),
}

impl Deref for FormRef<'_> {
    type Target = TableForm;

    fn deref(&self) -> &TableForm {
        match self {
            Self::Here(form) => form,
            Self::Before(table) => &table.form,
        }
    }
}

impl Deref for Table {
    type Target = TableForm;

    #[inline]
    fn deref(&self) -> &TableForm {
        match self.next.get() {
            None => &self.form,
            Some(next) => next.newest(),
        }
    }
}

impl Table {
    pub(crate) fn new(
        schema: Schema,
        copy: Arc<TableCopy>,
        replica: Arc<dyn Replica>,
        feed: Arc<Feed>,
    ) -> Self {
        Self { form: TableForm::new(schema, copy, replica, feed), next: OnceLock::new() }
    }

    /// The table after this one, once its rows are in that copy. The old one leads there from [`Table::lead_to`] on.
    pub(crate) fn after(before: &Arc<Self>, schema: Schema, copy: Arc<TableCopy>) -> Self {
        Self { form: TableForm::after(before, schema, copy), next: OnceLock::new() }
    }

    /// From here on all handles of this table mean that one.
    pub(crate) fn lead_to(&self, next: Arc<Self>) {
        // A table is moved once; where it has gone is moved from there.
        let _ = self.next.set(next);
    }

    /// Frees the rows that were here.
    pub(crate) fn retire(&self) {
        self.form.shared_copy().retire();
    }

    #[cold]
    fn newest(&self) -> &TableForm {
        let mut table = self;
        while let Some(next) = table.next.get() {
            table = next;
        }
        &table.form
    }

    /// The form whose rows a snapshot sees.
    ///
    /// # Errors
    /// `SnapshotExpired` when it is gone.
    pub(crate) fn as_of(&self, snapshot: &Snapshot) -> Result<FormRef<'_>, TableError> {
        let clock = snapshot.clock();
        if self.form.since() > clock {
            return self.before(clock);
        }
        let mut table = self;
        while let Some(next) = table.next.get().filter(|next| next.form.since() <= clock) {
            table = next;
        }
        Ok(FormRef::Here(&table.form))
    }

    #[cold]
    fn before(&self, clock: u64) -> Result<FormRef<'_>, TableError> {
        let mut table = self.form.before().ok_or_else(moved_since)?;
        while table.form.since() > clock {
            table = table.form.before().ok_or_else(moved_since)?;
        }
        Ok(FormRef::Before(table))
    }

    /// The rows that a snapshot sees, which are elsewhere than those of now when the table has been moved since.
    ///
    /// # Errors
    /// `SnapshotExpired`.
    pub fn copy_at(&self, snapshot: &Snapshot) -> Result<Arc<TableCopy>, TableError> {
        Ok(self.as_of(snapshot)?.shared_copy().clone())
    }

    /// Follows the table's changes from now on, also when its rows move. `queue`: commits that may wait before events are
    /// dropped.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn subscribe(&self, detail: Detail, queue: Option<usize>) -> Result<Subscription, TableError> {
        loop {
            if let Some(subscription) = self.subscribe_here(detail, queue)? {
                return Ok(subscription);
            }
        }
    }
}

fn moved_since() -> TableError {
    mnemon_store::StoreError::SnapshotExpired("the table has been moved since it was opened").into()
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("id", &self.id())
            .field("schema", &*self.schema())
            .finish_non_exhaustive()
    }
}
