//! Unit tests of the files that the model test compiles over other locks, and that therefore carry none of their own.

mod slot {
    use std::task::{Context, Poll, Waker};

    use crate::slot::{Taker, slot};

    fn poll<T>(taker: &mut Taker<T>) -> Poll<Option<T>> {
        taker.poll_take(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_first_answer_counts() {
        let (guard, mut taker) = slot();
        let other = guard.filler().unwrap().clone();
        assert!(poll(&mut taker).is_pending());
        assert!(guard.fill(1));
        assert!(!other.fill(2));
        assert_eq!(poll(&mut taker), Poll::Ready(Some(1)));
    }

    #[test]
    fn a_dropped_guard_says_that_none_will_come_even_if_clones_live() {
        let (guard, mut taker) = slot::<u8>();
        let other = guard.filler().unwrap().clone();
        drop(guard);
        assert!(!other.fill(2));
        assert_eq!(poll(&mut taker), Poll::Ready(None));
    }

    #[test]
    fn a_late_answer_is_dropped() {
        let (guard, taker) = slot();
        drop(taker);
        assert!(!guard.filler().unwrap().is_awaited());
        assert!(!guard.fill(1));
    }
}

mod table {
    use crate::kind::{ProcessKind, Role};
    use crate::pid::Pid;
    use crate::process::Process;
    use crate::table::{SHARDS, Table};

    fn process(pid: Pid) -> Process {
        Process::new(pid, None, Role::of::<()>(ProcessKind::Process), 1)
    }

    #[test]
    fn a_pid_never_means_the_next_process_at_its_place() {
        let table = Table::new(100);
        let old = table.insert(process).unwrap().pid;
        table.note_end();
        table.remove(old);
        let all: Vec<Pid> = (0..SHARDS * 2).map(|_| table.insert(process).unwrap().pid).collect();
        assert!(all.iter().any(|pid| pid.index() == old.index()));
        assert!(table.get(old).is_none());
        table.remove(old);
        assert!(all.iter().all(|pid| table.get(*pid).is_some_and(|process| process.pid == *pid)));
        assert_eq!(table.len(), SHARDS * 2);
    }

    #[test]
    fn a_full_table_refuses_until_a_process_has_gone() {
        let table = Table::new(2);
        let first = table.insert(process).unwrap().pid;
        assert!(table.insert(process).is_some());
        assert!(table.insert(process).is_none());
        table.note_end();
        table.remove(first);
        assert!(table.insert(process).is_some());
        assert_eq!(table.all().len(), 2);
    }
}
