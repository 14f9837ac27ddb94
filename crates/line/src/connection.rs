//! One client: a process that reads lines, answers them in order, and tells what its client has subscribed to.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use mnemon_otp::ExitReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bucket::{Bucket, Refusal};
use crate::buckets::{Buckets, CreateError};
use crate::command::Command;
use crate::feed::{Change, Feed};
use crate::framing::Lines;
use crate::server::Limits;

/// Replies are sent when this much has gathered, and else when no whole line waits.
const SEND_AT: usize = 32 << 10;

/// What the connection does after a command.
#[derive(PartialEq, Eq)]
enum After {
    GoOn,
    Close,
}

/// What has happened while no line was there.
enum Turn {
    /// Bytes have come, or the other side has ended.
    Read(usize),
    /// A change of a bucket, or the end of its feed.
    Told(Option<Change>),
}

/// A client's connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buckets: Buckets,
    limits: Limits,
    lines: Lines,
    out: Vec<u8>,
    /// What the client follows, by the bucket's name.
    feeds: Vec<(Box<[u8]>, Feed)>,
    /// The feed that is asked first, so that a busy one does not silence the others.
    turn: usize,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, buckets: Buckets, limits: Limits) -> Self {
        let lines = Lines::new(limits.max_line_bytes);
        Self { stream, buckets, limits, lines, out: Vec::new(), feeds: Vec::new(), turn: 0 }
    }

    /// Serves until the client goes, or something fails.
    pub(crate) async fn serve(mut self) -> ExitReason {
        loop {
            let after = self.answer().await;
            if !self.send().await || after == After::Close {
                return ExitReason::Normal;
            }
            match self.next().await {
                Ok(Turn::Read(0)) | Err(_) => return ExitReason::Normal,
                Ok(Turn::Read(_)) => {}
                Ok(Turn::Told(Some(change))) => change.write(&mut self.out),
                Ok(Turn::Told(None)) => {
                    // The bucket has ended, or more changes waited than may: the client must not think it heard all.
                    self.out.extend_from_slice(b"ERROR\r\n");
                    self.send().await;
                    return ExitReason::Normal;
                }
            }
        }
    }

    /// Answers the lines that have arrived.
    async fn answer(&mut self) -> After {
        loop {
            if self.out.len() >= SEND_AT && !self.send().await {
                return After::Close;
            }
            let Ok(line) = self.lines.next() else {
                self.out.extend_from_slice(b"ERROR\r\n");
                return After::Close;
            };
            let Some(line) = line else { return After::GoOn };
            let Some(command) = Command::parse(line) else {
                self.out.extend_from_slice(b"UNKNOWN COMMAND\r\n");
                continue;
            };
            let answered = match command {
                Command::Subscribe { bucket } => {
                    let limits = &self.limits;
                    subscribe(&self.buckets, limits, &mut self.feeds, bucket).await
                }
                other => execute(&self.buckets, other, &mut self.out).await,
            };
            match answered {
                Ok(()) => {}
                Err(Refusal::NotFound) => self.out.extend_from_slice(b"NOT FOUND\r\n"),
                Err(Refusal::Failed(cause)) => {
                    tracing::warn!(cause, "a line could not be carried out; its client is cut off");
                    self.out.extend_from_slice(b"ERROR\r\n");
                    return After::Close;
                }
            }
        }
    }

    /// Sends what has gathered; `false` where the client does not take it.
    async fn send(&mut self) -> bool {
        if self.out.is_empty() {
            return true;
        }
        let sent = tokio::time::timeout(self.limits.write_within, self.stream.write_all(&self.out)).await;
        self.out.clear();
        self.out.shrink_to(SEND_AT * 2);
        matches!(sent, Ok(Ok(())))
    }

    /// Waits for more of the client, or for a change it follows.
    async fn next(&mut self) -> std::io::Result<Turn> {
        let Self { stream, lines, feeds, turn, .. } = self;
        *turn = turn.wrapping_add(1);
        let first = *turn;
        let told = poll_fn(|cx| {
            for step in 0..feeds.len() {
                let at = (first + step) % feeds.len();
                if let Some((_, feed)) = feeds.get_mut(at)
                    && let Poll::Ready(change) = pin!(feed.next()).poll(cx)
                {
                    return Poll::Ready(change);
                }
            }
            Poll::Pending
        });
        tokio::select! {
            read = stream.read_buf(lines.room()) => read.map(Turn::Read),
            change = told => Ok(Turn::Told(change)),
        }
    }
}

async fn subscribe(
    buckets: &Buckets,
    limits: &Limits,
    feeds: &mut Vec<(Box<[u8]>, Feed)>,
    name: &[u8],
) -> Result<(), Refusal> {
    let bucket = buckets.find(name).ok_or(Refusal::NotFound)?;
    if feeds.iter().any(|(known, _)| **known == *name) {
        return Ok(());
    }
    if feeds.len() >= limits.max_subscriptions {
        return Err(Refusal::Failed("the client follows as many buckets as it may".to_owned()));
    }
    feeds.push((name.into(), bucket.subscribe(limits.subscriber_queue).await?));
    Ok(())
}

/// Carries out a command that answers at once.
async fn execute(buckets: &Buckets, command: Command<'_>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let find = |name: &[u8]| -> Result<Bucket, Refusal> { buckets.find(name).ok_or(Refusal::NotFound) };
    match command {
        Command::Create { bucket } => {
            buckets.create(bucket).await.map_err(|cause: CreateError| Refusal::Failed(cause.to_string()))?;
        }
        Command::Put { bucket, key, value } => find(bucket)?.put(key, value).await?,
        Command::Get { bucket, key } => {
            let value = find(bucket)?.get(key).await?;
            out.extend_from_slice(value.as_deref().unwrap_or_default());
            out.extend_from_slice(b"\r\n");
        }
        Command::Delete { bucket, key } => find(bucket)?.delete(key).await?,
        // Answered by what follows.
        Command::Subscribe { .. } => return Ok(()),
    }
    out.extend_from_slice(b"OK\r\n");
    Ok(())
}
