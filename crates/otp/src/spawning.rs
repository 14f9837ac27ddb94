//! How a process is to be started.

use tokio::runtime::Handle;

use crate::kind::{ProcessKind, Role};
use crate::pid::{Pid, Ref};

/// Options of a new process.
///
/// ```
/// use mnemon_otp::SpawnOptions;
///
/// let options = SpawnOptions::new().mailbox(100).link().monitor();
/// ```
#[derive(Clone, Debug, Default)]
pub struct SpawnOptions {
    pub(crate) mailbox: Option<u32>,
    pub(crate) kind: ProcessKind,
    pub(crate) module: Option<&'static str>,
    pub(crate) link: bool,
    pub(crate) monitor: bool,
    pub(crate) runtime: Option<Handle>,
}

impl SpawnOptions {
    /// No link, no monitor, the system's bound for mailboxes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Messages the mailbox holds at most; at least one.
    #[must_use]
    pub fn mailbox(mut self, messages: u32) -> Self {
        self.mailbox = Some(messages);
        self
    }

    /// What the process is called by its code, for those who look inside, as a module is in OTP. Default: the path of the
    /// function that has started it.
    #[must_use]
    pub fn module(mut self, module: &'static str) -> Self {
        self.module = Some(module);
        self
    }

    /// Which behaviour it has.
    pub(crate) fn role(mut self, role: Role) -> Self {
        (self.kind, self.module) = (role.kind, Some(role.module));
        self
    }

    /// The tokio runtime that it runs on, where that is not the system's. Timers and sockets that it makes are that
    /// runtime's; its messages, links and monitors are those of any process.
    #[must_use]
    pub fn on(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Links it to its parent before it runs.
    #[must_use]
    pub fn link(mut self) -> Self {
        self.link = true;
        self
    }

    /// Has its parent monitor it before it runs.
    #[must_use]
    pub fn monitor(mut self) -> Self {
        self.monitor = true;
        self
    }
}

/// A process that was started by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spawned {
    /// The process.
    pub pid: Pid,
    /// The monitor, where one was asked for.
    pub monitor: Option<Ref>,
}
