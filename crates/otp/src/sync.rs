//! The locks and atomics of the kernel, under one name.
//!
//! The kernel's files take them from here only, so that the model test (`tests/model/main.rs`) can compile the same
//! files over the locks of a scheduler that tries many interleavings.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

pub(crate) use parking_lot::{Mutex, MutexGuard, RwLock};
