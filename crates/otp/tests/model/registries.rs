//! Names taken and lost at once.

use std::sync::Arc;

use shuttle::thread;

use crate::check;
use crate::error::Error;
use crate::kernel::Kernel;
use crate::process::Process;
use crate::reason::ExitReason;
use crate::registry::Registry;

struct Names {
    kernel: Arc<Kernel>,
    registry: Registry<u8>,
}

impl Names {
    fn new() -> Self {
        let kernel = Arc::new(Kernel::new(16));
        Self { registry: Registry::over(kernel.clone(), true), kernel }
    }

    fn process(&self) -> Arc<Process> {
        self.kernel.table.insert(|pid| Process::new(pid, None, crate::ROLE, 2)).expect("room in the table")
    }

    fn ending(&self, process: &Arc<Process>) -> thread::JoinHandle<()> {
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
