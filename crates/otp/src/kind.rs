//! What a process is, for those who look inside.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which behaviour a process has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProcessKind {
    /// None: it was spawned with a body of its own.
    #[default]
    Process,
    /// A [`GenServer`](crate::GenServer).
    GenServer,
    /// An [`Agent`](crate::Agent).
    Agent,
    /// A [`Task`](crate::Task).
    Task,
    /// A [`Supervisor`](crate::Supervisor).
    Supervisor,
    /// A [`DynamicSupervisor`](crate::DynamicSupervisor).
    DynamicSupervisor,
    /// An [`EventManager`](crate::EventManager).
    EventManager,
    /// The controller of [`Applications`](crate::Applications).
    ApplicationController,
}

impl ProcessKind {
    /// Its name in lower case, as it is shown and serialised.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::GenServer => "gen_server",
            Self::Agent => "agent",
            Self::Task => "task",
            Self::Supervisor => "supervisor",
            Self::DynamicSupervisor => "dynamic_supervisor",
            Self::EventManager => "event_manager",
            Self::ApplicationController => "application_controller",
        }
    }
}

impl ProcessKind {
    /// Whether all of its code is this crate's, so that nobody else could act on a signal that asks it to end.
    pub(crate) fn is_own(self) -> bool {
        match self {
            Self::Supervisor | Self::DynamicSupervisor | Self::EventManager | Self::ApplicationController => {
                true
            }
            Self::Process | Self::GenServer | Self::Agent | Self::Task => false,
        }
    }
}

impl fmt::Display for ProcessKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind, and what the process is an instance of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    pub(crate) kind: ProcessKind,
    pub(crate) module: &'static str,
}

impl Role {
    pub(crate) const fn new(kind: ProcessKind, module: &'static str) -> Self {
        Self { kind, module }
    }

    /// A process whose body, or whose state, is of the type `T`.
    pub(crate) fn of<T: ?Sized>(kind: ProcessKind) -> Self {
        Self::new(kind, module_of(std::any::type_name::<T>()))
    }
}

/// The name of a type as that of a module: a closure is called as the function that it stands in.
fn module_of(type_name: &'static str) -> &'static str {
    type_name.split("::{{closure}}").next().unwrap_or(type_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_is_called_as_the_function_it_stands_in() {
        assert_eq!(module_of("line::door::child::{{closure}}::{{closure}}"), "line::door::child");
        assert_eq!(module_of("line::shelf::Shelf"), "line::shelf::Shelf");
    }

    #[test]
    fn a_kind_is_shown_as_it_is_serialised() {
        use ProcessKind as K;
        for kind in [
            K::Process,
            K::GenServer,
            K::Agent,
            K::Task,
            K::Supervisor,
            K::DynamicSupervisor,
            K::EventManager,
            K::ApplicationController,
        ] {
            assert_eq!(serde_json::to_value(kind).expect("a word"), kind.as_str());
            assert_eq!(kind.to_string(), kind.as_str());
        }
    }
}
