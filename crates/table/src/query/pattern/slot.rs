//! One place of a pattern: what it is made of and what it matches.

use mnemon_term::{MAX_DEPTH, Term, TermRef};
use smallvec::SmallVec;

use crate::TableError;
use crate::query::MAX_NODES;

/// What a pattern wants at one place.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot {
    /// Anything: Mnesia's `'_'`.
    Any,
    /// This term exactly (`=:=`).
    Is(Term),
    /// Anything, but the same (`=:=`) at all places of this variable: Mnesia's `'$1'`.
    Var(u16),
    /// A tuple of as many elements, each as its slot wants it.
    Tuple(Vec<Slot>),
    /// A list of as many elements, each as its slot wants it.
    List(Vec<Slot>),
}

impl Slot {
    /// Makes a slot of a term in which the atoms `_` and `$0`, `$1`, … are special.
    ///
    /// A map that contains one of them is refused: nothing here can match a part of a map.
    pub(super) fn of(term: &Term, depth: usize) -> Result<Self, TableError> {
        if depth > MAX_DEPTH {
            return Err(TableError::BadQuery(format!(
                "the pattern is nested deeper than {MAX_DEPTH} levels"
            )));
        }
        let slots = |elements: &[Term]| -> Result<Vec<Self>, TableError> {
            elements.iter().map(|term| Self::of(term, depth + 1)).collect()
        };
        Ok(match term {
            Term::Atom(name) => match special(name.as_str())? {
                Some(slot) => slot,
                None => Self::Is(term.clone()),
            },
            Term::Tuple(elements) => {
                let slots = slots(elements)?;
                if all_fixed(&slots) { Self::Is(term.clone()) } else { Self::Tuple(slots) }
            }
            Term::List(elements) => {
                let slots = slots(elements)?;
                if all_fixed(&slots) { Self::Is(term.clone()) } else { Self::List(slots) }
            }
            Term::Map(pairs) => {
                for inner in pairs.iter().flat_map(|(key, value)| [key, value]) {
                    if !matches!(Self::of(inner, depth + 1)?, Self::Is(_)) {
                        return Err(TableError::BadQuery(
                            "'_' and variables cannot stand inside a map of a pattern; match the map with '_' and test it \
                             after reading"
                                .to_owned(),
                        ));
                    }
                }
                Self::Is(term.clone())
            }
            _ => Self::Is(term.clone()),
        })
    }

    /// Counts slots against a bound, and their levels.
    pub(super) fn count(&self, depth: usize, left: &mut usize) -> Result<(), TableError> {
        *left = left.checked_sub(1).filter(|_| depth <= MAX_DEPTH).ok_or_else(|| {
            TableError::BadQuery(format!(
                "a pattern has at most {MAX_NODES} slots on {MAX_DEPTH} levels; match fewer of them"
            ))
        })?;
        match self {
            Self::Tuple(slots) | Self::List(slots) => {
                slots.iter().try_for_each(|slot| slot.count(depth + 1, left))
            }
            Self::Any | Self::Is(_) | Self::Var(_) => Ok(()),
        }
    }

    fn matches<'r>(&self, value: TermRef<'r>, bound: &mut Bindings<'r>) -> bool {
        match (self, value) {
            (Self::Any, _) => true,
            (Self::Is(term), value) => value.exact_eq(term.view()),
            (Self::Var(variable), value) => bind(*variable, value, bound),
            (Self::Tuple(slots), TermRef::Tuple(elements)) | (Self::List(slots), TermRef::List(elements)) => {
                slots.len() == elements.len() && all_match(slots, elements, bound)
            }
            (Self::Tuple(_) | Self::List(_), _) => false,
        }
    }
}

/// What the variables stand for so far.
pub(super) type Bindings<'r> = SmallVec<[(u16, TermRef<'r>); 4]>;

fn bind<'r>(variable: u16, value: TermRef<'r>, bound: &mut Bindings<'r>) -> bool {
    match bound.iter().find(|(known, _)| *known == variable) {
        Some((_, known)) => known.exact_eq(value),
        None => {
            bound.push((variable, value));
            true
        }
    }
}

/// Whether there is a value for each slot and each fits; more values than slots are the caller's to sort out.
pub(super) fn all_match<'r>(
    slots: &[Slot],
    values: impl IntoIterator<Item = TermRef<'r>>,
    bound: &mut Bindings<'r>,
) -> bool {
    let mut values = values.into_iter();
    slots.iter().all(|slot| values.next().is_some_and(|value| slot.matches(value, bound)))
}

fn all_fixed(slots: &[Slot]) -> bool {
    slots.iter().all(|slot| matches!(slot, Slot::Is(_)))
}

fn special(name: &str) -> Result<Option<Slot>, TableError> {
    if name == "_" {
        return Ok(Some(Slot::Any));
    }
    match name.strip_prefix('$') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let variable = digits.parse().map_err(|_| {
                TableError::BadQuery(format!(
                    "the variable '{name}' is too high; variables are '$0' to '$65535'"
                ))
            })?;
            Ok(Some(Slot::Var(variable)))
        }
        _ => Ok(None),
    }
}
