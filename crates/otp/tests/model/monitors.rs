//! Monitors set, ended and fired at once.

use shuttle::thread;

use crate::message::Message;
use crate::reason::ExitReason;
use crate::{World, check, drain};

#[test]
fn a_monitor_of_a_process_that_is_ending_fires_once() {
    check(|| {
        let world = World::new();
        let (watcher, target) = (world.process(), world.process());
        let (w, ending) = (world.clone(), target.clone());
        let other = thread::spawn(move || w.crash(&ending));
        let monitor = world.kernel.monitor(&watcher, target.pid);
        other.join().unwrap();
        let downs = drain(&watcher);
        assert_eq!(downs.len(), 1, "{downs:?}");
        assert!(matches!(&downs[0], Message::Down { reference, pid, .. }
            if *reference == monitor && *pid == target.pid));
        assert_eq!(watcher.lock().monitoring.len(), 0);
    });
}

#[test]
fn a_demonitor_says_whether_the_down_has_come() {
    check(|| {
        let world = World::new();
        let (watcher, target) = (world.process(), world.process());
        let monitor = world.kernel.monitor(&watcher, target.pid);
        let (w, ending) = (world.clone(), target.clone());
        let other = thread::spawn(move || w.crash(&ending));
        let ended = world.kernel.demonitor(&watcher, monitor);
        let came = drain(&watcher).len();
        other.join().unwrap();
        assert_eq!(came, usize::from(!ended), "said {ended}");
        assert!(drain(&watcher).is_empty(), "a down after the demonitor");
    });
}

#[test]
fn a_watcher_that_ends_leaves_no_entry_in_the_watched() {
    check(|| {
        let world = World::new();
        let (watcher, target) = (world.process(), world.process());
        let (w, ending) = (world.clone(), watcher.clone());
        let other = thread::spawn(move || w.crash(&ending));
        world.kernel.monitor(&watcher, target.pid);
        other.join().unwrap();
        assert_eq!(target.lock().monitored_by.len(), 0);
        assert!(drain(&watcher).is_empty());
    });
}

#[test]
fn who_watches_from_outside_is_answered() {
    check(|| {
        let world = World::new();
        let target = world.process();
        let (w, ending) = (world.clone(), target.clone());
        let other = thread::spawn(move || w.crash(&ending));
        let (_, mut taker) = world.kernel.watch(&target);
        let reason = shuttle::future::block_on(std::future::poll_fn(|cx| taker.poll_take(cx)));
        other.join().unwrap();
        assert_eq!(reason, Some(ExitReason::error("crash")));
    });
}

#[test]
fn each_of_several_monitors_fires_once_whoever_sets_them_and_when() {
    check(|| {
        let world = World::new();
        let (one, other, target) = (world.process(), world.process(), world.process());
        let first = world.kernel.monitor(&one, target.pid);
        let (w, watcher, pid) = (world.clone(), other.clone(), target.pid);
        let setter = thread::spawn(move || w.kernel.monitor(&watcher, pid));
        let (w, ending) = (world.clone(), target.clone());
        let ender = thread::spawn(move || w.crash(&ending));
        let second = world.kernel.monitor(&one, target.pid);
        let third = setter.join().unwrap();
        ender.join().unwrap();
        let mut told = references(drain(&one));
        told.sort_unstable();
        assert_eq!(told, [first, second]);
        assert_eq!(references(drain(&other)), [third]);
        assert_eq!((one.lock().monitoring.len(), other.lock().monitoring.len()), (0, 0));
    });
}

fn references(messages: Vec<Message>) -> Vec<crate::pid::Ref> {
    let references = messages.into_iter().map(|message| match message {
        Message::Down { reference, .. } => reference,
        other => panic!("{other:?}"),
    });
    references.collect()
}

#[test]
fn a_demonitor_with_flush_leaves_no_down_of_its_own_and_every_other() {
    check(|| {
        let world = World::new();
        let (watcher, target) = (world.process(), world.process());
        let (ended, kept) =
            (world.kernel.monitor(&watcher, target.pid), world.kernel.monitor(&watcher, target.pid));
        let (w, ending) = (world.clone(), target.clone());
        let other = thread::spawn(move || w.crash(&ending));
        // As `demonitor_flush` does.
        let mut seen = Vec::new();
        if !world.kernel.demonitor(&watcher, ended) {
            seen = references(drain(&watcher));
            let own = seen.iter().position(|reference| *reference == ended);
            seen.remove(own.expect("where the monitor is gone, its down has come"));
        }
        other.join().unwrap();
        seen.extend(references(drain(&watcher)));
        assert_eq!(seen, [kept]);
    });
}
