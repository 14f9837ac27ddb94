//! The threads of a log: the committer's and the preparer's.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use super::committer::{Committer, End};
use super::preparer::Preparer;
use super::shared::Shared;
use super::shift::{Post, Shift};
use crate::error::DiscError;

/// The threads. Dropping this closes the log and waits for what was appended to be durable.
#[derive(Debug)]
pub struct Workers {
    shared: Arc<Shared>,
    committer: Mutex<Seat>,
    /// `None`: no thread could be made, or it has ended for good.
    preparer: Mutex<Option<JoinHandle<()>>>,
}

/// Where the committer is.
#[derive(Debug)]
enum Seat {
    /// At work on a thread.
    Working(JoinHandle<End>),
    /// It has ended, with its failure if there was one.
    Ended(Result<(), DiscError>),
}

impl Workers {
    pub(crate) fn start(
        shared: Arc<Shared>,
        committer: Committer,
        preparer: Preparer,
    ) -> Result<Self, DiscError> {
        let preparer = Mutex::new(Some(spawn_preparer(preparer)?));
        let mut workers = Self { shared, committer: Mutex::new(Seat::Ended(Ok(()))), preparer };
        *workers.committer.get_mut() = Seat::Working(spawn(committer)?);
        Ok(workers)
    }

    /// The committer's present time at work, to be watched over: as long as a shift is held, it works; when the last one is
    /// dropped, it leaves its thread after the batch at hand. Whoever takes the next shift puts it on a new thread. What was
    /// appended meanwhile waits, and nothing is lost. Waits for the batch at hand.
    ///
    /// # Errors
    /// Why the log had failed, or that no thread could be made: `Io`.
    pub fn take_shift(&self) -> Result<Shift, DiscError> {
        let mut seat = self.committer.lock();
        let shift = Shift::new(self.shared.clone(), Post::Committer);
        if let Seat::Working(thread) = &*seat
            && (self.shared.is_recalled(Post::Committer) || thread.is_finished())
        {
            let ended = std::mem::replace(&mut *seat, Seat::Ended(Ok(())));
            *seat = match join(ended) {
                End::Recalled(committer) => {
                    self.shared.end_recall(Post::Committer);
                    // Without a thread it is lost, and the log with it.
                    Seat::Working(spawn(*committer).inspect_err(|cause| self.shared.fail(cause))?)
                }
                End::Done(outcome) => Seat::Ended(outcome),
            };
        }
        match &*seat {
            Seat::Working(_) => Ok(shift),
            Seat::Ended(Ok(())) => Err(DiscError::Closed),
            Seat::Ended(Err(cause)) => Err(DiscError::Poisoned { cause: cause.to_string().into() }),
        }
    }

    /// As [`take_shift`](Self::take_shift), of the one who keeps segments ready. While it is off its thread, commits go on as
    /// long as there is room in the segments that are ready. One that has panicked is replaced. Waits for the file at hand.
    ///
    /// # Errors
    /// `Poisoned`, `Closed`, or that no thread could be made: `Io`.
    pub fn take_preparer_shift(&self) -> Result<Shift, DiscError> {
        let mut seat = self.preparer.lock();
        let shift = Shift::new(self.shared.clone(), Post::Preparer);
        {
            let ledger = self.shared.ledger.lock();
            if let Some(cause) = &ledger.failure {
                return Err(DiscError::Poisoned { cause: cause.clone() });
            }
            if ledger.closing {
                return Err(DiscError::Closed);
            }
        }
        let is_off =
            |thread: &JoinHandle<()>| thread.is_finished() || self.shared.is_recalled(Post::Preparer);
        if seat.as_ref().is_none_or(is_off) {
            if let Some(thread) = seat.take() {
                // A panic was reported by the thread itself.
                let _ = thread.join();
            }
            self.shared.end_recall(Post::Preparer);
            *seat = Some(spawn_preparer(Preparer::over(self.shared.clone()))?);
        }
        Ok(shift)
    }

    /// Makes durable what was appended, says in the log that it was closed in order, and ends the threads. Waits for the
    /// disc as long as that takes.
    ///
    /// # Errors
    /// Why the log had failed.
    pub fn close(mut self) -> Result<(), DiscError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), DiscError> {
        self.shared.close();
        let seat = std::mem::replace(self.committer.get_mut(), Seat::Ended(Ok(())));
        let committed = match join(seat) {
            End::Done(outcome) => outcome,
            // Nobody has taken the next shift: the rest is done here.
            End::Recalled(committer) => {
                self.shared.end_recall(Post::Committer);
                match committer.run() {
                    End::Done(outcome) => outcome,
                    End::Recalled(_) => Ok(()),
                }
            }
        };
        if let Some(thread) = self.preparer.get_mut().take() {
            // A panic was reported by the thread itself.
            let _ = thread.join();
        }
        committed
    }
}

fn spawn(committer: Committer) -> Result<JoinHandle<End>, DiscError> {
    let started = thread::Builder::new().name("log-committer".to_owned()).spawn(move || committer.run());
    started.map_err(DiscError::io("start a thread for", "the log"))
}

fn spawn_preparer(preparer: Preparer) -> Result<JoinHandle<()>, DiscError> {
    let started = thread::Builder::new().name("log-preparer".to_owned()).spawn(move || preparer.run());
    started.map_err(DiscError::io("start a thread for", "the log"))
}

/// How the committer left its thread. A panic was reported by the thread itself, and has failed the log.
fn join(seat: Seat) -> End {
    match seat {
        Seat::Working(thread) => thread.join().unwrap_or(End::Done(Ok(()))),
        Seat::Ended(outcome) => End::Done(outcome),
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Whoever wants to know calls `close`.
        let _ = self.end();
    }
}
