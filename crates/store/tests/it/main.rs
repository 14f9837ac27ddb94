//! The store against a plain model, over a replica that encodes every commit and applies it three times.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod concurrency;
mod exchange;
mod large;
mod machine;
mod model;
mod number;
mod one_row;
mod parts;
mod recovery;
mod regressions;
mod step;
mod truth;
mod walk;
mod watcher;

use machine::{Machine, Shape};
use mnemon_sim::cases;
use mnemon_store::Kind;
use parking_lot::RwLock;
use proptest::collection::vec;
use proptest::prelude::*;
use step::{Content, step};

/// Held for writing by tests that set threads against each other, so that those really meet; for reading by others.
static CORES: RwLock<()> = RwLock::new(());

fn config(count: u32) -> ProptestConfig {
    ProptestConfig { cases: cases(count), failure_persistence: None, ..ProptestConfig::default() }
}

fn shape(kind: Kind) -> impl Strategy<Value = Shape> {
    let shards = prop_oneof![Just(1), Just(4), Just(32)];
    let bits = (any::<bool>(), any::<bool>(), any::<bool>());
    (shards, bits).prop_map(move |(shards, (watched, bounded, on_disc))| Shape {
        kind,
        shards,
        watched,
        bounded,
        on_disc,
    })
}

proptest! {
    #![proptest_config(config(160))]

    #[test]
    fn a_database_does_as_the_model(shape in shape(Kind::Set), steps in vec(step(Content::Strings), 1..60)) {
        let _beside_others = CORES.read();
        Machine::new(shape).run(&steps);
    }

    #[test]
    fn a_set_of_records_does_as_the_model(shape in shape(Kind::Set), steps in vec(step(Content::Records), 1..60)) {
        let _beside_others = CORES.read();
        Machine::new(shape).run(&steps);
    }

    #[test]
    fn an_ordered_set_does_as_the_model(
        shape in shape(Kind::OrderedSet),
        steps in vec(step(Content::Records), 1..60),
    ) {
        let _beside_others = CORES.read();
        Machine::new(shape).run(&steps);
    }

    #[test]
    fn a_bag_does_as_the_model(shape in shape(Kind::Bag), steps in vec(step(Content::Objects), 1..60)) {
        let _beside_others = CORES.read();
        Machine::new(shape).run(&steps);
    }
}
