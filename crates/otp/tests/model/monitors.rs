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
