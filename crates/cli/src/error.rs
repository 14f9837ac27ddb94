//! Why the program ends before its time.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
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
        "{0} can be reached from other machines and no password is set; set one (MNEMON_PASSWORD), listen on a loopback \
         address such as 127.0.0.1:{port}, or say --unprotected if the network itself is trusted", port = .0.port()
    )]
    Unprotected(SocketAddr),
    /// A node whose processes have ended for good.
    #[error("the node has failed: {0}; what was acknowledged is in its data directory, start it again")]
    Failed(String),
    /// A level of the log that cannot be.
    #[error("bad setting {from}: {cause}; write for example info or mnemon_resp=debug")]
    LogFilter {
        /// Who said it.
        from: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// A configuration file that cannot be read or holds what cannot be.
    #[error("configuration file {path}: {cause}", path = path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        cause: String,
    },
    /// A node that cannot be asked.
    #[error("cannot ask {url}: {cause}; is the node running, and is this its address?")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What happened.
        cause: String,
    },
    /// Certificates that cannot be trusted, as there are none.
    #[error("cannot tell whom to trust from {place}: {cause}; give a PEM file with certificates by --ca")]
    Trust {
        /// Where they should be.
        place: String,
        /// What is wrong.
        cause: String,
    },
    /// A connection that broke while an answer was awaited.
    #[error("lost the connection to {url}: {cause}; whether the last command was applied is unknown")]
    Lost {
        /// Where it went.
        url: String,
        /// What happened.
        cause: io::Error,
    },
    /// The terminal cannot be used.
    #[error("cannot use the terminal: {0}; try -c 'COMMAND', or give commands on stdin")]
    Terminal(String),
    /// A node that refuses.
    #[error("{0}")]
    Refused(String),
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
            Self::System(_) | Self::Refused(_) => 1,
            _ => 2,
        })
    }
}
