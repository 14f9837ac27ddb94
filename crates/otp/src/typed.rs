//! Processes that take messages of one type: an address that sends nothing else, an inbox that sorts.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use crate::context::{Context, Me};
use crate::error::Result;
use crate::kind::Role;
use crate::message::{Message, Payload};
use crate::pid::Pid;
use crate::process::Process;
use crate::reason::IntoExit;
use crate::spawning::SpawnOptions;
use crate::system::{System, post, post_within};

/// Where messages of the type `M` can be sent. Clones are the same address; holding one keeps no process alive.
///
/// ```
/// use mnemon_otp::{Inbox, Received, SpawnOptions, System};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let (sender, sum) = std::sync::mpsc::channel();
/// let adder = system.spawn_typed(SpawnOptions::new(), async move |mut inbox: Inbox<u32>| {
///     let mut total = 0;
///     while let Received::Message(number) = inbox.next().await {
///         total += number;
///         if number == 0 { break }
///     }
///     drop(sender.send(total));
/// })?;
/// let end = system.watch(adder.pid());
/// for number in [1, 2, 0] {
///     adder.send(number)?;
/// }
/// end.await;
/// assert_eq!(sum.try_recv(), Ok(3));
/// # Ok(())
/// # }
/// ```
pub struct Address<M> {
    process: Arc<Process>,
    message: PhantomData<fn(M)>,
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { process: self.process.clone(), message: PhantomData }
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.process.pid)
    }
}

impl<M: Send + 'static> Address<M> {
    /// The process behind it.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.process.pid
    }

    /// Sends `message`; see [`System::send`].
    ///
    /// # Errors
    /// As [`System::send`].
    pub fn send(&self, message: M) -> Result<()> {
        post(&self.process, Payload::new(message))
    }

    /// As [`send`](Self::send), waiting up to `limit` for room.
    ///
    /// # Errors
    /// As [`System::send_within`].
    pub async fn send_within(&self, message: M, limit: Duration) -> Result<()> {
        post_within(&self.process, Payload::new(message), limit).await
    }
}

/// The mailbox of a process that takes messages of the type `M`. Everything of [`Context`] is here too.
pub struct Inbox<M> {
    context: Context,
    message: PhantomData<fn() -> M>,
}

/// What an inbox gives.
#[derive(Debug)]
pub enum Received<M> {
    /// A message of the inbox's type.
    Message(M),
    /// Anything else: an exit, a down, a timer, a message of another type.
    Other(Message),
}

impl<M: Send + 'static> Inbox<M> {
    /// The next message, oldest first.
    pub async fn next(&mut self) -> Received<M> {
        match self.context.receive().await {
            Message::User(payload) => match payload.downcast() {
                Ok(message) => Received::Message(message),
                Err(payload) => Received::Other(Message::User(payload)),
            },
            other => Received::Other(other),
        }
    }

    /// Where this inbox can be reached.
    #[must_use]
    pub fn address(&self) -> Address<M> {
        Address { process: self.context.process().clone(), message: PhantomData }
    }
}

impl<M> Deref for Inbox<M> {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl<M> DerefMut for Inbox<M> {
    fn deref_mut(&mut self) -> &mut Context {
        &mut self.context
    }
}

impl System {
    /// Starts a process that takes messages of the type `M`.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn spawn_typed<M, F, Fut>(&self, options: SpawnOptions, body: F) -> Result<Address<M>>
    where
        M: Send + 'static,
        F: FnOnce(Inbox<M>) -> Fut,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        start(self, None, options, body)
    }
}

impl Me {
    /// Starts a process that takes messages of the type `M`, linked or monitored as the options say.
    ///
    /// # Errors
    /// As [`System::spawn`].
    pub fn spawn_typed<M, F, Fut>(&self, options: SpawnOptions, body: F) -> Result<Address<M>>
    where
        M: Send + 'static,
        F: FnOnce(Inbox<M>) -> Fut,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        start(self.system(), Some(self), options, body)
    }
}

fn start<M, F, Fut>(
    system: &System,
    parent: Option<&Me>,
    options: SpawnOptions,
    body: F,
) -> Result<Address<M>>
where
    M: Send + 'static,
    F: FnOnce(Inbox<M>) -> Fut,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    let module = options.module.unwrap_or(Role::of::<F>(options.kind).module);
    let inbox = |context| body(Inbox { context, message: PhantomData });
    let (process, _) = system.start(options.module(module), parent, inbox)?;
    Ok(Address { process, message: PhantomData })
}
