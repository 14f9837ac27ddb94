//! What can keep the server from running.

use std::io;
use std::net::SocketAddr;

use mnemon_tls::TlsError;

/// What to try when an address cannot be listened on.
fn bind_advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "free the port or choose another one",
        io::ErrorKind::AddrNotAvailable => "choose an address that this machine has, such as 127.0.0.1",
        io::ErrorKind::PermissionDenied => {
            "choose a port above 1023 or run with the right to open lower ones"
        }
        _ => "choose another address",
    }
}

/// Why a server did not start or stop as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RespError {
    /// The address cannot be listened on.
    #[error("cannot listen for RESP clients on {address}: {cause}; {advice}", advice = bind_advice(.cause))]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A process of the server did not start.
    #[error("the RESP server's processes did not start: {0}")]
    Process(String),
    /// An I/O thread or its runtime could not be made.
    #[error(
        "cannot start the I/O thread {name}: {cause}; lower the number of threads or raise the process's limits"
    )]
    Thread {
        /// The thread's name.
        name: String,
        /// What the operating system said.
        cause: io::Error,
    },
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Threads were still busy when the deadline of a shutdown had passed.
    #[error(
        "{busy} I/O threads were still busy {deadline_ms} ms after the shutdown began; they end with the process"
    )]
    ShutdownTimeout {
        /// How many.
        busy: usize,
        /// The deadline in milliseconds.
        deadline_ms: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_fits_the_cause() {
        let address: SocketAddr = "8.8.8.8:7070".parse().unwrap();
        let told = |kind: io::ErrorKind| RespError::Bind { address, cause: kind.into() }.to_string();
        assert!(told(io::ErrorKind::AddrInUse).contains("free the port"));
        assert!(told(io::ErrorKind::AddrNotAvailable).contains("that this machine has"));
    }
}
