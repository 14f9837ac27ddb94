//! The allocator of Mnemon's programs, and how long it keeps what was freed.
//!
//! A library leaves this choice to the program that it is in, so only binaries depend on this crate.

use std::ffi::c_long;

use libmimalloc_sys::{mi_option_get, mi_option_set, mi_option_t};

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

/// Milliseconds before freed memory goes back to the operating system: as long as jemalloc waits, and so Redis.
const PURGE_DELAY: Setting = Setting { option: 15, default: 10, ours: 10_000 };
/// Large stretches wait so many times as long.
const ARENA_PURGE_MULT: Setting = Setting { option: 24, default: 10, ours: 1 };

/// Lets freed memory be used again for ten seconds before the operating system gets it back. To be called first in `main`: with
/// other threads about it does nothing and gives `false`, as it does where the system does not tell their number. What
/// `MIMALLOC_PURGE_DELAY` and `MIMALLOC_ARENA_PURGE_MULT` say stays.
///
/// By default it goes back after ten milliseconds. Under a snapshot, for one, the copies that writers make are freed together
/// when it closes; memory for the next ones had to be asked for page by page, which made up to a third of a write's time.
///
/// ```
/// mnemon_allocator::keep_freed_memory();
/// // What `main` is for.
/// ```
pub fn keep_freed_memory() -> bool {
    let is_alone = std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1);
    if is_alone {
        set(&PURGE_DELAY);
        set(&ARENA_PURGE_MULT);
    }
    is_alone
}

#[expect(unsafe_code, reason = "worth a sixth of a write under a snapshot; there is no safe form")]
fn set(setting: &Setting) {
    // SAFETY: both functions want no other thread at work, which the caller has made sure of: who has none beside itself cannot
    // get one but by its own doing. They touch nothing but a table of mimalloc's, within its bounds.
    unsafe {
        // Another value is a user's, or another option's of a mimalloc that numbers them otherwise.
        if mi_option_get(setting.option) == setting.default {
            mi_option_set(setting.option, setting.ours);
        }
    }
}
