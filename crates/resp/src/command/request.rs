//! Reads of several rows, as data: what they ask, and how they are answered alone, aside or in a transaction.

use std::sync::Arc;

use mnemon_store::Before;
use mnemon_table::query::Plan as Access;
use mnemon_table::{Object, Search, State, Table, TableError};

use crate::answer::Answer;
use crate::command::key::walk::KeyWalk;
use crate::command::record;
use crate::protocol::Reply;
use crate::refusal;

/// Up to this many records are read on the I/O thread; more may take long and go to a thread of their own.
const READ_AT_ONCE: usize = 256;

/// A question to one table.
pub(crate) struct Request {
    table: Arc<Table>,
    what: What,
}

enum What {
    /// Records of a table.
    Search(Search),
    /// Keys of a database.
    Keys(KeyWalk),
}

impl Request {
    /// A question for records.
    pub(crate) fn search(table: Arc<Table>, search: Search) -> Self {
        Self { table, what: What::Search(search) }
    }

    /// A question for keys.
    pub(crate) fn keys(table: Arc<Table>, walk: KeyWalk) -> Self {
        Self { table, what: What::Keys(walk) }
    }

    /// Whether the answer takes so little time that others may wait for it.
    pub(crate) fn is_short(&self) -> bool {
        match &self.what {
            What::Search(Search::Range(range)) => range.limit.is_some_and(|limit| limit <= READ_AT_ONCE),
            What::Search(Search::Select(query)) => {
                let indexed = self.table.copy().indexed();
                match query.plan(self.table.kind(), &indexed) {
                    Access::Key(_) => true,
                    Access::Keys(keys) => keys.len() <= READ_AT_ONCE,
                    _ => false,
                }
            }
            What::Search(_) => false,
            What::Keys(walk) => walk.is_short(&self.table),
        }
    }

    /// The answer, if it is short and nobody has to be waited for.
    pub(crate) fn at_once(&self) -> Option<Answer> {
        match &self.what {
            What::Keys(walk) if walk.is_short(&self.table) => Some(walk.answer(&self.table)),
            _ => None,
        }
    }

    /// Reads and answers.
    pub(crate) async fn answer(self) -> Answer {
        match &self.what {
            What::Search(search) => {
                let found = search.run(&self.table).await;
                self.records(found)
            }
            What::Keys(walk) => walk.answer(&self.table),
        }
    }

    /// The same on a thread of its own, so that the clients of this I/O thread need not wait.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) async fn answer_aside(self) -> Answer {
        let runtime = tokio::runtime::Handle::current();
        aside(move || runtime.block_on(self.answer())).await
    }

    /// Answers as of the middle of a transaction's commit: after its first `ahead` operations.
    pub(crate) fn answer_during(&self, before: Option<&Before>, ahead: usize) -> Answer {
        let Some(before) = before else {
            let cause = "the state of the transaction's commit was not kept".to_owned();
            return refusal::of_table(&TableError::Aborted(cause));
        };
        match &self.what {
            What::Search(search) => self.records(search.run_during(&self.table, before, ahead)),
            What::Keys(walk) => walk.answer_in(&self.table, State::During(before, ahead)),
        }
    }

    fn records(&self, found: Result<Vec<Object>, TableError>) -> Answer {
        let objects = match found {
            Ok(objects) => objects,
            Err(error) => return refusal::of_table(&error),
        };
        let json = |object: &Object| {
            let schema = self.table.schema_of(object.version());
            Reply::Bulk(record::record_json(object.record(), &schema.attribute_names()))
        };
        Reply::Array(objects.iter().map(json).collect()).into()
    }
}

/// Makes an answer on a thread that may take its time. Must be awaited inside a tokio runtime.
pub(crate) async fn aside(answer: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    match tokio::task::spawn_blocking(answer).await {
        Ok(answer) => answer,
        Err(stopped) => Answer::failure(format!("ERR the query was given up: {stopped}; ask again")),
    }
}
