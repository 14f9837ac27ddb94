//! A system of processes: what they share, as a value.
//!
//! A program may have as many as it wants, and nothing is global but the panic hook. A system lives as long as someone
//! holds it; its processes do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::context::{Context, Me};
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::kind::Role;
use crate::message::Payload;
use crate::panics::{self, catch};
use crate::pid::{Pid, Ref};
use crate::process::{Process, Refused};
use crate::reason::{ExitReason, IntoExit};
use crate::registry::Registry;
use crate::running::{self, Running};
use crate::slot::Taker;
use crate::spawning::SpawnOptions;
use crate::sync::Ordering;
use crate::timer::{TimerRef, Timers, moment_after};

/// Limits of a system.
///
/// ```
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
/// let settings = mnemon_otp::Settings { mailbox: 100, ..Default::default() };
/// let system = mnemon_otp::System::with(settings, runtime.handle().clone());
/// assert_eq!(system.process_count(), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Messages a mailbox holds at most, unless a process says otherwise. Exit signals, downs, replies and timers do not
    /// count. Default 65,536; a message takes 32 bytes and what it carries.
    pub mailbox: u32,
    /// Processes that live at once at most. Default 1,048,576; an idle one takes less than 1 KiB.
    pub max_processes: u32,
    /// Timers of `send_after` that run at once at most. Default 1,048,576.
    pub max_timers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { mailbox: 65_536, max_processes: 1 << 20, max_timers: 1 << 20 }
    }
}

/// A system of processes. Clones are the same system.
///
/// ```
/// use mnemon_otp::{ExitReason, Message, System};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let pid = system.spawn(async |mut me| {
///     match me.receive().await {
///         Message::User(payload) if payload.is::<&str>() => ExitReason::Normal,
///         _ => ExitReason::error("a word was expected"),
///     }
/// })?;
/// let end = system.watch(pid);
/// system.send(pid, "go")?;
/// assert_eq!(end.await, ExitReason::Normal);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct System(Arc<Inner>);

struct Inner {
    kernel: Arc<Kernel>,
    handle: Handle,
    timers: Arc<Timers>,
    names: Registry<Arc<str>>,
    settings: Settings,
}

impl System {
    /// A system with default limits, on the tokio runtime this is called in. The runtime needs its timer enabled.
    ///
    /// # Errors
    /// Outside of a runtime; use [`with`](Self::with) there.
    pub fn new() -> Result<Self> {
        let handle = Handle::try_current().map_err(|error| {
            Error::Start(ExitReason::error(format!("{error}: pass the runtime's handle to `System::with`")))
        })?;
        Ok(Self::with(Settings::default(), handle))
    }

    /// A system with these limits on that runtime.
    #[must_use]
    pub fn with(settings: Settings, handle: Handle) -> Self {
        panics::install_hook();
        let kernel = Arc::new(Kernel::new(settings.max_processes));
        let names = Registry::over(kernel.clone(), true);
        let timers = Timers::new(settings.max_timers);
        Self(Arc::new(Inner { kernel, handle, timers, names, settings }))
    }

    pub(crate) fn kernel(&self) -> &Kernel {
        &self.0.kernel
    }

    pub(crate) fn shared_kernel(&self) -> Arc<Kernel> {
        self.0.kernel.clone()
    }

    pub(crate) fn find(&self, pid: Pid) -> Result<Arc<Process>> {
        self.0.kernel.table.get(pid).ok_or(Error::NoProcess)
    }

