//! Random choices that can be replayed: a test names its seed when it fails, and `MNEMON_SEED` sets it.

use std::hash::{BuildHasher, RandomState};

/// The seed of a randomised test. When the test fails, it says how to replay it.
#[derive(Debug)]
pub struct Seed {
    value: u64,
    test: &'static str,
}

impl Seed {
    /// The seed in the environment variable `MNEMON_SEED`, else a new one. `test`: the name to print.
    ///
    /// # Panics
    /// When `MNEMON_SEED` is no number.
    #[must_use]
    pub fn of(test: &'static str) -> Self {
        let value = match std::env::var("MNEMON_SEED") {
            Ok(text) => text.parse().expect("MNEMON_SEED is a number of 64 bits"),
            Err(_) => RandomState::new().hash_one(test),
        };
        Self { value, test }
    }

    /// Choices of their own for one of the test's threads or tasks.
    #[must_use]
    pub fn random(&self, stream: u64) -> Random {
        let mut random = Random(self.value ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // Streams whose states differ in a few bits must not begin alike.
        random.next();
        random
    }
}

impl Drop for Seed {
    #[allow(clippy::print_stderr, reason = "a failing test's message to its reader")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with MNEMON_SEED={} cargo test {}", self.value, self.test);
        }
    }
}

/// A stream of random choices (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A stream that begins at this state; to split one off another.
    #[must_use]
    pub fn from_state(state: u64) -> Self {
        Self(state)
    }

    /// 64 random bits.
    #[allow(clippy::should_implement_trait, reason = "it has no end, so an Option would mislead")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number less than `limit`.
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        assert!(limit > 0, "there is no number below 0");
        self.next() % limit
    }

    /// Whether something happens that happens `percent` times of 100.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How many cases a proptest runs: as `PROPTEST_CASES` says, else `default`.
#[must_use]
pub fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_repeat_and_differ() {
        let seed = Seed { value: 7, test: "streams" };
        let take = |stream| {
            let mut random = seed.random(stream);
            (0..8).map(|_| random.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(take(0), take(0));
        assert_ne!(take(0), take(1));
    }
}
