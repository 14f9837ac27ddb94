//! Starting a server, and waiting until its `init` has said yes.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use super::{GenServer, ServerRef, serving};
use crate::context::Me;
use crate::error::{Error, Result};
use crate::kind::{ProcessKind, Role};
use crate::name::Name;
use crate::process::Process;
use crate::reason::ExitReason;
use crate::registry::Registry;
use crate::slot::{Taker, slot};
use crate::spawning::SpawnOptions;
use crate::system::{System, Watching};

/// How a server is to be started: its arguments, a name, bounds.
///
/// ```
/// # use mnemon_otp::*;
/// # struct Echo;
/// # impl GenServer for Echo {
/// #     type Args = (); type Call = u8; type Reply = u8; type Cast = (); type Continue = ();
/// #     async fn init((): (), _: &mut Context) -> Init<Self> { Init::Ready(Self) }
/// #     async fn handle_call(&mut self, call: u8, _: &ReplyTo<u8>, _: &mut Context) -> CallOutcome<Self> {
/// #         CallOutcome::reply(call)
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let echo = Start::<Echo>::new(()).name("echo").mailbox(1000).start(&system).await?;
/// let taken = Start::<Echo>::new(()).name("echo").start(&system).await;
/// assert_eq!(taken.err(), Some(Error::AlreadyStarted(echo.pid())));
/// # Ok(())
/// # }
/// ```
pub struct Start<S: GenServer> {
    args: S::Args,
    name: Name,
    options: SpawnOptions,
    limit: Option<Duration>,
}

impl<S: GenServer> Start<S> {
    /// Without a name, with the system's bound for mailboxes, and with all the time `init` needs.
    pub fn new(args: S::Args) -> Self {
        let options = SpawnOptions::new().role(Role::of::<S>(ProcessKind::GenServer));
        Self { args, name: Name::None, options, limit: None }
    }

    /// Takes a name of the system before `init` runs.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Name::Local(name.into());
        self
    }

    /// Takes a key of a registry before `init` runs.
    #[must_use]
    pub fn via<K, V>(mut self, registry: &Registry<K, V>, key: K, value: V) -> Self
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        self.name = Name::via(registry, key, value);
        self
    }

    /// It is shown as that.
    pub(crate) fn role(mut self, role: Role) -> Self {
        self.options = self.options.role(role);
        self
    }

    pub(crate) fn named(mut self, name: Name) -> Self {
        self.name = name;
        self
    }

    /// Messages the mailbox holds at most.
    #[must_use]
    pub fn mailbox(mut self, messages: u32) -> Self {
        self.options = self.options.mailbox(messages);
        self
    }

    /// The tokio runtime that it runs on; see [`SpawnOptions::on`].
    #[must_use]
    pub fn on(mut self, runtime: tokio::runtime::Handle) -> Self {
        self.options = self.options.on(runtime);
        self
    }

    /// How long `init` may take. A server that is not ready by then is killed.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Starts it alone.
    ///
    /// # Errors
    /// [`Error::Start`] where `init` stopped, panicked or was ended; [`Error::Ignored`]; [`Error::AlreadyStarted`] where
    /// the name is taken; [`Error::Timeout`]; [`Error::TooManyProcesses`].
    pub async fn start(self, system: &System) -> Result<ServerRef<S>> {
        self.begin(system, None).await
    }

    /// Starts it linked to `me`, as a child of a supervisor is. Where `init` fails, `me` gets the exit signal too.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_link(mut self, me: &Me) -> Result<ServerRef<S>> {
        self.options = self.options.link();
        self.begin(me.system(), Some(me)).await
    }

    fn begin(self, system: &System, parent: Option<&Me>) -> impl Future<Output = Result<ServerRef<S>>> {
        let Self { args, name, options, limit } = self;
        let (guard, taker) = slot();
        let begun = system.start(options, parent, |ctx| serving::serve::<S>(ctx, args, name, guard));
        let system = system.clone();
        async move {
            let (process, _) = begun?;
            wait_ready(&system, &process, taker, limit).await?;
            Ok(ServerRef::over(system.shared_kernel(), process))
        }
    }
}

async fn wait_ready(
    system: &System,
    process: &Arc<Process>,
    mut taker: Taker<Result<()>>,
    limit: Option<Duration>,
) -> Result<()> {
    let ready = std::future::poll_fn(|cx| taker.poll_take(cx));
    let answer = match limit {
        None => ready.await,
        Some(limit) => match tokio::time::timeout(limit, ready).await {
            Ok(answer) => answer,
            Err(_) => {
                system.exit(process.pid, ExitReason::Kill);
                Watching::new(system, process.clone()).await;
                return Err(Error::Timeout(limit));
            }
        },
    };
    match answer {
        Some(outcome) => outcome,
        // It ended before it could say anything.
        None => Err(Error::Start(Watching::new(system, process.clone()).await)),
    }
}
