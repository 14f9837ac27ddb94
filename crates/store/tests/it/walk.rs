//! Walks that go on while the table changes: in the present and in snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use mnemon_store::{Row, Scan, Snapshot, Source, Store, StoreError, TableCopy};

use crate::model::{ModelRow, Rows, directed, index, live};

/// An open snapshot, and what the table held when it was opened.
pub(crate) struct Opened {
    pub(crate) snapshot: Snapshot,
    pub(crate) rows: Rows,
    pub(crate) deadline_ms: u64,
    pub(crate) expired: bool,
    /// A name that outlives its place in the list.
    pub(crate) number: usize,
}

/// The clocks from which on indexes serve, by attribute.
pub(crate) type Indexes = BTreeMap<u16, u64>;

/// A walk of which some pages have been read.
pub(crate) struct Walk {
    scan: Scan,
    index: Option<u16>,
    /// The index's `since` when the walk began.
    since: Option<u64>,
    reverse: bool,
    ordered: bool,
    /// The snapshot it walks; `None`: the present.
    pub(crate) snapshot: Option<usize>,
    seen: Vec<(Vec<u8>, ModelRow)>,
    began_ms: u64,
    /// In the present: keys that were there when the walk began and have been ever since.
    staying: BTreeSet<Vec<u8>>,
}

/// What a walk is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) index: Option<u16>,
    pub(crate) reverse: bool,
    /// Whether the rows have an order of their own.
    pub(crate) ordered: bool,
    pub(crate) snapshot: Option<usize>,
}

impl Walk {
    pub(crate) fn open(route: Route, indexes: &Indexes, present: &Rows, now_ms: u64) -> Self {
        let ordered = route.ordered || route.index.is_some();
        let reverse = route.reverse && ordered;
        let source = route.index.map_or(Source::Rows, Source::Index);
        Self {
            scan: Scan::new(source, Bound::Unbounded, Bound::Unbounded, reverse),
            index: route.index,
            since: route.index.and_then(|attribute| indexes.get(&attribute).copied()),
            reverse,
            ordered,
            snapshot: route.snapshot,
            seen: Vec::new(),
            began_ms: now_ms,
            staying: live(present, now_ms).into_keys().collect(),
        }
    }

    /// To be told the rows after every step.
    pub(crate) fn note(&mut self, present: &Rows, now_ms: u64) {
        self.staying.retain(|key| present.get(key).is_some_and(|row| row.is_live(now_ms)));
    }

    /// Reads a page; whether the walk has ended. `opened`: the snapshot that it walks.
    pub(crate) fn advance(
        &mut self,
        (store, copy): (&Store, &TableCopy),
        opened: Option<&Opened>,
        indexes: &Indexes,
    ) -> bool {
        let page = self.scan.next_page(store, copy, opened.map(|opened| &opened.snapshot));
        if matches!(page, Ok(None)) {
            // All pages had been read before; what has happened since does not matter.
            self.finish(opened, store.now_ms());
            return true;
        }
        let clock = opened.map_or_else(|| store.clock(), |opened| opened.snapshot.clock());
        if let Some(attribute) = self.index {
            let serves = indexes.get(&attribute).is_some_and(|since| *since <= clock);
            if !serves {
                assert!(
                    matches!(page, Err(StoreError::NoIndex { .. })),
                    "an index that does not reach back to {clock} answers {page:?}"
                );
                return true;
            }
            if self.since != indexes.get(&attribute).copied() {
                // Another index than the one the walk began on.
                return true;
            }
        }
        if opened.is_some_and(|opened| opened.expired) {
            assert!(
                matches!(page, Err(StoreError::SnapshotExpired(_))),
                "a closed snapshot answers {page:?}"
            );
            return true;
        }
        let page = page.expect("a walk of what is there").expect("the end was met above");
        let pairs = page.rows.iter().map(|row: &Row| (row.key().to_vec(), ModelRow::of(row)));
        self.seen.extend(pairs);
        false
    }

    fn finish(&mut self, opened: Option<&Opened>, now_ms: u64) {
        match opened {
            Some(opened) => self.compare_with(&opened.rows, now_ms),
            None if self.index.is_none() => {
                let mut seen: Vec<&Vec<u8>> = self.seen.iter().map(|(key, _)| key).collect();
                if self.ordered {
                    let sorted = seen.windows(2).all(|pair| (pair[0] < pair[1]) != self.reverse);
                    assert!(sorted, "a walk out of order: {seen:?}");
                }
                seen.sort_unstable();
                let once = seen.windows(2).all(|pair| pair[0] != pair[1]);
                assert!(once, "a walk met a row twice: {seen:?}");
                for key in &self.staying {
                    let name = key.escape_ascii();
                    assert!(seen.contains(&key), "a walk missed {name}, which stayed");
                }
            }
            // Rows move in an index while it is walked; the snapshot's walks tell whether it is right.
            None => {}
        }
    }

    /// Compares all that was seen with a snapshot's rows. What expired during the walk may be missing.
    fn compare_with(&self, rows: &Rows, now_ms: u64) {
        let at_first = live(rows, self.began_ms);
        let keys: Vec<Vec<u8>> = match self.index {
            Some(attribute) => index(&at_first, attribute).into_iter().map(|(_, key)| key).collect(),
            None => at_first.keys().cloned().collect(),
        };
        let mut seen = self.seen.clone();
        if !self.ordered {
            seen.sort_by(|one, other| one.0.cmp(&other.0));
        }
        let mut expected: Vec<(Vec<u8>, ModelRow)> = directed(keys, self.reverse)
            .into_iter()
            .map(|key| (key.clone(), at_first[&key].clone()))
            .collect();
        let alive = |pair: &(Vec<u8>, ModelRow)| pair.1.is_live(now_ms);
        expected.retain(alive);
        seen.retain(alive);
        assert_eq!(seen, expected, "a walk of a snapshot");
    }
}
