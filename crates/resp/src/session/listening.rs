//! The channels and patterns a client listens to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::answer::Answer;
use crate::broker::Kind;
use crate::session::Session;

/// Channels and patterns that one client may listen to.
const MAX_SUBSCRIPTIONS: usize = 100_000;

type Names = BTreeSet<Arc<[u8]>>;

/// What a client listens to.
#[derive(Debug, Default)]
pub(super) struct Listening {
    channels: Names,
    patterns: Names,
    shards: Names,
}

impl Listening {
    fn of(&mut self, kind: Kind) -> &mut Names {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }

    fn total(&self) -> usize {
        self.channels.len() + self.patterns.len() + self.shards.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shards.is_empty()
    }

    /// The number that confirmations of this kind tell: shard channels are counted for themselves.
    fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Channel | Kind::Pattern => self.channels.len() + self.patterns.len(),
            Kind::Shard => self.shards.len(),
        }
    }
}

impl Session {
    /// Listens from now on; the number of subscriptions that the confirmation tells.
    ///
    /// # Errors
    /// The refusal to answer when there are too many.
    pub(crate) fn listen(&mut self, kind: Kind, name: &[u8]) -> Result<usize, Answer> {
        if self.listening.total() >= MAX_SUBSCRIPTIONS && !self.listening.of(kind).contains(name) {
            return Err(Answer::error(
                "TOOLARGE too many subscriptions of one client; use a pattern or another connection",
            ));
        }
        if self.listening.of(kind).insert(name.into()) {
            self.host.broker.subscribe(kind, name, &self.presence);
            self.look_again();
        }
        Ok(self.listening.count(kind))
    }

    /// Listens no more; the number of subscriptions that are left.
    pub(crate) fn ignore(&mut self, kind: Kind, name: &[u8]) -> usize {
        if self.listening.of(kind).remove(name) {
            self.host.broker.unsubscribe(kind, name, self.presence.id);
            self.look_again();
        }
        self.listening.count(kind)
    }

    /// What the client listens to, of one kind, in the order of the names.
    pub(crate) fn listened(&mut self, kind: Kind) -> Vec<Arc<[u8]>> {
        self.listening.of(kind).iter().cloned().collect()
    }

    /// Listens to nothing any more; what was not taken is lost.
    pub(super) fn ignore_all(&mut self) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in std::mem::take(self.listening.of(kind)) {
                self.host.broker.unsubscribe(kind, &name, self.presence.id);
            }
        }
        while self.presence.take_message().is_some() {}
    }

    /// Tells the others how much there is to which the client listens.
    pub(super) fn show_subscriptions(&self) {
        let count = |names: usize| u32::try_from(names).unwrap_or(u32::MAX);
        let shown = &self.presence.subscribed;
        shown.channels.store(count(self.listening.channels.len()), Relaxed);
        shown.patterns.store(count(self.listening.patterns.len()), Relaxed);
        shown.shards.store(count(self.listening.shards.len()), Relaxed);
        shown.tables.store(count(self.follows.len()), Relaxed);
    }

    /// Whether the client listens to channels, so that Redis's rules for subscribers hold.
    pub(crate) fn listens(&self) -> bool {
        !self.listening.is_empty()
    }

    /// The messages that wait, which must be told before the end of a subscription is.
    pub(crate) fn take_messages(&self) -> Vec<Answer> {
        std::iter::from_fn(|| self.presence.take_message()).map(Answer::Message).collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.ignore_all();
        self.host.roster.leave(self.presence.id);
    }
}
