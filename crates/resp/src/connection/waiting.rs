//! What a connection does while it does not run commands: it waits for an answer, for the end of a pause, for its end.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::meter::Slow;
use super::{Connection, put};
use crate::answer::Answer;
use crate::session::Answering;

/// How long a connection that is to be closed may take to read its last answers.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// Bytes that are still taken from such a connection.
const CLOSE_DRAIN: usize = 16 << 20;
/// A pause is looked at anew after this long at the latest.
const PAUSE_STEP_MS: u64 = 10_000;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Waits for an answer, and gives its place in the output; `None`: it may not wait there to be read. What was answered before
    /// leaves meanwhile.
    pub(super) async fn wait_for(
        &mut self,
        mut answering: Answering,
        slow: Option<Slow>,
    ) -> io::Result<Option<usize>> {
        let at_once = poll_fn(|context| Poll::Ready(answering.as_mut().poll(context))).await;
        let answer: Answer = match at_once {
            Poll::Ready(answer) => answer,
            Poll::Pending => {
                self.session.presence().blocked.store(true, Relaxed);
                let answer = poll_fn(|context| {
                    self.session.attend(context.waker());
                    self.check_orders()?;
                    // A client that has gone shows at the next write; the answer is awaited in any case, since a commit
                    // that was submitted finishes.
                    let written = self.poll_write_all(context);
                    match (answering.as_mut().poll(context), written) {
                        (Poll::Ready(answer), _) => Poll::Ready(Ok(answer)),
                        (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
                        (Poll::Pending, _) => Poll::Pending,
                    }
                })
                .await;
                self.session.presence().blocked.store(false, Relaxed);
                answer?
            }
        };
        self.meter.end_later(slow, &self.session, &answer, self.stats(), &self.bounds);
        let first = self.output.end();
        Ok(put(&answer, &self.session, &mut self.output, &self.bounds).then_some(first))
    }

    /// Waits until clients may go on. What was answered before leaves meanwhile.
    pub(super) async fn wait_out_pause(&mut self) -> io::Result<()> {
        let host = self.host.clone();
        self.session.presence().blocked.store(true, Relaxed);
        loop {
            // Made before the look, so that no change slips in between.
            let changed = host.pause.changed();
            let left_ms = host.pause.left_ms(host.now_ms());
            if left_ms == 0 {
                break;
            }
            let left = Duration::from_millis(left_ms.min(PAUSE_STEP_MS));
            let mut step = pin!(tokio::time::timeout(left, changed));
            poll_fn(|context| {
                self.session.attend(context.waker());
                self.check_orders()?;
                self.poll_pushes(context)?;
                // What cannot be written yet waits on.
                let _ = self.poll_write_all(context)?;
                step.as_mut().poll(context).map(|_| io::Result::Ok(()))
            })
            .await?;
        }
        self.session.presence().blocked.store(false, Relaxed);
        Ok(())
    }

    /// Writes the last answers. If more has arrived than was run, waits, not for ever, until the client has hung up: to
    /// close a socket on unread bytes resets the connection, and the client might never see why.
    pub(super) async fn say_goodbye(&mut self) -> io::Result<()> {
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
