//! The process of a [`Supervisor`](super::Supervisor): children in a list, in the order they start.
//!
//! Restarting happens in steps: who is concerned is stopped, in reverse order; then they are started in order. Where one
//! does not start, it is marked as restarting and the supervisor sends itself a message to try again, behind what waits in
//! its mailbox, and each try counts as a restart.

use std::ops::Range;
use std::sync::Arc;

use tokio::time::Instant;

use super::SupervisorSpec;
use super::child::{ChildInfo, ChildSpec, ChildState, Restart, note};
use super::intensity::Restarts;
use super::rules::{Strategy, Verdict};
use super::stopping::stop;
use crate::context::{Context, Me};
use crate::error::{Error, Result};
use crate::gen_server::{CallOutcome, GenServer, Info, Init, Next, ReplyTo};
use crate::message::{Envelope, Message, Payload};
use crate::pid::Pid;
use crate::reason::ExitReason;

/// What can be asked of a supervisor.
pub(crate) enum Order {
    Start(ChildSpec),
    Terminate(Arc<str>),
    Restart(Arc<str>),
    Delete(Arc<str>),
    Which,
}

/// What it answers.
pub(crate) enum Answer {
    Done,
    Pid(Option<Pid>),
    Children(Vec<ChildInfo>),
}

impl Answer {
    pub(crate) fn pid(self) -> Option<Pid> {
        match self {
            Self::Pid(pid) => pid,
            _ => None,
        }
    }

    pub(crate) fn children(self) -> Vec<ChildInfo> {
        match self {
            Self::Children(children) => children,
            _ => Vec::new(),
        }
    }
}

struct Child {
    spec: ChildSpec,
    pid: Option<Pid>,
    restarting: bool,
    restarts: u64,
    last_exit: Option<ExitReason>,
}

impl Child {
    fn new(spec: ChildSpec) -> Self {
        Self { spec, pid: None, restarting: false, restarts: 0, last_exit: None }
    }

    fn info(&self) -> ChildInfo {
        let state = match (self.pid, self.restarting) {
            (Some(_), _) => ChildState::Running,
            (None, true) => ChildState::Restarting,
            (None, false) => ChildState::Stopped,
        };
        ChildInfo {
            id: self.spec.id.to_string(),
            pid: self.pid,
            state,
            kind: self.spec.kind,
            restart: self.spec.restart,
            restarts: self.restarts,
            last_exit: self.last_exit.clone(),
        }
    }

    /// Starts it and tells its process what it is called and how the one before ended.
    async fn start(&mut self, ctx: &Me) -> Result<Option<Pid>> {
        self.restarting = false;
        self.pid = self.spec.launch(ctx.clone()).await?;
        if let Some(pid) = self.pid {
            note(ctx, pid, &self.spec, self.last_exit.clone());
        }
        Ok(self.pid)
    }

    /// Whether it is a temporary one that asked to be left out: its specification goes too.
    fn leaves_nothing(&self) -> bool {
        self.pid.is_none() && self.spec.restart == Restart::Temporary
    }

    async fn stop(&mut self, ctx: &mut Context) {
        self.restarting = false;
        if let Some(pid) = self.pid.take() {
            self.last_exit = Some(stop(ctx, pid, self.spec.shutdown).await);
        }
    }
}

/// The message by which a supervisor tries once more to start a child.
struct TryAgain(Arc<str>);

pub(crate) struct Fixed {
    strategy: Strategy,
    restarts: Restarts,
    children: Vec<Child>,
}

impl GenServer for Fixed {
    type Args = SupervisorSpec;
    type Call = Order;
    type Reply = Result<Answer>;
    type Cast = ();
    type Continue = ();

    async fn init(spec: SupervisorSpec, ctx: &mut Context) -> Init<Self> {
        ctx.trap_exit(true);
        let mut this = Self {
            strategy: spec.strategy,
            restarts: Restarts::new(spec.intensity),
            children: spec.children.into_iter().map(Child::new).collect(),
        };
        let all = 0..this.children.len();
        match this.start_range(all, ctx).await {
            Ok(()) => Init::Ready(this),
            Err((at, error)) => {
                let id = this.children.get(at).map(|child| child.spec.id.to_string()).unwrap_or_default();
                let all = 0..this.children.len();
                this.stop_range(all, ctx).await;
                let why = format!("failed to start child `{id}`: {}", ExitReason::from(error));
                Init::Stop(ExitReason::shutdown(why))
            }
        }
    }

    async fn handle_call(
        &mut self,
        order: Order,
        _: &ReplyTo<Result<Answer>>,
        ctx: &mut Context,
    ) -> CallOutcome<Self> {
        CallOutcome::reply(self.obey(order, ctx).await)
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context) -> Next<Self> {
        let Info::Message(message) = info else { return Next::Wait };
        let at = match message {
            Message::Exit { from, reason } => {
                let Some(at) = self.children.iter().position(|child| child.pid == Some(from)) else {
                    return Next::Wait;
                };
                match self.note_exit(at, reason) {
                    Verdict::Restart => at,
                    Verdict::Keep => return Next::Wait,
                    Verdict::Remove => {
                        self.children.remove(at);
                        return Next::Wait;
                    }
                }
            }
            Message::Timer { payload, .. } => {
                let Ok(TryAgain(id)) = payload.downcast() else { return Next::Wait };
                match self.find(&id) {
                    Ok(at) if self.children.get(at).is_some_and(|child| child.restarting) => at,
                    _ => return Next::Wait,
                }
            }
            _ => return Next::Wait,
        };
        self.restart(at, ctx).await
    }

