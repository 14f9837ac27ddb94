//! Names of processes: keys to pids, looked up without a process hop.
//!
//! A key is gone before anyone is told that its process has ended: the kernel calls the registry first. Both directions
//! are kept, key to processes and process to keys, each under its own shard's lock. The lock of a process's keys is the order
//! in which listeners hear of them: what it protects is told before it is let go.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::message::Payload;
use crate::panics::catch;
use crate::pid::Pid;
use crate::process::{ExitHook, Process};
use crate::sync::{Mutex, RwLock};

const SHARDS: usize = 16;

/// What a registry tells those who [`listen`](Registry::listen).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryEvent<K> {
    /// A process has taken a key.
    Registered(K, Pid),
    /// A key was given back, or its process has ended.
    Unregistered(K, Pid),
}

/// What a registry needs of its keys.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {}

impl<K: Clone + Eq + Hash + Send + Sync + 'static> Key for K {}

/// Names of processes. Clones are the same registry.
///
/// With unique keys each key belongs to one process at most; with duplicate keys many processes share one, and one
/// process may hold a key several times with different values.
///
/// ```
/// use mnemon_otp::{Registry, System};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let buckets = Registry::<String>::unique(&system);
/// let pid = system.spawn(async |mut me| drop(me.receive().await))?;
/// buckets.register(pid, "shopping".to_owned(), ())?;
/// assert_eq!(buckets.whereis("shopping"), Some(pid));
///
/// let end = system.watch(pid);
/// system.send(pid, "stop")?;
/// end.await;
/// assert_eq!(buckets.whereis("shopping"), None);
/// # Ok(())
/// # }
/// ```
pub struct Registry<K, V = ()>(Arc<Inner<K, V>>);

struct Inner<K, V> {
    kernel: Arc<Kernel>,
    unique: bool,
    hasher: RandomState,
    by_key: Vec<RwLock<HashMap<K, Vec<Entry<V>>>>>,
    by_pid: Vec<Mutex<HashMap<Pid, Vec<K>>>>,
    listeners: RwLock<Vec<Pid>>,
}

struct Entry<V> {
    process: Arc<Process>,
    value: V,
}

impl<V> Entry<V> {
    /// Whether it counts: that of a process that has ended is about to be removed.
    fn is_alive(&self) -> bool {
        self.process.is_alive()
    }
}

/// Drops entries. Their values may run code of users that asks this registry, so no lock is held; and the end of a process has
/// to go on whatever that code does.
fn dispose<V>(entries: Vec<Entry<V>>) {
    for entry in entries {
        drop(catch(|| drop(entry)));
    }
}

impl<K, V> Clone for Registry<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> fmt::Debug for Registry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("unique", &self.0.unique).finish_non_exhaustive()
    }
}

