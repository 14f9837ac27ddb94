//! Links made, taken away and used at once.

use shuttle::thread;

use crate::message::Message;
use crate::reason::ExitReason;
use crate::{World, check, drain};

#[test]
fn who_links_a_process_that_is_ending_hears_of_it_once() {
    check(|| {
        let world = World::new();
        let (a, b) = (world.trapping(), world.process());
        let (w, ending) = (world.clone(), b.clone());
        let other = thread::spawn(move || w.crash(&ending));
        world.kernel.link(&a, b.pid);
        other.join().unwrap();
        let signals = drain(&a);
        assert_eq!(signals.len(), 1, "{signals:?}");
        assert!(matches!(&signals[0], Message::Exit { from, reason }
            if *from == b.pid && (*reason == ExitReason::NoProcess || *reason == ExitReason::error("crash"))));
        assert_eq!(a.lock().links.len(), 0);
    });
}

#[test]
fn after_an_unlink_no_signal_arrives() {
    check(|| {
        let world = World::new();
        let (a, b) = (world.trapping(), world.process());
        world.kernel.link(&a, b.pid);
        let (w, ending) = (world.clone(), b.clone());
        let other = thread::spawn(move || w.crash(&ending));
        world.kernel.unlink(&a, b.pid);
        let before = drain(&a).len();
        other.join().unwrap();
        assert!(before <= 1);
        assert!(drain(&a).is_empty(), "a signal after the unlink");
        assert_eq!(a.lock().links.len(), 0);
    });
}

#[test]
fn links_from_both_ends_at_once_are_one_link_and_no_deadlock() {
    check(|| {
        let world = World::new();
        let (a, b) = (world.trapping(), world.trapping());
        let (w, a2, b2) = (world.clone(), a.clone(), b.clone());
        let other = thread::spawn(move || {
            w.kernel.link(&b2, a2.pid);
            w.kernel.unlink(&b2, a2.pid);
            w.kernel.link(&b2, a2.pid);
        });
        world.kernel.link(&a, b.pid);
        other.join().unwrap();
        assert_eq!((a.lock().links.len(), b.lock().links.len()), (1, 1));
        world.crash(&a);
        assert_eq!(drain(&b).len(), 1);
    });
}

#[test]
fn linked_processes_that_end_at_once_leave_nothing() {
    check(|| {
        let world = World::new();
        let (a, b, c) = (world.process(), world.process(), world.trapping());
        world.kernel.link(&a, b.pid);
        world.kernel.link(&b, c.pid);
        world.kernel.link(&a, c.pid);
        let threads: Vec<_> = [a, b]
            .into_iter()
            .map(|process| {
                let world = world.clone();
                thread::spawn(move || world.crash(&process))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(drain(&c).len(), 2, "one signal from each");
        assert_eq!((world.kernel.table.len(), c.lock().links.len()), (1, 0));
    });
}

#[test]
fn a_kill_and_an_exit_at_once_end_in_killed_and_nothing_enters_after_the_end() {
    check(|| {
        let world = World::new();
        let (a, b) = (world.process(), world.process());
        let (w, killed) = (world.clone(), a.pid);
        let other = thread::spawn(move || w.kernel.exit(killed, killed, &ExitReason::Kill));
        world.kernel.exit(b.pid, a.pid, &ExitReason::error("asked"));
        other.join().unwrap();
        assert!(a.is_doomed());
        assert_eq!(a.doom(), Some(ExitReason::Killed));
        let (w, ending) = (world.clone(), b.clone());
        let other = thread::spawn(move || w.crash(&ending));
        let sent = b.post(crate::message::Payload::new(1)).is_ok();
        other.join().unwrap();
        assert!(b.post(crate::message::Payload::new(2)).is_err());
        assert!(drain(&b).is_empty(), "what lay there went with the process (sent: {sent})");
    });
}

#[test]
fn a_kill_at_the_time_of_a_normal_end_is_one_end_with_one_reason_for_all() {
    check(|| {
        let world = World::new();
        let (ending, linked, watcher) = (world.process(), world.trapping(), world.process());
        world.kernel.link(&linked, ending.pid);
        world.kernel.monitor(&watcher, ending.pid);
        let (_, mut outside) = world.kernel.watch(&ending);
        let (w, target) = (world.clone(), ending.pid);
        let killer = thread::spawn(move || w.kernel.exit(target, target, &ExitReason::Kill));
        // As its task does when its body is done, and as the task is dropped when a runtime ends.
        let (w, own) = (world.clone(), ending.clone());
        let dropper = thread::spawn(move || drop(w.kernel.finish(&own, &ExitReason::Killed)));
        let reason = if ending.is_doomed() { ending.doom().expect("a reason") } else { ExitReason::Normal };
        drop(world.kernel.finish(&ending, &reason));
        dropper.join().unwrap();
        killer.join().unwrap();
        let exits = drain(&linked);
        let [Message::Exit { from, reason: told }] = &exits[..] else { panic!("{exits:?}") };
        let downs = drain(&watcher);
        let [Message::Down { pid, reason: down, .. }] = &downs[..] else { panic!("{downs:?}") };
        assert_eq!((*from, *pid), (ending.pid, ending.pid));
        let polled = outside.poll_take(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        let std::task::Poll::Ready(Some(seen)) = polled else { panic!("nobody answered") };
        assert!(*told == ExitReason::Normal || *told == ExitReason::Killed, "{told:?}");
        assert_eq!((told, &seen), (down, down), "all are told the same");
        assert_eq!(world.kernel.table.len(), 2, "the two that live are counted, and it is not, once");
        assert!(
            !world.kernel.exit(ending.pid, ending.pid, &ExitReason::Kill),
            "nobody is there to be killed again"
        );
    });
}

#[test]
fn who_links_a_process_that_has_ended_gets_noproc() {
    check(|| {
        let world = World::new();
        let (a, b) = (world.trapping(), world.process());
        let (_, mut outside) = world.kernel.watch(&b);
        let (w, ending) = (world.clone(), b.clone());
        let other = thread::spawn(move || w.crash(&ending));
        let known =
            outside.poll_take(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready();
        world.kernel.link(&a, b.pid);
        let at_once = drain(&a);
        if known {
            // Told of the end before: the answer does not wait for anybody.
            assert!(
                matches!(&at_once[..], [Message::Exit { reason: ExitReason::NoProcess, .. }]),
                "{at_once:?}"
            );
        }
        other.join().unwrap();
        assert_eq!(at_once.len() + drain(&a).len(), 1);
        assert_eq!(a.lock().links.len(), 0);
    });
}
