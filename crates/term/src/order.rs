//! The orders of terms, written once over [`TermRef`].
//!
//! All put number < atom < (reference < fun < port < pid, not there yet) < tuple < map < empty list < list < binary.
//! They differ in how an integer and a float compare, and only there.

use std::cmp::Ordering;

use crate::key;
use crate::view::{MapRef, SeqRef, TermRef};

/// How an integer and a float compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By value; a tie is equality (`==`).
    Numeric,
    /// By value; of a tie the integer is first (`=:=` made an order).
    Exact,
    /// Every integer before every float: Erlang's order of map keys.
    MapKey,
}

/// Compares two terms. The recursion is as deep as the less deep of the two.
pub(crate) fn order(a: TermRef<'_>, b: TermRef<'_>, mode: Mode) -> Ordering {
    match (a, b) {
        (TermRef::Int(a), TermRef::Int(b)) => a.cmp(&b),
        (TermRef::Float(a), TermRef::Float(b)) => a.partial_cmp(&b).unwrap_or_else(|| a.total_cmp(&b)),
        (TermRef::Int(a), TermRef::Float(b)) => int_to_float(a, b, mode),
        (TermRef::Float(a), TermRef::Int(b)) => int_to_float(b, a, mode).reverse(),
        (TermRef::Atom(a), TermRef::Atom(b)) => a.cmp(b),
        (TermRef::Binary(a), TermRef::Binary(b)) => a.cmp(b),
        (TermRef::Tuple(a), TermRef::Tuple(b)) => a.len().cmp(&b.len()).then_with(|| elements(a, b, mode)),
        (TermRef::List(a), TermRef::List(b)) => elements(a, b, mode),
        (TermRef::Map(a), TermRef::Map(b)) => a.len().cmp(&b.len()).then_with(|| maps(a, b, mode)),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(term: TermRef<'_>) -> u8 {
    match term {
        TermRef::Int(_) | TermRef::Float(_) => 0,
        TermRef::Atom(_) => 1,
        TermRef::Tuple(_) => 6,
        TermRef::Map(_) => 7,
        TermRef::List(_) => 8,
        TermRef::Binary(_) => 9,
    }
}

/// Lexicographic: where one ends first, it is the lesser.
fn elements(a: SeqRef<'_>, b: SeqRef<'_>, mode: Mode) -> Ordering {
    let (mut a, mut b) = (a.iter(), b.iter());
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => match order(a, b, mode) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}

/// Maps of one size: the keys first, in map-key order, then the values.
fn maps(a: MapRef<'_>, b: MapRef<'_>, mode: Mode) -> Ordering {
    if !(a.is_sorted() && b.is_sorted()) {
        // Key bytes have this order too, and sort each map's keys once, however deep maps are keys of maps.
        return key::map(a, mode).cmp(&key::map(b, mode));
    }
    for ((a, _), (b, _)) in a.stored().zip(b.stored()) {
        match order(a, b, Mode::MapKey) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    for ((_, a), (_, b)) in a.stored().zip(b.stored()) {
        match order(a, b, mode) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    Ordering::Equal
}

fn int_to_float(int: i64, float: f64, mode: Mode) -> Ordering {
    match mode {
        Mode::Numeric => by_value(int, float),
        Mode::Exact => by_value(int, float).then(Ordering::Less),
        Mode::MapKey => Ordering::Less,
    }
}

/// Compares without rounding: the float's integral part is exact as an `i64` once it is in range.
fn by_value(int: i64, float: f64) -> Ordering {
    const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;
    if float >= TWO_POW_63 {
        return Ordering::Less;
    }
    if float < -TWO_POW_63 {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    #[allow(clippy::cast_possible_truncation, reason = "integral and within the range of i64")]
    let by_whole = int.cmp(&(whole as i64));
    by_whole.then_with(|| whole.partial_cmp(&float).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Term;

    #[test]
    fn integers_and_floats_compare_without_rounding() {
        let two_53 = 1_i64 << 53;
        assert_eq!(by_value(two_53 + 1, 9_007_199_254_740_992.0), Ordering::Greater);
        assert_eq!(by_value(two_53, 9_007_199_254_740_992.0), Ordering::Equal);
        assert_eq!(by_value(i64::MAX, 9_223_372_036_854_775_808.0), Ordering::Less);
        assert_eq!(by_value(i64::MIN, -9_223_372_036_854_775_808.0), Ordering::Equal);
        assert_eq!(by_value(i64::MIN, -9_223_372_036_854_777_856.0), Ordering::Greater);
        assert_eq!(by_value(0, 5e-324), Ordering::Less);
        assert_eq!(by_value(0, -5e-324), Ordering::Greater);
        assert_eq!(by_value(-1, -1.5), Ordering::Greater);
        assert_eq!(by_value(-2, -1.5), Ordering::Less);
    }

    #[test]
    fn types_stand_in_the_order_of_erlang() {
        let ladder = [
            Term::from(i64::MAX),
            Term::atom("a"),
            Term::tuple([]),
            Term::tuple([Term::from(9)]),
            Term::tuple([Term::from(1), Term::from(1)]),
            Term::map([]),
            Term::map([(Term::from(1), Term::from(1))]),
            Term::list([]),
            Term::list([Term::from(1)]),
            Term::list([Term::from(1), Term::from(0)]),
            Term::list([Term::from(2)]),
            Term::from(""),
            Term::from("a"),
        ];
        assert!(ladder.is_sorted_by(|a, b| Term::compare(a, b).is_lt()));
        assert!(ladder.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn map_keys_put_integers_before_floats() {
        let keyed = |keys: [Term; 2]| Term::map(keys.map(|key| (key, Term::nil())));
        let mixed = keyed([Term::from(5), Term::float(1.0).unwrap()]);
        let ints = keyed([Term::from(4), Term::from(9)]);
        // In map-key order `mixed` is 5, 1.0 and `ints` is 4, 9.
        assert_eq!(Term::compare(&mixed, &ints), Ordering::Greater);
        assert!(mixed > ints);
        let one = Term::map([(Term::from(1), Term::nil())]);
        let one_float = Term::map([(Term::float(1.0).unwrap(), Term::nil())]);
        assert_eq!(Term::compare(&one, &one_float), Ordering::Less);
    }

    #[test]
    fn values_of_maps_compare_by_number() {
        let of = |value: Term| Term::map([(Term::from(1), value)]);
        let (int, float) = (of(Term::from(1)), of(Term::float(1.0).unwrap()));
        assert_eq!(Term::compare(&int, &float), Ordering::Equal);
        assert!(int < float);
    }
}
