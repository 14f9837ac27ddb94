//! One client's socket: reads, runs what has arrived, writes the answers of a batch at once.
//!
//! What must stay true: answers leave in the order of their commands; a request that is alone costs one read and one
//! write; a client that does not read is not read from either, and is cut off in the end; nobody holds the I/O thread for
//! longer than a batch; a plain command costs no lock and no reading of the clock here.

mod durable;
mod exchange;
mod input;
mod meter;
mod output;
mod waiting;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::answer::Answer;
use crate::bounds::Bounds;
use crate::command;
use crate::host::Host;
use crate::limit::Limit;
use crate::presence::Message;
use crate::protocol::{Limits, Parser, Progress};
use crate::server::Place;
use crate::session::{Answering, Execution, Session};
use crate::stats::ThreadStats;
use input::Input;
use meter::{Meter, Slow};
use output::Output;

/// While more than this waits to be written, nothing more is run.
const OUTPUT_HIGH: usize = 1 << 20;
/// Bytes that are read of one client before others of its thread get their turn: long requests come in many reads.
const TURN_BYTES: usize = 1 << 20;

/// One client, over a socket or over TLS on a socket.
pub(crate) struct Connection<S> {
    stream: S,
    session: Session,
    parser: Parser,
    input: Input,
    output: Output,
    /// Messages on their way from the mailbox to the output; empty between two looks.
    messages: VecDeque<Message>,
    host: Arc<Host>,
    place: Place,
    /// Clients must authenticate, so the parser has to know whether this one has.
    guarded: bool,
    meter: Meter,
    limits: Limits,
    /// The bounds in force, as of `epoch`.
    bounds: Arc<Bounds>,
    epoch: u64,
    /// Bytes read since memory was weighed.
    unweighed: usize,
    /// The client took nothing when it was written to last.
    stalled: bool,
    /// What the client's buffers take, as it was noted last.
    noted: usize,
    /// When its thread has seen it last, for [`Coalescing`](crate::coalescing::Coalescing).
    seen: u64,
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        if self.noted > 0 {
            self.host.client_memory.note(self.session.presence(), 0);
        }
    }
}

/// Why a batch has ended.
enum Turn {
    /// The next command is not whole; so many bytes are worth reading.
    Starved(usize),
    /// It is somebody else's turn, or too much waits to be written.
    Pause,
    /// Clients are to wait before they go on.
    Paused,
    /// A command waits for others.
    Later(Answering, Option<Slow>),
    /// The connection ends once all is written.
    Close,
    /// Too much waits for the client.
    Overflow,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// `ends` are the client's address and the one it has connected to.
    pub(crate) fn new(stream: S, ends: [String; 2], place: Place, limits: Limits) -> Self {
        let host = place.host.clone();
        let session = Session::between(host.clone(), place.client, Some(place.number), ends);
        let guarded = !session.is_authenticated();
        let mut connection = Self {
            stream,
            session,
            parser: Parser::new(limits),
            input: Input::default(),
            output: Output::default(),
            messages: VecDeque::new(),
            place,
            guarded,
            meter: Meter::default(),
            limits,
            bounds: host.bounds(),
            epoch: host.tuning.epoch(),
            unweighed: 0,
            stalled: false,
            noted: 0,
            seen: 0,
            host,
        };
        connection.take_over_bounds();
        connection
    }

    /// Serves the client until it goes or is sent away.
    pub(crate) async fn serve(mut self) {
        // How it ended concerns nobody: the client sees it, and the operating system has no more to tell.
        let _ = self.turns().await;
    }

    async fn turns(&mut self) -> io::Result<()> {
        let mut unshared = 0;
        loop {
            let first = self.output.end();
            let turn = self.run_batch();
            self.show();
            self.note_buffers();
            if !self.wait_until_durable(first).await? {
                return self.say_goodbye().await;
            }
            match turn {
                Turn::Starved(hint) => match poll_fn(|context| self.poll_arrival(context, hint)).await? {
                    None => return self.say_goodbye().await,
                    Some(0) => return Ok(()),
                    Some(count) => {
                        unshared += count;
                        if unshared >= TURN_BYTES {
                            unshared = 0;
                            tokio::task::yield_now().await;
                        }
                    }
                },
                Turn::Pause => {
                    self.flush_below(OUTPUT_HIGH).await?;
                    tokio::task::yield_now().await;
                }
                Turn::Paused => self.wait_out_pause().await?,
                Turn::Later(answering, slow) => {
                    let Some(first) = self.wait_for(answering, slow).await? else {
                        return self.overflow();
                    };
                    // It has looked at rows until now, whatever was durable when it began.
                    self.session.touch_rows();
                    if !self.wait_until_durable(first).await? {
                        return self.say_goodbye().await;
                    }
                }
                Turn::Close => return self.say_goodbye().await,
                Turn::Overflow => return self.overflow(),
            }
        }
    }

