//! Why the program ends before its time.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use mnemon_node::NodeError;

/// What went wrong; each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CliError {
    /// A command line that cannot be.
    #[error("{0}; try 'mnemon --help'")]
    Usage(String),
    /// Others than this machine's programs could connect, and there is nothing that would stop them.
    #[error(
        "{0} can be reached from other machines and there are no passwords yet; listen on a loopback address such as \
         127.0.0.1:{port}, or say --unprotected if the network itself is trusted", port = .0.port()
    )]
    Unprotected(SocketAddr),
    /// `RUST_LOG` that cannot be.
    #[error("bad setting RUST_LOG: {0}; write for example info or mnemon_resp=debug")]
    LogFilter(String),
    /// The node did not start.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The runtime or its signal handlers could not be made.
    #[error("cannot start: {0}; raise the process's limits")]
    System(#[from] io::Error),
}

impl CliError {
    /// The exit status: 2 for what the caller can mend on the command line, else 1.
    pub(crate) fn status(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::System(_) => 1,
            Self::Usage(_) | Self::Unprotected(_) | Self::LogFilter(_) | Self::Node(_) => 2,
        })
    }
}
