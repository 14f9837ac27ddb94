//! Event managers: events of one type, told to handlers that come and go.

mod managing;
mod stream;

use std::fmt;
use std::time::Duration;

use crate::context::Me;
use crate::error::{Error, Result};
use crate::gen_server::{CALL_LIMIT, ServerRef, Start};
use crate::kind::{ProcessKind, Role};
use crate::message::Payload;
use crate::pid::Pid;
use crate::reason::ExitReason;
use crate::system::System;

pub use managing::ManagerServer;
use managing::{Answer, Order};
pub use stream::{EventStream, Streamed};

/// What hears the events of a manager: OTP's `gen_event` callbacks. Handlers run one after the other in the manager's
/// process, so a slow one delays all; one that panics is removed alone.
pub trait EventHandler<E>: Send + 'static {
    /// Takes an event.
    fn handle_event(&mut self, event: &E, me: &Me) -> Handled;

    /// Answers a request made to this handler. By default there is no answer.
    fn handle_call(&mut self, request: Payload, me: &Me) -> Option<Payload> {
        let (_, _) = (request, me);
        None
    }

    /// Tidies up.
    fn terminate(&mut self, why: &ExitReason) {
        let _ = why;
    }
}

/// What becomes of a handler after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It stays.
    Keep,
    /// It is removed, with the reason `normal`.
    Remove,
}

/// What the owner of a handler added by [`add_mon_handler`](EventManager::add_mon_handler) is sent when the handler is
/// removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerGone {
    /// The handler's name.
    pub handler: String,
    /// Whose it was.
    pub manager: Pid,
    /// Why it was removed.
    pub reason: ExitReason,
}

/// A manager of events of the type `E`. Clones are the same manager.
///
/// ```
/// use mnemon_otp::{EventHandler, EventManager, Handled, Me, System};
/// use std::sync::mpsc::{Sender, channel};
///
/// struct Tell(Sender<u8>);
///
/// impl EventHandler<u8> for Tell {
///     fn handle_event(&mut self, event: &u8, _: &Me) -> Handled {
///         if self.0.send(*event).is_ok() { Handled::Keep } else { Handled::Remove }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let manager = EventManager::start(&system).await?;
/// let (sender, receiver) = channel();
/// manager.add_handler("tell", Tell(sender)).await?;
/// manager.sync_notify(7).await?;
/// assert_eq!(receiver.try_recv(), Ok(7));
/// # Ok(())
/// # }
/// ```
pub struct EventManager<E>(ServerRef<ManagerServer<E>>);

impl<E> Clone for EventManager<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> fmt::Debug for EventManager<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventManager").field(&self.0).finish()
    }
}

impl<E: Send + Sync + 'static> EventManager<E> {
    /// How a manager is to be started: with a name, in a registry, with a bound. [`of`](Self::of) makes a manager of what
    /// that starts.
    #[must_use]
    pub fn begin() -> Start<ManagerServer<E>> {
        Start::new(()).role(Role::of::<E>(ProcessKind::EventManager))
    }

    /// Starts a manager without handlers.
    ///
    /// # Errors
    /// As [`Start::start`].
    pub async fn start(system: &System) -> Result<Self> {
        Self::begin().start(system).await.map(Self)
    }

    /// Starts a manager linked to `me`.
    ///
    /// # Errors
    /// As [`Start::start`].
    pub async fn start_link(me: &Me) -> Result<Self> {
        Self::begin().start_link(me).await.map(Self)
    }

    /// The manager that a server is.
    #[must_use]
    pub fn of(server: ServerRef<ManagerServer<E>>) -> Self {
        Self(server)
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    /// Adds a handler under a name of its own, behind those there are.
    ///
    /// # Errors
    /// [`Error::HandlerPresent`].
    pub async fn add_handler(&self, name: impl Into<String>, handler: impl EventHandler<E>) -> Result<()> {
        self.order(Order::Add(name.into(), Box::new(handler), None)).await.map(drop)
    }

    /// Adds a handler that is removed when `owner` ends; when it is removed for another cause, `owner` is sent
    /// [`HandlerGone`]. OTP's `add_sup_handler`, with a monitor in place of the link.
    ///
    /// # Errors
    /// [`Error::HandlerPresent`].
    pub async fn add_mon_handler(
        &self,
        owner: Pid,
        name: impl Into<String>,
        handler: impl EventHandler<E>,
    ) -> Result<()> {
        self.order(Order::Add(name.into(), Box::new(handler), Some(owner))).await.map(drop)
    }

    /// Removes a handler, after its `terminate`.
    ///
    /// # Errors
    /// [`Error::HandlerNotFound`].
    pub async fn delete_handler(&self, name: &str) -> Result<()> {
        self.order(Order::Delete(name.to_owned())).await.map(drop)
    }

    /// The names of the handlers, in the order they were added.
    ///
    /// # Errors
    /// As [`ServerRef::call`].
    pub async fn which_handlers(&self) -> Result<Vec<String>> {
        match self.order(Order::Which).await? {
            Answer::Names(names) => Ok(names),
            _ => Ok(Vec::new()),
        }
    }

    /// Tells an event, and does not wait for the handlers.
    ///
    /// # Errors
    /// As [`ServerRef::cast`].
    pub fn notify(&self, event: E) -> Result<()> {
        self.0.cast(event)
    }

    /// Tells an event, and waits until all handlers have taken it.
    ///
    /// # Errors
    /// As [`ServerRef::call`].
    pub async fn sync_notify(&self, event: E) -> Result<()> {
        self.order(Order::Notify(event)).await.map(drop)
    }

    /// Asks one handler.
    ///
    /// # Errors
    /// [`Error::HandlerNotFound`]; [`Error::NotSupported`] where it has no answer; as [`ServerRef::call`].
    pub async fn call<R: Send + 'static>(
        &self,
        name: &str,
        request: impl Send + 'static,
        limit: Duration,
    ) -> Result<R> {
        let order = Order::Call(name.to_owned(), Payload::new(request));
        match self.0.call_within(order, limit).await?? {
            Answer::Payload(answer) => answer.downcast().map_err(|_| Error::NotSupported(self.pid())),
            _ => Err(Error::NotSupported(self.pid())),
        }
    }

    /// The events from now on, for code that takes them one by one. At most `capacity` wait; one that is too slow is told
    /// how many it missed, and delays nobody. Dropping the stream ends it.
    ///
    /// # Errors
    /// As [`ServerRef::call`].
    pub async fn stream(&self, capacity: usize) -> Result<EventStream<E>>
    where
        E: Clone,
    {
        let (handler, stream) = stream::pair(capacity);
        self.order(Order::AddStream(Box::new(handler))).await?;
        Ok(stream)
    }

    /// Ends the manager; its handlers are terminated.
    ///
    /// # Errors
    /// As [`ServerRef::stop`].
    pub async fn stop(&self, limit: Duration) -> Result<()> {
        self.0.stop(ExitReason::Normal, limit).await
    }

    async fn order(&self, order: Order<E>) -> Result<Answer> {
        self.0.call_within(order, CALL_LIMIT).await?
    }
}
