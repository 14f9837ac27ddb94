//! Applications: parts of a program that are started and stopped as a whole, in the order they need one another.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::context::{Context, Me};
use crate::error::{Error, Result};
use crate::gen_server::{CallOutcome, GenServer, Info, Init, Next, ReplyTo, ServerRef, Start};
use crate::kind::{ProcessKind, Role};
use crate::message::Message;
use crate::pid::Pid;
use crate::reason::ExitReason;
use crate::supervisor::{ChildSpec, SupervisorSpec, stop_child};
use crate::system::System;

/// How the controller is shown.
const ROLE: Role = Role::new(ProcessKind::ApplicationController, "otp::Applications");

/// What the end of an application, other than by [`stop`](Applications::stop), means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StartType {
    /// All applications are stopped.
    Permanent,
    /// All applications are stopped, unless it ended normally.
    Transient,
    /// It is logged.
    Temporary,
}

/// An application to be: its name, what it needs, and the process at its top.
#[derive(Clone)]
pub struct ApplicationSpec {
    name: String,
    needs: Vec<String>,
    top: ChildSpec,
    stopped: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for ApplicationSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplicationSpec")
            .field("name", &self.name)
            .field("needs", &self.needs)
            .finish_non_exhaustive()
    }
}

impl ApplicationSpec {
    /// An application whose top is this supervisor.
    pub fn new(name: impl Into<String>, top: SupervisorSpec) -> Self {
        Self::starting(ChildSpec::supervisor(name.into(), top))
    }

    /// An application whose name is the child's id and whose top is whatever the child's start starts. It is stopped as the
    /// child's [`shutdown`](ChildSpec::shutdown) says.
    #[must_use]
    pub fn starting(top: ChildSpec) -> Self {
        Self { name: top.id.to_string(), needs: Vec::new(), top, stopped: None }
    }

    /// It needs the application `name` to run before it starts.
    #[must_use]
    pub fn needs(mut self, name: impl Into<String>) -> Self {
        self.needs.push(name.into());
        self
    }

    /// Called when it has stopped, whatever the cause. Must not block.
    #[must_use]
    pub fn when_stopped(mut self, call: impl Fn() + Send + Sync + 'static) -> Self {
        self.stopped = Some(Arc::new(call));
        self
    }
}

/// The applications of a system: OTP's application controller.
///
/// ```
/// use mnemon_otp::{ApplicationSpec, Applications, Strategy, SupervisorSpec, System};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let applications = Applications::start(&system).await?;
/// let top = || SupervisorSpec::new(Strategy::OneForOne);
/// applications.load(ApplicationSpec::new("shop", top()).needs("store")).await?;
/// applications.load(ApplicationSpec::new("store", top())).await?;
/// assert_eq!(applications.ensure_all_started("shop").await?, ["store", "shop"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Applications(ServerRef<Controller>);

impl Applications {
    /// Starts a controller without applications.
    ///
    /// # Errors
    /// As [`Start::start`].
    pub async fn start(system: &System) -> Result<Self> {
        Start::<Controller>::new(()).role(ROLE).start(system).await.map(Self)
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    async fn order(&self, order: Order) -> Result<Vec<String>> {
        // Starting and stopping take the time they need.
        self.0.call_within(order, Duration::MAX).await?
    }

    /// Makes an application known; one of the same name that does not run is replaced.
    ///
    /// # Errors
    /// [`Error::ApplicationAlreadyStarted`] where one of this name runs.
    pub async fn load(&self, spec: ApplicationSpec) -> Result<()> {
        self.order(Order::Load(spec)).await.map(drop)
    }

    /// Starts an application whose needs run.
    ///
    /// # Errors
    /// [`Error::ApplicationNotLoaded`], [`Error::ApplicationAlreadyStarted`]; [`Error::ApplicationNotStarted`], naming what
    /// it needs; what its start said.
    pub async fn start_application(&self, name: &str, start: StartType) -> Result<()> {
        self.order(Order::Start(name.to_owned(), start)).await.map(drop)
    }

    /// Starts an application and before it all it needs that does not run, and tells what was started, in order. Where one
    /// does not start, those started for this are stopped again.
    ///
    /// # Errors
    /// [`Error::ApplicationNotLoaded`], [`Error::ApplicationCycle`]; what a start said.
    pub async fn ensure_all_started(&self, name: &str) -> Result<Vec<String>> {
        self.order(Order::Ensure(name.to_owned())).await
    }

    /// Stops an application, and not those that need it.
    ///
    /// # Errors
    /// [`Error::ApplicationNotStarted`].
    pub async fn stop_application(&self, name: &str) -> Result<()> {
        self.order(Order::Stop(name.to_owned())).await.map(drop)
    }

    /// The applications that run, in the order they were started.
    ///
    /// # Errors
    /// Where the controller has ended.
    pub async fn which_applications(&self) -> Result<Vec<String>> {
        self.order(Order::Which).await
    }

    /// Stops all applications, the last started first, and the controller.
    ///
    /// # Errors
    /// [`Error::Timeout`] where that took longer than `limit`; it goes on.
    pub async fn stop(&self, limit: Duration) -> Result<()> {
        self.0.stop(ExitReason::Shutdown, limit).await
    }
}

enum Order {
    Load(ApplicationSpec),
    Start(String, StartType),
    Ensure(String),
    Stop(String),
    Which,
}

struct Running {
    spec: ApplicationSpec,
    pid: Pid,
    start: StartType,
}

struct Controller {
    loaded: Vec<ApplicationSpec>,
    running: Vec<Running>,
}

impl GenServer for Controller {
    type Args = ();
    type Call = Order;
    type Reply = Result<Vec<String>>;
    type Cast = ();
    type Continue = ();