    async fn terminate(&mut self, _: &ExitReason, ctx: &mut Context) {
        let all = 0..self.children.len();
        self.stop_range(all, ctx).await;
    }

    fn state_text(&self) -> String {
        let children: Vec<ChildInfo> = self.children.iter().map(Child::info).collect();
        format!("{:?} {children:?}", self.strategy)
    }
}

impl Fixed {
    fn find(&self, id: &str) -> Result<usize> {
        let at = self.children.iter().position(|child| &*child.spec.id == id);
        at.ok_or_else(|| Error::ChildNotFound(id.to_owned()))
    }

    fn note_exit(&mut self, at: usize, reason: ExitReason) -> Verdict {
        let Some(child) = self.children.get_mut(at) else { return Verdict::Keep };
        let verdict = child.spec.restart.verdict(&reason);
        child.pid = None;
        child.last_exit = Some(reason);
        verdict
    }

    /// Starts child `at` again, and whom the strategy concerns, if the limit allows.
    async fn restart(&mut self, at: usize, ctx: &mut Context) -> Next<Self> {
        if !self.restarts.allow(Instant::now()) {
            tracing::error!(supervisor = %ctx.pid(), "too many restarts: the supervisor gives up");
            // A child that could not be kept alive is not tried again on the way out.
            if let Some(child) = self.children.get_mut(at) {
                child.restarting = false;
            }
            return Next::Stop(ExitReason::Shutdown);
        }
        if let Some(child) = self.children.get_mut(at) {
            child.restarts += 1;
        }
        let concerned = self.strategy.concerned(at, self.children.len());
        let range = self.stop_range(concerned, ctx).await;
        if let Err((failed, error)) = self.start_range(range, ctx).await
            && let Some(child) = self.children.get_mut(failed)
        {
            child.restarting = true;
            child.last_exit = Some(error.into());
            // Not a counted message: a full mailbox must not end a restart.
            let payload = Payload::new(TryAgain(child.spec.id.clone()));
            let reference = ctx.system().kernel().new_reference();
            drop(ctx.process().signal(Envelope::Message(Message::Timer { reference, payload })));
        }
        Next::Wait
    }

    /// Stops these, last first. Temporary ones are forgotten, so the range that is left may be shorter.
    async fn stop_range(&mut self, range: Range<usize>, ctx: &mut Context) -> Range<usize> {
        let mut end = range.end;
        for at in range.clone().rev() {
            let Some(child) = self.children.get_mut(at) else { continue };
            child.stop(ctx).await;
            if child.spec.restart == Restart::Temporary {
                self.children.remove(at);
                end -= 1;
            }
        }
        range.start..end
    }

    /// Starts those of these that do not run, in order; says which one failed.
    async fn start_range(&mut self, range: Range<usize>, ctx: &Me) -> Result<(), (usize, Error)> {
        let Range { start: mut at, mut end } = range;
        while at < end {
            let Some(child) = self.children.get_mut(at) else { break };
            if child.pid.is_none() {
                child.start(ctx).await.map_err(|error| (at, error))?;
            }
            if child.leaves_nothing() {
                self.children.remove(at);
                end -= 1;
            } else {
                at += 1;
            }
        }
        Ok(())
    }

    async fn obey(&mut self, order: Order, ctx: &mut Context) -> Result<Answer> {
        match order {
            Order::Which => Ok(Answer::Children(self.children.iter().map(Child::info).collect())),
            Order::Start(spec) => self.add(spec, ctx).await,
            Order::Terminate(id) => {
                let at = self.find(&id)?;
                if let Some(child) = self.children.get_mut(at) {
                    child.stop(ctx).await;
                    if child.spec.restart == Restart::Temporary {
                        self.children.remove(at);
                    }
                }
                Ok(Answer::Done)
            }
            Order::Restart(id) => {
                let at = self.stopped(&id)?;
                match self.children.get_mut(at) {
                    Some(child) => child.start(ctx).await.map(Answer::Pid),
                    None => Err(Error::ChildNotFound(id.to_string())),
                }
            }
            Order::Delete(id) => {
                let at = self.stopped(&id)?;
                self.children.remove(at);
                Ok(Answer::Done)
            }
        }
    }

    /// The place of a child that neither runs nor is about to.
    fn stopped(&self, id: &str) -> Result<usize> {
        let at = self.find(id)?;
        match self.children.get(at) {
            Some(child) if child.pid.is_some() || child.restarting => Err(Error::ChildRunning(id.to_owned())),
            _ => Ok(at),
        }
    }

    async fn add(&mut self, spec: ChildSpec, ctx: &Me) -> Result<Answer> {
        if let Ok(at) = self.find(&spec.id) {
            let id = spec.id.to_string();
            let runs = self.children.get(at).is_some_and(|child| child.pid.is_some());
            return Err(if runs { Error::ChildRunning(id) } else { Error::ChildPresent(id) });
        }
        let mut child = Child::new(spec);
        let pid = child.start(ctx).await?;
        if !child.leaves_nothing() {
            self.children.push(child);
        }
        Ok(Answer::Pid(pid))
    }
}
