//! What the later commands of a transaction will meet: its earlier operations, played through on a store of one's own.
//!
//! Only transactions need it that write a key and then run a guarded command on it, which is rare. It costs a copy of
//! the rows concerned and is bounded: what would take too long is refused.

use std::collections::HashMap;
use std::sync::Arc;

use mnemon_store::{
    CopySpec, Expiry, Kind, ManualClock, Op, Row, Store, StoreConfig, TableCopy, TableId, TableOp, When,
};

use crate::command::Place;

/// Operations and rows that one transaction may have played, which takes some tenths of a second.
const MAX_PLAYED: usize = 1 << 21;

/// The operations of a transaction so far, by key.
#[derive(Default)]
pub(super) struct Rehearsal {
    written: HashMap<TableId, HashMap<Box<[u8]>, Vec<usize>>>,
    cleared: HashMap<TableId, Vec<usize>>,
    /// Pairs of tables whose rows change places, in their order.
    exchanges: Vec<(usize, TableId, TableId)>,
    /// Operations up to here are in the maps.
    indexed: usize,
    played: usize,
}

impl Rehearsal {
    /// In which table the rows are at present that this one will have after `ops`.
    pub(super) fn origin(&mut self, table: TableId, ops: &[TableOp<'_>]) -> TableId {
        self.index(ops);
        self.homes(table).last().map_or(table, |(home, _)| home)
    }

    /// Where the rows of a table come from: the tables they were in, the last one first, each from this operation on.
    fn homes(&self, table: TableId) -> impl Iterator<Item = (TableId, usize)> {
        let mut homes = Vec::new();
        let mut home = table;
        for (place, one, other) in self.exchanges.iter().rev() {
            if home == *one || home == *other {
                homes.push((home, *place));
                home = if home == *one { *other } else { *one };
            }
        }
        homes.push((home, 0));
        homes.into_iter()
    }

    /// The rows that `places` will have when `ops` have been applied to `rows`, those of their origins at present. `None` when that
    /// would take too long.
    pub(super) fn rows(
        &mut self,
        places: &[Place<'_>],
        rows: Vec<Option<Row>>,
        ops: &[TableOp<'_>],
        now_ms: u64,
    ) -> Option<Vec<Option<Row>>> {
        self.index(ops);
        let both = places.iter().zip(rows);
        both.map(|((table, key), row)| self.row(table.id(), key, row, ops, now_ms)).collect()
    }

    /// `None`: it would take too long.
    #[expect(clippy::option_option, reason = "the inner one says whether there is a row")]
    fn row(
        &mut self,
        table: TableId,
        key: &[u8],
        row: Option<Row>,
        ops: &[TableOp<'_>],
        now_ms: u64,
    ) -> Option<Option<Row>> {
        let written = self.written(table, key);
        if written.is_empty() {
            return Some(row);
        }
        self.played += written.len() + usize::from(row.is_some());
        if self.played > MAX_PLAYED {
            return None;
        }
        let config = StoreConfig { shards: 1, ..StoreConfig::new(Box::new(ManualClock::at(now_ms))) };
        let store = Store::new(config);
        let copy = store.create(table, CopySpec::new(Kind::Set)).ok()?;
        row.iter().for_each(|row| seed(&store, &copy, row, now_ms));
        for op in written.iter().filter_map(|place| ops.get(*place)) {
            drop(store.commit_one(&copy, now_ms, &op.op));
        }
        Some(store.get(&copy, key))
    }

    fn index(&mut self, ops: &[TableOp<'_>]) {
        for (place, TableOp { table, op }) in ops.iter().enumerate().skip(self.indexed) {
            match op.key() {
                _ if op.is_read() => {}
                None if let Some(with) = op.other_table() => self.exchanges.push((place, *table, with)),
                Some(key) => {
                    self.written.entry(*table).or_default().entry(key.into()).or_default().push(place)
                }
                None => self.cleared.entry(*table).or_default().push(place),
            }
        }
        self.indexed = ops.len();
    }

    /// The operations that change a key, in order.
    fn written(&self, table: TableId, key: &[u8]) -> Vec<usize> {
        let mut places: Vec<usize> = Vec::new();
        let mut end = usize::MAX;
        for (home, from) in self.homes(table) {
            let of_key = self.written.get(&home).and_then(|keys| keys.get(key)).into_iter().flatten();
            let all = of_key.chain(self.cleared.get(&home).into_iter().flatten()).copied();
            places.extend(all.filter(|place| (from..end).contains(place)));
            end = from;
        }
        places.sort_unstable();
        places
    }
}

/// Writes a row with the value of another; a collection is shared with it.
fn seed(store: &Store, copy: &Arc<TableCopy>, row: &Row, now_ms: u64) {
    let key = row.key().into();
    let expiry = row.expires_at().map_or(Expiry::Never, Expiry::At);
    let put = match row.as_collection() {
        None => Op::Put { key, body: row.body().into(), expiry, when: When::Always, over_bytes_only: false },
        Some(collection) => Op::PutCollection { key, collection: collection.clone(), expiry },
    };
    drop(store.commit_one(copy, now_ms, &put));
}

#[cfg(test)]
mod tests {
    use mnemon_store::Cause;
    use mnemon_table::{Catalog, Table};

    use super::*;

    #[test]
    fn only_operations_on_the_keys_are_played() {
        let catalog = Catalog::local(Box::new(ManualClock::at(1)));
        let (here, there) = (catalog.database(0), catalog.database(1));
        let put = |table: &Arc<Table>, key: &'static [u8]| TableOp {
            table: table.id(),
            op: Op::Append { key: key.into(), tail: b"x"[..].into() },
        };
        let delete = Op::Delete { key: b"a"[..].into(), cause: Cause::Delete, version: 0 };
        let mut ops = vec![put(here, b"a"), put(here, b"b"), put(here, b"a"), put(there, b"a")];
        let mut rehearsal = Rehearsal::default();
        let old = Row::bytes(7, None, b"a", b"old");
        let places: [Place<'_>; 3] = [
            (here.clone(), b"a"[..].into()),
            (here.clone(), b"c"[..].into()),
            (there.clone(), b"a"[..].into()),
        ];
        let rows = rehearsal.rows(&places, vec![Some(old.clone()), None, None], &ops, 1).unwrap();
        let bodies: Vec<_> = rows.iter().map(|row| row.as_ref().map(Row::body)).collect();
        assert_eq!(bodies, [Some(&b"oldxx"[..]), None, Some(b"x")]);
        ops.push(TableOp { table: here.id(), op: delete });
        assert!(rehearsal.rows(&places[..1], vec![Some(old)], &ops, 1).unwrap()[0].is_none());
        assert_eq!(rehearsal.played, 3 + 1 + 4);
    }

    #[test]
    fn what_would_take_too_long_is_refused() {
        let catalog = Catalog::local(Box::new(ManualClock::at(1)));
        let table = catalog.database(0);
        let put =
            || TableOp { table: table.id(), op: Op::Append { key: b"a"[..].into(), tail: b""[..].into() } };
        let ops: Vec<_> = (0..1_000).map(|_| put()).collect();
        let mut rehearsal = Rehearsal { played: MAX_PLAYED - 500, ..Rehearsal::default() };
        assert!(rehearsal.rows(&[(table.clone(), b"a"[..].into())], vec![None], &ops, 1).is_none());
    }
}
