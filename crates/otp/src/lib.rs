//! OTP's processes and behaviours in Rust, on tokio.
//!
//! A **process** is a tokio task with a mailbox, links and monitors, and it ends with an [`ExitReason`]: because its body
//! returned, because it panicked, or because an exit signal said so. A [`System`] holds processes; a program may have as
//! many systems as it wants, and they share nothing. On processes stand OTP's behaviours:
//!
//! | OTP | here |
//! |---|---|
//! | `spawn`, `link`, `monitor`, `exit`, `send_after` | [`System`], [`Me`], [`Context`] |
//! | `gen_server` | [`GenServer`], [`Start`], [`ServerRef`] |
//! | `supervisor`, `DynamicSupervisor` | [`SupervisorSpec`], [`DynamicSpec`], [`ChildSpec`] |
//! | `Agent`, `Task` | [`Agent`], [`Task`], [`yield_many`] |
//! | `gen_event` | [`EventManager`], [`EventHandler`] |
//! | `Registry`, `pg` | [`Registry`], [`Groups`] |
//! | `application` | [`Applications`], [`ApplicationSpec`] |
//! | `sys`, `observer` | [`sys`], [`System::info`], [`System::tree`] |
//!
//! Names and semantics are OTP's unless a doc comment says why not; `docs/otp.md` of the repository has the comparison line
//! by line, each with the test that holds it. The differences that matter most:
//!
//! - Mailboxes are bounded, and a full one is an error the sender sees. Exit signals, downs, replies and timers never count.
//! - A call that fails is an error, not the end of the caller; `?` in the body of a process makes it that.
//! - An exit signal takes effect where the process awaits: a body that computes without awaiting is not interrupted.
//! - Time is tokio's: a test that pauses tokio's clock has virtual time.
//!
//! What must stay true: order between two processes is kept; a panic in a process ends that process and nothing else; after
//! an `unlink` or `demonitor` no signal comes from it; a name is free before anyone hears that its process has ended. The
//! crate knows nothing of tables, sockets and discs.
//!
//! ```
//! use std::time::Duration;
//! use mnemon_otp::{Agent, ChildSpec, ExitReason, Strategy, SupervisorSpec, System};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let system = System::new()?;
//! // An agent that is started again when it crashes, under a name.
//! let basket = ChildSpec::server_with("basket", || Agent::begin(Vec::<String>::new).name("basket"));
//! let top = SupervisorSpec::new(Strategy::OneForOne).child(basket).start(&system).await?;
//!
//! let first = system.whereis("basket").expect("it runs");
//! system.exit(first, ExitReason::Kill);
//! system.watch(first).await;
//! top.which_children().await?; // the supervisor has dealt with the crash when it answers
//! assert_ne!(system.whereis("basket"), Some(first));
//! top.stop(Duration::from_secs(5)).await?;
//! # Ok(())
//! # }
//! ```

mod agent;
mod application;
mod context;
mod error;
mod event_manager;
mod gen_server;
mod groups;
mod info;
mod kernel;
mod kind;
mod message;
mod name;
mod panics;
mod pid;
mod process;
mod reason;
mod registry;
mod running;
mod slot;
mod small_map;
mod spawning;
mod supervisor;
mod sync;
pub mod sys;
mod system;
mod table;
mod task;
#[cfg(test)]
mod tests;
mod timer;
mod typed;

pub use agent::{Agent, AgentServer};
pub use application::{ApplicationSpec, Applications, StartType};
pub use context::{Context, Me};
pub use error::{Error, Result};
pub use event_manager::{
    EventHandler, EventManager, EventStream, Handled, HandlerGone, ManagerServer, Streamed,
};
pub use gen_server::{CALL_LIMIT, CallOutcome, GenServer, Info, Init, Next, ReplyTo, ServerRef, Start};
pub use groups::Groups;
pub use info::{MAX_TREE_DEPTH, ProcessInfo, ProcessTree};
pub use kind::ProcessKind;
pub use message::{Message, Payload};
pub use pid::{Pid, Ref};
pub use reason::{Detail, ExitReason, IntoExit, PanicReport};
pub use registry::{Key, Registry, RegistryEvent};
pub use spawning::{SpawnOptions, Spawned};
pub use supervisor::{
    ChildInfo, ChildKind, ChildSpec, ChildState, Counts, DynamicSpec, DynamicSupervisor, Intensity, Restart,
    Shutdown, Strategy, Supervisor, SupervisorSpec,
};
pub use system::{ExitWatch, Settings, System};
pub use task::{StreamOptions, Task, TaskStream, yield_many};
pub use timer::TimerRef;
pub use typed::{Address, Inbox, Received};
