//! How long commands run, as histograms of fixed buckets, one for each family of commands.
//!
//! A command that was timed for several counts as so many. What must stay true: recording takes no lock and allocates
//! nothing; a command that is not timed costs nothing here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::command::Family;

/// The longest duration of the first bucket, in nanoseconds; each further bucket reaches twice as far.
const FIRST_NS: u64 = 250;
/// The buckets; the last one ends at 2.1 s.
const BUCKETS: usize = 24;

/// A histogram for each family of commands.
#[derive(Debug, Default)]
pub(crate) struct Latencies([Histogram; Family::ALL.len()]);

#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    longer: AtomicU64,
    sum_ns: AtomicU64,
}

/// The durations of one family's commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyLatency {
    /// The family's name, as `COMMAND DOCS` has it.
    pub family: &'static str,
    /// The longest duration of each bucket in nanoseconds, and the commands in this bucket alone.
    pub buckets: Vec<(u64, u64)>,
    /// Commands that took longer than any bucket.
    pub longer: u64,
    /// All durations together, in nanoseconds.
    pub sum_ns: u64,
}

impl Latencies {
    /// Notes how long a command took that stands for `weight` of its kind. Only one thread calls this for one set, so it
    /// costs no bus lock.
    pub(crate) fn record(&self, family: Family, took: Duration, weight: u64) {
        let Some(histogram) = self.0.get(family as usize) else { return };
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let count = |counter: &AtomicU64, by: u64| {
            counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
        };
        count(histogram.buckets.get(bucket(took_ns)).unwrap_or(&histogram.longer), weight);
        count(&histogram.sum_ns, took_ns.saturating_mul(weight));
    }

    /// The sums over several sets.
    pub(crate) fn sum<'a>(sets: impl Iterator<Item = &'a Self> + Clone) -> Vec<FamilyLatency> {
        let families = Family::ALL.iter().map(|family| {
            let of_all = || sets.clone().filter_map(|set| set.0.get(*family as usize));
            let total = |read: &dyn Fn(&Histogram) -> u64| of_all().map(read).sum::<u64>();
            let in_bucket = |place: usize| {
                total(&|histogram| histogram.buckets.get(place).map_or(0, |count| count.load(Relaxed)))
            };
            FamilyLatency {
                family: family.name(),
                buckets: (0..BUCKETS).map(|place| (FIRST_NS << place, in_bucket(place))).collect(),
                longer: total(&|histogram| histogram.longer.load(Relaxed)),
                sum_ns: total(&|histogram| histogram.sum_ns.load(Relaxed)),
            }
        });
        families.collect()
    }
}

/// The place of the first bucket that reaches so far.
fn bucket(took_ns: u64) -> usize {
    let steps = took_ns.saturating_sub(1) / FIRST_NS;
    (u64::BITS - steps.leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_bucket_that_reaches_it() {
        for (took_ns, place) in
            [(0, 0), (1, 0), (250, 0), (251, 1), (500, 1), (501, 2), (1_000, 2), (1_001, 3)]
        {
            assert_eq!(bucket(took_ns), place, "{took_ns} ns");
        }
        let last = FIRST_NS << (BUCKETS - 1);
        assert_eq!((bucket(last), bucket(last + 1)), (BUCKETS - 1, BUCKETS));
        assert!(bucket(u64::MAX) > BUCKETS);
    }

    #[test]
    fn every_family_has_a_histogram() {
        for (place, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(family as usize, place);
        }
        for command in crate::command::COMMANDS {
            assert!(Family::ALL.contains(&command.family), "{}", command.name);
        }
    }

    #[test]
    fn sets_are_summed_by_family() {
        let (one, two) = (Latencies::default(), Latencies::default());
        one.record(Family::String, Duration::from_nanos(300), 1);
        two.record(Family::String, Duration::from_nanos(300), 64);
        two.record(Family::Hash, Duration::from_secs(10), 1);
        let sums = Latencies::sum([&one, &two].into_iter());
        let of = |name: &str| sums.iter().find(|sum| sum.family == name).unwrap();
        assert_eq!(
            (of("string").buckets[1], of("string").sum_ns, of("string").longer),
            ((500, 65), 19_500, 0)
        );
        assert_eq!((of("hash").longer, of("hash").sum_ns), (1, 10_000_000_000));
        assert_eq!(sums.len(), Family::ALL.len());
    }
}
