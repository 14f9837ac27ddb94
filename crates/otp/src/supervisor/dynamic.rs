//! Supervisors of any number of children, added as they are needed, in no order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::QUESTION_LIMIT;
use super::child::{ChildInfo, ChildSpec, ChildState, Counts, Restart, StartChild, note};
use super::intensity::{Intensity, Restarts};
use super::rules::Verdict;
use super::stopping::{stop, stop_all};
use crate::context::{Context, Me};
use crate::error::{Error, Result};
use crate::gen_server::{CallOutcome, GenServer, Info, Init, Next, ReplyTo, ServerRef, Start};
use crate::kind::{ProcessKind, Role};
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
    runtime: Option<Handle>,
}

/// How it is shown.
const ROLE: Role = Role::new(ProcessKind::DynamicSupervisor, "otp::DynamicSupervisor");

impl Default for DynamicSpec {
    fn default() -> Self {
        Self { intensity: Intensity::default(), max_children: usize::MAX, name: None, runtime: None }
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

    /// The tokio runtime that it runs on; see [`SpawnOptions::on`](crate::SpawnOptions::on). Its children run where they
    /// are started.
    #[must_use]
    pub fn on(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
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
        let runtime = self.runtime.clone();
        let start = Start::new(self).named(name).role(ROLE);
        match runtime {
            Some(runtime) => start.on(runtime),
            None => start,
        }
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

/// Small: a server may have as many children as clients.
struct Child {
    spec: ChildSpec,
    /// The number of its start, so that the oldest can come first.
    number: u64,
    /// What happened to it, if it was ever started again.
    history: Option<Box<History>>,
}

struct History {
    restarts: u64,
    last_exit: ExitReason,
}

/// The message by which the supervisor tries once more to start a child.
struct TryAgain(u64);

struct Dynamic {
    restarts: Restarts,
    max_children: usize,
    /// Those that run.
    children: HashMap<Pid, Child>,
    /// Those that wait to be tried again, by their numbers.
    failed: HashMap<u64, Child>,
    next: u64,
    /// How a child is started that never is again.
    never: StartChild,
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
            children: HashMap::new(),
            failed: HashMap::new(),
            next: 0,
            never: ChildSpec::never(),
        })
    }

    async fn handle_call(
        &mut self,
        order: Order,
        _: &ReplyTo<Result<Answer>>,
        ctx: &mut Context,
    ) -> CallOutcome<Self> {
        CallOutcome::reply(match order {
            Order::Which => Ok(Answer::Children(self.infos())),
            Order::Start(spec) => self.start(spec, ctx).await,
            Order::Terminate(pid) => match self.children.remove(&pid) {
                None => Err(Error::ChildNotFound(pid.to_string())),
                Some(child) => {
                    stop(ctx, pid, child.spec.shutdown).await;
                    Ok(Answer::Done)
                }
            },
        })
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context) -> Next<Self> {
        match info {
            Info::Message(Message::Exit { from, reason }) => {
                let Some(mut child) = self.children.remove(&from) else { return Next::Wait };
                // What is not started again is forgotten: nobody could name it.
                if child.spec.restart.verdict(&reason) != Verdict::Restart {
                    return Next::Wait;
                }
                child.note_exit(reason);
                self.restart(child, ctx).await
            }
            Info::Message(Message::Timer { payload, .. }) => match payload.downcast() {
                Ok(TryAgain(number)) => match self.failed.remove(&number) {
                    Some(child) => self.restart(child, ctx).await,
                    None => Next::Wait,
                },
                Err(_) => Next::Wait,
            },
            _ => Next::Wait,
        }
    }

    async fn terminate(&mut self, _: &ExitReason, ctx: &mut Context) {
        let running = std::mem::take(&mut self.children).into_iter();
        stop_all(ctx, running.map(|(pid, child)| (pid, child.spec.shutdown)).collect()).await;
    }

    fn state_text(&self) -> String {
        format!("{} children of {} at most", self.count(), self.max_children)
    }
}

impl Child {
    fn info(&self, pid: Option<Pid>) -> ChildInfo {
        ChildInfo {
            id: self.spec.id.to_string(),
            pid,
            state: if pid.is_some() { ChildState::Running } else { ChildState::Restarting },
            kind: self.spec.kind,
            restart: self.spec.restart,
            restarts: self.history.as_ref().map_or(0, |history| history.restarts),
            last_exit: self.last_exit(),
        }
    }

    fn last_exit(&self) -> Option<ExitReason> {
        self.history.as_ref().map(|history| history.last_exit.clone())
    }

    fn note_exit(&mut self, reason: ExitReason) {
        match &mut self.history {
            Some(history) => history.last_exit = reason,
            None => self.history = Some(Box::new(History { restarts: 0, last_exit: reason })),
        }
    }
}

impl Dynamic {
    async fn start(&mut self, mut spec: ChildSpec, ctx: &Me) -> Result<Answer> {
        if self.count() >= self.max_children {
            return Err(Error::TooManyChildren(self.max_children));
        }
        let Some(pid) = spec.launch(ctx.clone()).await? else { return Ok(Answer::Pid(None)) };
        note(ctx, pid, &spec, None);
        if spec.restart == Restart::Temporary {
            // What its start was given is let go, such as a socket's way here.
            spec.forget_start(&self.never);
        }
        let number = self.next;
        self.next += 1;
        self.children.insert(pid, Child { spec, number, history: None });
        Ok(Answer::Pid(Some(pid)))
    }

    fn count(&self) -> usize {
        self.children.len() + self.failed.len()
    }

    /// All children, oldest first.
    fn infos(&self) -> Vec<ChildInfo> {
        let running = self.children.iter().map(|(pid, child)| (child.number, child.info(Some(*pid))));
        let failed = self.failed.values().map(|child| (child.number, child.info(None)));
        let mut all: Vec<(u64, ChildInfo)> = running.chain(failed).collect();
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, info)| info).collect()
    }

    /// Starts a child again that has ended.
    async fn restart(&mut self, mut child: Child, ctx: &Me) -> Next<Self> {
        if !self.restarts.allow(Instant::now()) {
            tracing::error!(supervisor = %ctx.pid(), "too many restarts: the supervisor gives up");
            return Next::Stop(ExitReason::Shutdown);
        }
        if let Some(history) = &mut child.history {
            history.restarts += 1;
        }
        match child.spec.launch(ctx.clone()).await {
            Ok(Some(pid)) => {
                note(ctx, pid, &child.spec, child.last_exit());
                self.children.insert(pid, child);
            }
            // It asked to be left out.
            Ok(None) => {}
            Err(error) => {
                child.note_exit(error.into());
                let number = child.number;
                self.failed.insert(number, child);
                // Not a counted message: a full mailbox must not end a restart.
                let payload = Payload::new(TryAgain(number));
                let reference = ctx.system().kernel().new_reference();
                drop(ctx.process().signal(Envelope::Message(Message::Timer { reference, payload })));
            }
        }
        Next::Wait
    }
}
