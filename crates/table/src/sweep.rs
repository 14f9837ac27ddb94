//! Sweeps: the raw rows of a `set` in the order of their hashes, from any place on.
//!
//! A place is the hash of a key, cut to 53 bits so that every client can hold it as a number. It needs no memory on
//! the server, and stays good however the table grows or shrinks meanwhile: rows that are there all the time are met.

use std::ops::Bound;

use mnemon_store::{Before, Row, Snapshot, Source};

use crate::error::TableError;
use crate::form::TableForm;
use crate::search::During;
use crate::view::{AsOf, Span, View, Walk, walk_pages};

/// Bits of a hash that a place leaves out.
const CUT: u32 = 11;
const HASH_LEN: usize = 8;

/// Which state of the rows a sweep sees.
#[derive(Clone, Copy, Debug)]
pub enum State<'a> {
    /// Each row as it is when it is met.
    Present,
    /// As they were when the snapshot was opened.
    Snapshot(&'a Snapshot),
    /// As they were in the middle of a commit, after so many of its operations.
    During(&'a Before, usize),
}

/// Some rows of a sweep.
#[derive(Debug, Default)]
pub struct Swept {
    /// Live rows.
    pub rows: Vec<Row>,
    /// The place to go on from; `None` at the end.
    pub next: Option<u64>,
}

impl TableForm {
    /// About `count` rows from a place on (0: the beginning). Rows whose places are equal come together, so a sweep
    /// always gets on. O(count), locks for a page at a time.
    ///
    /// # Errors
    /// `SnapshotExpired` when the state is too old to be read.
    ///
    /// ```
    /// # use mnemon_store::{Expiry, Op, SystemClock, When};
    /// # use mnemon_table::{Catalog, State};
    /// let catalog = Catalog::local(Box::new(SystemClock));
    /// let table = catalog.database(0);
    /// # let (expiry, when) = (Expiry::Never, When::Always);
    /// # let put = Op::Put { key: b"k"[..].into(), body: b"v"[..].into(), expiry, when, over_bytes_only: false };
    /// # table.submit(&put).ready();
    /// let swept = table.sweep(State::Present, 0, 10)?;
    /// assert_eq!((swept.rows.len(), swept.next), (1, None));
    /// # Ok::<(), mnemon_table::TableError>(())
    /// ```
    pub fn sweep(&self, state: State<'_>, from: u64, count: usize) -> Result<Swept, TableError> {
        let count = count.max(1);
        let mut swept = Swept::default();
        let mut last = None;
        // The one behind them tells where to go on.
        self.sweep_pages(state, from, count.saturating_add(1), &mut |row| {
            if swept.rows.len() >= count {
                let at = self.place_of(row.key());
                let before = *last
                    .get_or_insert_with(|| swept.rows.last().map_or(0, |row: &Row| self.place_of(row.key())));
                if at > before {
                    swept.next = Some(at);
                    return false;
                }
            }
            swept.rows.push(row.clone());
            true
        })?;
        Ok(swept)
    }

    /// Visits the rows from a place on until `visit` has had enough.
    ///
    /// # Errors
    /// As [`TableForm::sweep`].
    pub fn sweep_each(
        &self,
        state: State<'_>,
        from: u64,
        visit: &mut dyn FnMut(&Row) -> bool,
    ) -> Result<(), TableError> {
        self.sweep_pages(state, from, usize::MAX, visit)
    }

    /// The same, by a visitor who wants about `most` rows.
    fn sweep_pages(
        &self,
        state: State<'_>,
        from: u64,
        most: usize,
        visit: &mut dyn FnMut(&Row) -> bool,
    ) -> Result<(), TableError> {
        // Past the last place there is nothing.
        let Some(hash) = from.checked_mul(1 << CUT) else { return Ok(()) };
        let from = Bound::Included(hash.to_be_bytes().to_vec());
        let span = Span { source: Source::Rows, from, to: Bound::Unbounded, reverse: false };
        let visit = &mut |row: &Row| if visit(row) { Walk::On } else { Walk::Enough };
        let store = self.store();
        match state {
            State::Present => walk_pages(store, self, self.copy(), span.scan().at_most(most), None, visit),
            State::Snapshot(snapshot) => AsOf::new(store, snapshot).walk(self, &span, visit),
            State::During(before, ahead) => During::new(store, before, self, ahead)?.walk(self, &span, visit),
        }
    }

    /// The place of a key in a sweep.
    #[must_use]
    pub fn place_of(&self, key: &[u8]) -> u64 {
        let position = self.copy().position(key);
        let hash = position.first_chunk::<HASH_LEN>().copied().map_or(0, u64::from_be_bytes);
        hash >> CUT
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mnemon_store::{Cause, Expiry, ManualClock, Op, TableOp, When};

    use super::*;
    use crate::catalog::Catalog;

    fn put(number: u32) -> Op<'static> {
        Op::Put {
            key: number.to_string().into_bytes().into(),
            body: b"v"[..].into(),
            expiry: Expiry::Never,
            when: When::Always,
            over_bytes_only: false,
        }
    }

    fn catalog() -> Catalog {
        Catalog::local(Box::new(ManualClock::at(1)))
    }

    fn keys(rows: &[Row]) -> BTreeSet<Vec<u8>> {
        rows.iter().map(|row| row.key().to_vec()).collect()
    }

    #[test]
    fn small_steps_meet_the_rows_of_large_ones_in_the_same_order() {
        let catalog = catalog();
        let table = catalog.database(0);
        for number in 0..3_000 {
            table.submit(&put(number)).ready();
        }
        let walk = |count: usize| {
            let (mut from, mut found) = (Some(0), Vec::new());
            while let Some(place) = from {
                let swept = table.sweep(State::Present, place, count).unwrap();
                assert!(swept.rows.len() >= count || swept.next.is_none(), "{count}");
                found.extend(swept.rows.iter().map(|row| row.key().to_vec()));
                from = swept.next;
            }
            found
        };
        let all = walk(usize::MAX);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 3_000);
        for count in [1, 2, 10, 200, 201, 1_000] {
            assert!(walk(count) == all, "{count}");
        }
    }

    #[test]
    fn a_sweep_that_is_overtaken_by_growth_misses_nothing() {
        let catalog = catalog();
        let table = catalog.database(0);
        (0..2_000).for_each(|number| drop(table.submit(&put(number)).ready()));
        let (mut met, mut from, mut extra) = (BTreeSet::new(), Some(0), 10_000);
        while let Some(place) = from {
            let swept = table.sweep(State::Present, place, 10).unwrap();
            assert!(swept.rows.len() < 15 && swept.next.is_none_or(|next| next > place));
            met.extend(keys(&swept.rows));
            from = swept.next;
            (extra..extra + 30).for_each(|number| drop(table.submit(&put(number)).ready()));
            extra += 30;
        }
        assert!((0..2_000_u32).all(|number| met.contains(number.to_string().as_bytes())));
    }

    #[test]
    fn a_sweep_in_a_commit_sees_the_operations_ahead_of_it() {
        let catalog = catalog();
        let table = catalog.database(3);
        (0..5).for_each(|number| drop(table.submit(&put(number)).ready()));
        let on_table = |op| TableOp { table: table.id(), op };
        let delete = Op::Delete { key: b"0"[..].into(), cause: Cause::Delete, version: 0 };
        let field = |field: &'static [u8]| (field.into(), b"v"[..].into());
        let make = Op::FieldPut { key: b"h"[..].into(), fields: vec![field(b"f")], when: When::Always };
        let unmake = Op::FieldDelete { key: b"h"[..].into(), fields: vec![b"f"[..].into()] };
        let ops = [delete, make, unmake, Op::Clear, put(9)].map(on_table).into();
        let applied = catalog.submit_around(Vec::new(), ops).ready().unwrap().unwrap();
        let before = applied.before.unwrap();
        let found = |ahead| table.sweep(State::During(&before, ahead), 0, 100).unwrap().rows;
        assert_eq!(found(0).len(), 5);
        assert!(!keys(&found(1)).contains(&b"0"[..]));
        assert!(keys(&found(2)).contains(&b"h"[..]));
        assert!(!keys(&found(3)).contains(&b"h"[..]));
        assert!(found(4).is_empty());
        assert_eq!(keys(&found(5)), BTreeSet::from([b"9".to_vec()]));
    }

    #[test]
    fn places_past_the_end_are_the_end() {
        let catalog = catalog();
        let table = catalog.database(0);
        drop(table.submit(&put(1)).ready());
        for place in [1 << 53, u64::MAX] {
            let swept = table.sweep(State::Present, place, 10).unwrap();
            assert!(swept.rows.is_empty() && swept.next.is_none());
        }
    }
}
