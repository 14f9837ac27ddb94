//! That plans are narrow where they can be, and hold every matching record always.

use mnemon_term::{Keying, Record, RecordRef, Term, key};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::query::reach::encode;
use crate::query::{Pattern, Slot, Test};

fn float(value: f64) -> Term {
    Term::float(value).unwrap()
}

fn exact(term: &Term) -> Vec<u8> {
    encode(term.view(), Keying::Exact)
}

fn numeric(term: &Term) -> Vec<u8> {
    encode(term.view(), Keying::Numeric)
}

fn after(bytes: Vec<u8>) -> Vec<u8> {
    key::successor_of_prefix(&bytes).unwrap()
}

fn on(place: u16, test: Test) -> Condition {
    Condition::On(place, test)
}

#[test]
fn key_equality_is_read_by_key() {
    let one = Term::from(1);
    let equal = on(0, Test::Eq(one.clone()));
    assert_eq!(Plan::choose(&equal, Kind::OrderedSet, &[]), Plan::Key(numeric(&one)));
    let both = Plan::Keys(vec![exact(&one), exact(&float(1.0))]);
    assert_eq!(Plan::choose(&equal, Kind::Set, &[]), both);
    assert_eq!(Plan::choose(&equal, Kind::Bag, &[]), both);
    assert_eq!(Plan::choose(&on(0, Test::Exact(one.clone())), Kind::Set, &[]), Plan::Key(exact(&one)));
    let name = Term::from("a");
    assert_eq!(Plan::choose(&on(0, Test::Eq(name.clone())), Kind::Set, &[]), Plan::Key(exact(&name)));
    let nil = on(0, Test::Exists(false));
    assert_eq!(Plan::choose(&nil, Kind::Set, &[]), Plan::Key(exact(&Term::nil())));
}

#[test]
fn keys_of_in_and_or_are_sorted_and_distinct() {
    let (a, b) = (Term::from("a"), Term::from("b"));
    let keys = Plan::Keys(vec![exact(&a), exact(&b)]);
    let listed = on(0, Test::In(vec![b.clone(), a.clone(), b.clone()]));
    assert_eq!(Plan::choose(&listed, Kind::Set, &[]), keys);
    let either = Condition::Or(vec![on(0, Test::Eq(b)), on(0, Test::Eq(a.clone()))]);
    assert_eq!(Plan::choose(&either, Kind::Set, &[]), keys);
    let one_only = Condition::And(vec![listed, on(0, Test::Lt(Term::from("b")))]);
    assert_eq!(Plan::choose(&one_only, Kind::OrderedSet, &[]), Plan::Key(numeric(&a)));
    let with_scan = Condition::Or(vec![on(0, Test::Eq(a)), on(1, Test::Exists(true))]);
    assert_eq!(Plan::choose(&with_scan, Kind::Set, &[]), Plan::Scan);
}

#[test]
fn key_ranges_are_for_ordered_sets_only() {
    let (low, high) = (Term::from(1), Term::from(9));
    let range = Condition::And(vec![on(0, Test::Ge(low.clone())), on(0, Test::Lt(high.clone()))]);
    let bounds = Plan::KeyRange { from: Bound::Included(numeric(&low)), to: Bound::Excluded(numeric(&high)) };
    assert_eq!(Plan::choose(&range, Kind::OrderedSet, &[]), bounds);
    assert_eq!(Plan::choose(&range, Kind::Set, &[]), Plan::Scan);
    let above = on(0, Test::Gt(low.clone()));
    let open = Plan::KeyRange { from: Bound::Included(after(numeric(&low))), to: Bound::Unbounded };
    assert_eq!(Plan::choose(&above, Kind::OrderedSet, &[]), open);
}

#[test]
fn a_prefix_is_a_range() {
    let condition = on(0, Test::Prefix(b"user:".to_vec()));
    let Plan::KeyRange { from: Bound::Included(from), to: Bound::Excluded(to) } =
        Plan::choose(&condition, Kind::OrderedSet, &[])
    else {
        panic!("a prefix has two bounds");
    };
    let inside = |text: &str| (from.clone()..to.clone()).contains(&numeric(&Term::from(text)));
    assert!(inside("user:") && inside("user:\u{0}") && inside("user:zz") && inside("user:\u{10FFFF}"));
    assert!(!inside("user") && !inside("user;") && !inside("usez"));
}

