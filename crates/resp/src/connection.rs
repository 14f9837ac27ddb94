//! One client's socket: reads, runs what has arrived, writes the answers of a batch at once.
//!
//! What must stay true: answers leave in the order of their commands; a request that is alone costs one read and one
//! write; a client that does not read is not read from either, and one that is pushed to is cut off; nobody holds the
//! I/O thread for longer than a batch.

mod input;
mod output;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::host::Host;
use crate::protocol::{Limits, Parser, Progress};
use crate::session::{Answering, Execution, Session};
use crate::stats::ThreadStats;
use input::Input;
use output::Output;

/// Commands that one client may run before others of its thread get their turn.
const BATCH_COMMANDS: u64 = 1_000;
/// While more than this waits to be written, nothing more is run.
const OUTPUT_HIGH: usize = 1 << 20;
/// A subscriber that lets more than this pile up is cut off.
const PUSHED_MAX: usize = 32 << 20;
/// How long a connection that is to be closed may take to read its last answers.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// Bytes that are still taken from such a connection.
const CLOSE_DRAIN: usize = 16 << 20;

/// One client.
pub(crate) struct Connection {
    stream: TcpStream,
    session: Session,
    parser: Parser,
    input: Input,
    output: Output,
    host: Arc<Host>,
    thread: usize,
    /// Clients must authenticate, so the parser has to know whether this one has.
    guarded: bool,
}

