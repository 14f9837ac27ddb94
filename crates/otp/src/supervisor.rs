//! Supervisors: processes that start others, and start them again when they end.
//!
//! [`Supervisor`] has a fixed list of children in an order, [`DynamicSupervisor`] any number of them without one. Both
//! give up, ending all children and themselves, when more restarts are needed than their limit allows; the supervisor
//! above then decides. What is to be done after an exit is worked out in [`rules`], which starts and stops nothing.

mod child;
mod dynamic;
mod fixed;
mod intensity;
mod rules;
mod stopping;

use std::sync::Arc;
use std::time::Duration;

use crate::context::Me;
use crate::error::{Error, Result};
use crate::gen_server::{CALL_LIMIT, ServerRef, Start};
use crate::kind::{ProcessKind, Role};
use crate::name::Name;
use crate::pid::Pid;
use crate::reason::ExitReason;
use crate::system::System;

pub use child::{ChildInfo, ChildKind, ChildSpec, ChildState, Counts, Restart, Shutdown};
pub use dynamic::{DynamicSpec, DynamicSupervisor};
use fixed::{Answer, Fixed, Order};
pub use intensity::Intensity;
pub use rules::Strategy;
pub(crate) use stopping::stop as stop_child;

/// A supervisor to be: its strategy, its limit of restarts, and its children in the order they start.
///
/// ```
/// use mnemon_otp::{ChildSpec, Context, ExitReason, Strategy, SupervisorSpec, System};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let worker = ChildSpec::new("worker", async |me| {
///     me.spawn_link(async |mut me: Context| drop(me.receive().await))
/// });
/// let top = SupervisorSpec::new(Strategy::OneForOne).child(worker).start(&system).await?;
///
/// let before = top.which_children().await?[0].pid.expect("it runs");
/// system.exit(before, ExitReason::Kill);
/// system.watch(before).await;
/// let after = top.which_children().await?[0].pid.expect("it runs again");
/// assert_ne!(before, after);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SupervisorSpec {
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) children: Vec<ChildSpec>,
    name: Option<Arc<str>>,
}

impl SupervisorSpec {
    /// Without children, and with OTP's limit of restarts in Elixir's measure: 3 in 5 seconds.
    #[must_use]
    pub fn new(strategy: Strategy) -> Self {
        Self { strategy, intensity: Intensity::default(), children: Vec::new(), name: None }
    }

    /// Adds a child behind those there are.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// How many restarts within what time are borne; one more ends the supervisor.
    #[must_use]
    pub fn intensity(mut self, restarts: u32, within: Duration) -> Self {
        self.intensity = Intensity { restarts, within };
        self
    }

    /// A name in the system.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Starts it, alone, and its children in their order.
    ///
    /// # Errors
    /// [`Error::Start`] where a child does not start: those before it were stopped. [`Error::ChildPresent`] where two have
    /// one id; [`Error::AlreadyStarted`] where the name is taken.
    pub async fn start(self, system: &System) -> Result<Supervisor> {
        self.checked()?.start(system).await.map(Supervisor)
    }

    /// As [`start`](Self::start), linked to `me`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_link(self, me: &Me) -> Result<Supervisor> {
        self.checked()?.start_link(me).await.map(Supervisor)
    }

    fn checked(self) -> Result<Start<Fixed>> {
        for (at, child) in self.children.iter().enumerate() {
            if self.children.iter().take(at).any(|earlier| earlier.id == child.id) {
                return Err(Error::ChildPresent(child.id.to_string()));
            }
        }
        let name = self.name.clone();
        let start = Start::<Fixed>::new(self).role(ROLE);
        Ok(match name {
            Some(name) => start.named(Name::Local(name)),
            None => start,
        })
    }
}

/// A supervisor that runs. Clones are the same supervisor.
///
/// It does one thing at a time, and what is asked of it waits as long as the children need to start and stop, as in OTP.
#[derive(Clone, Debug)]
pub struct Supervisor(ServerRef<Fixed>);

impl Supervisor {
    /// The supervisor that `pid` is; that it is one is the caller's word.
    ///
    /// # Errors
    /// [`Error::NoProcess`].
    pub fn of(system: &System, pid: Pid) -> Result<Self> {
        ServerRef::of(system, pid).map(Self)
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    async fn order(&self, order: Order) -> Result<Answer> {
        self.0.call_within(order, Duration::MAX).await?
    }

    /// Starts a child behind all others and keeps its specification, unless it does not start.
    ///
    /// # Errors
    /// [`Error::ChildRunning`] or [`Error::ChildPresent`] where the id is known; what its start said.
    pub async fn start_child(&self, child: ChildSpec) -> Result<Option<Pid>> {
        self.order(Order::Start(child)).await.map(Answer::pid)
    }

    /// Stops a child. Its specification stays, unless it is temporary.
    ///
    /// # Errors
    /// [`Error::ChildNotFound`].
    pub async fn terminate_child(&self, id: &str) -> Result<()> {
        self.order(Order::Terminate(id.into())).await.map(drop)
    }

    /// Starts a child that was stopped, or has ended and is not restarted by itself.
    ///
    /// # Errors
    /// [`Error::ChildNotFound`], [`Error::ChildRunning`]; what its start said.
    pub async fn restart_child(&self, id: &str) -> Result<Option<Pid>> {
        self.order(Order::Restart(id.into())).await.map(Answer::pid)
    }

    /// Forgets a child that does not run.
    ///
    /// # Errors
    /// [`Error::ChildNotFound`], [`Error::ChildRunning`].
    pub async fn delete_child(&self, id: &str) -> Result<()> {
        self.order(Order::Delete(id.into())).await.map(drop)
    }

    /// Its children in their order.
    ///
    /// # Errors
    /// Where the supervisor has ended.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>> {
        self.order(Order::Which).await.map(Answer::children)
    }

    /// How many children it has.
    ///
    /// # Errors
    /// Where the supervisor has ended.
    pub async fn count_children(&self) -> Result<Counts> {
        Ok(Counts::of(&self.which_children().await?))
    }

    /// Stops the children in reverse order, and then itself.
    ///
    /// # Errors
    /// [`Error::Timeout`] where that took longer than `limit`; it goes on.
    pub async fn stop(&self, limit: Duration) -> Result<()> {
        self.0.stop(ExitReason::Shutdown, limit).await
    }
}

/// How a supervisor is shown.
const ROLE: Role = Role::new(ProcessKind::Supervisor, "otp::Supervisor");

/// How long questions to a dynamic supervisor, which start nothing, may wait.
const QUESTION_LIMIT: Duration = CALL_LIMIT;
