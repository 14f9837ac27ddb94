//! Conditions on records: tests of single attributes, joined by and, or, not.

use mnemon_term::{RecordRef, Term, TermRef};

use crate::TableError;

/// Most levels of conditions: a lone test is one level, and each `And`, `Or` and `Not` around it is another.
pub const MAX_NESTING: usize = 32;
/// Most nodes of a condition: tests, `And`s, `Or`s, `Not`s and the values of `In`.
pub const MAX_NODES: usize = 1_024;

/// What a record must fulfil.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The attribute at this place passes the test. A record without the place passes no test.
    On(u16, Test),
    /// All hold; of none, so does this.
    And(Vec<Condition>),
    /// At least one holds; of none, this does not.
    Or(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
}

/// A test of one attribute.
///
/// Values compare in Erlang's standard order, in which 1 and 1.0 are equal and number < atom < tuple < map < list <
/// binary: `nil` is an atom, hence greater than every number.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Equal (Erlang's `==`).
    Eq(Term),
    /// Not equal (`/=`).
    Ne(Term),
    /// Less.
    Lt(Term),
    /// Less or equal.
    Le(Term),
    /// Greater.
    Gt(Term),
    /// Greater or equal.
    Ge(Term),
    /// The same term (`=:=`): 1 and 1.0 differ.
    Exact(Term),
    /// Equal (`==`) to one of these.
    In(Vec<Term>),
    /// A binary that begins with these bytes.
    Prefix(Vec<u8>),
    /// `true`: not `nil`; `false`: `nil`.
    Exists(bool),
}

impl Test {
    /// Whether a value passes. O(size of the smaller of the two); allocates nothing.
    #[must_use]
    pub fn passes(&self, value: TermRef<'_>) -> bool {
        match self {
            Self::Eq(term) => value.compare(term.view()).is_eq(),
            Self::Ne(term) => value.compare(term.view()).is_ne(),
            Self::Lt(term) => value.compare(term.view()).is_lt(),
            Self::Le(term) => value.compare(term.view()).is_le(),
            Self::Gt(term) => value.compare(term.view()).is_gt(),
            Self::Ge(term) => value.compare(term.view()).is_ge(),
            Self::Exact(term) => value.exact_eq(term.view()),
            Self::In(terms) => terms.iter().any(|term| value.compare(term.view()).is_eq()),
            Self::Prefix(prefix) => value.as_bytes().is_some_and(|bytes| bytes.starts_with(prefix)),
            Self::Exists(exists) => *exists != value.is_nil(),
        }
    }
}

impl Condition {
    /// The condition that every record fulfils.
    #[must_use]
    pub fn all() -> Self {
        Self::And(Vec::new())
    }

    /// Whether a record fulfils the condition. O(nodes × bytes); allocates nothing. Recursion is as deep as the condition,
    /// which a [`Query`](crate::query::Query) bounds; check conditions that come from outside.
    #[must_use]
    pub fn matches(&self, record: RecordRef<'_>) -> bool {
        match self {
            Self::On(place, test) => record.get(usize::from(*place)).is_some_and(|value| test.passes(value)),
            Self::And(conditions) => conditions.iter().all(|condition| condition.matches(record)),
            Self::Or(conditions) => conditions.iter().any(|condition| condition.matches(record)),
            Self::Not(condition) => !condition.matches(record),
        }
    }

    /// Checks the condition against [`MAX_NESTING`] and [`MAX_NODES`]. O([`MAX_NODES`]).
    ///
    /// # Errors
    /// `BadQuery` that says which limit is passed.
    pub fn check(&self) -> Result<(), TableError> {
        self.count(1, &mut MAX_NODES.clone())
    }

    fn count(&self, level: usize, left: &mut usize) -> Result<(), TableError> {
        if level > MAX_NESTING {
            return Err(too_deep());
        }
        let nodes = match self {
            Self::On(_, Test::In(terms)) => terms.len().saturating_add(1),
            _ => 1,
        };
        *left = left.checked_sub(nodes).ok_or_else(|| {
            TableError::BadQuery(format!(
                "it has more than {MAX_NODES} conditions and values of \"in\"; ask in several queries"
            ))
        })?;
        match self {
            Self::On(..) => Ok(()),
            Self::And(conditions) | Self::Or(conditions) => {
                conditions.iter().try_for_each(|condition| condition.count(level + 1, left))
            }
            Self::Not(condition) => condition.count(level + 1, left),
        }
    }
}

