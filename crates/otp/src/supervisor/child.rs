//! A child as its supervisor knows it: how to start it, when to start it again, how to stop it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{DynamicSpec, SupervisorSpec};
use crate::context::Me;
use crate::error::{Error, Result};
use crate::gen_server::{Caught, GenServer, Start};
use crate::pid::Pid;
use crate::reason::ExitReason;

/// When a child that has ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Restart {
    /// Always.
    Permanent,
    /// When it did not end orderly: with a reason other than `normal`, `shutdown` and `{shutdown, _}`.
    Transient,
    /// Never; its specification goes with it.
    Temporary,
}

/// How a child is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It is killed at once.
    Brutal,
    /// It is asked, and killed if it lives after this time.
    Timeout(Duration),
    /// It is asked, and has all the time it needs. For supervisors.
    Infinity,
}

/// What a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChildKind {
    /// It supervises nothing.
    Worker,
    /// A supervisor.
    Supervisor,
}

/// How long the end of an orphan is waited for: longer than a supervisor's children usually take to stop.
const ORPHAN_LIMIT: Duration = Duration::from_secs(30);

/// Whether the process that started `pid` has ended, or `pid` itself has meanwhile.
fn is_orphan(me: &Me, pid: Pid) -> bool {
    let Ok(process) = me.system().find(pid) else { return true };
    !process.is_alive() || process.parent.is_some_and(|parent| !me.system().is_alive(parent))
}

type StartFuture = Pin<Box<dyn Future<Output = Result<Pid>> + Send>>;

/// A way to start a child.
pub(crate) type StartChild = Arc<dyn Fn(Me) -> StartFuture + Send + Sync>;

/// Tells a child's process what it is called, and how the one before it ended.
pub(crate) fn note(me: &Me, pid: Pid, spec: &ChildSpec, last_exit: Option<ExitReason>) {
    // It may have ended again.
    let Ok(process) = me.system().find(pid) else { return };
    let mut state = process.lock();
    state.child = Some(spec.id.clone());
    if last_exit.is_some() {
        state.rare().last_exit = last_exit;
    }
}

/// A child to be. Clones share the way to start it.
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) id: Arc<str>,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) kind: ChildKind,
    start: StartChild,
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}

impl ChildSpec {
    /// A permanent worker that has five seconds to stop. `start` is called each time it is to be started, with the
    /// supervisor as [`Me`]; it links the process it starts to it and returns it when it is ready.
    pub fn new<F, Fut>(id: impl Into<Arc<str>>, start: F) -> Self
    where
        F: Fn(Me) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Pid>> + Send + 'static,
    {
        Self {
            id: id.into(),
            restart: Restart::Permanent,
            shutdown: Shutdown::Timeout(Duration::from_secs(5)),
            kind: ChildKind::Worker,
            start: Arc::new(move |me| Box::pin(start(me))),
        }
    }

    /// A server, started with a clone of `args` each time.
    pub fn server<S>(id: impl Into<Arc<str>>, args: S::Args) -> Self
    where
        S: GenServer,
        S::Args: Clone + Sync,
    {
        Self::server_with(id, move || Start::<S>::new(args.clone()))
    }

    /// A server, started as `start` says each time: with a name, in a registry, with a bound.
    pub fn server_with<S: GenServer>(
        id: impl Into<Arc<str>>,
        start: impl Fn() -> Start<S> + Send + Sync + 'static,
    ) -> Self {
        Self::new(id, move |me| {
            let start = start();
            async move { Ok(start.start_link(&me).await?.pid()) }
        })
    }

    /// A supervisor, which has all the time it needs to stop.
    pub fn supervisor(id: impl Into<Arc<str>>, spec: SupervisorSpec) -> Self {
        let child = Self::new(id, move |me| {
            let spec = spec.clone();
            async move { Ok(spec.start_link(&me).await?.pid()) }
        });
        Self { kind: ChildKind::Supervisor, shutdown: Shutdown::Infinity, ..child }
    }

    /// A dynamic supervisor, which has all the time it needs to stop.
    pub fn dynamic(id: impl Into<Arc<str>>, spec: DynamicSpec) -> Self {
        let child = Self::new(id, move |me| {
            let spec = spec.clone();
            async move { Ok(spec.start_link(&me).await?.pid()) }
        });
        Self { kind: ChildKind::Supervisor, shutdown: Shutdown::Infinity, ..child }
    }

    /// The start of a child that never is started.
    pub(crate) fn never() -> StartChild {
        Arc::new(|_| Box::pin(std::future::ready(Err(Error::Ignored))))
    }

    /// It will not be started again, so what that would need can go.
    pub(crate) fn forget_start(&mut self, never: &StartChild) {
        self.start = never.clone();
    }

    /// When it is started again.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How it is stopped.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// What it is, where it is not what the constructor says.
    #[must_use]
    pub fn kind(mut self, kind: ChildKind) -> Self {
        self.kind = kind;
        self
    }

    /// Starts it for the supervisor `me`. A panic on the way is a failure to start; `None` where it asked to be left out.
    ///
    /// Where its name is held by an orphan, a child of a supervisor that was killed, the orphan's end is waited for, as it
    /// is on its way: a supervisor that takes over from a killed one does not fail because it was quick.
    pub(crate) async fn launch(&self, me: Me) -> Result<Option<Pid>> {
        match self.attempt(&me).await {
            Err(Error::AlreadyStarted(holder)) if is_orphan(&me, holder) => {
                drop(tokio::time::timeout(ORPHAN_LIMIT, me.system().watch(holder)).await);
                self.attempt(&me).await
            }
            done => done,
        }
    }

    async fn attempt(&self, me: &Me) -> Result<Option<Pid>> {
        let started = async { (self.start)(me.clone()).await };
        match Caught::new(started).await {
            Ok(Ok(pid)) => {
                // Most ways to start have linked it; for the others this is the link.
                me.link(pid);
                Ok(Some(pid))
            }
            Ok(Err(Error::Ignored)) => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(Error::Start(panic)),
        }
    }
}

/// How a child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChildState {
    /// It runs.
    Running,
    /// It could not be started again yet, and will be tried once more.
    Restarting,
    /// It does not run.
    Stopped,
}

/// A child, as [`which_children`](super::Supervisor::which_children) lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChildInfo {
    /// Its id; all children of a dynamic supervisor have that of their specification.
    pub id: String,
    /// Its process, while it runs.
    pub pid: Option<Pid>,
    /// How it stands.
    pub state: ChildState,
    /// What it is.
    pub kind: ChildKind,
    /// When it is started again.
    pub restart: Restart,
    /// How often it was started again.
    pub restarts: u64,
    /// How it ended the last time, if it has.
    pub last_exit: Option<ExitReason>,
}

/// How many children a supervisor has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Specifications.
    pub specs: usize,
    /// Children that run.
    pub active: usize,
    /// Specifications of supervisors.
    pub supervisors: usize,
    /// Specifications of workers.
    pub workers: usize,
}

impl Counts {
    pub(crate) fn of(children: &[ChildInfo]) -> Self {
        let supervisors = children.iter().filter(|child| child.kind == ChildKind::Supervisor).count();
        let active = children.iter().filter(|child| child.state == ChildState::Running).count();
        Self { specs: children.len(), active, supervisors, workers: children.len() - supervisors }
    }
}
