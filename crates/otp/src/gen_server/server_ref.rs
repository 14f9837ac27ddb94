//! Speaking to a server: calls, casts, stopping it.

use std::borrow::Borrow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::{GenServer, Request, Start};
use crate::context::Me;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::message::Payload;
use crate::pid::Pid;
use crate::process::{Process, Refused};
use crate::reason::ExitReason;
use crate::registry::{Key, Registry};
use crate::slot::slot;
use crate::sys::{self, SysRequest};
use crate::system::{System, Watching, post, post_within};
use crate::timer::moment_after;

/// How long a call waits unless told otherwise: OTP's 5,000 ms.
pub const CALL_LIMIT: Duration = Duration::from_secs(5);

/// A server that runs, or ran. Clones are the same server; holding one does not keep it alive.
pub struct ServerRef<S> {
    kernel: Arc<Kernel>,
    process: Arc<Process>,
    server: PhantomData<fn() -> S>,
}

impl<S> Clone for ServerRef<S> {
    fn clone(&self) -> Self {
        Self { kernel: self.kernel.clone(), process: self.process.clone(), server: PhantomData }
    }
}

impl<S> fmt::Debug for ServerRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerRef({})", self.process.pid)
    }
}

/// A caller's limit and the moment it runs out.
#[derive(Clone, Copy)]
struct Deadline {
    limit: Duration,
    at: Instant,
}

impl Deadline {
    fn after(limit: Duration) -> Self {
        Self { limit, at: moment_after(limit) }
    }

    /// Sends what did not go at once, if room comes in time.
    async fn send(&self, process: &Process, refused: Refused) -> Result<()> {
        let Refused::Full(payload) = refused else { return Err(Error::NoProcess) };
        let left = self.at.saturating_duration_since(Instant::now());
        post_within(process, payload, left).await
    }

    /// The server is ending: it says why in a moment.
    async fn reason(&self, kernel: &Kernel, process: &Arc<Process>) -> Error {
        match tokio::time::timeout_at(self.at, Watching::over(kernel, process.clone())).await {
            Ok(reason) => Error::Exit(reason),
            Err(_) => Error::Timeout(self.limit),
        }
    }
}

impl<S: GenServer> ServerRef<S> {
    pub(crate) fn over(kernel: Arc<Kernel>, process: Arc<Process>) -> Self {
        Self { kernel, process, server: PhantomData }
    }

    /// Starts a server alone; [`Start`] knows more ways.
    ///
    /// # Errors
    /// As [`Start::start`].
    pub async fn start(system: &System, args: S::Args) -> Result<Self> {
        Start::new(args).start(system).await
    }

    /// Starts a server linked to `me`.
    ///
    /// # Errors
    /// As [`Start::start`].
    pub async fn start_link(me: &Me, args: S::Args) -> Result<Self> {
        Start::new(args).start_link(me).await
    }

    /// The server that `pid` is. That it is one of type `S` is the caller's word: another type takes a call for a message
    /// it does not know, and the call is not answered.
    ///
    /// # Errors
    /// [`Error::NoProcess`].
    pub fn of(system: &System, pid: Pid) -> Result<Self> {
        Ok(Self::over(system.shared_kernel(), system.find(pid)?))
    }

    /// The server that has the name `name` in the system now.
    ///
    /// # Errors
    /// [`Error::NoProcess`] where nobody has it.
    pub fn named(system: &System, name: &str) -> Result<Self> {
        let process = system.names().first(name).ok_or(Error::NoProcess)?;
        Ok(Self::over(system.shared_kernel(), process))
    }

    /// The server that has the key in the registry now.
    ///
    /// # Errors
    /// [`Error::NoProcess`] where nobody has it.
    pub fn via<K, V, Q>(registry: &Registry<K, V>, key: &Q) -> Result<Self>
    where
        K: Key + Borrow<Q>,
        V: Clone + Send + Sync + 'static,
        Q: Eq + Hash + ?Sized,
    {
        let process = registry.first(key).ok_or(Error::NoProcess)?;
        Ok(Self::over(registry.kernel(), process))
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.process.pid
    }

    /// Whether it lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// Asks, and waits up to [`CALL_LIMIT`] for the answer. An answer that comes later is dropped and troubles no one.
    ///
    /// # Errors
    /// [`Error::NoProcess`] where the server has ended before, [`Error::Exit`] where it ends before it answers,
    /// [`Error::Timeout`], [`Error::MailboxFull`] where no room came in time. OTP ends the caller in these cases; here the
    /// caller decides, and `?` in the body of a process does the same.
    pub async fn call(&self, call: S::Call) -> Result<S::Reply> {
        self.call_within(call, CALL_LIMIT).await
    }

    /// As [`call`](Self::call) with a limit of its own, which counts for room in the mailbox and for the answer together.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_within(&self, call: S::Call, limit: Duration) -> Result<S::Reply> {
        let (guard, mut taker) = slot();
        let deadline = Deadline::after(limit);
        let request = Payload::new(Request::<S>::Call(call, guard));
        if let Err(refused) = self.process.post(request) {
            // Boxed, as below: rare, and a caller would carry its size around.
            Box::pin(deadline.send(&self.process, refused)).await?;
        }
        let mut timer = pin!(tokio::time::sleep_until(deadline.at));
        let answer = poll_fn(|cx| {
            if let Poll::Ready(answer) = taker.poll_take(cx) {
                return Poll::Ready(Ok(answer));
            }
            ready!(timer.as_mut().poll(cx));
            Poll::Ready(Err(Error::Timeout(deadline.limit)))
        });
        if let Some(answer) = answer.await? {
            return Ok(answer);
        }
        Err(Box::pin(deadline.reason(&self.kernel, &self.process)).await)
    }

    /// Tells, without an answer, and without waiting.
    ///
    /// # Errors
    /// [`Error::NoProcess`] and [`Error::MailboxFull`], which OTP's cast would keep to itself; who wants OTP's silence
    /// drops the result.
    pub fn cast(&self, cast: S::Cast) -> Result<()> {
        post(&self.process, Payload::new(Request::<S>::Cast(cast)))
    }

    /// As [`cast`](Self::cast), waiting up to `limit` for room in the mailbox.
    ///
    /// # Errors
    /// [`Error::NoProcess`]; [`Error::MailboxFull`] where no room came in time.
    pub async fn cast_within(&self, cast: S::Cast, limit: Duration) -> Result<()> {
        post_within(&self.process, Payload::new(Request::<S>::Cast(cast)), limit).await
    }

    /// Ends it with `reason`, after `terminate`, once it has finished the message at hand; waits for that up to `limit`.
    ///
    /// # Errors
    /// [`Error::NoProcess`]; [`Error::Timeout`]; [`Error::Exit`] where it ended with another reason.
    pub async fn stop(&self, reason: ExitReason, limit: Duration) -> Result<()> {
        let end = Watching::over(&self.kernel, self.process.clone());
        let deadline = moment_after(limit);
        sys::ask(&self.kernel, &self.process, limit, |asker| SysRequest::Stop(reason.clone(), asker)).await?;
        match tokio::time::timeout_at(deadline, end).await {
            Ok(end) if end == reason => Ok(()),
            Ok(end) => Err(Error::Exit(end)),
            Err(_) => Err(Error::Timeout(limit)),
        }
    }
}