    /// Runs whole commands that have arrived.
    fn run_batch(&mut self) -> Turn {
        if self.epoch != self.host.tuning.epoch() {
            self.take_over_bounds();
        }
        let Self { session, parser, input, output, host, place, meter, bounds, seen, .. } = self;
        let stats = place.stats();
        session.begin_batch();
        let (mut commands, mut looked_at) = (0, 0);
        let turn = loop {
            if commands >= bounds.batch_commands || output.len() > OUTPUT_HIGH {
                break Turn::Pause;
            }
            let unread = input.unread();
            if commands >= looked_at && commands > 0 && !unread.is_empty() {
                looked_at = commands + session.look_ahead(unread);
            }
            match parser.advance(unread) {
                Ok(Progress::Command { consumed }) => {
                    let args = parser.args(unread);
                    if host.pause.is_on() && session.must_wait(args) {
                        // The bytes stay, so that the command is found again.
                        break Turn::Paused;
                    }
                    commands += 1;
                    let found = command::find_place(args.name());
                    let timing = meter.begin(found, consumed, bounds);
                    let execution = session.execute_found(found, args);
                    let slow = meter.end(timing, session, args, &execution, stats, bounds);
                    input.consume(consumed);
                    if self.guarded {
                        parser.set_authenticated(session.is_authenticated());
                    }
                    match execution {
                        Execution::Done(answer) => {
                            if !put(&answer, session, output, bounds) {
                                break Turn::Overflow;
                            }
                        }
                        Execution::Later(answering) => break Turn::Later(answering, slow),
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
                    host.stats.limits.hit(Limit::Request, &session.presence().peer, host.heartbeat_ms());
                    error.write_reply(output.buffer());
                    break Turn::Close;
                }
            }
        };
        ThreadStats::count(&stats.commands, commands);
        if commands > 0 {
            stats.coalescing.serve(seen);
        }
        if let Some(lookups) = session.lookups().take() {
            ThreadStats::count(&stats.hits, lookups.hits);
            ThreadStats::count(&stats.misses, lookups.misses);
        }
        turn
    }

    /// Takes over bounds that have changed.
    #[cold]
    fn take_over_bounds(&mut self) {
        self.epoch = self.host.tuning.epoch();
        self.bounds = self.host.bounds();
        let (bounds, limits) = (&self.bounds, &mut self.limits);
        (limits.max_bulk_len, limits.max_request_len) = (bounds.max_bulk_len, bounds.max_request_len);
        self.parser.set_limits(*limits);
        self.parser.set_authenticated(self.session.is_authenticated());
    }

    /// Shows others how the client stands.
    fn show(&self) {
        self.session.show();
        let presence = self.session.presence();
        presence.unread.store(self.input.unread().len(), Relaxed);
        presence.pending.store(self.output.len(), Relaxed);
    }

    fn stats(&self) -> &ThreadStats {
        self.place.stats()
    }

    fn overflow(&self) -> io::Result<()> {
        self.host.stats.limits.hit(Limit::Output, &self.session.presence().peer, self.host.heartbeat_ms());
        Err(io::ErrorKind::QuotaExceeded.into())
    }
}

/// Appends an answer to what waits to be written; whether so much may wait.
#[inline]
fn put(answer: &Answer, session: &Session, output: &mut Output, bounds: &Bounds) -> bool {
    let hard = if session.has_pushes() { bounds.output_pubsub.hard } else { bounds.output_normal.hard };
    if hard > 0 {
        let weight = match answer {
            Answer::Body(row) => row.body().len(),
            Answer::Key(row) => row.key().len(),
            Answer::All(_) | Answer::Several(_) | Answer::Hash(..) => answer.weight(),
            _ => 0,
        };
        if output.len().saturating_add(weight) > hard {
            return false;
        }
    }
    answer.write(session.version(), output.buffer());
    hard == 0 || output.len() <= hard
}
