//! Long changes of tables.

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

/// `POST /api/v1/tables/NAME/cancel-change`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Whether a change was, or is being, taken back; `false`: it was too late, and the change has been made.
    pub cancelled: bool,
    /// Whether that is done; otherwise it goes on, and `GET /api/v1/changes` shows until when.
    pub ended: bool,
}
