//! How far a long change of a table is, and whether it shall go on.
//!
//! What must stay true: a change ends either cancelled or decided, never both, however late the one comes who cancels it;
//! what is cancelled is taken back by whoever makes the change.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::error::StoreError;

const GOING: u8 = 0;
const CANCELLED: u8 = 1;
const DECIDED: u8 = 2;

/// The course of one change: advanced by who makes it, watched and cancelled by others.
#[derive(Debug, Default)]
pub struct Course {
    phase: Mutex<&'static str>,
    done: AtomicU64,
    total: AtomicU64,
    state: AtomicU8,
}

/// Where a change is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CourseProgress {
    /// What is being done.
    pub phase: &'static str,
    /// Rows of it that are done.
    pub done: u64,
    /// Of about so many: rows may come and go meanwhile. 0 where none are counted.
    pub total: u64,
}

impl Course {
    /// Begins a part of the change, over so many rows.
    pub fn enter(&self, phase: &'static str, total: u64) {
        let mut now = self.phase.lock();
        *now = phase;
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Some more rows are done.
    pub fn advance(&self, rows: u64) {
        self.done.fetch_add(rows, Ordering::Relaxed);
    }

    /// To be asked by who makes the change, every some hundred rows.
    ///
    /// # Errors
    /// `Cancelled`: what was done is to be taken back.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.is_cancelled() { Err(StoreError::Cancelled) } else { Ok(()) }
    }

    /// To be asked right before the change takes effect: from here on nobody can cancel it. May be asked again.
    ///
    /// # Errors
    /// `Cancelled`.
    pub fn decide(&self) -> Result<(), StoreError> {
        match self.state.compare_exchange(GOING, DECIDED, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) | Err(DECIDED) => Ok(()),
            Err(_) => Err(StoreError::Cancelled),
        }
    }

    /// Cancels the change. Gives whether it will be taken back; if not, it has been decided.
    pub fn cancel(&self) -> bool {
        let before = self.state.compare_exchange(GOING, CANCELLED, Ordering::SeqCst, Ordering::SeqCst);
        !matches!(before, Err(DECIDED))
    }

    /// Whether it was cancelled in time.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.state.load(Ordering::SeqCst) == CANCELLED
    }

    /// Where it is.
    #[must_use]
    pub fn progress(&self) -> CourseProgress {
        let phase = self.phase.lock();
        CourseProgress {
            phase: *phase,
            done: self.done.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_cancelled_or_decided_and_stays_so() {
        let cancelled = Course::default();
        assert!(cancelled.check().is_ok() && cancelled.cancel() && cancelled.cancel());
        assert_eq!(
            (cancelled.check(), cancelled.decide()),
            (Err(StoreError::Cancelled), Err(StoreError::Cancelled))
        );
        let decided = Course::default();
        assert!(decided.decide().is_ok() && !decided.cancel());
        assert_eq!((decided.check(), decided.decide(), decided.is_cancelled()), (Ok(()), Ok(()), false));
    }
}
