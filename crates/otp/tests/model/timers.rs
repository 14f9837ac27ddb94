//! Timers that run out while they are cancelled, or while their process ends.

use std::sync::Arc;
use std::time::Duration;

use shuttle::thread;

use crate::message::{Message, Payload};
use crate::timer::{Step, TimerRef, Timers};
use crate::{World, check, drain};

/// Timers that are due at once.
fn due(world: &World, timers: &Timers, process: &Arc<crate::process::Process>, value: u32) -> TimerRef {
    let reference = world.kernel.new_reference();
    timers.add(reference, process.clone(), Duration::ZERO, Payload::new(value)).expect("room").0
}

/// Delivers until nothing is due.
fn run(timers: &Timers) {
    while matches!(timers.next(), Step::Delivered) {}
}

#[test]
fn a_timer_is_delivered_or_cancelled_and_who_cancels_is_told_which() {
    check(|| {
        let world = World::new();
        let (process, timers) = (world.process(), Timers::new(4));
        let timer = due(&world, &timers, &process, 1);
        let own = timers.clone();
        let other = thread::spawn(move || run(&own));
        let cancelled = timers.cancel(timer).is_some();
        // Told that it has run out, the canceller finds the message in the mailbox already.
        let now = drain(&process).len();
        assert_eq!(now, usize::from(!cancelled), "cancelled: {cancelled}");
        other.join().unwrap();
        assert!(drain(&process).is_empty(), "a message after the cancel");
        assert!(timers.remaining(timer).is_none() && timers.cancel(timer).is_none());
    });
}

#[test]
fn timers_are_delivered_once_whoever_else_is_cancelled_or_added() {
    check(|| {
        let world = World::new();
        let (process, timers) = (world.process(), Timers::new(4));
        let (first, second) = (due(&world, &timers, &process, 1), due(&world, &timers, &process, 2));
        let (own, w, receiver) = (timers.clone(), world.clone(), process.clone());
        let adder = thread::spawn(move || due(&w, &own, &receiver, 3));
        let own = timers.clone();
        let runner = thread::spawn(move || run(&own));
        let cancelled = timers.cancel(second).is_some();
        let third = adder.join().unwrap();
        runner.join().unwrap();
        // Whatever came after the runner had looked for the last time.
        run(&timers);
        let mut references: Vec<_> = drain(&process)
            .into_iter()
            .map(|message| match message {
                Message::Timer { reference, .. } => reference,
                other => panic!("{other:?}"),
            })
            .collect();
        references.sort_unstable();
        let mut expected = vec![first.reference(), third.reference()];
        if !cancelled {
            expected.push(second.reference());
        }
        expected.sort_unstable();
        assert_eq!(references, expected);
    });
}

#[test]
fn a_timer_of_a_process_that_is_ending_leaves_nothing() {
    check(|| {
        let world = World::new();
        let (process, timers) = (world.process(), Timers::new(4));
        due(&world, &timers, &process, 1);
        let (w, ending) = (world.clone(), process.clone());
        let other = thread::spawn(move || w.crash(&ending));
        run(&timers);
        other.join().unwrap();
        assert!(drain(&process).is_empty(), "what was delivered went with the process");
        assert!(matches!(timers.next(), Step::Idle));
    });
}
