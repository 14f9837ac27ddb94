//! Process groups: OTP's `pg`, within one system.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;

use crate::error::Result;
use crate::pid::Pid;
use crate::registry::{Key, Registry};
use crate::system::System;

/// Groups of processes. Clones are the same groups.
///
/// A process may be in many groups, and in one as often as it joined it. It leaves all when it ends.
///
/// ```
/// use mnemon_otp::{Groups, System};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let groups = Groups::<String>::new(&system);
/// let pid = system.spawn(async |mut me| drop(me.receive().await))?;
/// groups.join("readers".to_owned(), pid)?;
/// assert_eq!(groups.members("readers"), [pid]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Groups<K>(Registry<K>);

impl<K: Key> Groups<K> {
    /// No groups yet.
    #[must_use]
    pub fn new(system: &System) -> Self {
        Self(Registry::duplicate(system))
    }

    /// Has `pid` join the group, once more if it is in it.
    ///
    /// # Errors
    /// [`Error::NoProcess`](crate::Error::NoProcess).
    pub fn join(&self, group: K, pid: Pid) -> Result<()> {
        self.0.register(pid, group, ())
    }

    /// Has `pid` leave the group once; `false` where it was not in it.
    pub fn leave<Q: Eq + Hash + ?Sized>(&self, group: &Q, pid: Pid) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.unregister_once(pid, group)
    }

    /// The members, in the order they joined; one that joined twice is there twice.
    #[must_use]
    pub fn members<Q: Eq + Hash + ?Sized>(&self, group: &Q) -> Vec<Pid>
    where
        K: Borrow<Q>,
    {
        self.0.lookup(group).into_iter().map(|(pid, ())| pid).collect()
    }

    /// The groups that have members, in no order that means anything. O(entries).
    #[must_use]
    pub fn which_groups(&self) -> Vec<K> {
        let all: HashSet<K> = self.0.entries().into_iter().map(|(group, ..)| group).collect();
        all.into_iter().collect()
    }

    /// Sends `listener` a [`RegistryEvent`](crate::RegistryEvent) for each join and leave from now on.
    pub fn listen(&self, listener: Pid) {
        self.0.listen(listener);
    }
}
