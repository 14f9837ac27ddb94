//! The orders: laws, agreement of trees and bytes, and integers against floats by an oracle.

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use mnemon_term::{Record, Term, TermRef};
use proptest::prelude::*;

use crate::generate::{number, scalar, term};

fn hash(term: &Term) -> u64 {
    let mut hasher = DefaultHasher::new();
    term.hash(&mut hasher);
    hasher.finish()
}

/// Exact comparison through 128 bits; floats beyond them are decided by their sign.
fn oracle(int: i64, float: f64) -> Ordering {
    if float.abs() >= 1e30 {
        return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
    }
    let floor = float.floor();
    i128::from(int).cmp(&(floor as i128)).then(if float > floor { Ordering::Less } else { Ordering::Equal })
}

proptest! {
    #[test]
    fn trees_and_bytes_compare_alike(a in term(), b in term()) {
        let (one, other) = (Record::new([&a]).unwrap(), Record::new([&b]).unwrap());
        let (x, y) = (one.as_ref().get(0).unwrap(), other.as_ref().get(0).unwrap());
        prop_assert_eq!(Term::compare(&a, &b), x.compare(y));
        prop_assert_eq!(a.cmp(&b), x.exact_compare(y));
        prop_assert_eq!(a.cmp(&b), a.view().exact_compare(y));
        prop_assert_eq!(a == b, x.exact_eq(y));
    }

    #[test]
    fn order_agrees_with_equality_and_hash(a in term(), b in term()) {
        prop_assert_eq!(a.cmp(&b).is_eq(), a == b);
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(Term::compare(&a, &b), Term::compare(&b, &a).reverse());
        if a == b {
            prop_assert_eq!(hash(&a), hash(&b));
            prop_assert!(Term::compare(&a, &b).is_eq());
        }
    }

    #[test]
    fn both_orders_are_transitive(mut terms in prop::collection::vec(term(), 3..12)) {
        terms.sort();
        for (at, a) in terms.iter().enumerate() {
            prop_assert!(terms[at..].iter().all(|b| a <= b));
        }
        terms.sort_by(Term::compare);
        for (at, a) in terms.iter().enumerate() {
            prop_assert!(terms[at..].iter().all(|b| Term::compare(a, b).is_le()));
        }
    }

    #[test]
    fn exact_order_of_scalars_only_breaks_ties(a in scalar(), b in scalar()) {
        prop_assert_eq!(Term::compare(&a, &b).then(a.cmp(&b)), a.cmp(&b));
    }

    #[test]
    fn integers_and_floats_compare_by_their_exact_values(a in number(), b in number()) {
        if let (TermRef::Int(int), TermRef::Float(float)) = (a.view(), b.view()) {
            prop_assert_eq!(Term::compare(&a, &b), oracle(int, float));
            prop_assert_eq!(a.cmp(&b), oracle(int, float).then(Ordering::Less));
        }
    }
}
