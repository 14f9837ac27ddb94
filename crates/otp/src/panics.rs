//! Panics become exit reasons, with the place where they happened.
//!
//! Only a panic hook learns the place, and there is one hook a program. So one is installed, once, that acts on panics
//! inside processes alone: it notes the place for the thread, prints nothing (the crash is reported when the process
//! ends), and passes every other panic on to the hook that was there before. Where a program installs a hook of its own
//! later, reasons have no place and all else works.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Once};

use crate::reason::{ExitReason, PanicReport};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs the hook; once a program, however often it is called.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    // A hook cannot be installed by a thread that is panicking; the next system does it then.
    if std::thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if INSIDE.try_with(Cell::get).unwrap_or(false) {
                note(info);
            } else {
                previous(info);
            }
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let text = info.location().map(ToString::to_string);
    // A thread that is being torn down has no place to note it, which costs the place only.
    let _: Result<(), _> = LOCATION.try_with(|location| {
        if let Ok(mut location) = location.try_borrow_mut() {
            *location = text;
        }
    });
}

/// Runs `work`, the code of a process; a panic in it is the reason to end.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, ExitReason> {
    let outer = INSIDE.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(outer);
    outcome.map_err(|payload| {
        let location = LOCATION.take();
        ExitReason::Panic(Arc::new(PanicReport { message: message(&*payload), location }))
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_tells_its_message_and_place() {
        install_hook();
        let Err(ExitReason::Panic(report)) = catch(|| panic!("no {}", 7)) else { panic!("a panic expected") };
        assert_eq!(report.message, "no 7");
        assert!(report.location.as_deref().is_some_and(|place| place.contains("panics.rs:")));
        let again = catch(|| -> u8 { panic::resume_unwind(Box::new(5)) });
        let Err(ExitReason::Panic(report)) = again else { panic!("a panic expected") };
        assert_eq!(report.location, None, "the place of an earlier panic is not used again");
    }

    #[test]
    fn nested_catches_leave_the_outer_one_in_force() {
        install_hook();
        let outcome = catch(|| {
            assert!(catch(|| panic!("inner")).is_err());
            assert!(INSIDE.get());
            panic!("outer")
        });
        let Err(ExitReason::Panic(report)) = outcome else { panic!("a panic expected") };
        assert_eq!(report.message, "outer");
        assert!(!INSIDE.get());
    }
}
