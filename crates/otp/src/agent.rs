//! Agents: a process around a state, reached with closures.

use std::fmt;
use std::time::Duration;

use crate::context::{Context, Me};
use crate::error::{Error, Result};
use crate::gen_server::{CALL_LIMIT, CallOutcome, GenServer, Init, Next, ReplyTo, ServerRef, Start};
use crate::kind::{ProcessKind, Role};
use crate::message::Payload;
use crate::pid::Pid;
use crate::reason::ExitReason;
use crate::system::System;

/// A state in a process of its own. Clones are the same agent.
///
/// Closures run one at a time, in the order they were sent, in the agent's process: a panic in one ends the agent and not
/// the caller, who is told.
///
/// ```
/// use mnemon_otp::{Agent, System};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let basket = Agent::start(&system, || vec!["eggs"]).await?;
/// basket.update(|items| items.push("milk")).await?;
/// assert_eq!(basket.get(|items| items.len()).await?, 2);
/// assert_eq!(basket.get_and_update(|items| items.pop()).await?, Some("milk"));
/// # Ok(())
/// # }
/// ```
pub struct Agent<T>(ServerRef<AgentServer<T>>);

impl<T> Clone for Agent<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Agent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Agent").field(&self.0).finish()
    }
}

type First<T> = Box<dyn FnOnce() -> T + Send>;
type Work<T> = Box<dyn FnOnce(&mut T) -> Payload + Send>;
type Errand<T> = Box<dyn FnOnce(&mut T) + Send>;

impl<T: Send + 'static> Agent<T> {
    /// How an agent with the state that `first` makes, in the agent's process, is to be started: with a name, in a
    /// registry, with a bound. [`of`](Self::of) makes an agent of what that starts.
    pub fn begin(first: impl FnOnce() -> T + Send + 'static) -> Start<AgentServer<T>> {
        let first: First<T> = Box::new(first);
        Start::new(first).role(Role::of::<T>(ProcessKind::Agent))
    }

    /// Starts an agent alone.
    ///
    /// # Errors
    /// As [`Start::start`].
    pub async fn start(system: &System, first: impl FnOnce() -> T + Send + 'static) -> Result<Self> {
        Self::begin(first).start(system).await.map(Self)
    }

    /// Starts an agent linked to `me`.
    ///
    /// # Errors
    /// As [`Start::start`].
    pub async fn start_link(me: &Me, first: impl FnOnce() -> T + Send + 'static) -> Result<Self> {
        Self::begin(first).start_link(me).await.map(Self)
    }

    /// The agent that a server is.
    #[must_use]
    pub fn of(server: ServerRef<AgentServer<T>>) -> Self {
        Self(server)
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    /// What `look` makes of the state.
    ///
    /// # Errors
    /// As [`ServerRef::call`].
    pub async fn get<R: Send + 'static>(&self, look: impl FnOnce(&T) -> R + Send + 'static) -> Result<R> {
        self.get_and_update_within(|state| look(state), CALL_LIMIT).await
    }

    /// Changes the state, and waits until it is changed.
    ///
    /// # Errors
    /// As [`ServerRef::call`].
    pub async fn update(&self, change: impl FnOnce(&mut T) + Send + 'static) -> Result<()> {
        self.get_and_update_within(change, CALL_LIMIT).await
    }

    /// Changes the state and returns what `work` does.
    ///
    /// # Errors
    /// As [`ServerRef::call`].
    pub async fn get_and_update<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R> {
        self.get_and_update_within(work, CALL_LIMIT).await
    }

    /// As [`get_and_update`](Self::get_and_update), with a limit of its own.
    ///
    /// # Errors
    /// As [`ServerRef::call`].
    pub async fn get_and_update_within<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
        limit: Duration,
    ) -> Result<R> {
        let work: Work<T> = Box::new(|state| Payload::new(work(state)));
        let answer = self.0.call_within(work, limit).await?;
        answer.downcast().map_err(|_| Error::NotSupported(self.pid()))
    }

    /// Changes the state some time later.
    ///
    /// # Errors
    /// As [`ServerRef::cast`].
    pub fn cast(&self, change: impl FnOnce(&mut T) + Send + 'static) -> Result<()> {
        self.0.cast(Box::new(change))
    }

    /// Ends it, after what was sent before.
    ///
    /// # Errors
    /// As [`ServerRef::stop`].
    pub async fn stop(&self, limit: Duration) -> Result<()> {
        self.0.stop(ExitReason::Normal, limit).await
    }
}

/// The server under an agent, for starting one in ways only [`Start`] knows.
pub struct AgentServer<T> {
    state: T,
}

impl<T: Send + 'static> GenServer for AgentServer<T> {
    type Args = First<T>;
    type Call = Work<T>;
    type Reply = Payload;
    type Cast = Errand<T>;
    type Continue = ();

    async fn init(first: First<T>, _: &mut Context) -> Init<Self> {
        Init::Ready(Self { state: first() })
    }

    async fn handle_call(
        &mut self,
        work: Work<T>,
        _: &ReplyTo<Payload>,
        _: &mut Context,
    ) -> CallOutcome<Self> {
        CallOutcome::reply(work(&mut self.state))
    }

    async fn handle_cast(&mut self, errand: Errand<T>, _: &mut Context) -> Next<Self> {
        errand(&mut self.state);
        Next::Wait
    }

    fn state_text(&self) -> String {
        std::any::type_name::<T>().to_owned()
    }
}
