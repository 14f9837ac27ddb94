//! The bounds in force, which `CONFIG SET` changes while clients are served.
//!
//! A connection keeps the bounds it has seen last and looks for others once a batch, which costs one load.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::bounds::Bounds;

/// The bounds in force.
#[derive(Debug)]
pub(crate) struct Tuning {
    current: ArcSwap<Bounds>,
    /// Counts changes.
    epoch: AtomicU64,
    changing: Mutex<()>,
}

impl Tuning {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { current: ArcSwap::from_pointee(bounds), epoch: AtomicU64::new(0), changing: Mutex::new(()) }
    }

    /// The bounds now.
    pub(crate) fn bounds(&self) -> Arc<Bounds> {
        self.current.load_full()
    }

    /// How often they have changed.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Changes all at once or, when `change` refuses, nothing.
    ///
    /// # Errors
    /// What `change` says.
    pub(crate) fn change<E>(&self, change: impl FnOnce(&mut Bounds) -> Result<(), E>) -> Result<(), E> {
        let _changing = self.changing.lock();
        let mut bounds = Bounds::clone(&self.current.load());
        change(&mut bounds)?;
        self.current.store(Arc::new(bounds));
        self.epoch.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_change_changes_nothing() {
        let tuning = Tuning::new(Bounds::default());
        let refused = tuning.change(|bounds| {
            bounds.max_clients = 1;
            Err("no")
        });
        assert_eq!((refused, tuning.epoch(), tuning.bounds().max_clients), (Err("no"), 0, 10_000));
        let changed = tuning.change(|bounds| {
            bounds.max_clients = 1;
            Ok::<_, ()>(())
        });
        assert_eq!(changed, Ok(()));
        assert_eq!((tuning.epoch(), tuning.bounds().max_clients), (1, 1));
    }
}