#[test]
fn the_index_with_one_value_is_preferred_to_ranges() {
    let age = Term::from(30);
    let equal = on(2, Test::Eq(age.clone()));
    let index = Plan::Index {
        attribute: 2,
        from: Bound::Included(numeric(&age)),
        to: Bound::Excluded(after(numeric(&age))),
    };
    let both = Condition::And(vec![on(1, Test::Prefix(b"A".to_vec())), equal.clone()]);
    assert_eq!(Plan::choose(&both, Kind::Set, &[1, 2]), index);
    assert!(matches!(Plan::choose(&both, Kind::Set, &[1]), Plan::Index { attribute: 1, .. }));
    let open_key = Condition::And(vec![on(0, Test::Gt(age.clone())), equal.clone()]);
    assert_eq!(Plan::choose(&open_key, Kind::OrderedSet, &[2]), index);
    let closed_key = Condition::And(vec![open_key, on(0, Test::Lt(Term::from(99)))]);
    assert!(matches!(Plan::choose(&closed_key, Kind::OrderedSet, &[2]), Plan::KeyRange { .. }));
    let by_key = Condition::And(vec![on(0, Test::Exact(age)), equal]);
    assert!(matches!(Plan::choose(&by_key, Kind::Set, &[2]), Plan::Key(_)));
}

#[test]
fn what_nothing_fulfils_reads_nothing() {
    let (low, high) = (Term::from(1), Term::from(9));
    let nothing = [
        Condition::And(vec![on(1, Test::Gt(high.clone())), on(1, Test::Lt(low.clone()))]),
        Condition::And(vec![on(0, Test::Eq(low.clone())), on(0, Test::Eq(high))]),
        on(1, Test::In(vec![])),
        Condition::Or(vec![]),
        Condition::And(vec![Condition::Or(vec![]), Condition::all()]),
    ];
    for condition in nothing {
        assert_eq!(Plan::choose(&condition, Kind::OrderedSet, &[1]), Plan::Keys(vec![]), "{condition:?}");
    }
    let not_nothing = Condition::Not(Box::new(on(1, Test::In(vec![]))));
    assert_eq!(Plan::choose(&not_nothing, Kind::OrderedSet, &[1]), Plan::Scan);
    let or_nothing = Condition::Or(vec![Condition::Or(vec![]), on(0, Test::Exact(low.clone()))]);
    assert_eq!(Plan::choose(&or_nothing, Kind::Set, &[]), Plan::Key(exact(&low)));
}

/// Whether a record is where the plan looks.
fn holds(plan: &Plan, kind: Kind, record: RecordRef<'_>) -> bool {
    let key = encode(record.key().unwrap(), kind.keying());
    let within = |from: &Bound<Vec<u8>>, to: &Bound<Vec<u8>>, position: &Vec<u8>| {
        use std::ops::RangeBounds;
        // Spelled out: with the crate `bytes` in a program, more types can be compared with `Vec<u8>`.
        RangeBounds::<Vec<u8>>::contains(&(from.as_ref(), to.as_ref()), position)
    };
    match plan {
        Plan::Key(bytes) => *bytes == key,
        Plan::Keys(keys) => keys.contains(&key),
        Plan::KeyRange { from, to } => within(from, to, &key),
        Plan::Index { attribute, from, to } => {
            let mut entry = encode(record.get(usize::from(*attribute)).unwrap(), Keying::Numeric);
            entry.extend_from_slice(&key);
            within(from, to, &entry)
        }
        Plan::Scan => true,
    }
}

/// Terms that are often equal, or equal but for their kind, and full of bytes that key bytes escape.
fn term() -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        3 => (-3_i64..4).prop_map(Term::from),
        3 => (-6_i32..8).prop_map(|half| float(f64::from(half) / 2.0)),
        1 => prop::sample::select(vec![i64::MIN, i64::MAX, (1 << 53) + 1, 1 << 53]).prop_map(Term::from),
        1 => prop::sample::select(vec![1e300, -1e-300, 9_007_199_254_740_992.0, 2f64.powi(63)]).prop_map(float),
        2 => prop::sample::select(vec!["nil", "true", "ok", ""]).prop_map(|name| Term::try_atom(name).unwrap()),
        4 => vec(prop::sample::select(vec![0_u8, 1, 2, b'a', 0xFF]), 0..4).prop_map(Term::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Term::Tuple),
            vec(inner.clone(), 0..3).prop_map(Term::List),
            vec((inner.clone(), inner), 0..3).prop_map(Term::map),
        ]
    })
}

