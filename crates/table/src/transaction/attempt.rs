//! One run of a transaction: what it has read, the writes it keeps back, and the commit they become.
//!
//! How its reads come to be of one state is told in `consistent`.

use std::ops::Bound;

use mnemon_store::{
    Cause, Check, Collection, Commit, Expiry, Op, Row, Seen, Snapshot, Store, TableId, TableOp, When,
    collection::Bag,
};
use mnemon_term::RecordRef;
use smallvec::SmallVec;

use crate::error::TableError;
use crate::form::TableForm;
use crate::transaction::buffer::Buffer;
use crate::transaction::consistent::AttemptView;
use crate::view::View;
use mnemon_store::Kind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Something read has changed; the run cannot succeed any more.
    Lost,
    Ended,
}

/// The row, or the table, over which a run was lost.
pub(crate) type LostOver = Option<(TableId, Option<Box<[u8]>>)>;

/// A scan in the read set.
pub(super) struct ScanRead {
    pub(super) table: TableId,
    pub(super) index: Option<u16>,
    pub(super) from: Bound<Box<[u8]>>,
    pub(super) to: Bound<Box<[u8]>>,
    pub(super) seen: Vec<Seen>,
}

/// The schema of a table that the run has used.
pub(super) struct NotedSchema {
    pub(super) table: TableId,
    pub(super) version: u64,
    /// What stays when the table's rows move.
    lasting: TableId,
    /// The version is that of a sealing: nobody but who has sealed the table may write by it.
    is_sealed: bool,
}

/// The state of one run.
pub(crate) struct Attempt {
    pub(crate) phase: Phase,
    pub(super) clock: u64,
    pub(super) buffer: Buffer,
    pub(super) scans: Vec<ScanRead>,
    pub(super) scanned: usize,
    /// When the first of the rows that were read expires.
    pub(super) first_expiry: Option<u64>,
    pub(super) schemas: SmallVec<[NotedSchema; 2]>,
    /// When the rows of numbered databases were last exchanged, which is noted as their schemas are.
    pub(super) exchanged: Vec<(TableId, u64)>,
    /// Of a read-only transaction.
    pub(super) snapshot: Option<Snapshot>,
    /// The row over which the run was lost.
    pub(crate) lost_over: LostOver,
}

