//! The tables a client follows, and their events as push messages.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mnemon_table::{Detail, Event, Subscription, Table, TableError};

use crate::answer::Answer;
use crate::command::{event_answer, farewell};
use crate::protocol::Version;
use crate::session::Session;

/// A table that is followed.
#[derive(Debug)]
pub(super) struct Follow {
    name: String,
    table: Arc<Table>,
    detail: Detail,
    subscription: Subscription,
}

impl Follow {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        // `recv` loses nothing when it is dropped half-way.
        pin!(self.subscription.recv()).poll(context)
    }
}

impl Session {
    /// Follows a table from now on: its name and the clock after which every commit is told. Asked again without
    /// `detail`, it stays as detailed as it was.
    pub(crate) fn follow(
        &mut self,
        table: Arc<Table>,
        detail: Option<Detail>,
    ) -> Result<(String, u64), TableError> {
        let name = table.name();
        let known = self.follows.iter().find(|follow| follow.name == name).map(|follow| follow.detail);
        let detail = detail.or(known).unwrap_or(Detail::Simple);
        let subscription = table.subscribe(detail, None)?;
        let clock = subscription.clock();
        self.unfollow(&name);
        self.follows.push(Follow { name: name.clone(), table, detail, subscription });
        self.look_again();
        Ok((name, clock))
    }

    pub(crate) fn unfollow(&mut self, name: &str) {
        self.follows.retain(|follow| follow.name != name);
        self.look_again();
    }

    /// The names of the tables that are followed.
    pub(crate) fn followed(&self) -> Vec<String> {
        self.follows.iter().map(|follow| follow.name.clone()).collect()
    }

    /// How many tables are followed.
    #[inline]
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.follows.len()
    }

    /// Whether anything may be pushed to the client.
    #[inline]
    #[must_use]
    pub fn has_pushes(&self) -> bool {
        !self.follows.is_empty() || self.listens()
    }

    /// Whether the client speaks RESP2 and has subscriptions, so that it may run few commands.
    pub(crate) fn is_subscriber(&self) -> bool {
        self.version == Version::Resp2 && self.has_pushes()
    }

    /// The next push message; pending while there is none. Loses nothing when it is dropped half-way.
    pub async fn next_push(&mut self) -> Answer {
        poll_fn(|context| self.poll_push(context)).await
    }

    /// As [`next_push`](Self::next_push), for callers that wait for other things too.
    pub fn poll_push(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        self.attend(context.waker());
        if let Some(message) = self.presence.take_message() {
            return Poll::Ready(Answer::Message(message));
        }
        for place in 0..self.follows.len() {
            let Some(follow) = self.follows.get_mut(place) else { break };
            match follow.poll(context) {
                Poll::Ready(Some(event)) => {
                    return Poll::Ready(event_answer(&follow.table, &follow.name, follow.detail, &event));
                }
                Poll::Ready(None) => {
                    let gone = self.follows.remove(place);
                    self.look_again();
                    return Poll::Ready(farewell(Some(gone.name), self.follows.len()));
                }
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }
}
