//! Long changes of tables.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `GET /api/v1/changes`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Those under way or waiting for their turn, the oldest first.
    pub changes: Vec<Change>,
}

/// A change of a table that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The table.
    pub table: String,
    /// What is asked for: `add index age`, `transform`, `storage disc, …`.
    pub what: String,
    /// What of it is being done.
    pub phase: String,
    /// Rows of this phase that are done.
    pub done: u64,
    /// Of about so many; 0 where none are counted.
    pub total: u64,
    /// Since it was asked for.
    pub age_s: u64,
    /// Whether it was cancelled and is being taken back.
    pub cancelled: bool,
}

impl fmt::Display for Change {
    /// How far it is: `add index age: indexing, 400 of 1000 rows (40 %), since 3 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, phase, done, total, age_s, .. } = self;
        write!(f, "{what}: {phase}")?;
        if *total > 0 {
            let percent = (u128::from(*done) * 100 / u128::from(*total)).min(100);
            write!(f, ", {done} of {total} rows ({percent} %)")?;
        }
        write!(f, ", since {age_s} s")?;
        if self.cancelled { f.write_str(", cancelled: it is being taken back") } else { Ok(()) }
    }
}

/// `POST /api/v1/tables/NAME/cancel-change`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Whether a change was, or is being, taken back; `false`: it was too late, and the change has been made.
    pub cancelled: bool,
    /// Whether that is done; otherwise it goes on, and `GET /api/v1/changes` shows until when.
    pub ended: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_tells_how_far_it_is() {
        let (table, what) = ("orders".to_owned(), "add index age".to_owned());
        let indexing = Change {
            table,
            what,
            phase: "indexing".to_owned(),
            done: 400,
            total: 1_000,
            age_s: 3,
            cancelled: false,
        };
        assert_eq!(indexing.to_string(), "add index age: indexing, 400 of 1000 rows (40 %), since 3 s");
        let cancelled = Change { done: 0, total: 0, cancelled: true, ..indexing };
        let text = "add index age: indexing, since 3 s, cancelled: it is being taken back";
        assert_eq!(cancelled.to_string(), text);
    }
}
