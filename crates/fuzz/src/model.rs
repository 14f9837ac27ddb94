//! A table said plainly: its records in a list, found by looking at all of them.

use mnemon_table::query::{Condition, Query, Test};
use mnemon_table::schema::Kind;
use mnemon_term::{Record, RecordRef, Term};

/// The records of one table.
#[derive(Debug)]
pub(crate) struct Model {
    kind: Kind,
    /// In the order of their keys if the kind has one, else in the order they came.
    records: Vec<Record>,
}

impl Model {
    /// An empty table.
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, records: Vec::new() }
    }

    /// Puts a record in the place of those it replaces.
    pub(crate) fn write(&mut self, record: &Record) {
        let key = attribute(record, 0);
        let kind = self.kind;
        self.records.retain(|other| match kind {
            Kind::OrderedSet => Term::compare(&attribute(other, 0), &key).is_ne(),
            Kind::Set => attribute(other, 0) != key,
            Kind::Bag => other != record,
        });
        self.records.push(record.clone());
        if kind == Kind::OrderedSet {
            self.records.sort_by(|one, other| Term::compare(&attribute(one, 0), &attribute(other, 0)));
        }
    }

    /// All records that fulfil the query's condition, whatever its limit and direction.
    pub(crate) fn filter(&self, query: &Query) -> Vec<Record> {
        let wanted = |record: &&Record| {
            let holds = holds(query.condition(), record.as_ref());
            assert_eq!(query.matches(record.as_ref()), holds, "{record:?} and {query:?}");
            holds
        };
        self.records.iter().filter(wanted).cloned().collect()
    }
}

/// An attribute of a record of these tables.
pub(crate) fn attribute(record: &Record, place: u16) -> Term {
    let term = record.as_ref().get(usize::from(place)).expect("all records have all attributes");
    term.to_term().expect("records hold checked terms")
}

/// The meaning of a condition, said once more from its documentation, on trees instead of record bytes.
fn holds(condition: &Condition, record: RecordRef<'_>) -> bool {
    match condition {
        Condition::On(place, test) => {
            let value = record.get(usize::from(*place)).and_then(|value| value.to_term().ok());
            value.is_some_and(|value| passes(test, &value))
        }
        Condition::And(conditions) => !conditions.iter().any(|condition| !holds(condition, record)),
        Condition::Or(conditions) => conditions.iter().any(|condition| holds(condition, record)),
        Condition::Not(condition) => !holds(condition, record),
    }
}

fn passes(test: &Test, value: &Term) -> bool {
    match test {
        Test::Eq(term) => Term::compare(value, term).is_eq(),
        Test::Ne(term) => Term::compare(value, term).is_ne(),
        Test::Lt(term) => Term::compare(value, term).is_lt(),
        Test::Le(term) => Term::compare(value, term).is_le(),
        Test::Gt(term) => Term::compare(value, term).is_gt(),
        Test::Ge(term) => Term::compare(value, term).is_ge(),
        Test::Exact(term) => value == term,
        Test::In(terms) => terms.iter().any(|term| Term::compare(value, term).is_eq()),
        Test::Prefix(prefix) => matches!(value, Term::Binary(bytes) if bytes.starts_with(prefix)),
        Test::Exists(exists) => *exists == (*value != Term::nil()),
    }
}
