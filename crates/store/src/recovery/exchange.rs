//! Exchanges of rows between tables, as the log tells of them.
//!
//! What must stay true: a checkpoint has both tables of an exchange or neither (see `committing/exchange.rs`), so what the log has
//! after it goes with the rows: entries of before are applied to them under the old name, those behind under the new one. Tables
//! that have exchanged rows since their checkpoints come back together; if one of them cannot be read, all of them are damaged.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mnemon_disc::DiscError;

use super::Replay;
use crate::checkpoint::failed;
use crate::commit::TableOp;
use crate::error::StoreError;
use crate::event::TableId;
use crate::op::Op;
use crate::store::Store;

/// Two tables.
type Pair = (TableId, TableId);

/// The tables whose rows have changed places since their checkpoints.
#[derive(Default)]
pub(super) struct Exchanged {
    /// In their order.
    pairs: Vec<Pair>,
    /// Each table with all those that it came to have to do with, itself included.
    groups: HashMap<TableId, BTreeSet<TableId>>,
    /// Tables of whose rows nothing is left, each with the one that had them.
    lost: BTreeMap<TableId, TableId>,
}

impl Exchanged {
    fn note(&mut self, (one, other): Pair) {
        self.pairs.push((one, other));
        let groups = [one, other].map(|table| self.groups.remove(&table).unwrap_or_default());
        let mut all: BTreeSet<TableId> = groups.into_iter().flatten().collect();
        all.extend([one, other]);
        for table in &all {
            self.groups.insert(*table, all.clone());
        }
    }

    /// A table was cleared, so nothing of before matters to it.
    pub(super) fn leave(&mut self, table: TableId) {
        self.lost.remove(&table);
        for other in self.groups.remove(&table).unwrap_or_default() {
            if let Some(group) = self.groups.get_mut(&other) {
                group.remove(&table);
            }
        }
    }

    /// The tables with which a table comes back together.
    pub(super) fn with(&self, table: TableId) -> Vec<TableId> {
        self.groups.get(&table).into_iter().flatten().copied().collect()
    }

    /// Tables of whose rows nothing is left, and why.
    pub(super) fn lost(&self) -> impl Iterator<Item = (TableId, DiscError)> {
        self.lost.iter().map(|(table, with)| (*table, gone(*with)))
    }
}

impl Replay {
    /// Lets what is known of two tables change places, unless their checkpoints hold the commit that did.
    pub(super) fn exchange(&mut self, pair: Pair, holding: &[TableId]) {
        let (one, other) = pair;
        match (holding.contains(&one), holding.contains(&other)) {
            (true, true) => {}
            (false, false) => {
                swap(&mut self.checkpoints, pair);
                swap(&mut self.broken, pair);
                swap(&mut self.noted, pair);
                swap(&mut self.cleared, pair);
                swap(&mut self.carried, pair);
                self.exchanged.note(pair);
            }
            // One of them was damaged, and the other one was cleared and written since.
            (true, false) => self.lose(other, one),
            (false, true) => self.lose(one, other),
        }
    }

    fn lose(&mut self, table: TableId, with: TableId) {
        self.exchanged.lost.insert(table, with);
        self.broken.insert(table, failed(gone(with)));
    }
}

/// Why nothing is left of rows that had changed places with those of a table that was cleared and written since.
fn gone(with: TableId) -> DiscError {
    let file = format!("the first checkpoint of table {}", with.0);
    DiscError::Missing { file, what: "it held the rows, before two tables exchanged theirs".to_owned() }
}

fn swap<T>(of: &mut HashMap<TableId, T>, (one, other): Pair) {
    let (first, second) = (of.remove(&one), of.remove(&other));
    of.extend(first.map(|first| (other, first)));
    of.extend(second.map(|second| (one, second)));
}

/// The pairs that a commit exchanges.
pub(super) fn pairs(ops: &[TableOp<'_>]) -> Vec<Pair> {
    let pair = |op: &TableOp<'_>| match op.op {
        Op::Exchange { with } if with != op.table => Some((op.table, with)),
        _ => None,
    };
    ops.iter().filter_map(pair).collect()
}

/// Where rows are after an exchange that were in this table before.
pub(super) fn moved((one, other): Pair, home: TableId) -> TableId {
    if home == one {
        other
    } else if home == other {
        one
    } else {
        home
    }
}

/// Why a table cannot be used whose rows had changed places with those of a damaged one.
pub(super) fn damaged_with(table: TableId, cause: &StoreError) -> StoreError {
    let cause = match cause {
        StoreError::Disc(cause) | StoreError::Encoding(cause) => cause.clone(),
        other => other.to_string(),
    };
    StoreError::Disc(format!("its rows had changed places with those of table {}: {cause}", table.0))
}

impl Store {
    /// Lets the rows of checkpoints change places as the log tells.
    pub(super) fn exchange_salvaged(&self, replay: &Replay) -> Result<(), StoreError> {
        for (one, other) in &replay.exchanged.pairs {
            let (one, other) = (self.copy(*one)?, self.copy(*other)?);
            for (here, there) in one.shards.iter().zip(&other.shards) {
                here.write().exchange(&mut there.write(), replay.clock);
            }
        }
        Ok(())
    }
}