/// Why a batch has ended.
enum Turn {
    /// The next command is not whole; so many bytes are worth reading.
    Starved(usize),
    /// It is somebody else's turn, or too much waits to be written.
    Pause,
    /// A command waits for others.
    Later(Answering),
    /// The connection ends.
    Close,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, host: Arc<Host>, thread: usize, limits: Limits) -> Self {
        let peer = stream.peer_addr().map_or_else(|_| "?".to_owned(), |peer| peer.to_string());
        let session = Session::new(host.clone(), peer);
        let mut parser = Parser::new(limits);
        parser.set_authenticated(session.is_authenticated());
        let guarded = !session.is_authenticated();
        let (input, output) = (Input::default(), Output::default());
        Self { stream, session, parser, input, output, host, thread, guarded }
    }

    /// Serves the client until it goes or is sent away.
    pub(crate) async fn serve(mut self) {
        // How it ended concerns nobody: the client sees it, and the operating system has no more to tell.
        let _ = self.turns().await;
    }

    async fn turns(&mut self) -> io::Result<()> {
        loop {
            match self.run_batch() {
                Turn::Starved(hint) => {
                    if poll_fn(|context| self.poll_exchange(context, hint)).await? == 0 {
                        return Ok(());
                    }
                }
                Turn::Pause => {
                    self.flush_below(OUTPUT_HIGH).await?;
                    tokio::task::yield_now().await;
                }
                Turn::Later(answering) => self.wait_for(answering).await?,
                Turn::Close => return self.say_goodbye().await,
            }
        }
    }

    /// Runs whole commands that have arrived.
    fn run_batch(&mut self) -> Turn {
        let Self { session, parser, input, output, .. } = self;
        let mut commands = 0;
        let turn = loop {
            if commands >= BATCH_COMMANDS || output.len() > OUTPUT_HIGH {
                break Turn::Pause;
            }
            let unread = input.unread();
            match parser.advance(unread) {
                Ok(Progress::Command { consumed }) => {
                    commands += 1;
                    let execution = session.execute(parser.args(unread));
                    input.consume(consumed);
                    if self.guarded {
                        parser.set_authenticated(session.is_authenticated());
                    }
                    match execution {
                        Execution::Done(answer) => answer.write(session.version(), &mut output.bytes),
                        Execution::Later(answering) => break Turn::Later(answering),
                    }
                    if session.is_closing() {
                        break Turn::Close;
                    }
                }
                Ok(Progress::Incomplete { consumed, hint }) => {
                    input.consume(consumed);
                    break Turn::Starved(hint);
                }
                Err(error) => {
                    error.write_reply(&mut output.bytes);
                    break Turn::Close;
                }
            }
        };
        ThreadStats::count(&self.stats().commands, commands);
        turn
    }

    fn stats(&self) -> &ThreadStats {
        self.host.stats.thread(self.thread)
    }

    /// Writes what is pending and reads on. Gives the number of bytes read, 0 at the end of the stream.
    fn poll_exchange(&mut self, context: &mut Context<'_>, hint: usize) -> Poll<io::Result<usize>> {
        self.poll_pushes(context)?;
        if self.poll_write_all(context)?.is_pending() && self.output.len() > OUTPUT_HIGH {
            return Poll::Pending;
        }
        self.poll_read(context, hint)
    }

    fn poll_read(&mut self, context: &mut Context<'_>, hint: usize) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(self.input.room(hint));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut room))?;
        let count = room.filled().len();
        self.input.arrived(count);
        ThreadStats::count(&self.stats().bytes_in, count as u64);
        Poll::Ready(Ok(count))
    }

    /// Takes over what subscriptions have to tell.
    fn poll_pushes(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.session.subscriptions() == 0 {
            return Ok(());
        }
        let mut taken = 0;
        while let Poll::Ready(push) = self.session.poll_push(context) {
            push.write(self.session.version(), &mut self.output.bytes);
            if self.output.len() > PUSHED_MAX {
                self.stats().overflowed.fetch_add(1, Relaxed);
                tracing::warn!(
                    client = self.session.id(),
                    "cut off a subscriber that does not read its events"
                );
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
            taken += 1;
            if taken == BATCH_COMMANDS {
                context.waker().wake_by_ref();
                break;
            }
        }
        Ok(())
    }

    /// Writes until nothing is pending or the socket takes no more.
    fn poll_write_all(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut total = 0;
        let done = loop {
            if self.output.len() == 0 {
                break Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.stream).poll_write(context, self.output.pending()) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.output.wrote(count);
                    total += count;
                }
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        if total > 0 {
            ThreadStats::count(&self.stats().bytes_out, total as u64);
        }
        done
    }

    /// Writes until at most `limit` bytes are pending.
    async fn flush_below(&mut self, limit: usize) -> io::Result<()> {
        poll_fn(|context| {
            self.poll_pushes(context)?;
            let written = self.poll_write_all(context)?;
            if written.is_pending() && self.output.len() > limit {
                Poll::Pending
            } else {
                Poll::Ready(Ok(()))
            }
        })
        .await
    }

    /// Waits for an answer. What was answered before leaves meanwhile.
    async fn wait_for(&mut self, mut answering: Answering) -> io::Result<()> {
        let at_once = poll_fn(|context| Poll::Ready(answering.as_mut().poll(context))).await;
        let answer: Answer = match at_once {
            Poll::Ready(answer) => answer,
            Poll::Pending => {
                poll_fn(|context| {
                    // A client that has gone shows at the next write; the answer is awaited in any case, since a commit
                    // that was submitted finishes.
                    let written = self.poll_write_all(context);
                    match (answering.as_mut().poll(context), written) {
                        (Poll::Ready(answer), _) => Poll::Ready(Ok(answer)),
                        (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
                        (Poll::Pending, _) => Poll::Pending,
                    }
                })
                .await?
            }
        };
        answer.write(self.session.version(), &mut self.output.bytes);
        Ok(())
    }

    /// Writes the last answers. If more has arrived than was run, waits, not for ever, until the client has hung up: to
    /// close a socket on unread bytes resets the connection, and the client might never see why.
    async fn say_goodbye(&mut self) -> io::Result<()> {
        let goodbye = async {
            self.flush_below(0).await?;
            poll_fn(|context| Pin::new(&mut self.stream).poll_shutdown(context)).await?;
            let mut taken = if self.input.unread().is_empty() { CLOSE_DRAIN } else { 0 };
            while taken < CLOSE_DRAIN {
                self.input.consume(usize::MAX);
                match poll_fn(|context| self.poll_read(context, 1)).await? {
                    0 => break,
                    count => taken += count,
                }
            }
            Ok(())
        };
        match tokio::time::timeout(CLOSE_WITHIN, goodbye).await {
            Ok(said) => said,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stats().connected.fetch_sub(1, Relaxed);
    }
}
