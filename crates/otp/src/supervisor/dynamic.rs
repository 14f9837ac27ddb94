//! Supervisors of any number of children, added as they are needed, in no order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::child::{ChildInfo, ChildSpec, ChildState, Counts};
use super::intensity::{Intensity, Restarts};
use super::rules::Verdict;
use super::stopping::{stop, stop_all};
use super::{QUESTION_LIMIT, is_farewell};
use crate::context::{Context, Me};
use crate::error::{Error, Result};
use crate::gen_server::{CallOutcome, GenServer, Info, Init, Next, ReplyTo, ServerRef, Start};
use crate::message::{Envelope, Message, Payload};
use crate::name::Name;
use crate::pid::Pid;
use crate::reason::ExitReason;
use crate::system::System;

/// A dynamic supervisor to be.
#[derive(Clone, Debug)]
pub struct DynamicSpec {
    intensity: Intensity,
    max_children: usize,
    name: Option<Arc<str>>,
}

impl Default for DynamicSpec {
    fn default() -> Self {
        Self { intensity: Intensity::default(), max_children: usize::MAX, name: None }
    }
}

impl DynamicSpec {
    /// With a limit of 3 restarts in 5 seconds, all children together, and as many children as the system bears.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many restarts within what time are borne; one more ends the supervisor.
    #[must_use]
    pub fn intensity(mut self, restarts: u32, within: Duration) -> Self {
        self.intensity = Intensity { restarts, within };
        self
    }

    /// How many children it has at most.
    #[must_use]
    pub fn max_children(mut self, children: usize) -> Self {
        self.max_children = children;
        self
    }

    /// A name in the system.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Starts it alone.
    ///
    /// # Errors
    /// [`Error::AlreadyStarted`] where the name is taken; [`Error::TooManyProcesses`].
    pub async fn start(self, system: &System) -> Result<DynamicSupervisor> {
        self.into_start().start(system).await.map(DynamicSupervisor)
    }

    /// Starts it linked to `me`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_link(self, me: &Me) -> Result<DynamicSupervisor> {
        self.into_start().start_link(me).await.map(DynamicSupervisor)
    }

    fn into_start(self) -> Start<Dynamic> {
        let name = self.name.clone().map_or(Name::None, Name::Local);
        Start::new(self).named(name)
    }
}

/// A dynamic supervisor that runs. Clones are the same supervisor.
///
/// ```
/// use mnemon_otp::{ChildSpec, Context, DynamicSpec, Restart, System};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let buckets = DynamicSpec::new().start(&system).await?;
/// let bucket = ChildSpec::new("bucket", async |me| {
///     me.spawn_link(async |mut me: Context| drop(me.receive().await))
/// });
/// let pid = buckets.start_child(bucket.restart(Restart::Temporary)).await?.expect("it runs");
/// assert_eq!(buckets.count_children().await?.active, 1);
/// buckets.terminate_child(pid).await?;
/// assert_eq!(buckets.count_children().await?.active, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DynamicSupervisor(ServerRef<Dynamic>);

impl DynamicSupervisor {
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

    /// Starts a child; `None` where it asked to be left out.
    ///
    /// # Errors
    /// [`Error::TooManyChildren`]; what its start said.
    pub async fn start_child(&self, child: ChildSpec) -> Result<Option<Pid>> {
        match self.0.call_within(Order::Start(child), Duration::MAX).await?? {
            Answer::Pid(pid) => Ok(pid),
            _ => Ok(None),
        }
    }

    /// Stops a child and forgets it.
    ///
    /// # Errors
    /// [`Error::ChildNotFound`].
    pub async fn terminate_child(&self, pid: Pid) -> Result<()> {
        self.0.call_within(Order::Terminate(pid), Duration::MAX).await?.map(drop)
    }

    /// Its children, oldest first. O(children).
    ///
    /// # Errors
    /// Where the supervisor has ended, or does not answer within five seconds.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>> {
        match self.0.call_within(Order::Which, QUESTION_LIMIT).await?? {
            Answer::Children(children) => Ok(children),
            _ => Ok(Vec::new()),
        }
    }

    /// How many children it has. O(children).
    ///
    /// # Errors
    /// As [`which_children`](Self::which_children).
    pub async fn count_children(&self) -> Result<Counts> {
        Ok(Counts::of(&self.which_children().await?))
    }

    /// Stops all children at once, and then itself.
    ///
    /// # Errors
    /// [`Error::Timeout`] where that took longer than `limit`; it goes on.
    pub async fn stop(&self, limit: Duration) -> Result<()> {
        self.0.stop(ExitReason::Shutdown, limit).await
    }
}

enum Order {
    Start(ChildSpec),
    Terminate(Pid),
    Which,
}

enum Answer {
    Done,
    Pid(Option<Pid>),
    Children(Vec<ChildInfo>),
}

struct Child {
    spec: ChildSpec,
    /// `None` while it waits to be tried again.
    pid: Option<Pid>,
    restarts: u64,
    last_exit: Option<ExitReason>,
}

/// The message by which the supervisor tries once more to start a child.
struct TryAgain(u64);