    /// Starts a process; its parent is nobody.
    ///
    /// # Errors
    /// [`Error::TooManyProcesses`].
    pub fn spawn<F, Fut>(&self, body: F) -> Result<Pid>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        Ok(self.start(SpawnOptions::new(), None, body)?.0.pid)
    }

    /// As [`spawn`](Self::spawn), with options. A link or monitor needs a process at its other end, so those options are
    /// for [`Me::spawn_with`].
    ///
    /// # Errors
    /// [`Error::TooManyProcesses`].
    pub fn spawn_with<F, Fut>(&self, options: SpawnOptions, body: F) -> Result<Pid>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        Ok(self.start(options, None, body)?.0.pid)
    }

    pub(crate) fn start<F, Fut>(
        &self,
        options: SpawnOptions,
        parent: Option<&Me>,
        body: F,
    ) -> Result<(Arc<Process>, Option<Ref>)>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        let mut role = Role::of::<F>(options.kind);
        role.module = options.module.unwrap_or(role.module);
        let capacity = options.mailbox.unwrap_or(self.0.settings.mailbox);
        let kernel = &*self.0.kernel;
        let process = kernel
            .table
            .insert(|pid| Process::new(pid, parent.map(|me| me.pid()), role, capacity))
            .ok_or_else(|| Error::TooManyProcesses(kernel.table.limit()))?;
        let me = Me::new(self.clone(), process.clone());
        // It is code of the process already: a panic in it is how the process ends.
        let body = catch(|| body(Context::new(me.clone())));
        let mut monitor = None;
        if let Some(parent) = parent {
            if options.link {
                kernel.link(&process, parent.pid());
            }
            if options.monitor {
                monitor = Some(kernel.monitor(parent.process(), process.pid));
            }
        }
        match body {
            Ok(body) => {
                let running = Running::new(me, body);
                let bytes = u32::try_from(size_of_val(&running)).unwrap_or(u32::MAX);
                process.task_bytes.store(bytes, Ordering::Relaxed);
                // Nobody joins the task: how it ends is told by exit signals.
                drop(options.runtime.as_ref().unwrap_or(&self.0.handle).spawn(running));
            }
            Err(reason) => running::finish(&me, &reason),
        }
        Ok((process, monitor))
    }

    /// Sends `message` to `pid`. Messages of one sender arrive in the order they were sent.
    ///
    /// # Errors
    /// [`Error::NoProcess`]; [`Error::MailboxFull`], then nothing was sent.
    pub fn send<T: Send + 'static>(&self, pid: Pid, message: T) -> Result<()> {
        post(&*self.find(pid)?, Payload::new(message))
    }

    /// As [`send`](Self::send), waiting up to `limit` for room.
    ///
    /// # Errors
    /// [`Error::NoProcess`]; [`Error::MailboxFull`] where no room came in time.
    pub async fn send_within<T: Send + 'static>(&self, pid: Pid, message: T, limit: Duration) -> Result<()> {
        post_within(&*self.find(pid)?, Payload::new(message), limit).await
    }

    /// Asks `pid` to end with `reason`: OTP's `exit/2` from outside of all processes. [`ExitReason::Kill`] cannot be
    /// trapped; [`ExitReason::Normal`] is ignored by a process that does not trap exits. `false` where there is none.
    pub fn exit(&self, pid: Pid, reason: ExitReason) -> bool {
        self.0.kernel.exit(Pid::OUTSIDE, pid, &reason)
    }

    /// Whether `pid` lives.
    #[must_use]
    pub fn is_alive(&self, pid: Pid) -> bool {
        self.0.kernel.table.get(pid).is_some_and(|process| process.is_alive())
    }

    /// How many processes live.
    #[must_use]
    pub fn process_count(&self) -> usize {
        self.0.kernel.table.len() as usize
    }

    /// All live processes, oldest first. O(n log n).
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        let mut all = self.0.kernel.table.all();
        all.retain(|process| process.is_alive());
        all.sort_by_key(|process| (process.started, process.pid));
        all.into_iter().map(|process| process.pid).collect()
    }

    /// Waits for the end of `pid`, from code that is no process: [`ExitReason::NoProcess`] where it had ended before.
    #[must_use]
    pub fn watch(&self, pid: Pid) -> ExitWatch {
        ExitWatch(self.find(pid).ok().map(|process| Watching::new(self, process)))
    }

    /// Gives `pid` the name `name` in this system.
    ///
    /// # Errors
    /// [`Error::AlreadyRegistered`], [`Error::NoProcess`].
    pub fn register_name(&self, name: impl Into<Arc<str>>, pid: Pid) -> Result<()> {
        let name = name.into();
        let process = self.find(pid)?;
        self.0.names.add(&process, name.clone(), ())?;
        process.lock().rare().name = Some(name);
        Ok(())
    }

    /// Takes a name away; `false` where nobody has it.
    pub fn unregister_name(&self, name: &str) -> bool {
        let Some(process) = self.0.names.first(name) else { return false };
        let taken = self.0.names.unregister(process.pid, name);
        let left = self.0.names.keys(process.pid).pop();
        if let Some(rare) = process.lock().rare.as_mut() {
            rare.name = left;
        }
        taken
    }

    /// Who has the name `name`.
    #[must_use]
    pub fn whereis(&self, name: &str) -> Option<Pid> {
        self.0.names.whereis(name)
    }

    /// The system's own registry of names.
    #[must_use]
    pub fn names(&self) -> &Registry<Arc<str>> {
        &self.0.names
    }

    /// Delivers `message` to `pid` after `delay`, as [`Message::Timer`](crate::Message::Timer). It does not count against
    /// the mailbox's bound.
    ///
    /// # Errors
    /// [`Error::NoProcess`], [`Error::TooManyTimers`].
    pub fn send_after<T: Send + 'static>(&self, pid: Pid, delay: Duration, message: T) -> Result<TimerRef> {
        let process = self.find(pid)?;
        let reference = self.0.kernel.new_reference();
        self.0.timers.start(&self.0.handle, reference, process, delay, Payload::new(message))
    }

    /// Stops a timer and returns the time it had left; `None` where it has run out: its message was delivered, or its
    /// process has ended.
    pub fn cancel_timer(&self, timer: TimerRef) -> Option<Duration> {
        self.0.timers.cancel(timer)
    }

    /// The time a timer has left; `None` where it has run out.
    #[must_use]
    pub fn read_timer(&self, timer: TimerRef) -> Option<Duration> {
        self.0.timers.remaining(timer)
    }

    /// Ends all processes: those without a living parent are asked to shut down, so that supervisors stop their children
    /// in order; what lives after `limit` is killed. Returns how many had to be.
    pub async fn shutdown(&self, limit: Duration) -> usize {
        let deadline = moment_after(limit);
        for process in self.0.kernel.table.all() {
            if process.parent.is_none_or(|parent| !self.is_alive(parent)) {
                self.exit(process.pid, ExitReason::Shutdown);
            }
        }
        for pid in self.processes() {
            if tokio::time::timeout_at(deadline, self.watch(pid)).await.is_err() {
                break;
            }
        }
        let left = self.processes();
        for pid in &left {
            self.exit(*pid, ExitReason::Kill);
        }
        let deadline = moment_after(limit);
        for pid in &left {
            // A body that never gives way keeps its thread; nothing more can be done about it here.
            drop(tokio::time::timeout_at(deadline, self.watch(*pid)).await);
        }
        left.len()
    }
}

