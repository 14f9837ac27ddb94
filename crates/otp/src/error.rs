//! What can go wrong, in words that say what to try.

use std::time::Duration;

use crate::pid::Pid;
use crate::reason::ExitReason;

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation of this crate failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The process addressed has ended, or never was.
    #[error("no such process: it has ended; look its name up again")]
    NoProcess,
    /// The mailbox holds as many messages as it may, and stayed so while there was time.
    #[error("the mailbox of {pid} is full ({capacity} messages): send slower, or wait for room")]
    MailboxFull {
        /// Whose mailbox.
        pid: Pid,
        /// How many messages it holds at most.
        capacity: u32,
    },
    /// No answer in time. Whether the request was or will be carried out is not known.
    #[error("no answer within {0:?}; the request may still be carried out")]
    Timeout(Duration),
    /// The process ended before it answered.
    #[error("the process ended before it answered: {0}")]
    Exit(ExitReason),
    /// A process could not be started: its `init` said so, panicked or was too late.
    #[error("the process did not start: {0}")]
    Start(ExitReason),
    /// `init` asked to be left out.
    #[error("the process asked not to be started (ignore)")]
    Ignored,
    /// The name belongs to a process already.
    #[error("already started as {0}")]
    AlreadyStarted(Pid),
    /// The key belongs to a process already, in a registry of unique keys.
    #[error("the key is taken by {0}")]
    AlreadyRegistered(Pid),
    /// As many processes live as the system may have.
    #[error("the system has its {0} processes; raise `max_processes` or end some")]
    TooManyProcesses(u32),
    /// As many timers run as the system may have.
    #[error("the system has its {0} timers; raise `max_timers` or cancel some")]
    TooManyTimers(usize),
    /// The process does not answer this request: it is no behaviour, or one of another type.
    #[error("{0} does not answer this kind of request")]
    NotSupported(Pid),
    /// The supervisor has no child of this id.
    #[error("no child `{0}`; `which_children` lists them")]
    ChildNotFound(String),
    /// The supervisor has the specification of a child of this id.
    #[error("child `{0}` is specified already: restart it, or delete it first")]
    ChildPresent(String),
    /// The child runs.
    #[error("child `{0}` runs: terminate it first")]
    ChildRunning(String),
    /// A dynamic supervisor has as many children as it may.
    #[error("the supervisor has its {0} children")]
    TooManyChildren(usize),
    /// An event manager has no such handler.
    #[error("no handler `{0}` is installed")]
    HandlerNotFound(String),
    /// An event manager has a handler of this name.
    #[error("handler `{0}` is installed already")]
    HandlerPresent(String),
    /// No application of this name was loaded.
    #[error("application `{0}` is not loaded")]
    ApplicationNotLoaded(String),
    /// The application runs.
    #[error("application `{0}` is already started")]
    ApplicationAlreadyStarted(String),
    /// The application does not run, or one it depends on does not.
    #[error("application `{0}` is not started; `ensure_all_started` starts what it needs")]
    ApplicationNotStarted(String),
    /// Applications depend on one another in a circle.
    #[error("application `{0}` depends on itself")]
    ApplicationCycle(String),
}

impl Error {
    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::NoProcess
                | Self::MailboxFull { .. }
                | Self::Timeout(_)
                | Self::Exit(_)
                | Self::TooManyProcesses(_)
                | Self::TooManyTimers(_)
        )
    }
}

impl From<Error> for ExitReason {
    fn from(error: Error) -> Self {
        match error {
            Error::NoProcess => Self::NoProcess,
            Error::Timeout(_) => Self::Timeout,
            Error::Exit(reason) | Error::Start(reason) => reason,
            other => Self::error(other.to_string()),
        }
    }
}