struct Dynamic {
    restarts: Restarts,
    max_children: usize,
    /// By the number of its start, so that the oldest comes first.
    children: BTreeMap<u64, Child>,
    numbers: HashMap<Pid, u64>,
    next: u64,
}

impl GenServer for Dynamic {
    type Args = DynamicSpec;
    type Call = Order;
    type Reply = Result<Answer>;
    type Cast = ();
    type Continue = ();

    async fn init(spec: DynamicSpec, ctx: &mut Context) -> Init<Self> {
        ctx.trap_exit(true);
        Init::Ready(Self {
            restarts: Restarts::new(spec.intensity),
            max_children: spec.max_children,
            children: BTreeMap::new(),
            numbers: HashMap::new(),
            next: 0,
        })
    }

    async fn handle_call(
        &mut self,
        order: Order,
        _: &ReplyTo<Result<Answer>>,
        ctx: &mut Context,
    ) -> CallOutcome<Self> {
        CallOutcome::reply(match order {
            Order::Which => Ok(Answer::Children(self.children.values().map(Child::info).collect())),
            Order::Start(spec) => self.start(spec, ctx).await,
            Order::Terminate(pid) => match self.numbers.remove(&pid) {
                None => Err(Error::ChildNotFound(pid.to_string())),
                Some(number) => {
                    if let Some(child) = self.children.remove(&number) {
                        stop(ctx, pid, child.spec.shutdown).await;
                    }
                    Ok(Answer::Done)
                }
            },
        })
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context) -> Next<Self> {
        match info {
            Info::Message(Message::Exit { from, reason }) if is_farewell(from, &reason, ctx) => {
                Next::Stop(reason)
            }
            Info::Message(Message::Exit { from, reason }) => {
                let Some(number) = self.numbers.remove(&from) else { return Next::Wait };
                let verdict = match self.children.get_mut(&number) {
                    Some(child) => {
                        child.pid = None;
                        child.last_exit = Some(reason.clone());
                        child.spec.restart.verdict(&reason)
                    }
                    None => return Next::Wait,
                };
                // What is not started again is forgotten: nobody could name it.
                if verdict == Verdict::Restart {
                    return self.restart(number, ctx).await;
                }
                self.children.remove(&number);
                Next::Wait
            }
            Info::Message(Message::Timer { payload, .. }) => match payload.downcast() {
                Ok(TryAgain(number)) => self.restart(number, ctx).await,
                Err(_) => Next::Wait,
            },
            _ => Next::Wait,
        }
    }

    async fn terminate(&mut self, _: &ExitReason, ctx: &mut Context) {
        let children = std::mem::take(&mut self.children).into_values();
        let running = children.filter_map(|child| child.pid.map(|pid| (pid, child.spec.shutdown)));
        stop_all(ctx, running.collect()).await;
    }

    fn state_text(&self) -> String {
        format!("{} children of {} at most", self.children.len(), self.max_children)
    }
}

impl Child {
    fn info(&self) -> ChildInfo {
        ChildInfo {
            id: self.spec.id.to_string(),
            pid: self.pid,
            state: if self.pid.is_some() { ChildState::Running } else { ChildState::Restarting },
            kind: self.spec.kind,
            restart: self.spec.restart,
            restarts: self.restarts,
            last_exit: self.last_exit.clone(),
        }
    }
}

impl Dynamic {
    async fn start(&mut self, spec: ChildSpec, ctx: &Me) -> Result<Answer> {
        if self.children.len() >= self.max_children {
            return Err(Error::TooManyChildren(self.max_children));
        }
        let Some(pid) = spec.launch(ctx.clone()).await? else { return Ok(Answer::Pid(None)) };
        let number = self.next;
        self.next += 1;
        self.children.insert(number, Child { spec, pid: Some(pid), restarts: 0, last_exit: None });
        self.numbers.insert(pid, number);
        Ok(Answer::Pid(Some(pid)))
    }

    async fn restart(&mut self, number: u64, ctx: &Me) -> Next<Self> {
        let Some(child) = self.children.get_mut(&number).filter(|child| child.pid.is_none()) else {
            return Next::Wait;
        };
        if !self.restarts.allow(Instant::now()) {
            tracing::error!(supervisor = %ctx.pid(), "too many restarts: the supervisor gives up");
            return Next::Stop(ExitReason::Shutdown);
        }
        child.restarts += 1;
        match child.spec.launch(ctx.clone()).await {
            Ok(Some(pid)) => {
                child.pid = Some(pid);
                self.numbers.insert(pid, number);
                if let Ok(process) = ctx.system().find(pid) {
                    process.lock().rare().last_exit = child.last_exit.clone();
                }
            }
            Ok(None) => {
                self.children.remove(&number);
            }
            Err(error) => {
                child.last_exit = Some(error.into());
                // Not a counted message: a full mailbox must not end a restart.
                let payload = Payload::new(TryAgain(number));
                let reference = ctx.system().kernel().new_reference();
                ctx.process().signal(Envelope::Message(Message::Timer { reference, payload }));
            }
        }
        Next::Wait
    }
}
