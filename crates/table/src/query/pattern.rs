//! Patterns: what Mnesia's `match_object` takes, records with holes.

mod slot;

pub use slot::Slot;

use mnemon_term::{RecordRef, Term};

use crate::TableError;
use crate::query::{Condition, MAX_NODES, Test};
use crate::schema::shortened;
use slot::{Bindings, all_match};

/// A record with holes; a record matches when it has as many attributes and each is as its slot wants it.
///
/// ```
/// use mnemon_table::query::Pattern;
/// use mnemon_term::{Record, Term};
///
/// // {'_', '$1', '$1'}
/// let pattern = Pattern::from_term(&Term::tuple([Term::atom("_"), Term::atom("$1"), Term::atom("$1")]))?;
/// let twice = Record::new(&[Term::from(7), Term::from("a"), Term::from("a")])?;
/// let other = Record::new(&[Term::from(7), Term::from("a"), Term::from("b")])?;
/// assert_eq!(pattern.bindings(twice.as_ref()), Some(vec![(1, Term::from("a"))]));
/// assert!(!pattern.matches(other.as_ref()));
/// # Ok::<(), mnemon_table::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Vec<Slot>);

impl Pattern {
    /// A pattern of one slot an attribute.
    ///
    /// # Errors
    /// `BadQuery` without slots, and for more than [`MAX_NODES`] slots or [`MAX_DEPTH`](mnemon_term::MAX_DEPTH) levels of them.
    pub fn new(slots: Vec<Slot>) -> Result<Self, TableError> {
        if slots.is_empty() {
            return Err(TableError::BadQuery(
                "a pattern needs one entry an attribute; write '_' for any".to_owned(),
            ));
        }
        let mut left = MAX_NODES;
        slots.iter().try_for_each(|slot| slot.count(0, &mut left))?;
        Ok(Self(slots))
    }

    /// A pattern of a tuple or list of one term an attribute, in which the atom `_` is any and the atoms `$0`, `$1`, … are
    /// variables, at the top and inside tuples and lists.
    ///
    /// # Errors
    /// `BadQuery` for another term, for `_` or a variable inside a map, for a variable above `$65535`, and those of
    /// [`Pattern::new`].
    pub fn from_term(term: &Term) -> Result<Self, TableError> {
        let (Term::Tuple(elements) | Term::List(elements)) = term else {
            let found = shortened(term.view());
            return Err(TableError::BadQuery(format!("a pattern is a tuple or list, found {found}")));
        };
        Self::new(elements.iter().map(|term| Slot::of(term, 0)).collect::<Result<_, _>>()?)
    }

    /// The slots, one an attribute.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.0
    }

    /// Whether a record matches. O(slots × variables + bytes); allocates nothing with up to four variables.
    #[must_use]
    pub fn matches(&self, record: RecordRef<'_>) -> bool {
        self.bound(record).is_some()
    }

    /// What the variables stand for, by ascending number; `None` when the record does not match. Values of malformed
    /// trusted bytes do not match.
    #[must_use]
    pub fn bindings(&self, record: RecordRef<'_>) -> Option<Vec<(u16, Term)>> {
        let mut bound = self.bound(record)?;
        bound.sort_unstable_by_key(|(variable, _)| *variable);
        bound.into_iter().map(|(variable, value)| Some((variable, value.to_term().ok()?))).collect()
    }

    /// A condition that every matching record fulfils, to choose a [`Plan`](crate::query::Plan) by.
    #[must_use]
    pub fn to_condition(&self) -> Condition {
        let fixed = self.0.iter().zip(0..).filter_map(|(slot, place)| match slot {
            Slot::Is(term) => Some(Condition::On(place, Test::Exact(term.clone()))),
            _ => None,
        });
        Condition::And(fixed.collect())
    }

    fn bound<'r>(&self, record: RecordRef<'r>) -> Option<Bindings<'r>> {
        let mut bound = Bindings::new();
        let matches = record.arity() == self.0.len() && all_match(&self.0, record, &mut bound);
        matches.then_some(bound)
    }
}

#[cfg(test)]
mod tests {
    use mnemon_store::Kind;
    use mnemon_term::Record;

    use super::*;
    use crate::query::Plan;

    fn pattern(terms: impl IntoIterator<Item = Term>) -> Pattern {
        Pattern::from_term(&Term::list(terms)).unwrap()
    }

    fn refusal(term: &Term) -> String {
        Pattern::from_term(term).unwrap_err().to_string()
    }

    fn any() -> Term {
        Term::atom("_")
    }

    #[test]
    fn slots_want_anything_or_exactly_a_term() {
        let record = Record::new(&[Term::from(1), Term::from("a")]).unwrap();
        let table = [
            (vec![any(), any()], true),
            (vec![Term::from(1), any()], true),
            (vec![Term::float(1.0).unwrap(), any()], false),
            (vec![any(), Term::from("b")], false),
            (vec![any()], false),
            (vec![any(), any(), any()], false),
        ];
        for (terms, matches) in table {
            assert_eq!(pattern(terms.clone()).matches(record.as_ref()), matches, "{terms:?}");
        }
    }

    #[test]
    fn a_repeated_variable_must_be_the_same_term() {
        let pattern = Pattern::new(vec![Slot::Var(2), Slot::Var(1), Slot::Var(2)]).unwrap();
        let of = |terms: [Term; 3]| pattern.bindings(Record::new(&terms).unwrap().as_ref());
        let same = of([Term::from(1), Term::from("a"), Term::from(1)]);
        assert_eq!(same, Some(vec![(1, Term::from("a")), (2, Term::from(1))]));
        assert_eq!(of([Term::from(1), Term::from("a"), Term::float(1.0).unwrap()]), None);
    }

    #[test]
    fn holes_inside_tuples_and_lists_match() {
        let inner = |value: Term| Term::tuple([Term::atom("at"), Term::list([value, Term::from(2)])]);
        let pattern = pattern([Term::atom("$1"), inner(Term::atom("$1"))]);
        let of =
            |key: i64, value: Term| pattern.matches(Record::new(&[Term::from(key), value]).unwrap().as_ref());
        assert!(of(1, inner(Term::from(1))));
        assert!(!of(3, inner(Term::from(1))));
        assert!(!of(1, Term::tuple([Term::atom("at")])));
        assert!(!of(1, Term::list([Term::atom("at"), Term::list([Term::from(1), Term::from(2)])])));
    }

    #[test]
    fn only_underscore_and_numbered_atoms_are_special() {
        let pattern = pattern(["_x", "$", "$a", "$1a"].map(|name| Term::try_atom(name).unwrap()));
        assert!(pattern.slots().iter().all(|slot| matches!(slot, Slot::Is(_))));
        assert!(refusal(&Term::list([Term::atom("$70000")])).contains("'$70000'"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert!(refusal(&Term::from(1)).contains("found 1"));
        assert!(refusal(&Term::list([])).contains("one entry an attribute"));
        assert!(refusal(&Term::list([Term::map([(Term::from("a"), any())])])).contains("inside a map"));
        assert!(Pattern::new(vec![Slot::List(vec![Slot::Any; MAX_NODES])]).is_err());
    }

    #[test]
    fn the_plan_of_a_pattern_is_by_its_fixed_slots() {
        let by_key = pattern([Term::from(1), any()]).to_condition();
        assert!(matches!(Plan::choose(&by_key, Kind::Set, &[]), Plan::Key(_)));
        let by_index = pattern([any(), Term::from(1)]).to_condition();
        assert!(matches!(Plan::choose(&by_index, Kind::Set, &[1]), Plan::Index { attribute: 1, .. }));
    }
}
