//! How safe the rows of a table are.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// How a table is kept on disc at present, as one number that commits can look at under their locks.
pub(crate) struct KeptOnDisc(AtomicU64);

impl KeptOnDisc {
    const RAM: u64 = 0;
    const COMMIT: u64 = 1;
    const NONE: u64 = 2;
    /// This and more: so many milliseconds.
    const INTERVAL: u64 = 3;

    pub(crate) fn new(disc: Option<Durability>) -> Self {
        Self(AtomicU64::new(Self::number(disc)))
    }

    pub(crate) fn get(&self) -> Option<Durability> {
        match self.0.load(Ordering::SeqCst) {
            Self::RAM => None,
            Self::COMMIT => Some(Durability::Commit),
            Self::NONE => Some(Durability::None),
            interval => {
                let ms = u32::try_from(interval - Self::INTERVAL);
                Some(Durability::Interval(ms.expect("the number was made of 32 bits")))
            }
        }
    }

    pub(crate) fn set(&self, disc: Option<Durability>) {
        self.0.store(Self::number(disc), Ordering::SeqCst);
    }

    fn number(disc: Option<Durability>) -> u64 {
        match disc {
            None => Self::RAM,
            Some(Durability::Commit) => Self::COMMIT,
            Some(Durability::None) => Self::NONE,
            Some(Durability::Interval(ms)) => Self::INTERVAL + u64::from(ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_be_kept_is_told_as_it_was_set() {
        let kept = KeptOnDisc::new(None);
        let intervals = [0, 1, 1_000, u32::MAX].map(|ms| Some(Durability::Interval(ms)));
        for disc in [None, Some(Durability::Commit), Some(Durability::None)].into_iter().chain(intervals) {
            kept.set(disc);
            assert_eq!(kept.get(), disc);
            assert_eq!(KeptOnDisc::new(disc).get(), disc);
        }
    }
}
