//! Trees of rows in memory that fail where a test tells them to.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::error::DiscError;
use crate::rows::{RowChange, RowSpan, RowTree, RowTrees};

type Rows = Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>;

/// Trees that are kept in memory; what was ingested counts as durable. Clones are the same trees.
#[derive(Clone, Debug, Default)]
pub struct MemoryTrees(Arc<Mutex<State>>, Arc<Walks>);

/// Walks that are held up.
#[derive(Debug, Default)]
struct Walks {
    /// Whether they are, and how many wait.
    held: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Walks {
    fn pass(&self) {
        let mut held = self.held.lock();
        held.1 += 1;
        self.changed.notify_all();
        self.changed.wait_while(&mut held, |held| held.0);
        held.1 -= 1;
    }
}

#[derive(Debug, Default)]
struct State {
    trees: HashMap<(u64, u64), Rows>,
    fail_reads: Option<io::ErrorKind>,
    fail_writes: Option<io::ErrorKind>,
    damaged: bool,
    ingested: u64,
    /// Trees made, batches written and trees removed.
    steps: u64,
    /// From this step on nothing changes any more.
    stop_at: Option<u64>,
}

impl MemoryTrees {
    /// Lets all reads fail like this from now on; `None`: they work.
    pub fn fail_reads(&self, kind: Option<io::ErrorKind>) {
        self.0.lock().fail_reads = kind;
    }

    /// Lets all writes fail like this from now on; `None`: they work.
    pub fn fail_writes(&self, kind: Option<io::ErrorKind>) {
        self.0.lock().fail_writes = kind;
    }

    /// Lets all reads find damage from now on.
    pub fn damage(&self) {
        self.0.lock().damaged = true;
    }

    /// Lets walks wait before they read anything, until they are let go.
    pub fn hold_walks(&self, held: bool) {
        self.1.held.lock().0 = held;
        self.1.changed.notify_all();
    }

    /// Waits until a walk is held up; whether that was so in time.
    #[must_use]
    pub fn wait_for_walk(&self, within: Duration) -> bool {
        let mut held = self.1.held.lock();
        !self.1.changed.wait_while_for(&mut held, |held| held.1 == 0, within).timed_out()
    }

    /// Lets the power go before this step, counted by [`MemoryTrees::steps`]: from there on nothing changes, and what would
    /// fails.
    pub fn stop_at(&self, step: u64) {
        self.0.lock().stop_at = Some(step);
    }

    /// Changes so far: trees made, batches written, trees removed.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.0.lock().steps
    }

    /// Batches that were written.
    #[must_use]
    pub fn ingested(&self) -> u64 {
        self.0.lock().ingested
    }

    /// The trees as they are found after a power cut now.
    #[must_use]
    pub fn restart(&self) -> Self {
        let copy = |rows: &Rows| Arc::new(Mutex::new(rows.lock().clone()));
        let trees = self.0.lock().trees.iter().map(|(of, rows)| (*of, copy(rows))).collect();
        Self(Arc::new(Mutex::new(State { trees, ..State::default() })), Arc::default())
    }

    /// The tables and generations that are there.
    #[must_use]
    pub fn names(&self) -> Vec<(u64, u64)> {
        let mut names: Vec<_> = self.0.lock().trees.keys().copied().collect();
        names.sort_unstable();
        names
    }
}

impl RowTrees for MemoryTrees {
    fn create(&self, table: u64, generation: u64) -> Result<Arc<dyn RowTree>, DiscError> {
        let mut state = self.0.lock();
        state.check_write()?;
        let rows = Rows::default();
        state.trees.insert((table, generation), rows.clone());
        Ok(Arc::new(MemoryTree { rows, trees: self.clone() }))
    }

    fn open(&self, table: u64, generation: u64) -> Result<Arc<dyn RowTree>, DiscError> {
        let Some(rows) = self.0.lock().trees.get(&(table, generation)).cloned() else {
            let what = "it was to be opened".to_owned();
            return Err(DiscError::Missing { file: format!("rows/{table}.{generation}"), what });
        };
        Ok(Arc::new(MemoryTree { rows, trees: self.clone() }))
    }

    fn retain(&self, kept: &[(u64, u64)]) -> Result<(), DiscError> {
        let mut state = self.0.lock();
        if state.trees.keys().any(|of| !kept.contains(of)) {
            state.check_write()?;
            state.trees.retain(|of, _| kept.contains(of));
        }
        Ok(())
    }
}

impl State {
    fn check_write(&mut self) -> Result<(), DiscError> {
        if self.stop_at.is_some_and(|stop| self.steps >= stop) {
            return Err(DiscError::io("write", "rows")(io::ErrorKind::Other.into()));
        }
        self.steps += 1;
        self.fail_writes.map_or(Ok(()), |kind| Err(DiscError::io("write", "rows")(kind.into())))
    }

    fn check_read(&self) -> Result<(), DiscError> {
        if self.damaged {
            return Err(DiscError::corrupt("rows", 0, "a test damaged it"));
        }
        self.fail_reads.map_or(Ok(()), |kind| Err(DiscError::io("read", "rows")(kind.into())))
    }
}

#[derive(Debug)]
struct MemoryTree {
    rows: Rows,
    trees: MemoryTrees,
}

impl RowTree for MemoryTree {
    fn get(&self, key: &[u8]) -> Result<Option<Box<[u8]>>, DiscError> {
        self.trees.0.lock().check_read()?;
        Ok(self.rows.lock().get(key).map(|value| value.as_slice().into()))
    }

    fn walk(&self, span: RowSpan<'_>, visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), DiscError> {
        self.trees.1.pass();
        self.trees.0.lock().check_read()?;
        if span.is_empty() {
            return Ok(());
        }
        let rows = self.rows.lock();
        let mut range = rows.range::<[u8], _>((span.from, span.to));
        loop {
            let row = if span.reverse { range.next_back() } else { range.next() };
            match row {
                Some((key, value)) if visit(key, value) => {}
                _ => return Ok(()),
            }
        }
    }

    fn ingest(&self, changes: &mut dyn Iterator<Item = RowChange>) -> Result<(), DiscError> {
        let changes: Vec<RowChange> = changes.collect();
        let ascending = changes.windows(2).all(|pair| pair[0].0 < pair[1].0);
        assert!(ascending, "a batch is in the order of its keys");
        {
            let mut state = self.trees.0.lock();
            state.check_write()?;
            state.ingested += 1;
        }
        let mut rows = self.rows.lock();
        for (key, value) in changes {
            match value {
                Some(value) => drop(rows.insert(key, value)),
                None => drop(rows.remove(&key)),
            }
        }
        Ok(())
    }

    fn compact(&self, _: &dyn Fn() -> bool) -> Result<(), DiscError> {
        self.trees.0.lock().check_read()
    }

    fn bytes(&self) -> u64 {
        let rows = self.rows.lock();
        rows.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }
}
