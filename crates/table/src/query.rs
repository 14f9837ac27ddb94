//! Queries: which records of a table are asked for, as data.
//!
//! A [`Query`] is a condition with a limit and a direction, a [`Pattern`] is what Mnesia's `match_object` takes, and a
//! [`Plan`] says which rows can fulfil a condition at all. What must stay true: every record that fulfils a condition
//! is inside its plan; evaluation allocates nothing; what comes from outside is bounded in depth and size before it is
//! evaluated. Reading rows is left to others.

mod condition;
mod language;
mod pattern;
mod plan;
mod reach;
mod variants;

pub use condition::{Condition, MAX_NESTING, MAX_NODES, Test};
pub use pattern::{Pattern, Slot};
pub use plan::Plan;

use mnemon_store::Kind;
use mnemon_term::RecordRef;

use crate::TableError;
use crate::schema::Schema;

/// A question to one table.
///
/// ```
/// use mnemon_table::query::Query;
/// use mnemon_table::schema::{AttributeType, Schema};
/// use mnemon_term::{Record, Term};
///
/// let users = Schema::builder("users")
///     .attribute("id", AttributeType::Int)
///     .attribute("name", AttributeType::String)
///     .attribute("age", AttributeType::Int)
///     .build()?;
/// let query = Query::from_json(br#"{"age": {">=": 30, "<": 60}, "name": "Ada"}"#, &users)?.limit(10);
///
/// let record = |age: i64| Record::new(&[Term::from(1), Term::from("Ada"), Term::from(age)]);
/// assert!(query.matches(record(36)?.as_ref()));
/// assert!(!query.matches(record(60)?.as_ref()));
/// # Ok::<(), mnemon_table::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    condition: Condition,
    limit: Option<usize>,
    reverse: bool,
}

impl Query {
    /// All records that fulfil a condition.
    ///
    /// # Errors
    /// `BadQuery` when the condition is nested deeper than [`MAX_NESTING`] or has more than [`MAX_NODES`] nodes.
    pub fn new(condition: Condition) -> Result<Self, TableError> {
        condition.check()?;
        Ok(Self { condition, limit: None, reverse: false })
    }

    /// All records of a table.
    #[must_use]
    pub fn all() -> Self {
        Self { condition: Condition::all(), limit: None, reverse: false }
    }

    /// Reads a condition in the match language, which `docs/match.md` describes. O(bytes × nesting).
    ///
    /// # Errors
    /// `BadQuery` for what is no JSON, an unknown attribute or operator, an operand that does not fit, and those of
    /// [`Query::new`].
    pub fn from_json(input: &[u8], schema: &Schema) -> Result<Self, TableError> {
        Self::new(language::parse(input, schema)?)
    }

    /// At most so many records.
    #[must_use]
    pub fn limit(mut self, limit: impl Into<Option<usize>>) -> Self {
        self.limit = limit.into();
        self
    }

    /// Whether the records come in descending order; only ordered tables and indexes have one.
    #[must_use]
    pub fn reverse(mut self, reverse: bool) -> Self {
        self.reverse = reverse;
        self
    }

    /// What a record must fulfil.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Most records that are asked for.
    #[must_use]
    pub fn max_records(&self) -> Option<usize> {
        self.limit
    }

    /// Whether the records are asked for in descending order.
    #[must_use]
    pub fn is_reverse(&self) -> bool {
        self.reverse
    }

    /// Whether a record fulfils the condition. O(nodes × bytes); allocates nothing.
    #[must_use]
    pub fn matches(&self, record: RecordRef<'_>) -> bool {
        self.condition.matches(record)
    }

    /// Where the records are to be looked for in a table of this kind with these complete indexes.
    #[must_use]
    pub fn plan(&self, kind: Kind, indexed: &[u16]) -> Plan {
        Plan::choose(&self.condition, kind, indexed)
    }
}

#[cfg(test)]
mod tests {
    use mnemon_term::{Record, Term};

    use super::*;

    #[test]
    fn a_query_refuses_conditions_past_the_limits() {
        let mut deep = Condition::all();
        for _ in 0..MAX_NESTING - 1 {
            deep = Condition::Not(Box::new(deep));
        }
        assert!(Query::new(deep.clone()).is_ok());
        assert!(matches!(Query::new(Condition::Not(Box::new(deep))), Err(TableError::BadQuery(_))));
    }

    #[test]
    fn a_query_of_all_matches_every_record() {
        let record = Record::new(&[Term::from(1)]).unwrap();
        let query = Query::all().limit(3).reverse(true);
        assert!(query.matches(record.as_ref()));
        assert_eq!((query.max_records(), query.is_reverse()), (Some(3), true));
        assert_eq!(query.plan(Kind::OrderedSet, &[1]), Plan::Scan);
    }
}
