//! Tasks: a process for one piece of work, whose value is awaited.

mod stream;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use crate::context::Me;
use crate::error::{Error, Result};
use crate::gen_server::CALL_LIMIT;
use crate::kind::{ProcessKind, Role};
use crate::pid::Pid;
use crate::process::Process;
use crate::reason::ExitReason;
use crate::slot::{Taker, slot};
use crate::spawning::SpawnOptions;
use crate::system::{System, Watching};
use crate::timer::moment_after;

pub use stream::{StreamOptions, TaskStream};

/// A piece of work in a process of its own.
///
/// Dropping it does not end the work. The value never lies in a mailbox: a task that is given up leaves no stray message.
///
/// ```
/// use mnemon_otp::{System, Task};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let task = Task::detached(&system, async { 6 * 7 })?;
/// assert_eq!(task.wait().await?, 42);
/// # Ok(())
/// # }
/// ```
pub struct Task<T> {
    system: System,
    process: Arc<Process>,
    /// Who is linked to it.
    owner: Option<Me>,
    taker: Taker<T>,
    ending: Option<Box<Watching>>,
}

/// How a task with this work is shown.
fn role<W>(_: &W) -> Role {
    Role::of::<W>(ProcessKind::Task)
}

impl<T: Send + 'static> Task<T> {
    /// Starts work linked to `me`: a crash of either ends the other, unless it traps exits. OTP's `Task.async`.
    ///
    /// # Errors
    /// [`Error::TooManyProcesses`].
    pub fn linked(me: &Me, work: impl Future<Output = T> + Send + 'static) -> Result<Self> {
        let (guard, taker) = slot();
        let options = SpawnOptions::new().link().role(role(&work));
        let body = async move {
            guard.fill(work.await);
        };
        let (process, _) = me.system().start(options, Some(me), |_| body)?;
        Ok(Self { system: me.system().clone(), process, owner: Some(me.clone()), taker, ending: None })
    }

    /// Starts work that ends with `me`, whatever the reason, but whose crash is only told to who waits for it.
    ///
    /// # Errors
    /// [`Error::TooManyProcesses`].
    pub fn isolated(me: &Me, work: impl Future<Output = T> + Send + 'static) -> Result<Self> {
        let (guard, taker) = slot();
        let owner = Watching::new(me.system(), me.process().clone());
        let options = SpawnOptions::new().role(role(&work));
        let body = async move {
            tokio::select! {
                value = work => { guard.fill(value); }
                _ = owner => {}
            }
        };
        let (process, _) = me.system().start(options, Some(me), |_| body)?;
        Ok(Self { system: me.system().clone(), process, owner: None, taker, ending: None })
    }

    /// Starts work that belongs to no process.
    ///
    /// # Errors
    /// [`Error::TooManyProcesses`].
    pub fn detached(system: &System, work: impl Future<Output = T> + Send + 'static) -> Result<Self> {
        let (guard, taker) = slot();
        let options = SpawnOptions::new().role(role(&work));
        let body = async move {
            guard.fill(work.await);
        };
        let (process, _) = system.start(options, None, |_| body)?;
        Ok(Self { system: system.clone(), process, owner: None, taker, ending: None })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.process.pid
    }

    /// The value or why there is none, as soon as it is known.
    pub(crate) fn poll_value(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<T>> {
        if self.ending.is_none() {
            if let Some(value) = ready!(self.taker.poll_take(cx)) {
                return Poll::Ready(Ok(value));
            }
            // It ended without a value, and says why in a moment.
            self.ending = Some(Box::new(Watching::new(&self.system, self.process.clone())));
        }
        match &mut self.ending {
            Some(ending) => Pin::new(&mut **ending).poll(cx).map(|reason| Err(Error::Exit(reason))),
            None => Poll::Pending,
        }
    }

    /// Waits for the value, five seconds at most.
    ///
    /// # Errors
    /// As [`wait_within`](Self::wait_within).
    pub async fn wait(self) -> Result<T> {
        self.wait_within(CALL_LIMIT).await
    }

    /// Waits for the value up to `limit`; the work is killed when it is not there by then.
    ///
    /// # Errors
    /// [`Error::Timeout`]; [`Error::Exit`] where the work crashed or was ended. OTP ends the caller in these cases; here the
    /// caller decides.
    pub async fn wait_within(mut self, limit: Duration) -> Result<T> {
        match self.yield_within(limit).await {
            Some(outcome) => outcome,
            None => {
                self.kill();
                Err(Error::Timeout(limit))
            }
        }
    }

    /// Looks for the value up to `limit`; `None` where it is not there yet, and then it can be looked for again. After
    /// `Some` there is nothing more to come. OTP's `Task.yield`.
    pub async fn yield_within(&mut self, limit: Duration) -> Option<Result<T>> {
        tokio::time::timeout(limit, poll_fn(|cx| self.poll_value(cx))).await.ok()
    }

    /// Ends the work: asks it, and kills it when it lives after `limit`. A value that it gave before is returned.
    pub async fn shutdown(mut self, limit: Duration) -> Option<Result<T>> {
        self.unlink();
        self.system.exit(self.pid(), ExitReason::Shutdown);
        if let Some(outcome) = self.yield_within(limit).await {
            // That it ended as it was asked to is no outcome.
            let as_asked = matches!(&outcome, Err(Error::Exit(ExitReason::Shutdown)));
            return (!as_asked).then_some(outcome);
        }
        self.kill();
        None
    }

    /// Kills the work; its owner does not feel it.
    fn kill(&self) {
        self.unlink();
        self.system.exit(self.pid(), ExitReason::Kill);
    }

    fn unlink(&self) {
        if let Some(owner) = &self.owner {
            owner.unlink(self.pid());
        }
    }
}

/// Looks for the values of all `tasks` until one moment, `limit` from now: OTP's `yield_many`. `None` where a value is not
/// there by then; that task goes on, to be looked for again or shut down.
pub async fn yield_many<T: Send + 'static>(tasks: &mut [Task<T>], limit: Duration) -> Vec<Option<Result<T>>> {
    let deadline = moment_after(limit);
    let mut values = Vec::with_capacity(tasks.len());
    for task in tasks {
        // They all run at once, so waiting for one after the other takes no longer than for the slowest.
        let value = poll_fn(|cx| task.poll_value(cx));
        values.push(tokio::time::timeout_at(deadline, value).await.ok());
    }
    values
}