    async fn init((): (), ctx: &mut Context) -> Init<Self> {
        ctx.trap_exit(true);
        Init::Ready(Self { loaded: Vec::new(), running: Vec::new() })
    }

    async fn handle_call(
        &mut self,
        order: Order,
        _: &ReplyTo<Self::Reply>,
        ctx: &mut Context,
    ) -> CallOutcome<Self> {
        CallOutcome::reply(match order {
            Order::Which => Ok(self.running.iter().map(|running| running.spec.name.clone()).collect()),
            Order::Load(spec) => self.load(spec),
            Order::Start(name, start) => self.start(&name, start, ctx).await.map(|()| Vec::new()),
            Order::Ensure(name) => self.ensure(name, ctx).await,
            Order::Stop(name) => match self.place(&name) {
                Some(at) => {
                    let running = self.running.remove(at);
                    stop(running, ctx).await;
                    Ok(Vec::new())
                }
                None => Err(Error::ApplicationNotStarted(name)),
            },
        })
    }

    async fn handle_info(&mut self, info: Info, _: &mut Context) -> Next<Self> {
        let Info::Message(Message::Exit { from, reason }) = info else { return Next::Wait };
        let Some(at) = self.running.iter().position(|running| running.pid == from) else { return Next::Wait };
        let ended = self.running.remove(at);
        tracing::error!(application = ended.spec.name, %reason, "an application ended");
        ended.spec.tell_stopped();
        match ended.start {
            StartType::Temporary => Next::Wait,
            StartType::Transient if reason == ExitReason::Normal => Next::Wait,
            StartType::Permanent | StartType::Transient => Next::Stop(reason),
        }
    }

    async fn terminate(&mut self, _: &ExitReason, ctx: &mut Context) {
        while let Some(running) = self.running.pop() {
            stop(running, ctx).await;
        }
    }

    fn state_text(&self) -> String {
        let names: Vec<&str> = self.running.iter().map(|running| running.spec.name.as_str()).collect();
        format!("running {names:?}")
    }
}

impl ApplicationSpec {
    fn tell_stopped(&self) {
        if let Some(stopped) = &self.stopped
            && crate::panics::catch(|| stopped()).is_err()
        {
            tracing::error!(application = self.name, "a panic after an application had stopped");
        }
    }
}

async fn stop(running: Running, ctx: &mut Context) {
    stop_child(ctx, running.pid, running.spec.top.shutdown).await;
    running.spec.tell_stopped();
}

impl Controller {
    fn place(&self, name: &str) -> Option<usize> {
        self.running.iter().position(|running| running.spec.name == name)
    }

    fn spec(&self, name: &str) -> Result<&ApplicationSpec> {
        let spec = self.loaded.iter().find(|spec| spec.name == name);
        spec.ok_or_else(|| Error::ApplicationNotLoaded(name.to_owned()))
    }

    fn load(&mut self, spec: ApplicationSpec) -> Result<Vec<String>> {
        if self.place(&spec.name).is_some() {
            return Err(Error::ApplicationAlreadyStarted(spec.name));
        }
        self.loaded.retain(|known| known.name != spec.name);
        self.loaded.push(spec);
        Ok(Vec::new())
    }

    async fn start(&mut self, name: &str, start: StartType, me: &Me) -> Result<()> {
        if self.place(name).is_some() {
            return Err(Error::ApplicationAlreadyStarted(name.to_owned()));
        }
        let spec = self.spec(name)?.clone();
        if let Some(missing) = spec.needs.iter().find(|needed| self.place(needed).is_none()) {
            return Err(Error::ApplicationNotStarted(missing.clone()));
        }
        let pid = spec.top.launch(me.clone()).await?.ok_or(Error::Ignored)?;
        self.running.push(Running { spec, pid, start });
        Ok(())
    }

    /// What does not run of `name` and all it needs, each behind its needs. Without recursion: names come from configuration.
    fn missing(&self, name: String) -> Result<Vec<String>> {
        let mut order: Vec<String> = Vec::new();
        // The way down to where we are, each with the needs that are still to be looked at.
        let mut way: Vec<(String, Vec<String>)> = Vec::new();
        let mut enter = Some(name);
        loop {
            if let Some(name) = enter.take()
                && self.place(&name).is_none()
                && !order.contains(&name)
            {
                if way.iter().any(|(above, _)| *above == name) {
                    return Err(Error::ApplicationCycle(name));
                }
                let mut needs = self.spec(&name)?.needs.clone();
                needs.reverse();
                way.push((name, needs));
            }
            let Some((_, needs)) = way.last_mut() else { return Ok(order) };
            enter = needs.pop();
            if enter.is_none()
                && let Some((done, _)) = way.pop()
            {
                order.push(done);
            }
        }
    }

    async fn ensure(&mut self, name: String, ctx: &mut Context) -> Result<Vec<String>> {
        let missing = self.missing(name)?;
        let before = self.running.len();
        for name in &missing {
            if let Err(error) = self.start(name, StartType::Temporary, ctx).await {
                while self.running.len() > before {
                    if let Some(running) = self.running.pop() {
                        stop(running, ctx).await;
                    }
                }
                return Err(error);
            }
        }
        Ok(missing)
    }
}
