//! `WATCH`: the versions that keys had, which `EXEC` requires them to have still.

use std::borrow::Cow;

use mnemon_store::{Check, TableId};

use crate::session::Session;

/// A key with the version it had; 0: it was absent.
#[derive(Debug)]
pub(super) struct Watch {
    table: TableId,
    key: Box<[u8]>,
    version: u64,
}

impl Watch {
    pub(super) fn check(&self) -> Check<'_> {
        Check::Key { table: self.table, key: Cow::Borrowed(&self.key), version: self.version }
    }
}

impl Session {
    /// Watches a key of the selected database. A key that is watched already keeps its first version.
    pub(crate) fn watch(&mut self, key: &[u8]) {
        let table = self.database.id();
        if self.watches.iter().any(|watch| watch.table == table && *watch.key == *key) {
            return;
        }
        let row = self.database.store().get(self.database.copy(), key);
        let version = row.map_or(0, |row| row.version());
        self.watches.push(Watch { table, key: key.into(), version });
    }

    pub(crate) fn unwatch(&mut self) {
        self.watches.clear();
    }

    pub(crate) fn watched(&self) -> usize {
        self.watches.len()
    }
}
