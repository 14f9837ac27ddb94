//! What only a process of its own can show: the number of its threads decides.

#![expect(unsafe_code, reason = "what was set is told by the allocator alone")]

use libmimalloc_sys::mi_option_get;
use mnemon_allocator::keep_freed_memory;

/// The options that wait: for a part of a segment, and how many times as long for a whole one.
fn delays() -> [i64; 2] {
    // SAFETY: reads a number of a table, while no thread writes there.
    [15, 24].map(|option| unsafe { mi_option_get(option) })
}

fn main() {
    // Another mimalloc, with other numbers or defaults, is noticed here.
    assert_eq!(delays(), [10, 10], "mimalloc's defaults");
    let is_linux = cfg!(target_os = "linux");
    assert_eq!(keep_freed_memory(), is_linux);
    assert_eq!(delays(), if is_linux { [10_000, 1] } else { [10, 10] });
    let other = std::thread::spawn(keep_freed_memory);
    assert!(!other.join().expect("it does not panic"), "there was another thread");
}
