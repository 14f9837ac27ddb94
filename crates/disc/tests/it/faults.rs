//! Every fault at every step of a script, and random scripts.
//!
//! The invariant: after whatever crash the log opens; every acknowledged entry is there, in order and unchanged; what is found
//! beyond has no gap; nothing that was refused is there.

use std::io::ErrorKind;

use mnemon_disc::Durability::{Commit, Interval, None as Never};
use mnemon_disc::testing::{Fate, Fault, FaultyDisc};
use proptest::prelude::*;

use crate::script::{Run, Step};

const SCRIPT: &[Step] = &[
    Step::Prepare,
    Step::Append(40, Commit),
    Step::Append(0, Commit),
    Step::Commit,
    Step::Append(300, Commit),
    Step::Append(200, Never),
    Step::Commit,
    Step::Append(333, Interval(50)),
    Step::Commit,
    Step::Prepare,
    Step::Append(1500, Commit),
    Step::Append(10, Never),
    Step::Commit,
    Step::Prepare,
    Step::Append(700, Never),
    Step::Commit,
    Step::Append(500, Never),
    Step::Commit,
    Step::Append(8, Commit),
    Step::Commit,
    Step::Purge(2),
    Step::Prepare,
    Step::Append(600, Commit),
    Step::Commit,
    Step::Reopen,
    Step::Prepare,
    Step::Append(77, Commit),
    Step::Append(900, Commit),
    Step::Commit,
    Step::Close,
    Step::Prepare,
    Step::Append(20, Commit),
    Step::Commit,
    Step::Purge(1),
    Step::Prepare,
    Step::Append(1, Interval(5)),
    Step::Commit,
];

const FATES: [Fate; 8] = [
    Fate::Lost,
    Fate::Kept,
    Fate::Torn(1),
    Fate::Torn(2),
    Fate::Torn(3),
    Fate::Torn(4),
    Fate::Torn(5),
    Fate::Torn(6),
];

fn run(script: &[Step], disc: &FaultyDisc) -> Run {
    let mut run = Run::new(disc);
    for step in script {
        run.take(*step);
    }
    run
}

/// Runs a script with a fault at each of its steps and checks what each crash leaves.
fn try_every_step(script: &[Step], faults: &[Fault], fates: &[Fate]) -> u64 {
    let disc = FaultyDisc::new();
    let done = run(script, &disc);
    done.check_after_crash(&disc.restart(Fate::Lost), "without a fault");
    let steps = disc.steps();
    for step in 0..steps {
        for fault in faults {
            let disc = FaultyDisc::new();
            disc.fail_at(step, *fault);
            let run = run(script, &disc);
            for fate in fates {
                run.check_after_crash(&disc.restart(*fate), &format!("{fault:?} at {step}, {fate:?}"));
            }
        }
    }
    steps
}

#[test]
fn whatever_step_the_power_goes_at_the_acknowledged_is_there() {
    let steps = try_every_step(SCRIPT, &[Fault::Stop], &FATES);
    assert!(steps > 60, "the script takes only {steps} steps");
}

#[test]
fn whatever_call_fails_the_acknowledged_is_there() {
    let faults = [Fault::Error(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull)];
    try_every_step(SCRIPT, &faults, &FATES);
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let durability = prop_oneof![
        3 => Just(Commit),
        1 => Just(Interval(3)),
        2 => Just(Never),
    ];
    let len = prop_oneof![4 => 0..200_usize, 2 => 200..1200_usize, 1 => 1200..2600_usize];
    let step = prop_oneof![
        8 => (len, durability).prop_map(|(len, durability)| Step::Append(len, durability)),
        5 => Just(Step::Commit),
        4 => Just(Step::Prepare),
        1 => (0..6_usize).prop_map(Step::Purge),
        1 => Just(Step::Reopen),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 10..120)
}

proptest! {
    #[test]
    fn random_scripts_lose_nothing_acknowledged(
        script in steps(),
        at in 0.0..1.0_f64,
        stop in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let disc = FaultyDisc::new();
        run(&script, &disc);
        let step = (disc.steps() as f64 * at) as u64;
        let disc = FaultyDisc::new();
        disc.fail_at(step, if stop { Fault::Stop } else { Fault::Error(ErrorKind::Other) });
        let run = run(&script, &disc);
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn(seed), Fate::Torn(!seed)] {
            run.check_after_crash(&disc.restart(fate), &format!("fault at {step}, {fate:?}"));
        }
    }
}