impl Attempt {
    /// Inlined, so that it is made where it is kept: it is too large to be moved about for nothing.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "measured: three copies of 400 bytes a transaction")]
    pub(crate) fn begin(store: &Store, read_only: bool, deadline_ms: u64) -> Self {
        Self {
            phase: Phase::Running,
            // Not the present clock, which every commit writes: what is met and is newer makes the run look at the
            // clock itself, and what is not newer was so at that clock and is so now, hence also when the run began.
            clock: store.recent_clock(),
            buffer: Buffer::default(),
            scans: Vec::new(),
            scanned: 0,
            first_expiry: None,
            schemas: SmallVec::new(),
            exchanged: Vec::new(),
            snapshot: read_only.then(|| store.snapshot(deadline_ms)),
            lost_over: None,
        }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Takes the table's schema into the read set.
    pub(crate) fn note_schema(&mut self, table: &TableForm) -> Result<(), TableError> {
        let version = table.copy().schema_version();
        match self.schemas.iter().find(|noted| noted.table == table.id()) {
            Some(noted) if noted.version != version => Err(self.lose(table.id(), None)),
            Some(_) => Ok(()),
            // It was used before its rows moved, and its writes are kept for where they were.
            None if self.schemas.iter().any(|noted| noted.lasting == table.lasting_id()) => {
                Err(self.lose(table.id(), None))
            }
            None => {
                // After the version was read: see `Store::set_schema_version`.
                let (is_sealed, lasting) = (table.copy().is_sealed(), table.lasting_id());
                self.schemas.push(NotedSchema { table: table.id(), version, lasting, is_sealed });
                if table.is_database() {
                    self.exchanged.push((table.id(), table.copy().exchanged()));
                }
                Ok(())
            }
        }
    }

    pub(super) fn note_expiry(&mut self, row: &Row) {
        if let Some(at_ms) = row.expires_at() {
            self.first_expiry = Some(self.first_expiry.map_or(at_ms, |first| first.min(at_ms)));
        }
    }

    pub(crate) fn lose(&mut self, table: TableId, key: Option<&[u8]>) -> TableError {
        self.phase = Phase::Lost;
        self.lost_over = Some((table, key.map(Into::into)));
        TableError::Conflict
    }

    pub(crate) fn savepoint(&mut self) -> usize {
        self.buffer.savepoint()
    }

    pub(crate) fn leave(&mut self, savepoint: usize, undone: bool) {
        self.buffer.leave(savepoint, undone);
    }

    pub(crate) fn write(
        &mut self,
        store: &Store,
        table: &TableForm,
        key: &[u8],
        record: RecordRef<'_>,
        expires_at: Option<u64>,
    ) -> Result<(), TableError> {
        let body = record.as_bytes();
        if table.kind() != Kind::Bag {
            self.buffer.note_write(table.id(), key, Some(Row::bytes(0, expires_at, key, body)), None);
            return Ok(());
        }
        let mut bag = self.bag(store, table, key)?;
        bag.insert(body);
        let row = Row::collection(0, expires_at, key, std::sync::Arc::new(Collection::Bag(bag)));
        let expiry = expires_at.map_or(Expiry::Never, Expiry::At);
        let (key_bytes, body) = (key.to_vec().into(), body.to_vec().into());
        let step = Op::Put { key: key_bytes, body, expiry, when: When::Always, over_bytes_only: false };
        self.buffer.note_write(table.id(), key, Some(row), Some(step));
        Ok(())
    }

    pub(crate) fn delete(&mut self, table: &TableForm, key: &[u8]) {
        let step = (table.kind() == Kind::Bag).then(|| delete_op(key.to_vec()));
        self.buffer.note_write(table.id(), key, None, step);
    }

    pub(crate) fn delete_object(
        &mut self,
        store: &Store,
        table: &TableForm,
        key: &[u8],
        record: RecordRef<'_>,
    ) -> Result<(), TableError> {
        let row = AttemptView { attempt: self, store }.row(table, key)?;
        let body = record.as_bytes();
        if table.kind() != Kind::Bag {
            if row.is_some_and(|row| row.body() == body) {
                self.delete(table, key);
            }
            return Ok(());
        }
        let expires_at = row.as_ref().and_then(Row::expires_at);
        let mut bag = self.bag(store, table, key)?;
        if bag.remove(body) {
            let left = (!bag.is_empty())
                .then(|| Row::collection(0, expires_at, key, std::sync::Arc::new(Collection::Bag(bag))));
            let step = Op::DeleteObject { key: key.to_vec().into(), body: body.to_vec().into() };
            self.buffer.note_write(table.id(), key, left, Some(step));
        }
        Ok(())
    }

    /// The objects under a bag's key; they are read, so they belong to the read set.
    fn bag(&mut self, store: &Store, table: &TableForm, key: &[u8]) -> Result<Bag, TableError> {
        let row = AttemptView { attempt: self, store }.row(table, key)?;
        Ok(match row.as_ref().and_then(Row::as_collection).map(|collection| &**collection) {
            Some(Collection::Bag(bag)) => bag.clone(),
            _ => Bag::default(),
        })
    }

    pub(crate) fn has_writes(&self) -> bool {
        self.buffer.has_writes()
    }

    /// Whether there are writes to a table that was sealed when it was first used.
    pub(crate) fn writes_to_sealed(&self) -> bool {
        let mut sealed = self.schemas.iter().filter(|noted| noted.is_sealed);
        sealed.any(|noted| {
            let mut entries = self.buffer.entries().iter();
            entries.any(|entry| entry.table == noted.table && entry.pending.is_some())
        })
    }

    /// The attempt as a commit.
    pub(crate) fn commit(&self, time_ms: u64) -> Commit<'_> {
        Commit { time_ms, checks: self.checks(), ops: self.ops(), with_before: false }
    }

    /// What must still hold when the writes are applied.
    fn checks(&self) -> Vec<Check<'_>> {
        let entries = self.buffer.entries();
        let mut checks = Vec::with_capacity(self.schemas.len() + entries.len() + self.scans.len());
        for NotedSchema { table, version, .. } in &self.schemas {
            checks.push(Check::Schema { table: *table, version: *version });
        }
        for (table, clock) in &self.exchanged {
            checks.push(Check::Exchanged { table: *table, clock: *clock });
        }
        for entry in entries {
            if let Some(version) = entry.seen {
                checks.push(Check::Key { table: entry.table, key: (&*entry.key).into(), version });
            }
        }
        let scans = self.scans.iter().map(|scan| Check::Scan {
            table: scan.table,
            index: scan.index,
            from: scan.from.clone(),
            to: scan.to.clone(),
            seen: scan.seen.clone(),
        });
        checks.extend(scans);
        checks
    }

    /// The writes, in the order their keys were first touched.
    fn ops(&self) -> Vec<TableOp<'_>> {
        let entries = self.buffer.entries();
        let mut ops = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(pending) = &entry.pending else { continue };
            let table = entry.table;
            if !pending.steps.is_empty() {
                ops.extend(pending.steps.iter().map(|op| TableOp { table, op: op.clone() }));
                continue;
            }
            let key = (&*entry.key).into();
            let op = match &pending.row {
                None => Op::Delete { key, cause: Cause::Delete, version: 0 },
                Some(row) => Op::Put {
                    key,
                    body: row.body().into(),
                    expiry: row.expires_at().map_or(Expiry::Never, Expiry::At),
                    when: When::Always,
                    over_bytes_only: false,
                },
            };
            ops.push(TableOp { table, op });
        }
        ops
    }
}

fn delete_op(key: Vec<u8>) -> Op<'static> {
    Op::Delete { key: key.into(), cause: Cause::Delete, version: 0 }
}
