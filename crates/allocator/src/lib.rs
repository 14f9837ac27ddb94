//! The allocator of Mnemon's programs, and how long it keeps what was freed.
//!
//! A library leaves this choice to the program that it is in, so only binaries depend on this crate.

use std::ffi::c_long;
use std::{fs, io};

use libmimalloc_sys::{mi_option_get, mi_option_set_default, mi_option_t};

/// Rows are many small allocations from several threads, which this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An option of mimalloc 2 whose number the crate of its bindings does not name.
struct Setting {
    option: mi_option_t,
    /// What mimalloc has by itself.
    default: c_long,
    ours: c_long,
}

/// Milliseconds before freed memory may go back to the operating system: as long as jemalloc waits, and so Redis.
const PURGE_DELAY: Setting = Setting { option: 15, default: 10, ours: 10_000 };
/// Large stretches wait so many times as long.
const ARENA_PURGE_MULT: Setting = Setting { option: 24, default: 10, ours: 1 };

/// Lets freed memory be used again for ten seconds before the operating system gets it back. To be called first in `main`: with
/// other threads about it does nothing and gives `false`, as it does where the system does not tell their number. Who sets
/// `MIMALLOC_PURGE_DELAY`, in milliseconds, is obeyed.
///
/// By default it goes back after ten milliseconds. Under a snapshot, for one, the copies that writers make are freed together
/// when it closes; memory for the next ones had to be asked for page by page, which made up to a third of a write's time. When
/// the time is over it goes as memory is freed, not by a clock: a process that does nothing keeps it.
///
/// ```
/// mnemon_allocator::keep_freed_memory();
/// // What `main` is for.
/// ```
pub fn keep_freed_memory() -> bool {
    let threads = fs::read_dir("/proc/self/task").and_then(|tasks| tasks.collect::<io::Result<Vec<_>>>());
    let is_alone = threads.is_ok_and(|threads| threads.len() == 1);
    if is_alone && set(&PURGE_DELAY) {
        set(&ARENA_PURGE_MULT);
    }
    is_alone
}

/// Sets an option that nobody has set; whether it did.
#[expect(unsafe_code, reason = "worth a sixth of a write under a snapshot; there is no safe form")]
fn set(setting: &Setting) -> bool {
    // SAFETY: both functions want no other thread at work, which the caller has made sure of: who has none beside itself cannot
    // get one but by its own doing. They take any number for an option, and touch no memory but mimalloc's table of them and, if
    // that was not filled yet, the environment.
    unsafe {
        // Another default is another option's, of a mimalloc that numbers them otherwise.
        if mi_option_get(setting.option) == setting.default {
            mi_option_set_default(setting.option, setting.ours);
        }
        mi_option_get(setting.option) == setting.ours
    }
}
