//! Bytes to and from the socket, and messages that are pushed.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, OUTPUT_HIGH};
use crate::answer::write_message;
use crate::limit::Limit;
use crate::presence::{KEPT_ROOM, Order};
use crate::stats::ThreadStats;

/// Messages that one client may be given before others of its thread get their turn.
const BATCH_PUSHES: usize = 1_000;
/// A thread that has read so much looks whether rows take more memory than they may.
const WEIGH_EVERY: usize = 1 << 20;
/// Buffers that take no more than this are not counted among those of all clients.
const FEW_BYTES: usize = 128 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// As `poll_exchange`; `None` once the server stops and all that had arrived is answered.
    pub(super) fn poll_arrival(
        &mut self,
        context: &mut Context<'_>,
        hint: usize,
    ) -> Poll<io::Result<Option<usize>>> {
        let arrived = self.poll_exchange(context, hint)?;
        if arrived.is_pending() && self.session.presence().is_to_leave() {
            return Poll::Ready(Ok(None));
        }
        arrived.map(|count| Ok(Some(count)))
    }

    /// Writes what is pending and reads on. Gives the number of bytes read, 0 at the end of the stream.
    pub(super) fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        hint: usize,
    ) -> Poll<io::Result<usize>> {
        self.session.attend(context.waker());
        self.check_orders()?;
        let more = self.poll_pushes(context)?;
        let written = self.poll_write_all(context)?;
        if written.is_pending() && self.output.len() > OUTPUT_HIGH {
            return Poll::Pending;
        }
        if more && written.is_ready() {
            // Messages wait that had no room a moment ago.
            context.waker().wake_by_ref();
        }
        self.poll_read(context, hint)
    }

    /// Whether the connection is to end.
    ///
    /// # Errors
    /// It is.
    pub(super) fn check_orders(&self) -> io::Result<()> {
        let Some(order) = self.session.presence().ordered() else { return Ok(()) };
        let (limit, kind) = match order {
            Order::Kill => {
                tracing::info!(client = %self.session.presence().peer, "closed a client because another wanted it");
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Order::Overflow => (Limit::Output, io::ErrorKind::QuotaExceeded),
            Order::Stalled => (Limit::Stalled, io::ErrorKind::TimedOut),
            Order::Idle => (Limit::Idle, io::ErrorKind::TimedOut),
            Order::Evict => (Limit::ClientMemory, io::ErrorKind::OutOfMemory),
        };
        self.host.stats.limits.hit(limit, &self.session.presence().peer, self.host.heartbeat_ms());
        Err(kind.into())
    }

    pub(super) fn poll_read(&mut self, context: &mut Context<'_>, hint: usize) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(self.input.room(hint));
        let polled = Pin::new(&mut self.stream).poll_read(context, &mut room);
        let count = room.filled().len();
        self.input.arrived(count);
        self.note_buffers();
        ready!(polled)?;
        ThreadStats::count(&self.stats().bytes_in, count as u64);
        self.unweighed += count;
        if self.unweighed >= WEIGH_EVERY {
            self.unweighed = 0;
            if self.bounds.max_memory > 0 {
                self.host.weigh();
            }
        }
        Poll::Ready(Ok(count))
    }

    /// Takes over what subscriptions have to tell, as far as there is room; whether there may be more. Messages share
    /// their bytes until they are taken, so they wait; events of tables hold rows, so they are taken at once.
    pub(super) fn poll_pushes(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        if !self.session.has_pushes() {
            return Ok(false);
        }
        self.take_messages();
        for _ in 0..BATCH_PUSHES {
            if self.output.len() > OUTPUT_HIGH && self.session.subscriptions() == 0 {
                return Ok(true);
            }
            let Poll::Ready(push) = self.session.poll_push(context) else { return Ok(false) };
            push.write(self.session.version(), self.output.buffer());
            let hard = self.bounds.output_pubsub.hard;
            if hard > 0 && self.output.len() > hard {
                self.overflow()?;
            }
        }
        Ok(true)
    }

    /// Takes over all messages at once, where there is room for all; else they are taken one by one.
    fn take_messages(&mut self) {
        let hard = self.bounds.output_pubsub.hard;
        let most = if hard > 0 { hard.min(OUTPUT_HIGH) } else { OUTPUT_HIGH };
        let room = most.saturating_sub(self.output.len());
        if self.session.presence().take_messages(BATCH_PUSHES, room, &mut self.messages) {
            let (version, buffer) = (self.session.version(), self.output.buffer());
            self.messages.drain(..).for_each(|message| write_message(&message, version, buffer));
            self.messages.shrink_to(KEPT_ROOM);
        }
    }

    /// Writes until nothing is pending or the socket takes no more.
    pub(super) fn poll_write_all(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut total = 0;
        let done = loop {
            if self.output.len() == 0 {
                self.output.give_back();
                // TLS keeps a last record back until it is told.
                break Pin::new(&mut self.stream).poll_flush(context);
            }
            match Pin::new(&mut self.stream).poll_write(context, self.output.pending()) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.output.wrote(count);
                    total += count;
                }
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.output.settle();
                    break Poll::Pending;
                }
            }
        };
        if total > 0 {
            ThreadStats::count(&self.stats().bytes_out, total as u64);
        }
        self.note_stall(done.is_pending(), total > 0);
        if total > 0 {
            self.note_buffers();
        }
        done
    }

    /// Notes what the buffers take, once it is much, and makes room when those of all clients take too much.
    #[inline]
    pub(super) fn note_buffers(&mut self) {
        let held = self.input.held() + self.output.held();
        if held > FEW_BYTES || self.noted > 0 {
            self.note_many(if held > FEW_BYTES { held } else { 0 });
        }
    }

    fn note_many(&mut self, held: usize) {
        let grown = held > std::mem::replace(&mut self.noted, held);
        self.host.client_memory.note(self.session.presence(), held);
        if grown && self.bounds.client_bytes().is_some_and(|max| self.host.client_memory.held() as u64 > max)
        {
            self.host.evict_clients();
        }
    }

    /// Notes since when the client has taken nothing.
    fn note_stall(&mut self, pending: bool, progress: bool) {
        if !pending && !self.stalled {
            return;
        }
        let presence = self.session.presence();
        presence.pending.store(self.output.len(), Relaxed);
        if !pending {
            presence.stalled_since_ms.store(0, Relaxed);
        } else if progress || !self.stalled {
            presence.stalled_since_ms.store(self.host.heartbeat_ms().max(1), Relaxed);
        }
        self.stalled = pending;
    }

    /// Writes until at most `limit` bytes are pending.
    pub(super) async fn flush_below(&mut self, limit: usize) -> io::Result<()> {
        poll_fn(|context| {
            self.session.attend(context.waker());
            self.check_orders()?;
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
}
