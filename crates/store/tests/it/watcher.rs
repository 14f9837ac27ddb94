//! A subscriber that knows the table by its events alone.

use std::sync::Arc;

use mnemon_store::{Batch, Change, Row, Sink};
use parking_lot::Mutex;

use crate::model::{ModelRow, Rows, Value, is_deletion};

/// Takes what the store publishes.
#[derive(Default)]
pub(crate) struct Inbox(Mutex<Vec<Batch>>);

impl Inbox {
    /// What has been published since the last look.
    pub(crate) fn take(&self) -> Vec<Batch> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Sink for Inbox {
    fn publish(&self, batch: Batch) {
        self.0.lock().push(batch);
    }
}

/// A table rebuilt from its events.
#[derive(Default)]
pub(crate) struct Watcher {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) rows: Rows,
    clock: u64,
}

impl Watcher {
    /// Follows the events that have come. Each must tell what stood there before as it was told earlier.
    pub(crate) fn follow(&mut self) {
        for batch in self.inbox.take() {
            assert!(batch.clock > self.clock, "events left out of the clock's order");
            self.clock = batch.clock;
            for change in batch.changes {
                self.apply(batch.clock, change);
            }
        }
    }

    fn apply(&mut self, clock: u64, change: Change) {
        match change {
            Change::Cleared { .. } => self.rows.clear(),
            Change::Row { cause, old, new, .. } => {
                let key = old.as_ref().or(new.as_ref()).map(Row::key).expect("one is there").to_vec();
                let old = old.as_ref().map(ModelRow::of);
                assert_eq!(old.as_ref(), self.rows.get(&key), "the row before a {cause:?} event");
                match new {
                    Some(new) => {
                        assert!(!is_deletion(cause) && new.version() == clock);
                        self.rows.insert(key, ModelRow::of(&new));
                    }
                    None => {
                        assert!(is_deletion(cause));
                        self.rows.remove(&key);
                    }
                }
            }
            Change::Fields { key, fields, .. } => {
                let row = self.rows.entry(key.to_vec()).or_insert(ModelRow {
                    version: 0,
                    expires_at: None,
                    value: Value::Hash(Default::default()),
                });
                row.version = clock;
                let Value::Hash(hash) = &mut row.value else {
                    panic!("fields of what is no hash: {row:?}");
                };
                for (field, value) in fields {
                    match value {
                        Some(value) => drop(hash.insert(field.to_vec(), value.to_vec())),
                        None => drop(hash.remove(&*field)),
                    }
                }
                if hash.is_empty() {
                    self.rows.remove(&*key);
                }
            }
            other => panic!("no model of {other:?}"),
        }
    }
}
