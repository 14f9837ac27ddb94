//! A server: a process that owns a state, answers calls one at a time, and takes casts.
//!
//! Here stands what a server has to say, as OTP's callbacks; [`serving`] is the loop that asks it, [`starting`] starts it
//! and [`server_ref`] speaks to it.

mod caught;
mod server_ref;
mod serving;
mod starting;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::context::Context;
use crate::message::Message;
use crate::reason::ExitReason;
use crate::slot::{Filler, Guard};

pub(crate) use caught::Caught;
pub use server_ref::{CALL_LIMIT, ServerRef};
pub use starting::Start;

/// A server: OTP's `gen_server`, with typed calls and casts.
///
/// One message is handled at a time, in the order of arrival; a handler may await. A panic in a handler ends the process
/// with [`ExitReason::Panic`], after `terminate`. A server that does not trap exits ends without `terminate` when an exit
/// signal comes; one that does gets them in `handle_info`, except that the exit of its parent ends it, with `terminate`.
///
/// ```
/// use mnemon_otp::{CallOutcome, Context, GenServer, Init, Next, ReplyTo, ServerRef, System};
///
/// struct Counter(i64);
///
/// impl GenServer for Counter {
///     type Args = i64;
///     type Call = ();
///     type Reply = i64;
///     type Cast = i64;
///     type Continue = ();
///
///     async fn init(start: i64, _: &mut Context) -> Init<Self> {
///         Init::Ready(Self(start))
///     }
///     async fn handle_call(&mut self, (): (), _: &ReplyTo<i64>, _: &mut Context) -> CallOutcome<Self> {
///         CallOutcome::reply(self.0)
///     }
///     async fn handle_cast(&mut self, by: i64, _: &mut Context) -> Next<Self> {
///         self.0 += by;
///         Next::Wait
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let counter = ServerRef::<Counter>::start(&system, 40).await?;
/// counter.cast(2)?;
/// assert_eq!(counter.call(()).await?, 42);
/// # Ok(())
/// # }
/// ```
pub trait GenServer: Sized + Send + 'static {
    /// What `init` is given.
    type Args: Send + 'static;
    /// What can be asked. An enum where there are several questions.
    type Call: Send + 'static;
    /// What is answered.
    type Reply: Send + 'static;
    /// What can be told without an answer.
    type Cast: Send + 'static;
    /// What can be left to do before the next message.
    type Continue: Send + 'static;

    /// Makes the state. Who starts the server waits for it.
    fn init(args: Self::Args, ctx: &mut Context) -> impl Future<Output = Init<Self>> + Send;

    /// Answers a call, or keeps a clone of `from` to answer later.
    fn handle_call(
        &mut self,
        call: Self::Call,
        from: &ReplyTo<Self::Reply>,
        ctx: &mut Context,
    ) -> impl Future<Output = CallOutcome<Self>> + Send;

    /// Takes a cast. By default it is logged and dropped.
    fn handle_cast(
        &mut self,
        cast: Self::Cast,
        ctx: &mut Context,
    ) -> impl Future<Output = Next<Self>> + Send {
        let pid = ctx.pid();
        drop(cast);
        async move {
            tracing::warn!(%pid, "a cast came to a server that handles none");
            Next::Wait
        }
    }

    /// Takes any other message: exits, downs, timers, an idle [`Info::Timeout`], what was sent with `send`. By default
    /// it is logged and dropped.
    fn handle_info(&mut self, info: Info, ctx: &mut Context) -> impl Future<Output = Next<Self>> + Send {
        let pid = ctx.pid();
        async move {
            tracing::warn!(%pid, ?info, "a message came to a server that handles none");
            Next::Wait
        }
    }

    /// Does what `init` or a handler left to do, before the next message.
    fn handle_continue(
        &mut self,
        left: Self::Continue,
        _: &mut Context,
    ) -> impl Future<Output = Next<Self>> + Send {
        drop(left);
        async { Next::Wait }
    }

    /// Tidies up. Not called where an exit signal ends a server that does not trap them.
    fn terminate(&mut self, _reason: &ExitReason, _: &mut Context) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// The state in words, for those who look inside; by default the name of its type. A state that is `Debug` can say
    /// `format!("{self:?}")`.
    fn state_text(&self) -> String {
        std::any::type_name::<Self>().to_owned()
    }
}

/// What `init` may answer.
pub enum Init<S: GenServer> {
    /// The server is ready.
    Ready(S),
    /// Ready, with something left to do before the first message; who started it does not wait for that.
    Continue(S, S::Continue),
    /// Ready; [`Info::Timeout`] comes if no message does for this long.
    Timeout(S, Duration),
    /// It cannot start: [`Error::Start`](crate::Error::Start) for who starts it.
    Stop(ExitReason),
    /// It is not to be started, and that is no failure: [`Error::Ignored`](crate::Error::Ignored).
    Ignore,
}

/// What a handler wants next.
pub enum Next<S: GenServer> {
    /// The next message.
    Wait,
    /// The next message, or [`Info::Timeout`] if none comes for this long.
    Timeout(Duration),
    /// `handle_continue` before the next message.
    Continue(S::Continue),
    /// The end, after `terminate`.
    Stop(ExitReason),
}

impl<S: GenServer> fmt::Debug for Next<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait => f.write_str("Wait"),
            Self::Timeout(limit) => f.debug_tuple("Timeout").field(limit).finish(),
            Self::Continue(_) => f.write_str("Continue"),
            Self::Stop(reason) => f.debug_tuple("Stop").field(reason).finish(),
        }
    }
}

/// The outcome of a call: an answer, or none yet, and what comes next.
pub struct CallOutcome<S: GenServer> {
    pub(crate) reply: Option<S::Reply>,
    pub(crate) next: Next<S>,
}

impl<S: GenServer> CallOutcome<S> {
    /// Answers.
    pub fn reply(reply: S::Reply) -> Self {
        Self { reply: Some(reply), next: Next::Wait }
    }

    /// Does not answer yet: a clone of `from` will. Where none does, the caller waits until its limit.
    #[must_use]
    pub fn no_reply() -> Self {
        Self { reply: None, next: Next::Wait }
    }

    /// And then this.
    #[must_use]
    pub fn then(mut self, next: Next<S>) -> Self {
        self.next = next;
        self
    }

    /// And then the end. The answer, if there is one, is given first.
    #[must_use]
    pub fn stop(self, reason: ExitReason) -> Self {
        self.then(Next::Stop(reason))
    }
}

/// A message that is neither call nor cast.
#[derive(Debug)]
pub enum Info {
    /// No message came for as long as a handler had asked.
    Timeout,
    /// What came.
    Message(Message),
}

/// Where the answer to a call goes. Clones may be kept and given away; the first answer counts, and one that comes when
/// the caller no longer waits is dropped.
pub struct ReplyTo<R>(Filler<R>);

impl<R> Clone for ReplyTo<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R> ReplyTo<R> {
    /// Answers; `false` where nobody waits any more.
    pub fn reply(&self, reply: R) -> bool {
        self.0.fill(reply)
    }

    /// Whether the caller still waits.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.0.is_awaited()
    }
}

impl<R> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo").field("awaited", &self.is_awaited()).finish()
    }
}

/// What travels to a server.
pub(crate) enum Request<S: GenServer> {
    Call(S::Call, Guard<S::Reply>),
    Cast(S::Cast),
}
