//! What a transaction has touched, by table and key: versions it saw and writes it keeps back.

use std::collections::HashMap;

use mnemon_store::{Op, Row, TableId};
use smallvec::SmallVec;

/// Up to here entries are found by looking through them; most transactions touch a few rows.
const LINEAR_MAX: usize = 8;

pub(crate) type Key = SmallVec<[u8; 24]>;

/// One key of the transaction.
#[derive(Clone, Debug)]
pub(crate) struct Touched {
    pub(crate) table: TableId,
    pub(crate) key: Key,
    /// The version that was read; 0: absent; `None`: never read.
    pub(crate) seen: Option<u64>,
    pub(crate) pending: Option<Pending>,
}

/// A write that is kept back.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// The row as this transaction sees it from now on.
    pub(crate) row: Option<Row>,
    /// For a bag, the steps that lead there; for others the row says it all.
    pub(crate) steps: Vec<Op<'static>>,
}

/// The keys of a transaction, in the order they were touched first.
#[derive(Default)]
pub(crate) struct Buffer {
    entries: SmallVec<[Touched; 2]>,
    /// Made when there are more entries than one looks through.
    places: Option<HashMap<(TableId, Key), usize>>,
    /// What writes replaced, while an inner transaction runs.
    undo: Vec<(usize, Option<Pending>)>,
    depth: usize,
}

impl Buffer {
    fn place(&self, table: TableId, key: &[u8]) -> Option<usize> {
        match &self.places {
            None => self.entries.iter().position(|entry| entry.table == table && *entry.key == *key),
            Some(places) => places.get(&(table, Key::from_slice(key))).copied(),
        }
    }

    pub(crate) fn get(&self, table: TableId, key: &[u8]) -> Option<&Touched> {
        self.place(table, key).map(|place| &self.entries[place])
    }

    fn touch(&mut self, table: TableId, key: &[u8]) -> usize {
        if let Some(place) = self.place(table, key) {
            return place;
        }
        let place = self.entries.len();
        self.entries.push(Touched { table, key: Key::from_slice(key), seen: None, pending: None });
        if let Some(places) = &mut self.places {
            places.insert((table, Key::from_slice(key)), place);
        } else if place == LINEAR_MAX {
            let all = self.entries.iter().enumerate();
            let all = all.map(|(place, entry)| ((entry.table, entry.key.clone()), place));
            self.places = Some(all.collect());
        }
        place
    }

    pub(crate) fn note_read(&mut self, table: TableId, key: &[u8], version: u64) {
        let place = self.touch(table, key);
        self.entries[place].seen = Some(version);
    }

    pub(crate) fn note_write(
        &mut self,
        table: TableId,
        key: &[u8],
        row: Option<Row>,
        step: Option<Op<'static>>,
    ) {
        let place = self.touch(table, key);
        let old = self.entries[place].pending.take();
        if self.depth > 0 {
            self.undo.push((place, old.clone()));
        }
        let mut steps = old.map(|old| old.steps).unwrap_or_default();
        steps.extend(step);
        self.entries[place].pending = Some(Pending { row, steps });
    }

    pub(crate) fn entries(&self) -> &[Touched] {
        &self.entries
    }

    pub(crate) fn has_writes(&self) -> bool {
        self.entries.iter().any(|entry| entry.pending.is_some())
    }

    /// Begins an inner transaction.
    pub(crate) fn savepoint(&mut self) -> usize {
        self.depth += 1;
        self.undo.len()
    }

    /// Ends an inner transaction; `undone`: its writes are taken back.
    pub(crate) fn leave(&mut self, savepoint: usize, undone: bool) {
        self.depth = self.depth.saturating_sub(1);
        if undone {
            while self.undo.len() > savepoint {
                if let Some((place, old)) = self.undo.pop() {
                    self.entries[place].pending = old;
                }
            }
        }
        if self.depth == 0 {
            self.undo.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(version: u64) -> Option<Row> {
        Some(Row::bytes(version, None, b"k", b"v"))
    }

    #[test]
    fn an_inner_abort_takes_back_its_writes_and_keeps_its_reads() {
        let table = TableId(1);
        let mut buffer = Buffer::default();
        buffer.note_write(table, b"a", row(1), None);
        let outer = buffer.savepoint();
        buffer.note_write(table, b"a", row(2), None);
        let inner = buffer.savepoint();
        buffer.note_write(table, b"a", row(3), None);
        buffer.note_read(table, b"b", 9);
        buffer.leave(inner, true);
        let version = |buffer: &Buffer| {
            buffer
                .get(table, b"a")
                .and_then(|t| t.pending.clone())
                .and_then(|p| p.row)
                .map(|row| row.version())
        };
        assert_eq!(version(&buffer), Some(2));
        assert_eq!(buffer.get(table, b"b").unwrap().seen, Some(9));
        buffer.leave(outer, true);
        assert_eq!(version(&buffer), Some(1));
    }

    #[test]
    fn many_keys_are_found_as_few_are() {
        let mut buffer = Buffer::default();
        for i in 0..100u32 {
            buffer.note_read(TableId(1), &i.to_be_bytes(), u64::from(i));
            buffer.note_read(TableId(2), &i.to_be_bytes(), 1_000);
        }
        for i in 0..100u32 {
            assert_eq!(buffer.get(TableId(1), &i.to_be_bytes()).unwrap().seen, Some(u64::from(i)));
        }
        assert_eq!(buffer.entries().len(), 200);
    }
}