fn test() -> impl Strategy<Value = Test> {
    let bytes = vec(prop::sample::select(vec![0_u8, 1, b'a', 0xFF]), 0..3);
    prop_oneof![
        3 => term().prop_map(Test::Eq),
        1 => term().prop_map(Test::Ne),
        1 => term().prop_map(Test::Lt),
        1 => term().prop_map(Test::Le),
        1 => term().prop_map(Test::Gt),
        1 => term().prop_map(Test::Ge),
        1 => term().prop_map(Test::Exact),
        2 => vec(term(), 0..5).prop_map(Test::In),
        2 => bytes.prop_map(Test::Prefix),
        1 => any::<bool>().prop_map(Test::Exists),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = (0_u16..3, test()).prop_map(|(place, test)| Condition::On(place, test));
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..4).prop_map(Condition::And),
            2 => vec(inner.clone(), 0..4).prop_map(Condition::Or),
            1 => inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

fn record() -> impl Strategy<Value = Record> {
    vec(term(), 3).prop_map(|terms| Record::new(&terms).unwrap())
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Set, Kind::OrderedSet, Kind::Bag])
}

fn is_not_inverted(plan: &Plan) -> bool {
    match plan {
        Plan::KeyRange { from: Bound::Included(from), to: Bound::Excluded(to) }
        | Plan::Index { from: Bound::Included(from), to: Bound::Excluded(to), .. } => from < to,
        Plan::Keys(keys) => keys.is_sorted_by(|a, b| a < b),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_matching_record_is_inside_the_plan(
        condition in condition(),
        records in vec(record(), 1..12),
        kind in kind(),
        indexed in prop::sample::subsequence(vec![1_u16, 2], 0..=2),
    ) {
        let plan = Plan::choose(&condition, kind, &indexed);
        prop_assert!(is_not_inverted(&plan), "{plan:?}");
        if let Plan::Index { attribute, .. } = &plan {
            prop_assert!(indexed.contains(attribute));
        }
        let by_range = matches!(plan, Plan::KeyRange { .. });
        prop_assert!(kind == Kind::OrderedSet || !by_range);
        for record in &records {
            if condition.matches(record.as_ref()) {
                prop_assert!(holds(&plan, kind, record.as_ref()), "{record:?} is not in {plan:?}");
            }
        }
    }

    #[test]
    fn a_test_that_a_value_passes_holds_it_by_key_and_by_index(
        test in test(),
        value in term(),
        other in term(),
        kind in kind(),
    ) {
        let place = |at: u16| if at == 0 { [value.clone(), other.clone()] } else { [other.clone(), value.clone()] };
        for at in [0, 1] {
            let record = Record::new(&place(at)).unwrap();
            let condition = Condition::On(at, test.clone());
            if condition.matches(record.as_ref()) {
                let plan = Plan::choose(&condition, kind, &[1]);
                prop_assert!(holds(&plan, kind, record.as_ref()), "{record:?} is not in {plan:?}");
            }
        }
    }

    #[test]
    fn a_record_that_a_pattern_matches_is_inside_its_plan(
        record in record(),
        holes in vec(0_u8..4, 3),
        kind in kind(),
    ) {
        let slots = record.as_ref().iter().zip(holes).map(|(value, hole)| match hole {
            0 => Slot::Any,
            1 => Slot::Var(1),
            _ => Slot::Is(value.to_term().unwrap()),
        });
        let pattern = Pattern::new(slots.collect()).unwrap();
        if pattern.matches(record.as_ref()) {
            let condition = pattern.to_condition();
            prop_assert!(condition.matches(record.as_ref()));
            let plan = Plan::choose(&condition, kind, &[1, 2]);
            prop_assert!(holds(&plan, kind, record.as_ref()), "{record:?} is not in {plan:?}");
        }
    }
}
