//! What a session knows of its client, and the small changes that commands make to it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Waker;

use mnemon_table::Table;

use crate::answer::Answer;
use crate::command;
use crate::host::Host;
use crate::presence::Presence;
use crate::protocol::Version;
use crate::session::{Session, Voice};
use crate::users::User;

impl Session {
    pub(crate) fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// The client's number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.presence.id
    }

    /// What others may know of the client.
    pub(crate) fn presence(&self) -> &Arc<Presence> {
        &self.presence
    }

    /// Notes who is to be woken when there is something for this client to do. Cheap when it is who it was.
    #[inline]
    pub(crate) fn attend(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.presence.set_waker(waker);
            self.waker = Some(waker.clone());
        }
    }

    /// Shows others what the client does: a few plain stores.
    #[inline]
    pub(crate) fn show(&self) {
        let (place, subcommand) = self.last;
        self.presence.command.store(command::command_code(place, subcommand), Relaxed);
        self.presence.active_ms.store(self.host.heartbeat_ms(), Relaxed);
        let queued = self.queued().map_or(-1, |queued| i64::try_from(queued).unwrap_or(i64::MAX));
        self.presence.queued.store(queued, Relaxed);
        self.presence.watched.store(u32::try_from(self.watched()).unwrap_or(u32::MAX), Relaxed);
    }

    /// The place of the last command in the command table and that of its subcommand; past the end: it is unknown.
    #[inline]
    pub(crate) fn last_command(&self) -> (usize, Option<usize>) {
        self.last
    }

    /// Whether the last command was refused before it ran.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused
    }

    /// The protocol version that answers are to be written in.
    #[inline]
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn set_version(&mut self, version: Version) {
        self.version = version;
        self.look_again();
    }

    pub(crate) fn name(&self) -> Arc<[u8]> {
        self.presence.name()
    }

    pub(crate) fn set_name(&mut self, name: &[u8]) {
        self.presence.set_name(name);
    }

    /// Selects a database; `number` is less than the number of databases.
    pub(crate) fn select(&mut self, number: usize) {
        self.number = number;
        self.presence.database.store(u8::try_from(number).unwrap_or(u8::MAX), Relaxed);
        self.database = self.host.catalog.database(number).clone();
    }

    pub(crate) fn table(&self, name: &[u8]) -> Result<Arc<Table>, Answer> {
        command::named_table(&self.context(), name)
    }

    /// Whether the client may run commands.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// The user the client has authenticated as.
    pub(crate) fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// Whether the credentials are right; if so, the client is that user from now on.
    pub(crate) fn authenticate(&mut self, user: &[u8], password: &[u8]) -> bool {
        let Some(user) = self.host.users.authenticate(user, password) else { return false };
        self.presence.set_user(user.name().clone());
        self.user = user;
        self.authenticated = true;
        self.look_again();
        true
    }

    /// Whether the connection is to be closed once all that was answered is written.
    #[inline]
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    /// Back to the state of a client that has just connected; number and address stay.
    pub(crate) fn reset(&mut self) {
        self.discard();
        self.follows.clear();
        self.ignore_all();
        self.select(0);
        self.presence.set_name(b"");
        self.version = Version::Resp2;
        self.voice = Voice::default();
        self.user = self.host.users.default_user();
        self.presence.set_user(self.user.name().clone());
        self.authenticated = !self.host.users.need_password();
        self.presence.no_evict.store(false, Relaxed);
        self.look_again();
    }

    /// Notes whether commands must be looked at before they run, and tells others what has changed.
    pub(super) fn look_again(&mut self) {
        self.special = !self.authenticated
            || self.queue.is_some()
            || self.is_subscriber()
            || !self.user.may_do_everything();
        self.presence.resp3.store(self.version == Version::Resp3, Relaxed);
        self.show_subscriptions();
    }
}
