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
            watch.version == 0 && watch.table.copy().may_have_changed(key, watch.clock)
        })
    }

    /// That all is as it was.
    pub(super) fn checks(&self) -> impl Iterator<Item = Check<'_>> {
        self.0.iter().map(|((table, key), watch)| Check::Key {
            table: *table,
            key: Cow::Borrowed(key),
            version: watch.version,
        })
    }
}

impl Session {
    /// Watches a key of the selected database. A key that is watched already keeps its first version.
    pub(crate) fn watch(&mut self, key: &[u8]) {
        if let Entry::Vacant(place) = self.watches.0.entry((self.database.id(), key.into())) {
            let table = self.database.clone();
            let clock = table.store().clock();
            let version = table.store().get(table.copy(), key).map_or(0, |row| row.version());
            place.insert(Watch { table, version, clock });
        }
    }

    pub(crate) fn unwatch(&mut self) {
        self.watches.0.clear();
    }

    pub(crate) fn watched(&self) -> usize {
        self.watches.0.len()
    }
}
