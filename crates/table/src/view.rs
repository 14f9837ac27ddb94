//! What a read sees: the present, a snapshot, or a transaction. Every query is written once, over this.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use mnemon_store::{Row, Scan, Snapshot, Source, Store, TableCopy};

use crate::error::TableError;
use crate::form::TableForm;

/// A part of a table to walk.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) source: Source,
    pub(crate) from: Bound<Vec<u8>>,
    pub(crate) to: Bound<Vec<u8>>,
    pub(crate) reverse: bool,
}

impl Span {
    pub(crate) fn all() -> Self {
        Self { source: Source::Rows, from: Bound::Unbounded, to: Bound::Unbounded, reverse: false }
    }

    pub(crate) fn contains(&self, position: &[u8]) -> bool {
        let bounds = (self.from.as_ref().map(Vec::as_slice), self.to.as_ref().map(Vec::as_slice));
        // Spelled out: with the crate `bytes` in a program, more types can be compared with `[u8]`.
        RangeBounds::<[u8]>::contains(&bounds, position)
    }

    pub(crate) fn scan(&self) -> Scan {
        let (from, to) = (self.from.as_ref().map(Vec::as_slice), self.to.as_ref().map(Vec::as_slice));
        Scan::new(self.source, from, to, self.reverse)
    }
}

/// Goes on with the walk, or has had enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    On,
    Enough,
}

/// A state of the tables.
pub(crate) trait View {
    /// The row under these key bytes.
    fn row(&mut self, table: &TableForm, key: &[u8]) -> Result<Option<Row>, TableError>;

    /// Visits the rows of a span in its order.
    fn walk(
        &mut self,
        table: &TableForm,
        span: &Span,
        visit: &mut dyn FnMut(&Row) -> Walk,
    ) -> Result<(), TableError>;
}

/// The present: each row as it is when it is met. What `dirty_*` operations see.
pub(crate) struct Present<'a>(pub(crate) &'a Store);

/// The state at a snapshot.
pub(crate) struct AsOf<'a> {
    pub(crate) store: &'a Store,
    pub(crate) snapshot: &'a Snapshot,
    /// The rows to read instead of the table's own.
    pub(crate) instead: Option<Arc<TableCopy>>,
}

impl<'a> AsOf<'a> {
    pub(crate) fn new(store: &'a Store, snapshot: &'a Snapshot) -> Self {
        Self { store, snapshot, instead: None }
    }

    fn copy<'c>(&'c self, table: &'c TableForm) -> &'c TableCopy {
        self.instead.as_deref().unwrap_or(table.copy())
    }
}

impl View for Present<'_> {
    fn row(&mut self, table: &TableForm, key: &[u8]) -> Result<Option<Row>, TableError> {
        self.0.read(table.copy(), key).map_err(|refused| table.explain(refused))
    }

    fn walk(
        &mut self,
        table: &TableForm,
        span: &Span,
        visit: &mut dyn FnMut(&Row) -> Walk,
    ) -> Result<(), TableError> {
        walk_pages(self.0, table, table.copy(), span.scan(), None, visit)
    }
}

impl View for AsOf<'_> {
    fn row(&mut self, table: &TableForm, key: &[u8]) -> Result<Option<Row>, TableError> {
        self.store.get_at(self.copy(table), key, self.snapshot).map_err(|refused| table.explain(refused))
    }

    fn walk(
        &mut self,
        table: &TableForm,
        span: &Span,
        visit: &mut dyn FnMut(&Row) -> Walk,
    ) -> Result<(), TableError> {
        walk_pages(self.store, table, self.copy(table), span.scan(), Some(self.snapshot), visit)
    }
}

/// Visits the rows of a scan until the visitor has had enough.
pub(crate) fn walk_pages(
    store: &Store,
    table: &TableForm,
    copy: &TableCopy,
    mut scan: Scan,
    at: Option<&Snapshot>,
    visit: &mut dyn FnMut(&Row) -> Walk,
) -> Result<(), TableError> {
    while let Some(page) = scan.next_page(store, copy, at).map_err(|refused| table.explain(refused))? {
        if page.rows.iter().any(|row| visit(row) == Walk::Enough) {
            return Ok(());
        }
    }
    Ok(())
}
