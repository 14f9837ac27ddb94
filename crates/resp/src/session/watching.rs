//! `WATCH`: the versions that keys had, which `EXEC` requires them to have still.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use mnemon_store::{Check, TableId};

use crate::session::Session;

/// Keys with the versions they had; 0: absent.
#[derive(Debug, Default)]
pub(super) struct Watches(HashMap<(TableId, Box<[u8]>), u64>);

impl Watches {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That all is as it was.
    pub(super) fn checks(&self) -> impl Iterator<Item = Check<'_>> {
        self.0.iter().map(|((table, key), version)| Check::Key {
            table: *table,
            key: Cow::Borrowed(key),
            version: *version,
        })
    }
}

impl Session {
    /// Watches a key of the selected database. A key that is watched already keeps its first version.
    pub(crate) fn watch(&mut self, key: &[u8]) {
        if let Entry::Vacant(place) = self.watches.0.entry((self.database.id(), key.into())) {
            let row = self.database.store().get(self.database.copy(), key);
            place.insert(row.map_or(0, |row| row.version()));
        }
    }

    pub(crate) fn unwatch(&mut self) {
        self.watches.0.clear();
    }

    pub(crate) fn watched(&self) -> usize {
        self.watches.0.len()
    }
}
