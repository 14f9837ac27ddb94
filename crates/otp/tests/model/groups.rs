//! Groups: keys that many share, joined and left while members end.

use std::sync::Arc;

use crate::error::Error;
use crate::message::Message;
use crate::registries::Names;
use crate::registry::RegistryEvent;
use crate::{check, drain};

#[test]
fn who_joins_while_it_is_ending_is_no_member_afterwards() {
    check(|| {
        let groups = Names::shared();
        let (a, b) = (groups.process(), groups.process());
        groups.registry.register(b.pid, 1, ()).unwrap();
        let other = groups.ending(&a);
        let joined = [groups.registry.register(a.pid, 1, ()), groups.registry.register(a.pid, 1, ())];
        other.join().unwrap();
        assert!(joined.iter().all(|joined| matches!(joined, Ok(()) | Err(Error::NoProcess))), "{joined:?}");
        assert_eq!(groups.registry.lookup(&1), [(b.pid, ())]);
        assert_eq!((groups.registry.count(), groups.registry.keys(a.pid).len()), (1, 0));
    });
}

#[test]
fn who_leaves_while_it_is_ending_leaves_once_and_takes_nobody_along() {
    check(|| {
        let groups = Names::shared();
        let (a, b) = (groups.process(), groups.process());
        for pid in [a.pid, b.pid, a.pid] {
            groups.registry.register(pid, 1, ()).unwrap();
        }
        let other = groups.ending(&a);
        let left = groups.registry.unregister_once(a.pid, &1);
        let members = groups.registry.lookup(&1).len();
        assert!(members <= if left { 2 } else { 1 }, "{members} members, left: {left}");
        other.join().unwrap();
        assert_eq!(groups.registry.lookup(&1), [(b.pid, ())]);
        assert_eq!(groups.registry.count(), 1);
    });
}

#[test]
fn after_the_down_of_a_member_nobody_finds_it_in_the_group() {
    check(|| {
        let groups = Names::shared();
        let (member, watcher) = (groups.process(), groups.process());
        groups.registry.register(member.pid, 1, ()).unwrap();
        groups.kernel.monitor(&watcher, member.pid);
        let other = groups.ending(&member);
        let heard = !drain(&watcher).is_empty();
        let members = groups.registry.lookup(&1).len() + groups.registry.count();
        assert!(!heard || members == 0, "told of the end, and still found");
        other.join().unwrap();
        assert!(groups.registry.lookup(&1).is_empty());
    });
}

#[test]
fn who_is_told_noproc_of_a_member_that_is_ending_finds_it_no_more() {
    for shared in [true, false] {
        check(move || {
            let names = if shared { Names::shared() } else { Names::new() };
            let (member, watcher) = (names.process(), names.process());
            names.registry.register(member.pid, 1, ()).unwrap();
            let other = names.ending(&member);
            names.kernel.monitor(&watcher, member.pid);
            if !drain(&watcher).is_empty() {
                assert!(names.registry.lookup(&1).is_empty(), "told of the end, and still a member");
                assert_eq!(names.registry.whereis(&1), None, "told of the end, and still found");
            }
            other.join().unwrap();
        });
    }
}

#[test]
fn what_listeners_hear_ends_as_the_entries_do() {
    for shared in [true, false] {
        check(move || {
            let names = if shared { Names::shared() } else { Names::new() };
            let (process, listener) = (names.process(), names.listener());
            names.registry.listen(listener.pid);
            // The registry is known to the process already, so that its end asks the registry whatever happens.
            names.registry.register(process.pid, 1, ()).unwrap();
            let other = names.ending(&process);
            let taken = names.registry.register(process.pid, 2, ());
            other.join().unwrap();
            assert_eq!(names.registry.count(), 0);
            let mut held: Vec<u8> = Vec::new();
            for event in heard(&listener) {
                match event {
                    RegistryEvent::Registered(key, _) => held.push(key),
                    RegistryEvent::Unregistered(key, _) => {
                        let at = held.iter().position(|known| *known == key);
                        held.remove(at.expect("given back, and never heard to be taken"));
                    }
                }
            }
            assert!(held.is_empty(), "heard to be held by the dead: {held:?}, {taken:?}");
        });
    }
}

fn heard(listener: &Arc<crate::process::Process>) -> Vec<RegistryEvent<u8>> {
    let events = drain(listener).into_iter().map(|message| match message {
        Message::User(payload) => payload.downcast().expect("an event"),
        other => panic!("{other:?}"),
    });
    events.collect()
}
