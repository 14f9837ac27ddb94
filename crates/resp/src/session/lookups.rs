//! How often keys were looked for and found: `keyspace_hits` and `keyspace_misses` of `INFO`.
//!
//! Counted in the session, which is its thread's own, and handed over once a batch. Reads inside `EXEC` are not counted, nor
//! those of commands that write.

use mnemon_store::{OpError, Outcome};

/// Counts since they were last taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lookups {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl Lookups {
    /// Counts a key that was looked for.
    #[inline]
    pub(super) fn note(&mut self, is_found: bool) {
        if is_found {
            self.hits += 1;
        } else {
            self.misses += 1;
        }
    }

    /// Counts those of several operations that were reads.
    pub(super) fn note_all(&mut self, outcomes: &[Result<Outcome, OpError>]) {
        for outcome in outcomes {
            if let Ok(Outcome::Row(row)) = outcome {
                self.note(row.is_some());
            }
        }
    }

    /// Takes the counts; `None` when nothing was counted.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Self> {
        let counted = std::mem::take(self);
        (counted != Self::default()).then_some(counted)
    }
}