impl<K: Key, V: Clone + Send + Sync + 'static> Registry<K, V> {
    pub(crate) fn over(kernel: Arc<Kernel>, unique: bool) -> Self {
        Self(Arc::new(Inner {
            kernel,
            unique,
            hasher: RandomState::new(),
            by_key: (0..SHARDS).map(|_| RwLock::default()).collect(),
            by_pid: (0..SHARDS).map(|_| Mutex::default()).collect(),
            listeners: RwLock::default(),
        }))
    }

    /// Gives `pid` the key, with a value of the caller's choice.
    ///
    /// # Errors
    /// [`Error::AlreadyRegistered`] where keys are unique and a live process has it; [`Error::NoProcess`].
    pub fn register(&self, pid: Pid, key: K, value: V) -> Result<()> {
        let process = self.0.kernel.table.get(pid).ok_or(Error::NoProcess)?;
        self.add(&process, key, value)
    }

    pub(crate) fn kernel(&self) -> Arc<Kernel> {
        self.0.kernel.clone()
    }

    pub(crate) fn add(&self, process: &Arc<Process>, key: K, value: V) -> Result<()> {
        let gone = {
            let mut shard = self.0.shard(&key).write();
            let entries = shard.entry(key.clone()).or_default();
            let mut gone = Vec::new();
            if self.0.unique {
                // One that has ended is about to be forgotten: its key is free.
                if let Some(holder) = entries.iter().find(|entry| entry.is_alive()) {
                    return Err(Error::AlreadyRegistered(holder.process.pid));
                }
                gone = std::mem::take(entries);
            }
            entries.push(Entry { process: process.clone(), value });
            gone
        };
        dispose(gone);
        {
            let mut keys = self.0.keys_of(process.pid).lock();
            keys.entry(process.pid).or_default().push(key.clone());
            self.0.tell(&RegistryEvent::Registered(key, process.pid));
        }
        let hook: Arc<dyn ExitHook> = self.0.clone();
        if !self.0.kernel.add_hook(process, &hook) {
            self.0.process_ended(process.pid);
            return Err(Error::NoProcess);
        }
        Ok(())
    }

    /// Takes the key away from `pid`, however often it has it; `false` where it did not have it.
    pub fn unregister<Q>(&self, pid: Pid, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut taken = false;
        while self.unregister_once(pid, key) {
            taken = true;
        }
        taken
    }

    /// Takes the key away from `pid` once: the entry it has had longest.
    pub(crate) fn unregister_once<Q>(&self, pid: Pid, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut keys = self.0.keys_of(pid).lock();
        let Some(list) = keys.get_mut(&pid) else { return false };
        let Some(at) = list.iter().position(|known| known.borrow() == key) else { return false };
        let key = list.remove(at);
        if list.is_empty() {
            keys.remove(&pid);
        }
        let gone = self.0.remove_one(&key, pid);
        self.0.tell(&RegistryEvent::Unregistered(key, pid));
        drop(keys);
        dispose(gone.into_iter().collect());
        true
    }

    /// Who has the key: with duplicate keys, the one that has had it longest.
    #[must_use]
    pub fn whereis<Q>(&self, key: &Q) -> Option<Pid>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.first(key).map(|process| process.pid)
    }

    pub(crate) fn first<Q>(&self, key: &Q) -> Option<Arc<Process>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let shard = self.0.shard(key).read();
        let mut live = shard.get(key)?.iter().filter(|entry| entry.is_alive());
        live.next().map(|entry| entry.process.clone())
    }

    /// All who have the key, with their values, in the order they took it.
    #[must_use]
    pub fn lookup<Q>(&self, key: &Q) -> Vec<(Pid, V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let shard = self.0.shard(key).read();
        let entries = shard.get(key).into_iter().flatten();
        entries
            .filter(|entry| entry.is_alive())
            .map(|entry| (entry.process.pid, entry.value.clone()))
            .collect()
    }

    /// The keys of `pid`, in the order it took them.
    #[must_use]
    pub fn keys(&self, pid: Pid) -> Vec<K> {
        if !self.0.kernel.table.get(pid).is_some_and(|process| process.is_alive()) {
            return Vec::new();
        }
        self.0.keys_of(pid).lock().get(&pid).cloned().unwrap_or_default()
    }

    /// How many entries there are. O(keys).
    #[must_use]
    pub fn count(&self) -> usize {
        let of = |shard: &HashMap<K, Vec<Entry<V>>>| {
            shard.values().flatten().filter(|entry| entry.is_alive()).count()
        };
        self.0.by_key.iter().map(|shard| of(&shard.read())).sum()
    }

    /// All entries, in no order that means anything. O(entries).
    #[must_use]
    pub fn entries(&self) -> Vec<(K, Pid, V)> {
        let mut all = Vec::new();
        for shard in &self.0.by_key {
            for (key, entries) in shard.read().iter() {
                let live = entries.iter().filter(|entry| entry.is_alive());
                all.extend(live.map(|entry| (key.clone(), entry.process.pid, entry.value.clone())));
            }
        }
        all
    }

    /// Sends `listener` a [`RegistryEvent`] for each key that is taken or given back from now on. One whose mailbox is full
    /// misses events: it can compare with [`entries`](Self::entries).
    pub fn listen(&self, listener: Pid) {
        let mut listeners = self.0.listeners.write();
        listeners.retain(|pid| *pid != listener && self.0.kernel.table.get(*pid).is_some());
        listeners.push(listener);
    }
}

impl<K, V> Inner<K, V> {
    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &RwLock<HashMap<K, Vec<Entry<V>>>> {
        // The map uses the same bits differently, as it hashes with keys of its own.
        let hash = self.hasher.hash_one(key) as usize;
        &self.by_key[hash % SHARDS]
    }

    fn keys_of(&self, pid: Pid) -> &Mutex<HashMap<Pid, Vec<K>>> {
        &self.by_pid[pid.index() as usize % SHARDS]
    }
}

impl<K: Key, V> Inner<K, V> {
    fn remove_one(&self, key: &K, pid: Pid) -> Option<Entry<V>> {
        let mut shard = self.shard(key).write();
        let entries = shard.get_mut(key)?;
        let at = entries.iter().position(|entry| entry.process.pid == pid);
        let gone = at.map(|at| entries.remove(at));
        if entries.is_empty() {
            shard.remove(key);
        }
        gone
    }

    fn tell(&self, event: &RegistryEvent<K>) {
        for listener in self.listeners.read().iter() {
            if let Some(process) = self.kernel.table.get(*listener) {
                // A full mailbox misses events, as `listen` says.
                drop(process.post(Payload::new(event.clone())));
            }
        }
    }
}

impl<K: Key, V: Send + Sync + 'static> ExitHook for Inner<K, V> {
    fn process_ended(&self, pid: Pid) {
        let mut all = self.keys_of(pid).lock();
        let mut gone = Vec::new();
        for key in all.remove(&pid).unwrap_or_default() {
            gone.extend(self.remove_one(&key, pid));
            self.tell(&RegistryEvent::Unregistered(key, pid));
        }
        drop(all);
        dispose(gone);
    }
}
