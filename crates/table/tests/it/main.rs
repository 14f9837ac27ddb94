//! Tables against a plain model, and under concurrent transactions whose history is judged.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod ask;
mod bounds;
mod changes;
mod counters;
mod histories;
mod machine;
mod model;
mod regressions;
mod step;
mod torn;
mod transfers;

use machine::{Machine, Shape};
use mnemon_sim::cases;
use parking_lot::RwLock;
use proptest::collection::vec;
use proptest::prelude::*;
use step::step;

/// Held for writing by tests that set threads against each other, so that those really meet; for reading by others.
static CORES: RwLock<()> = RwLock::new(());

fn shape() -> impl Strategy<Value = Shape> {
    let ttl_ms = prop_oneof![2 => Just(None), 1 => Just(Some(30))];
    (ttl_ms, any::<bool>()).prop_map(|(ttl_ms, indexed)| Shape { ttl_ms, indexed })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(300),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn tables_do_as_the_model(shape in shape(), steps in vec(step(), 1..40)) {
        let _beside_others = CORES.read();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { Machine::new(shape).await.run(&steps).await });
    }
}
