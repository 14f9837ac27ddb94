//! A server under measurement: any program that speaks RESP on a loopback port. Started, awaited, observed, stopped.
//!
//! Which program it is and how it is called stands in [`Launch`]; the measurements know no difference between Mnemon and a
//! peer.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use crate::client::Client;
use crate::clock::Deadline;
use crate::command::{CommandLine, Running};
use crate::error::{Error, tail};
use crate::process;
use crate::scratch::Scratch;

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(15);

/// Another process may take the free port between its choice and the server's start; then another port is tried.
const START_ATTEMPTS: u32 = 3;

/// How a server is started; the port is put in where an argument holds `PORT`.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The program; an absolute path, as it is started in a directory of its own.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
}

impl Launch {
    /// The call with `port` put in; a word instead of a number makes a description.
    pub(crate) fn command(&self, port: &str) -> CommandLine {
        CommandLine::new(&self.program, self.arguments.iter().map(|argument| argument.replace("PORT", port)))
    }
}

/// A running server that answers; it is killed when the value is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Running,
    port: u16,
    // Dropped after the child, so that the server has ended when its directory goes.
    _scratch: Scratch,
}

impl Server {
    /// Starts a server on a free loopback port and returns once it answers `PING`.
    ///
    /// # Errors
    /// When it cannot be started, ends by itself or does not answer in time; the error carries the end of its output.
    pub(crate) fn start(launch: &Launch) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            match Self::try_start(launch) {
                Err(Error::Failed { .. }) if attempt < START_ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn try_start(launch: &Launch) -> Result<Self, Error> {
        let scratch = Scratch::new("server")?;
        let log = scratch.path().join("server.log");
        let port = free_port()?;
        let command = launch.command(&port.to_string());
        let mut child = Running(command.spawn(scratch.path(), &log)?);
        let deadline = Deadline::after(START_LIMIT);
        let ready = deadline.wait_for(|| {
            let ended =
                child.0.try_wait().map_err(|source| Error::Spawn { command: command.to_string(), source })?;
            if let Some(status) = ended {
                let output = tail(&fs::read(&log).unwrap_or_default());
                return Err(Error::Failed { command: command.to_string(), status, output });
            }
            // Refused or answered otherwise: not ready yet.
            Ok(Client::connect(port).and_then(|mut client| client.ping()).ok())
        })?;
        if ready.is_none() {
            let output = tail(&fs::read(&log).unwrap_or_default());
            let limit_ms = deadline.limit().as_millis();
            return Err(Error::Late { command: command.to_string(), awaited: "ready", limit_ms, output });
        }
        Ok(Self { child, port, _scratch: scratch })
    }

    /// The port it answers on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// CPU time its threads have used so far, in µs.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn cpu_us(&self) -> Result<u64, Error> {
        process::cpu_us(self.child.0.id())
    }

    /// Its resident memory, in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn resident_bytes(&self) -> Result<u64, Error> {
        process::resident_bytes(self.child.0.id())
    }
}

fn free_port() -> Result<u16, Error> {
    let failed = |source| Error::Network { port: 0, what: "cannot find a free port", source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::redis::Redis;

    #[test]
    fn a_server_is_ready_when_started_and_gone_when_dropped() {
        let redis = Redis::find();
        let Some(redis) = redis.present() else {
            assert!(std::env::var_os("MNEMON_REQUIRE_PEERS").is_none(), "redis-server is required here");
            return;
        };
        let server = Server::start(&redis.launch).unwrap();
        Client::connect(server.port()).unwrap().fill(0..1000).unwrap();
        assert!(server.resident_bytes().unwrap() > 1_000_000);
        let port = server.port();
        drop(server);
        assert!(Client::connect(port).is_err());
    }

    #[test]
    fn a_server_that_ends_by_itself_is_an_error_with_its_output() {
        let arguments = vec!["-c".to_owned(), "echo no port PORT; exit 2".to_owned()];
        let error = Server::start(&Launch { program: "/bin/sh".into(), arguments }).unwrap_err();
        assert!(matches!(error, Error::Failed { .. }), "{error}");
        assert!(error.to_string().contains("no port"), "{error}");
    }
}
