//! What can go wrong while measuring. An absent peer is no error: it is reported and the rest goes on.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a measurement could not be made, and what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// A file or directory could not be read or written.
    #[error("{what} {path}: {source}")]
    File {
        /// What was being done, as a verb: `cannot read`.
        what: &'static str,
        /// The file it was done to.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start `{command}`: {source}; is it installed and executable?")]
    Spawn {
        /// The command line as a shell would take it.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The embedded engine refused what a benchmark asked of it.
    #[error(transparent)]
    Table(#[from] mnemon_table::TableError),
    /// A process of a benchmark was refused what it asked for.
    #[error(transparent)]
    Otp(#[from] mnemon_otp::Error),
    /// As `Table`, one layer below.
    #[error(transparent)]
    Store(#[from] mnemon_store::StoreError),
    /// An embedded measurement did not work out.
    #[error("{0}")]
    Embedded(String),
    /// A program ended with a failure.
    #[error("`{command}` ended with {status}: {output}")]
    Failed {
        /// The command line as a shell would take it.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed.
        output: String,
    },
    /// A program did not come to its end, or to readiness, in time.
    #[error("`{command}` was not {awaited} within {limit_ms} ms: {output}")]
    Late {
        /// The command line as a shell would take it.
        command: String,
        /// What was awaited: `ready`, `done`.
        awaited: &'static str,
        /// How long it was waited for.
        limit_ms: u128,
        /// The end of what it printed.
        output: String,
    },
    /// A program's output is not what this benchmark knows how to read.
    #[error("`{command}` printed what cannot be read as {expected}: {output}")]
    Output {
        /// The command line as a shell would take it.
        command: String,
        /// What was expected.
        expected: &'static str,
        /// What came instead.
        output: String,
    },
    /// The talk with a server broke.
    #[error("server at 127.0.0.1:{port}: {what}: {source}")]
    Network {
        /// The server's port.
        port: u16,
        /// What was being done.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A server answered something else than a benchmark of it can go on with.
    #[error("server at 127.0.0.1:{port} answered {reply:?} to {request}; expected {expected:?}")]
    Reply {
        /// The server's port.
        port: u16,
        /// The command sent.
        request: &'static str,
        /// What a working server answers.
        expected: &'static str,
        /// What it answered.
        reply: String,
    },
    /// `/proc` does not say what it should.
    #[error(
        "cannot read {what} from {path}: measurements of a process need Linux's /proc, and the process alive"
    )]
    Proc {
        /// The figure.
        what: &'static str,
        /// The file it should stand in.
        path: PathBuf,
    },
    /// Results could not be written.
    #[error("cannot write the results: {0}")]
    Results(#[from] io::Error),
}

/// The last of `text`, so that a message with a program's output stays readable.
pub(crate) fn tail(text: &[u8]) -> String {
    const LIMIT: usize = 1000;
    let start = text.len().saturating_sub(LIMIT);
    String::from_utf8_lossy(text.get(start..).unwrap_or_default()).trim().to_owned()
}
