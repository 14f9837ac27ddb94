//! When a session asks for the time: once for many pipelined writes, since asking costs as much as writing.
//!
//! What must stay true: a command never uses a time of before its own batch, so no client sees a row live whose end
//! another has seen before it sent the command.

use mnemon_store::Store;

/// Writes that may share one reading of the clock.
const WRITES_A_READING: u8 = 64;

/// The readings of one session.
#[derive(Debug, Default)]
pub(super) struct Pace {
    in_batch: bool,
    /// Writes that may still use the last reading.
    left: u8,
}

impl Pace {
    pub(super) fn begin_batch(&mut self) {
        self.in_batch = true;
        self.left = 0;
    }

    /// The time of the next write. Outside of batches always the present.
    #[inline]
    pub(super) fn now_ms(&mut self, store: &Store) -> u64 {
        if self.left > 0 {
            self.left -= 1;
            return store.recent_ms();
        }
        if self.in_batch {
            self.left = WRITES_A_READING - 1;
        }
        store.now_ms()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mnemon_store::{ManualClock, StoreConfig};

    use super::*;

    #[test]
    fn a_batch_shares_readings_and_the_next_one_reads_anew() {
        let clock = Arc::new(ManualClock::at(1));
        let store = Store::new(StoreConfig::new(Box::new(clock.clone())));
        let mut pace = Pace::default();
        let readings = |pace: &mut Pace, count: usize| -> Vec<u64> {
            let read = |_| {
                clock.advance(1);
                pace.now_ms(&store)
            };
            (0..count).map(read).collect()
        };
        assert_eq!(readings(&mut pace, 3), [2, 3, 4], "no batch");
        pace.begin_batch();
        assert_eq!(readings(&mut pace, 3), [5, 5, 5]);
        pace.begin_batch();
        assert_eq!(readings(&mut pace, 2), [8, 8]);
        let many = readings(&mut pace, 2 * usize::from(WRITES_A_READING));
        assert!(many.windows(2).all(|pair| pair[0] <= pair[1]) && many.iter().any(|&ms| ms > 8));
    }
}
