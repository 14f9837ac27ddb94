//! The name a server takes when it starts: in its system, or in a registry.

use std::sync::Arc;

use crate::context::Me;
use crate::error::{Error, Result};
use crate::pid::Pid;
use crate::process::Process;
use crate::registry::{Key, Registry};
use crate::system::System;

/// A name to be taken.
pub(crate) enum Name {
    None,
    Local(Arc<str>),
    Via(Box<dyn Claim>),
}

/// A key of some registry.
pub(crate) trait Claim: Send + Sync {
    fn claim(&self, process: &Arc<Process>) -> Result<()>;
    fn release(&self, pid: Pid);
}

struct KeyOf<K, V> {
    registry: Registry<K, V>,
    key: K,
    value: V,
}

impl<K: Key, V: Clone + Send + Sync + 'static> Claim for KeyOf<K, V> {
    fn claim(&self, process: &Arc<Process>) -> Result<()> {
        self.registry.add(process, self.key.clone(), self.value.clone())
    }

    fn release(&self, pid: Pid) {
        self.registry.unregister(pid, &self.key);
    }
}

impl Name {
    pub(crate) fn via<K: Key, V: Clone + Send + Sync + 'static>(
        registry: &Registry<K, V>,
        key: K,
        value: V,
    ) -> Self {
        Self::Via(Box::new(KeyOf { registry: registry.clone(), key, value }))
    }

    /// Takes the name for `me`.
    pub(crate) fn claim(&self, me: &Me) -> Result<()> {
        let taken = match self {
            Self::None => return Ok(()),
            Self::Local(name) => me.system().register_name(name.clone(), me.pid()),
            Self::Via(claim) => claim.claim(me.process()),
        };
        taken.map_err(|error| match error {
            Error::AlreadyRegistered(pid) => Error::AlreadyStarted(pid),
            other => other,
        })
    }

    /// Gives it back, ahead of the end of the process.
    pub(crate) fn release(&self, me: &Me) {
        match self {
            Self::None => {}
            Self::Local(name) => {
                if me.system().whereis(name) == Some(me.pid()) {
                    me.system().unregister_name(name);
                }
            }
            Self::Via(claim) => claim.release(me.pid()),
        }
    }
}

impl<K: Key, V: Clone + Send + Sync + 'static> Registry<K, V> {
    /// A registry in which a key belongs to one process at most.
    #[must_use]
    pub fn unique(system: &System) -> Self {
        Self::over(system.shared_kernel(), true)
    }

    /// A registry in which many processes may have the same key.
    #[must_use]
    pub fn duplicate(system: &System) -> Self {
        Self::over(system.shared_kernel(), false)
    }
}