/// Sends without waiting.
pub(crate) fn post(process: &Process, payload: Payload) -> Result<()> {
    process.post(payload).map_err(|refused| match refused {
        Refused::Gone(_) => Error::NoProcess,
        Refused::Full(_) => full(process),
    })
}

/// Sends, waiting up to `limit` for room.
pub(crate) async fn post_within(process: &Process, payload: Payload, limit: Duration) -> Result<()> {
    let payload = match process.post(payload) {
        Ok(()) => return Ok(()),
        Err(Refused::Gone(_)) => return Err(Error::NoProcess),
        Err(Refused::Full(payload)) => payload,
    };
    let mut payload = Some(payload);
    let sent = std::future::poll_fn(|cx| process.poll_post(&mut payload, cx));
    match tokio::time::timeout(limit, sent).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Error::NoProcess),
        Err(_) => Err(full(process)),
    }
}

fn full(process: &Process) -> Error {
    Error::MailboxFull { pid: process.pid, capacity: process.capacity }
}

/// The end of a process, to be awaited. From [`System::watch`].
pub struct ExitWatch(Option<Watching>);

pub(crate) struct Watching {
    process: Arc<Process>,
    entry: Option<Ref>,
    taker: Taker<ExitReason>,
}

impl Watching {
    pub(crate) fn new(system: &System, process: Arc<Process>) -> Self {
        Self::over(system.kernel(), process)
    }

    pub(crate) fn over(kernel: &Kernel, process: Arc<Process>) -> Self {
        let (entry, taker) = kernel.watch(&process);
        Self { process, entry, taker }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(entry) = self.entry {
            let gone = self.process.lock().monitored_by.remove(entry);
            drop(gone);
        }
    }
}

impl Future for Watching {
    type Output = ExitReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<ExitReason> {
        let reason = ready!(self.taker.poll_take(cx));
        self.entry = None;
        Poll::Ready(reason.unwrap_or(ExitReason::NoProcess))
    }
}

impl Future for ExitWatch {
    type Output = ExitReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<ExitReason> {
        match &mut self.0 {
            Some(watching) => Pin::new(watching).poll(cx),
            None => Poll::Ready(ExitReason::NoProcess),
        }
    }
}
