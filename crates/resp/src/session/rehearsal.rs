//! What the later commands of a transaction will meet: its earlier operations, played through on a store of one's own.
//!
//! Only transactions need it that write a key and then run a guarded command on it, which is rare. It costs a copy of
//! the rows concerned and is bounded: what would take too long is refused.

use std::collections::HashMap;
use std::sync::Arc;

use mnemon_store::{
    Collection, CopySpec, ExpireWhen, Expiry, Kind, ManualClock, Op, Row, Store, StoreConfig, TableCopy,
    TableId, TableOp, Value, When,
};

/// Operations and elements that one transaction may have played, which takes some tenths of a second.
const MAX_PLAYED: usize = 1 << 21;

/// The operations of a transaction so far, by key.
#[derive(Default)]
pub(super) struct Rehearsal {
    written: HashMap<TableId, HashMap<Box<[u8]>, Vec<usize>>>,
    cleared: HashMap<TableId, Vec<usize>>,
    /// Operations up to here are in the maps.
    indexed: usize,
    played: usize,
}

impl Rehearsal {
    /// The rows that `keys` will have when `ops` have been applied to their present `rows`. `None` when that would take
    /// too long.
    pub(super) fn rows(
        &mut self,
        table: TableId,
        keys: &[&[u8]],
        rows: Vec<Option<Row>>,
        ops: &[TableOp<'_>],
        now_ms: u64,
    ) -> Option<Vec<Option<Row>>> {
        self.index(ops);
        let places = self.places(table, keys);
        if places.is_empty() {
            return Some(rows);
        }
        let elements = |row: &Row| row.as_collection().map_or(1, |collection| collection.len());
        self.played += places.len() + rows.iter().flatten().map(elements).sum::<usize>();
        if self.played > MAX_PLAYED {
            return None;
        }
        let config = StoreConfig { shards: 1, ..StoreConfig::new(Box::new(ManualClock::at(now_ms))) };
        let store = Store::new(config);
        let copy = store.create(table, CopySpec::new(Kind::Set)).ok()?;
        rows.iter().flatten().for_each(|row| seed(&store, &copy, row, now_ms));
        for op in places.iter().filter_map(|place| ops.get(*place)) {
            drop(store.commit_one(&copy, now_ms, &op.op));
        }
        Some(keys.iter().map(|key| store.get(&copy, key)).collect())
    }

    fn index(&mut self, ops: &[TableOp<'_>]) {
        for (place, TableOp { table, op }) in ops.iter().enumerate().skip(self.indexed) {
            match op.key() {
                _ if op.is_read() => {}
                Some(key) => {
                    self.written.entry(*table).or_default().entry(key.into()).or_default().push(place)
                }
                None => self.cleared.entry(*table).or_default().push(place),
            }
        }
        self.indexed = ops.len();
    }

    /// The operations that change one of the keys, in order.
    fn places(&self, table: TableId, keys: &[&[u8]]) -> Vec<usize> {
        let written = self.written.get(&table);
        let of_keys = keys.iter().filter_map(|key| written?.get(*key)).flatten();
        let mut places: Vec<usize> =
            of_keys.chain(self.cleared.get(&table).into_iter().flatten()).copied().collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// Writes a copy of a row.
fn seed(store: &Store, copy: &Arc<TableCopy>, row: &Row, now_ms: u64) {
    let key = || row.key().into();
    let put = match row.value() {
        Value::Bytes(body) => Op::Put {
            key: key(),
            body: body.into(),
            expiry: Expiry::Never,
            when: When::Always,
            over_bytes_only: false,
        },
        Value::Collection(Collection::Hash(hash)) => {
            let fields = hash.iter().map(|element| (element.field().into(), element.value().into()));
            Op::FieldPut { key: key(), fields: fields.collect(), when: When::Always }
        }
        Value::Collection(_) => return,
    };
    drop(store.commit_one(copy, now_ms, &put));
    if row.expires_at().is_some() {
        let expire = Op::ExpireAt { key: key(), at_ms: row.expires_at(), when: ExpireWhen::Always };
        drop(store.commit_one(copy, now_ms, &expire));
    }
}

#[cfg(test)]
mod tests {
    use mnemon_store::Cause;

    use super::*;

    #[test]
    fn only_operations_on_the_keys_are_played() {
        let table = TableId(1);
        let put =
            |key: &'static [u8]| TableOp { table, op: Op::Append { key: key.into(), tail: b"x"[..].into() } };
        let delete = Op::Delete { key: b"a"[..].into(), cause: Cause::Delete, version: 0 };
        let mut ops = vec![put(b"a"), put(b"b"), put(b"a")];
        let mut rehearsal = Rehearsal::default();
        let old = Row::bytes(7, None, b"a", b"old");
        let rows = rehearsal.rows(table, &[b"a", b"c"], vec![Some(old.clone()), None], &ops, 1).unwrap();
        assert_eq!(rows[0].as_ref().map(Row::body), Some(&b"oldxx"[..]));
        assert!(rows[1].is_none());
        ops.push(TableOp { table, op: delete });
        assert!(rehearsal.rows(table, &[b"a"], vec![Some(old)], &ops, 1).unwrap()[0].is_none());
        assert_eq!(rehearsal.played, 3 + 4);
    }

    #[test]
    fn what_would_take_too_long_is_refused() {
        let table = TableId(1);
        let put = || TableOp { table, op: Op::Append { key: b"a"[..].into(), tail: b""[..].into() } };
        let ops: Vec<_> = (0..1_000).map(|_| put()).collect();
        let mut rehearsal = Rehearsal { played: MAX_PLAYED - 500, ..Rehearsal::default() };
        assert!(rehearsal.rows(table, &[b"a"], vec![None], &ops, 1).is_none());
    }
}
