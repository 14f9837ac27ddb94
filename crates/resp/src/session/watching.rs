//! `WATCH`: the versions that keys had, which `EXEC` requires them to have still.
//!
//! An absent key has no version, so one that was made and removed again is found by the clock. That is looked at just
//! before the commit: what it is to tell, that somebody was there since `WATCH`, cannot be taken back.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use mnemon_store::{Check, TableId};
use mnemon_table::Table;

use crate::session::Session;

/// A key as it was.
#[derive(Debug)]
struct Watch {
    table: Arc<Table>,
    /// Its row's version; 0: absent.
    version: u64,
    /// When the database was last exchanged with another one. A key that was there counts as changed then, in Redis too.
    exchanged: u64,
    /// The commit clock before the key was looked at.
    clock: u64,
}

/// Keys as they were.
#[derive(Debug, Default)]
pub(super) struct Watches(HashMap<(TableId, Box<[u8]>), Watch>);

impl Watches {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an absent key was there in between.
    pub(super) fn came_and_went(&self) -> bool {
        self.0.iter().any(|((_, key), watch)| {
            let store = watch.table.store();
            watch.version == 0 && store.may_have_been(watch.table.copy(), key, watch.clock)
        })
    }

    /// That all is as it was.
    pub(super) fn checks(&self) -> impl Iterator<Item = Check<'_>> {
        self.0.iter().flat_map(|((table, key), watch)| {
            let there = (watch.version != 0).then_some(watch.exchanged);
            let exchanged = there.map(|clock| Check::Exchanged { table: *table, clock });
            let key = Check::Key { table: *table, key: Cow::Borrowed(key), version: watch.version };
            exchanged.into_iter().chain([key])
        })
    }
}

impl Session {
    /// Watches a key of the selected database. A key that is watched already keeps its first version.
    pub(crate) fn watch(&mut self, key: &[u8]) {
        if let Entry::Vacant(place) = self.watches.0.entry((self.database.id(), key.into())) {
            let table = self.database.clone();
            let (clock, exchanged) = (table.store().clock(), table.copy().exchanged());
            let version = table.store().get(table.copy(), key).map_or(0, |row| row.version());
            place.insert(Watch { table, version, exchanged, clock });
        }
    }

    pub(crate) fn unwatch(&mut self) {
        self.watches.0.clear();
    }

    pub(crate) fn watched(&self) -> usize {
        self.watches.0.len()
    }
}
