//! Names taken and lost at once.

use std::sync::Arc;

use shuttle::thread;

use crate::error::Error;
use crate::kernel::Kernel;
use crate::process::Process;
use crate::reason::ExitReason;
use crate::registry::Registry;
use crate::{check, drain};

/// A registry, and processes for it.
pub(crate) struct Names {
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) registry: Registry<u8>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self::with(true)
    }

    /// With keys that many may have.
    pub(crate) fn shared() -> Self {
        Self::with(false)
    }

    fn with(unique: bool) -> Self {
        let kernel = Arc::new(Kernel::new(16));
        Self { registry: Registry::over(kernel.clone(), unique), kernel }
    }

    /// A process whose mailbox has room for all events of a model.
    pub(crate) fn listener(&self) -> Arc<Process> {
        self.kernel.table.insert(|pid| Process::new(pid, None, crate::ROLE, 64)).expect("room in the table")
    }

    pub(crate) fn process(&self) -> Arc<Process> {
        self.kernel.table.insert(|pid| Process::new(pid, None, crate::ROLE, 2)).expect("room in the table")
    }

    pub(crate) fn ending(&self, process: &Arc<Process>) -> thread::JoinHandle<()> {
        let (kernel, process) = (self.kernel.clone(), process.clone());
        thread::spawn(move || drop(kernel.finish(&process, &ExitReason::Killed)))
    }
}

#[test]
fn of_two_who_take_one_name_one_gets_it() {
    check(|| {
        let names = Names::new();
        let (a, b) = (names.process(), names.process());
        let (registry, pid) = (names.registry.clone(), b.pid);
        let other = thread::spawn(move || registry.register(pid, 1, ()));
        let mine = names.registry.register(a.pid, 1, ());
        let theirs = other.join().unwrap();
        assert_ne!(mine.is_ok(), theirs.is_ok());
        let holder = if mine.is_ok() { a.pid } else { b.pid };
        assert_eq!(names.registry.whereis(&1), Some(holder));
        let lost = if mine.is_ok() { theirs } else { mine };
        assert_eq!(lost, Err(Error::AlreadyRegistered(holder)));
    });
}

#[test]
fn a_name_taken_by_a_process_that_is_ending_does_not_stay() {
    check(|| {
        let names = Names::new();
        let a = names.process();
        let other = names.ending(&a);
        let taken = names.registry.register(a.pid, 1, ());
        other.join().unwrap();
        assert!(matches!(taken, Ok(()) | Err(Error::NoProcess)), "{taken:?}");
        assert_eq!((names.registry.whereis(&1), names.registry.count()), (None, 0));
        assert!(names.registry.keys(a.pid).is_empty());
    });
}

#[test]
fn a_name_whose_holder_is_ending_passes_to_the_next_and_stays_with_it() {
    check(|| {
        let names = Names::new();
        let (a, b) = (names.process(), names.process());
        names.registry.register(a.pid, 1, ()).unwrap();
        let other = names.ending(&a);
        let taken = names.registry.register(b.pid, 1, ());
        other.join().unwrap();
        match taken {
            Ok(()) => assert_eq!(names.registry.whereis(&1), Some(b.pid)),
            Err(Error::AlreadyRegistered(holder)) => {
                assert_eq!(holder, a.pid);
                assert_eq!(names.registry.whereis(&1), None);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(names.registry.count(), usize::from(taken.is_ok()));
    });
}

#[test]
fn after_the_down_of_its_holder_a_name_is_free() {
    check(|| {
        let names = Names::new();
        let (holder, watcher) = (names.process(), names.process());
        names.registry.register(holder.pid, 1, ()).unwrap();
        names.kernel.monitor(&watcher, holder.pid);
        let other = names.ending(&holder);
        if !drain(&watcher).is_empty() {
            // Not only hidden: nothing of it is left.
            assert_eq!((names.registry.count(), names.registry.keys(holder.pid).len()), (0, 0));
            assert_eq!(names.registry.whereis(&1), None, "told of the end, and still found");
            assert_eq!(
                names.registry.register(watcher.pid, 1, ()),
                Ok(()),
                "told of the end, and still held"
            );
        }
        other.join().unwrap();
        assert_ne!(names.registry.whereis(&1), Some(holder.pid));
    });
}

#[test]
fn a_name_given_back_while_its_holder_is_ending_is_given_back_once() {
    check(|| {
        let names = Names::new();
        let (holder, next, listener) = (names.process(), names.process(), names.listener());
        names.registry.register(holder.pid, 1, ()).unwrap();
        names.registry.listen(listener.pid);
        let other = names.ending(&holder);
        let given_back = names.registry.unregister(holder.pid, &1);
        // Given back by whomever, it may be taken, and what is left of the end takes it from nobody else.
        let taken = names.registry.register(next.pid, 1, ());
        assert!(taken.is_ok() || !given_back, "{taken:?}");
        other.join().unwrap();
        assert_eq!(names.registry.whereis(&1), taken.is_ok().then_some(next.pid));
        let unregistered = drain(&listener).len() - usize::from(taken.is_ok());
        assert_eq!(unregistered, 1, "told to be given back");
    });
}
