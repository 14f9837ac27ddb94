//! What only a process without other threads can show, so this is one without the test harness, which has some.

#![expect(unsafe_code, reason = "what was set is told by the allocator alone")]

use std::ffi::c_long;
use std::process::Command;

use libmimalloc_sys::mi_option_get;
use mnemon_allocator::keep_freed_memory;

const VARIABLE: &str = "MIMALLOC_PURGE_DELAY";

/// The delay of a purge, and how many times as long large stretches wait.
fn delays() -> [c_long; 2] {
    // SAFETY: it reads a number of a table, while no thread writes there.
    [15, 24].map(|option| unsafe { mi_option_get(option) })
}

fn main() {
    match std::env::var(VARIABLE) {
        Ok(delay) => what_a_user_has_set_stays(delay.parse().expect("a number")),
        Err(_) => {
            for delay in ["10", "50"] {
                let program = std::env::current_exe().expect("it has a name");
                let status = Command::new(program).env(VARIABLE, delay).status().expect("it starts");
                assert!(status.success(), "with a delay of {delay}");
            }
            freed_memory_is_kept_when_nobody_else_runs();
        }
    }
}

fn what_a_user_has_set_stays(delay: c_long) {
    keep_freed_memory();
    assert_eq!(delays(), [delay, 10]);
}

fn freed_memory_is_kept_when_nobody_else_runs() {
    // Another mimalloc, with other numbers or defaults, is noticed here.
    assert_eq!(delays(), [10, 10], "mimalloc's defaults");
    let is_linux = cfg!(target_os = "linux");
    assert_eq!(keep_freed_memory(), is_linux);
    assert_eq!(delays(), if is_linux { [10_000, 1] } else { [10, 10] });
    let other = std::thread::spawn(keep_freed_memory);
    assert!(!other.join().expect("it does not panic"), "there was another thread");
}
