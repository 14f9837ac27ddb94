//! How safe the rows of a table are.

use serde::{Deserialize, Serialize};

/// When a commit on a table that is kept on disc is synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Before it is acknowledged; commits that wait together share a sync. It survives whatever the disc survives.
    #[default]
    Commit,
    /// This many milliseconds later at the latest, Redis's `everysec` with 1,000. It survives the end of the process as soon
    /// as it has been handed to the operating system, a few milliseconds later.
    Interval(u32),
    /// With somebody else's sync, or when the operating system sees fit.
    None,
}

impl From<Durability> for mnemon_disc::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Commit => Self::Commit,
            Durability::Interval(ms) => Self::Interval(ms),
            Durability::None => Self::None,
        }
    }
}
