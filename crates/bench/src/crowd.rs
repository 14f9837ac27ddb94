//! Clients that ask the same again and again and only count the bytes of the answers.
//!
//! A generator that takes large answers apart is slower than the servers that send them, and would measure itself.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::client::{Client, push_command};
use crate::connections::{connect, read_into, runtime, write};
use crate::error::Error;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Bytes read at once.
const PIECE: usize = 64 << 10;

/// Connected clients.
pub(crate) struct Crowd {
    streams: Vec<TcpStream>,
    runtime: Runtime,
    port: u16,
    request: Vec<u8>,
    /// Bytes of an answer.
    answer: u64,
}

impl Crowd {
    /// Connects so many, which will ask for `words`; asked now, to know how long the answer is.
    ///
    /// # Errors
    /// When one cannot connect, or the answer is an error.
    pub(crate) fn gather(port: u16, clients: u32, words: &[&str]) -> Result<Self, Error> {
        let mut request = Vec::new();
        push_command(&mut request, &words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
        let answer = Client::connect(port)?.answer_length(&request)?;
        let runtime = runtime(port)?;
        let streams = runtime.block_on(async {
            let mut streams = Vec::new();
            for _ in 0..clients {
                streams.push(connect(port).await?);
            }
            Ok::<_, Error>(streams)
        })?;
        Ok(Self { streams, runtime, port, request, answer })
    }

    /// Each client asks so many times, with so many questions under way.
    ///
    /// # Errors
    /// When a connection breaks, answers are longer than the first was, or not all have come in time.
    pub(crate) fn ask(self, batches: u64, pipeline: u32) -> Result<(), Error> {
        let Self { streams, runtime, port, request, answer } = self;
        let failed = |source| Error::Network { port, what: "an answer did not come", source };
        let questions = request.repeat(pipeline as usize);
        let answers = answer * u64::from(pipeline);
        let all = async {
            let mut asking = JoinSet::new();
            for stream in streams {
                let questions = questions.clone();
                asking.spawn(async move {
                    let mut piece = vec![0; PIECE];
                    for _ in 0..batches {
                        write(&stream, &questions).await?;
                        read_into(&stream, answers, &mut piece).await?;
                    }
                    io::Result::Ok(())
                });
            }
            while let Some(ended) = asking.join_next().await {
                ended.map_err(|stopped| failed(io::Error::other(stopped)))?.map_err(failed)?;
            }
            Ok(())
        };
        let timely = async { tokio::time::timeout(LIMIT, all).await };
        runtime.block_on(timely).unwrap_or_else(|_| Err(failed(io::ErrorKind::TimedOut.into())))
    }
}