pub(crate) fn too_deep() -> TableError {
    TableError::BadQuery(format!("it is nested deeper than {MAX_NESTING} levels; flatten it"))
}

#[cfg(test)]
mod tests {
    use mnemon_term::Record;

    use super::*;

    fn float(value: f64) -> Term {
        Term::float(value).unwrap()
    }

    #[test]
    fn tests_compare_in_the_standard_order() {
        let one = || Term::from(1);
        let table: [(Test, Term, bool); 26] = [
            (Test::Eq(one()), float(1.0), true),
            (Test::Eq(one()), Term::from("1"), false),
            (Test::Eq(Term::list([one()])), Term::list([float(1.0)]), true),
            (Test::Ne(one()), float(1.0), false),
            (Test::Ne(one()), Term::nil(), true),
            (Test::Exact(one()), float(1.0), false),
            (Test::Exact(one()), one(), true),
            (Test::Lt(one()), float(0.5), true),
            (Test::Lt(one()), float(1.0), false),
            (Test::Le(one()), float(1.0), true),
            (Test::Le(one()), Term::nil(), false),
            (Test::Gt(one()), float(1.0), false),
            (Test::Gt(one()), Term::nil(), true),
            (Test::Gt(Term::nil()), Term::from("text"), true),
            (Test::Ge(one()), float(1.0), true),
            (Test::Ge(one()), float(0.5), false),
            (Test::In(vec![Term::from("a"), one()]), float(1.0), true),
            (Test::In(vec![Term::from("a"), one()]), Term::from("b"), false),
            (Test::In(Vec::new()), one(), false),
            (Test::Prefix(b"ab".to_vec()), Term::from("abc"), true),
            (Test::Prefix(b"ab".to_vec()), Term::from("a"), false),
            (Test::Prefix(Vec::new()), Term::from(""), true),
            (Test::Prefix(Vec::new()), Term::atom("ab"), false),
            (Test::Exists(true), Term::from(false), true),
            (Test::Exists(true), Term::nil(), false),
            (Test::Exists(false), Term::nil(), true),
        ];
        for (test, value, passes) in table {
            assert_eq!(test.passes(value.view()), passes, "{test:?} {value:?}");
        }
    }

    #[test]
    fn conditions_join_tests() {
        let record = Record::new(&[Term::from(1), Term::from("a")]).unwrap();
        let yes = || Condition::On(0, Test::Eq(Term::from(1)));
        let no = || Condition::On(1, Test::Eq(Term::from("b")));
        let table = [
            (Condition::And(vec![yes(), yes()]), true),
            (Condition::And(vec![yes(), no()]), false),
            (Condition::And(vec![]), true),
            (Condition::Or(vec![no(), yes()]), true),
            (Condition::Or(vec![no(), no()]), false),
            (Condition::Or(vec![]), false),
            (Condition::Not(Box::new(no())), true),
            (Condition::Not(Box::new(yes())), false),
        ];
        for (condition, holds) in table {
            assert_eq!(condition.matches(record.as_ref()), holds, "{condition:?}");
        }
    }

    #[test]
    fn a_record_without_the_attribute_passes_no_test() {
        let record = Record::new(&[Term::from(1)]).unwrap();
        for test in [Test::Exists(false), Test::Exists(true), Test::Ne(Term::nil()), Test::Eq(Term::nil())] {
            assert!(!Condition::On(1, test).matches(record.as_ref()));
        }
    }

    #[test]
    fn nodes_are_counted_with_the_values_of_in() {
        let tests = |count| Condition::And(vec![Condition::all(); count]);
        assert!(tests(MAX_NODES - 1).check().is_ok());
        assert!(tests(MAX_NODES).check().is_err());
        let values = |count| Condition::On(0, Test::In(vec![Term::nil(); count]));
        assert!(values(MAX_NODES - 1).check().is_ok());
        assert!(values(MAX_NODES).check().is_err());
    }
}
