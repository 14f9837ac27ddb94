//! What a session knows of its client, and the small changes that commands make to it.

use std::sync::Arc;

use mnemon_table::Table;

use crate::answer::Answer;
use crate::command;
use crate::host::Host;
use crate::protocol::Version;
use crate::session::Session;

impl Session {
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// The client's number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    pub(crate) fn age_ms(&self) -> u64 {
        self.host.catalog.store().now_ms().saturating_sub(self.born_ms)
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

    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    pub(crate) fn set_name(&mut self, name: &[u8]) {
        self.name = name.to_vec();
    }

    pub(crate) fn database(&self) -> &Arc<Table> {
        &self.database
    }

    pub(crate) fn database_number(&self) -> usize {
        self.number
    }

    /// Selects a database; `number` is less than the number of databases.
    pub(crate) fn select(&mut self, number: usize) {
        self.number = number;
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

    pub(crate) fn needs_password(&self) -> bool {
        self.host.settings.password.is_some()
    }

    /// Whether the credentials are right; if so, the client is authenticated from now on.
    pub(crate) fn authenticate(&mut self, user: &[u8], password: &[u8]) -> bool {
        let right = self.host.accepts(user, password);
        self.authenticated |= right;
        self.look_again();
        right
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
        self.select(0);
        self.name.clear();
        self.version = Version::Resp2;
        self.authenticated = !self.needs_password();
        self.look_again();
    }

    /// Notes whether commands must be looked at before they run.
    pub(super) fn look_again(&mut self) {
        self.special = !self.authenticated || self.queue.is_some() || self.is_subscriber();
    }
}
