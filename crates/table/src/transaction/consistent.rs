//! Reads of a transaction that are all of one state.
//!
//! A run has a clock, at first one of shortly before its start. A read that meets nothing newer belongs to the state at
//! that clock, and, as it is of the present, to all states since. When it meets a newer row, or an absence where something was removed later, everything read so far is
//! looked at again: unchanged, it belongs to the present state as well and the run's clock moves there; changed, the
//! run is lost. So a closure never sees half of another transaction, not even in a run that will be refused.

use std::ops::Bound;

use mnemon_store::{Kind, Row, Scan, Seen, Source, Store, StoreError};

use crate::error::TableError;
use crate::form::TableForm;
use crate::search::positioned;
use crate::transaction::attempt::{Attempt, NotedSchema, ScanRead};
use crate::view::{Span, View, Walk};

/// Rows that a transaction may read in scans: all of them are looked at again under locks when it commits.
pub(crate) const SCANNED_MAX: usize = 10_000;
/// Times that one read chases a table that changes faster than it reads.
const CHASES_MAX: usize = 32;

/// A run with the store it reads from.
pub(crate) struct AttemptView<'a> {
    pub(crate) attempt: &'a mut Attempt,
    pub(crate) store: &'a Store,
}

impl AttemptView<'_> {
    /// Moves the run's clock to the present, if all that was read is still so.
    fn revalidate(&mut self) -> Result<(), TableError> {
        for place in 0..self.attempt.schemas.len() {
            let NotedSchema { table, version, .. } = self.attempt.schemas[place];
            // One whose rows have moved is not there any more.
            if !self.store.copy(table).is_ok_and(|copy| copy.schema_version() == version) {
                return Err(self.attempt.lose(table, None));
            }
        }
        for place in 0..self.attempt.exchanged.len() {
            let (table, noted) = self.attempt.exchanged[place];
            if self.store.copy(table)?.exchanged() != noted {
                return Err(self.attempt.lose(table, None));
            }
        }
        for _ in 0..CHASES_MAX {
            // The clock is read first: what changes from here on is newer and will be noticed when it is met.
            let clock = self.store.clock();
            if self.held_at(clock)? {
                self.attempt.clock = clock;
                return Ok(());
            }
        }
        let table = self.attempt.buffer.entries().first().map(|entry| entry.table);
        let table = table.or_else(|| self.attempt.scans.first().map(|scan| scan.table));
        Err(table.map_or(TableError::Conflict, |table| self.attempt.lose(table, None)))
    }

    /// Whether all that was read was so when the clock showed `clock`; an error when it has changed for good. `false`:
    /// something was removed meanwhile, so an absence may be younger than that.
    fn held_at(&mut self, clock: u64) -> Result<bool, TableError> {
        let mut held = true;
        for entry in self.attempt.buffer.entries() {
            let Some(seen) = entry.seen else { continue };
            let Ok(copy) = self.store.copy(entry.table) else {
                let table = entry.table;
                return Err(self.attempt.lose(table, None));
            };
            let (row, last_removal) = self.store.get_versioned(&copy, &entry.key)?;
            if row.as_ref().map_or(0, Row::version) != seen {
                let (table, key) = (entry.table, entry.key.clone());
                return Err(self.attempt.lose(table, Some(&key)));
            }
            held &= row.is_some() || last_removal <= clock;
        }
        for place in 0..self.attempt.scans.len() {
            let scan = &self.attempt.scans[place];
            match self.youngest_removal(scan)? {
                Some(removal) => held &= removal <= clock,
                None => {
                    let table = scan.table;
                    return Err(self.attempt.lose(table, None));
                }
            }
        }
        Ok(held)
    }

    /// Scans again: the clock of the last removal in what was scanned, or `None` when it gives something else now.
    fn youngest_removal(&self, read: &ScanRead) -> Result<Option<u64>, TableError> {
        let Ok(copy) = self.store.copy(read.table) else { return Ok(None) };
        let source = read.index.map_or(Source::Rows, Source::Index);
        let bound = |bound: &Bound<Box<[u8]>>| bound.as_ref().map(|bytes| bytes.to_vec());
        let span = Span { source, from: bound(&read.from), to: bound(&read.to), reverse: false };
        let mut now: Vec<Seen> = Vec::with_capacity(read.seen.len());
        let mut removal = 0;
        let mut scan = span.scan();
        while let Some(page) = scan.next_page(self.store, &copy, None)? {
            removal = removal.max(page.last_removal);
            now.extend(page.rows.iter().map(|row| (row.key().into(), row.version())));
            if now.len() > read.seen.len() {
                return Ok(None);
            }
        }
        now.sort_unstable();
        let mut seen: Vec<&Seen> = read.seen.iter().collect();
        seen.sort_unstable();
        Ok(now.iter().eq(seen).then_some(removal))
    }

    /// The run is lost when a row that it read has expired since: others that expired at the same time may be absent
    /// in what it reads next.
    fn check_time(&mut self, table: &TableForm) -> Result<(), TableError> {
        let expired = self.attempt.first_expiry.is_some_and(|at_ms| at_ms <= self.store.now_ms());
        if expired { Err(self.attempt.lose(table.id(), None)) } else { Ok(()) }
    }

    /// Rows that have moved away under the run have lost it.
    fn refused(&mut self, table: &TableForm, cause: StoreError) -> TableError {
        match cause {
            StoreError::NoTable(_) => self.attempt.lose(table.id(), None),
            other => other.into(),
        }
    }

    /// This run's own writes inside a span, in its direction.
    fn own(&self, table: &TableForm, span: &Span) -> Vec<(Vec<u8>, Row)> {
        let of_table = self.attempt.buffer.entries().iter().filter(|entry| entry.table == table.id());
        let rows = of_table.filter_map(|entry| entry.pending.as_ref()?.row.as_ref());
        positioned(table, span, rows)
    }

    fn is_overwritten(&self, table: &TableForm, row: &Row) -> bool {
        self.attempt.buffer.get(table.id(), row.key()).is_some_and(|entry| entry.pending.is_some())
    }

    /// Walks the stored rows of a span page by page into the read set; `visit` may end it. Every page is of the
    /// run's state.
    fn walk_stored(
        &mut self,
        table: &TableForm,
        span: &Span,
        visit: &mut dyn FnMut(&Self, &Row) -> Walk,
    ) -> Result<(), TableError> {
        let index = match span.source {
            Source::Rows => None,
            Source::Index(attribute) => Some(attribute),
        };
        let own = |bound: &Bound<Vec<u8>>| bound.as_ref().map(|bytes| Box::from(&**bytes));
        let (from, to) = (own(&span.from), own(&span.to));
        let place = self.attempt.scans.len();
        self.attempt.scans.push(ScanRead { table: table.id(), index, from, to, seen: Vec::new() });
        let mut scan = span.scan();
        let mut chases = 0;
        let mut pages = 0;
        loop {
            let mut ahead: Scan = scan.clone();
            let page = match ahead.next_page(self.store, table.copy(), None) {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(error) => {
                    // Nothing can be read this way, so nothing was.
                    self.attempt.scans.remove(place);
                    return Err(self.refused(table, error));
                }
            };
            let newest = page.rows.iter().map(Row::version).max().unwrap_or(0).max(page.last_removal);
            if newest > self.attempt.clock {
                chases += 1;
                if chases > CHASES_MAX {
                    return Err(self.attempt.lose(table.id(), None));
                }
                self.revalidate_with_open_scan(place, (pages > 0).then_some(&scan), span)?;
                continue;
            }
            scan = ahead;
            pages += 1;
            self.attempt.scanned += page.rows.len();
            if self.attempt.scanned > SCANNED_MAX {
                return Err(TableError::TooLarge(SCANNED_MAX));
            }
            let seen = page.rows.iter().map(|row| (row.key().into(), row.version()));
            self.attempt.scans[place].seen.extend(seen);
            page.rows.iter().for_each(|row| self.attempt.note_expiry(row));
            if page.rows.iter().any(|row| visit(self, row) == Walk::Enough) && self.may_stop(table, span) {
                self.cover(place, &scan, span);
                break;
            }
        }
        Ok(())
    }

    /// Hashed rows have no order that a check could stop in, so their scans go to the end.
    fn may_stop(&self, table: &TableForm, span: &Span) -> bool {
        span.source != Source::Rows || table.kind() == Kind::OrderedSet
    }

    /// Narrows a scan in the read set to what has been walked.
    fn cover(&mut self, place: usize, scan: &Scan, span: &Span) {
        let Some(rest) = scan.rest() else { return };
        let read = &mut self.attempt.scans[place];
        let walked = match rest {
            Bound::Excluded(stop) => Bound::Included(Box::from(stop)),
            Bound::Included(_) | Bound::Unbounded => return,
        };
        if span.reverse {
            read.from = walked;
        } else {
            read.to = walked;
        }
    }

    /// Revalidates while a scan is half done: of that one only the walked part has been read. `None`: nothing yet.
    fn revalidate_with_open_scan(
        &mut self,
        place: usize,
        scan: Option<&Scan>,
        span: &Span,
    ) -> Result<(), TableError> {
        let Some(scan) = scan else {
            let open = self.attempt.scans.remove(place);
            let answer = self.revalidate();
            self.attempt.scans.insert(place, open);
            return answer;
        };
        let whole = (self.attempt.scans[place].from.clone(), self.attempt.scans[place].to.clone());
        self.cover(place, scan, span);
        self.revalidate()?;
        (self.attempt.scans[place].from, self.attempt.scans[place].to) = whole;
        Ok(())
    }

    /// Where a row that a walk has met stands in the span, given where the last one stood; `None`: outside. A bag's
    /// row stands in an index at several places.
    fn place_of(&self, table: &TableForm, span: &Span, row: &Row, last: Option<&[u8]>) -> Option<Vec<u8>> {
        let places = positioned(table, span, std::iter::once(row)).into_iter().map(|(at, _)| at);
        let mut ahead = places.filter(|at| last.is_none_or(|last| is_before(last, at, span.reverse)));
        ahead.next()
    }
}

