//! Random numbers for commands that choose something at random.
//!
//! One sequence a server, from a seed that nobody can guess; what it decides never enters a commit.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A sequence of random numbers (SplitMix64) that many threads may draw from.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Default for Dice {
    fn default() -> Self {
        Self(AtomicU64::new(RandomState::new().hash_one(0)))
    }
}

impl Dice {
    /// The next number.
    pub(crate) fn roll(&self) -> u64 {
        let step = 0x9E37_79B9_7F4A_7C15;
        mixed(self.0.fetch_add(step, Ordering::Relaxed).wrapping_add(step))
    }
}

/// The number at a place of the sequence that begins with `seed`.
pub(crate) fn nth(seed: u64, place: u64) -> u64 {
    mixed(seed.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}

fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_do_not_come_again_soon() {
        let dice = Dice::default();
        assert_eq!((0..1_000).map(|_| dice.roll()).collect::<HashSet<_>>().len(), 1_000);
        assert_eq!((0..1_000).map(|place| nth(7, place)).collect::<HashSet<_>>().len(), 1_000);
    }
}
