//! Connections that listen: subscribers of a channel, and idle ones that only are there.
//!
//! One thread reads for all of them, as the servers under measurement need the other processors.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::connections::{connect, read, runtime, write};
use crate::error::Error;

/// The channel that subscribers listen to.
pub(crate) const CHANNEL: &str = "news";
/// What is published.
pub(crate) const MESSAGE: [u8; 40] = [b'm'; 40];

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Subscribers that wait for a number of messages.
pub(crate) struct Audience {
    thread: JoinHandle<Result<(), Error>>,
}

impl Audience {
    /// Subscribes so many clients, and returns when all of them are told that they are.
    ///
    /// # Errors
    /// When a client cannot connect or is not subscribed.
    pub(crate) fn gather(port: u16, subscribers: u64, messages: u64) -> Result<Self, Error> {
        let runtime = runtime(port)?;
        let clients = runtime.block_on(async {
            let mut clients = Vec::new();
            for _ in 0..subscribers {
                clients.push(subscribe(port).await?);
            }
            Ok::<_, Error>(clients)
        })?;
        let whole = frame().len() as u64 * messages;
        Ok(Self { thread: std::thread::spawn(move || runtime.block_on(listen(port, clients, whole))) })
    }

    /// Waits until each subscriber has got every message.
    ///
    /// # Errors
    /// When a connection breaks, or not all have come in time.
    pub(crate) fn wait(self) -> Result<(), Error> {
        self.thread.join().unwrap_or_else(|_| Err(Error::Embedded("a subscriber panicked".to_owned())))
    }
}

/// A message as RESP2 has it.
fn frame() -> Vec<u8> {
    let head = format!("*3\r\n$7\r\nmessage\r\n${}\r\n{CHANNEL}\r\n${}\r\n", CHANNEL.len(), MESSAGE.len());
    [head.as_bytes(), &MESSAGE, b"\r\n"].concat()
}

async fn subscribe(port: u16) -> Result<TcpStream, Error> {
    let failed = |source| Error::Network { port, what: "cannot subscribe", source };
    let stream = connect(port).await?;
    let request = format!("*2\r\n$9\r\nSUBSCRIBE\r\n${}\r\n{CHANNEL}\r\n", CHANNEL.len());
    write(&stream, request.as_bytes()).await.map_err(failed)?;
    let answer = format!("*3\r\n$9\r\nsubscribe\r\n${}\r\n{CHANNEL}\r\n:1\r\n", CHANNEL.len());
    let got = read(&stream, answer.len() as u64).await.map_err(failed)?;
    if got == answer.as_bytes() {
        return Ok(stream);
    }
    let reply = String::from_utf8_lossy(&got).into_owned();
    Err(Error::Reply { port, request: "SUBSCRIBE", expected: "a confirmation", reply })
}

async fn listen(port: u16, clients: Vec<TcpStream>, whole: u64) -> Result<(), Error> {
    let failed = |source| Error::Network { port, what: "a subscriber missed messages", source };
    let last = frame();
    let mut reading = JoinSet::new();
    for client in clients {
        let last = last.clone();
        reading.spawn(async move {
            let end = read(&client, whole).await?;
            // Whole frames of the right length ended here, so the last bytes are those of a message.
            let tail = end.len().min(last.len());
            if end.ends_with(last.get(last.len() - tail..).unwrap_or_default()) {
                Ok(())
            } else {
                Err(io::Error::from(io::ErrorKind::InvalidData))
            }
        });
    }
    let all = async {
        while let Some(ended) = reading.join_next().await {
            ended.map_err(|stopped| failed(io::Error::other(stopped)))?.map_err(failed)?;
        }
        Ok(())
    };
    tokio::time::timeout(LIMIT, all).await.unwrap_or_else(|_| Err(failed(io::ErrorKind::TimedOut.into())))
}

/// Connections that say nothing until they are dropped.
pub(crate) struct Idle {
    // Dropped first: the streams belong to it.
    _streams: Vec<TcpStream>,
    _runtime: Runtime,
}

impl Idle {
    /// Opens so many; each has been answered a `PING`, so that the server has taken it.
    ///
    /// # Errors
    /// When one cannot be opened; a process may have too few file descriptors.
    pub(crate) fn open(port: u16, count: u64) -> Result<Self, Error> {
        let runtime = runtime(port)?;
        let failed = |source| Error::Network { port, what: "cannot keep an idle connection", source };
        let streams = runtime.block_on(async {
            let mut streams = Vec::new();
            for _ in 0..count {
                let stream = connect(port).await?;
                write(&stream, b"*1\r\n$4\r\nPING\r\n").await.map_err(failed)?;
                read(&stream, 7).await.map_err(failed)?;
                streams.push(stream);
            }
            Ok::<_, Error>(streams)
        })?;
        Ok(Self { _streams: streams, _runtime: runtime })
    }
}