impl View for AttemptView<'_> {
    fn row(&mut self, table: &TableForm, key: &[u8]) -> Result<Option<Row>, TableError> {
        if let Some(snapshot) = &self.attempt.snapshot {
            let row = self.store.get_at(table.copy(), key, snapshot);
            return row.map_err(|cause| self.refused(table, cause));
        }
        let touched = self.attempt.buffer.get(table.id(), key);
        if let Some(pending) = touched.and_then(|entry| entry.pending.as_ref()) {
            return Ok(pending.row.clone());
        }
        let seen = touched.and_then(|entry| entry.seen);
        for _ in 0..CHASES_MAX {
            let found = self.store.get_versioned(table.copy(), key);
            let (row, last_removal) = found.map_err(|cause| self.refused(table, cause))?;
            let version = row.as_ref().map_or(0, Row::version);
            if seen.is_some_and(|seen| seen != version) {
                return Err(self.attempt.lose(table.id(), Some(key)));
            }
            // Rows keep their versions when a table gets those of another one.
            let changed_at = row.as_ref().map_or(last_removal, Row::version).max(table.copy().exchanged());
            if changed_at <= self.attempt.clock {
                if seen.is_none() {
                    self.attempt.buffer.note_read(table.id(), key, version);
                }
                row.iter().for_each(|row| self.attempt.note_expiry(row));
                self.check_time(table)?;
                return Ok(row);
            }
            self.revalidate()?;
        }
        Err(self.attempt.lose(table.id(), Some(key)))
    }

    fn walk(
        &mut self,
        table: &TableForm,
        span: &Span,
        visit: &mut dyn FnMut(&Row) -> Walk,
    ) -> Result<(), TableError> {
        if let Some(snapshot) = &self.attempt.snapshot {
            let mut scan = span.scan();
            loop {
                match scan.next_page(self.store, table.copy(), Some(snapshot)) {
                    Ok(Some(page)) if page.rows.iter().all(|row| visit(row) == Walk::On) => {}
                    Ok(_) => return Ok(()),
                    Err(cause) => return Err(self.refused(table, cause)),
                }
            }
        }
        let mut own = self.own(table, span).into_iter().peekable();
        // Where hashed rows stand differs from copy to copy, so a commit can check only all of them.
        let hashed = span.source == Source::Rows && table.kind() != Kind::OrderedSet;
        let stored = if hashed { Span::all() } else { span.clone() };
        let is_part = hashed && (span.from != Bound::Unbounded || span.to != Bound::Unbounded);
        let places_matter = is_part || own.peek().is_some();
        let mut last: Option<Vec<u8>> = None;
        let mut enough = Walk::On;
        self.walk_stored(table, &stored, &mut |view, row| {
            if enough == Walk::Enough {
                return enough;
            }
            if places_matter {
                let Some(at) = view.place_of(table, span, row, last.as_deref()) else { return Walk::On };
                while enough == Walk::On
                    && own.peek().is_some_and(|(own, _)| is_before(own, &at, span.reverse))
                {
                    enough = own.next().map_or(Walk::On, |(_, row)| visit(&row));
                }
                last = Some(at);
            }
            if enough == Walk::On && !view.is_overwritten(table, row) {
                enough = visit(row);
            }
            enough
        })?;
        for (_, row) in own {
            if enough == Walk::Enough {
                break;
            }
            enough = visit(&row);
        }
        self.check_time(table)
    }
}

fn is_before(one: &[u8], other: &[u8], reverse: bool) -> bool {
    if reverse { one > other } else { one < other }
}
