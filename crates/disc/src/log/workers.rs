//! The threads of a log: the committer's and the preparer's.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::committer::Committer;
use super::preparer::Preparer;
use super::shared::Shared;
use crate::error::DiscError;

/// The threads. Dropping this closes the log and waits for what was appended to be durable.
#[derive(Debug)]
pub struct Workers {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<Result<(), DiscError>>>,
    preparer: Option<JoinHandle<()>>,
}

impl Workers {
    pub(crate) fn start(
        shared: Arc<Shared>,
        committer: Committer,
        preparer: Preparer,
    ) -> Result<Self, DiscError> {
        let mut workers = Self { shared, committer: None, preparer: None };
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        let started = thread("log-preparer").spawn(move || preparer.run());
        workers.preparer = Some(started.map_err(DiscError::io("start a thread for", "the log"))?);
        let started = thread("log-committer").spawn(move || committer.run());
        workers.committer = Some(started.map_err(DiscError::io("start a thread for", "the log"))?);
        Ok(workers)
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
        // A panic was reported by the thread itself; the committer's has failed the log as well.
        let committed = self.committer.take().map_or(Ok(()), |thread| thread.join().unwrap_or(Ok(())));
        if let Some(thread) = self.preparer.take() {
            let _ = thread.join();
        }
        committed
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Whoever wants to know calls `close`.
        let _ = self.end();
    }
}
