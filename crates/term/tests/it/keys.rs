//! Key bytes: their order is the order of terms, also when concatenated.

use mnemon_term::key::KeyBytes;
use mnemon_term::{Keying, Record, Term, key, to_key};
use proptest::prelude::*;

use crate::generate::{nested, number, term};

fn bytes(term: &Term, keying: Keying) -> Vec<u8> {
    let mut bytes = Vec::new();
    key::encode(term, keying, &mut bytes);
    bytes
}

fn check_order(a: &Term, b: &Term) {
    let numeric = bytes(a, Keying::Numeric).cmp(&bytes(b, Keying::Numeric));
    assert_eq!(numeric, Term::compare(a, b), "numeric: {a:?} and {b:?}");
    let exact = bytes(a, Keying::Exact).cmp(&bytes(b, Keying::Exact));
    assert_eq!(exact, a.cmp(b), "exact: {a:?} and {b:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn keys_are_ordered_as_their_terms(a in term(), b in term()) {
        check_order(&a, &b);
    }

    #[test]
    fn keys_of_numbers_are_ordered_as_the_numbers(a in number(), b in number()) {
        check_order(&a, &b);
    }

    #[test]
    fn keys_of_neighbours_are_ordered(a in any::<i64>(), step in -2..3_i64, bits in any::<u64>()) {
        check_order(&Term::from(a), &Term::from(a.saturating_add(step)));
        check_order(&Term::from(a), &Term::float(a as f64).unwrap());
        let (x, y) = (f64::from_bits(bits), f64::from_bits(bits.wrapping_add(1)));
        if let (Ok(x), Ok(y)) = (Term::float(x), Term::float(y)) {
            check_order(&x, &y);
        }
    }

    #[test]
    fn keys_inside_containers_are_ordered(a in number(), b in number(), c in number(), d in number()) {
        let tuple = |x: &Term, y: &Term| Term::tuple([x.clone(), y.clone()]);
        let list = |x: &Term, y: &Term| Term::list([x.clone(), y.clone()]);
        let map = |x: &Term, y: &Term| Term::map([(x.clone(), Term::from(1)), (y.clone(), Term::from(2))]);
        check_order(&tuple(&a, &b), &tuple(&c, &d));
        check_order(&list(&a, &b), &list(&c, &d));
        check_order(&map(&a, &b), &map(&c, &d));
        check_order(&Term::map([(tuple(&a, &b), c.clone())]), &Term::map([(tuple(&c, &d), a.clone())]));
        check_order(&Term::map([(a.clone(), b.clone())]), &Term::map([(a, d)]));
    }

    #[test]
    fn concatenated_keys_keep_their_order(
        a in term(), b in term(),
        x in prop::collection::vec(any::<u8>(), 0..4), y in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        for keying in [Keying::Exact, Keying::Numeric] {
            let (left, right) = (bytes(&a, keying), bytes(&b, keying));
            let composite = [left.as_slice(), &x].concat().cmp(&[right.as_slice(), &y].concat());
            prop_assert_eq!(composite, left.cmp(&right).then(x.cmp(&y)));
            prop_assert!(left == right || !right.starts_with(&left));
        }
    }

    #[test]
    fn a_composite_key_is_split_where_it_was_joined(a in term(), rest in prop::collection::vec(any::<u8>(), 0..4)) {
        for keying in [Keying::Exact, Keying::Numeric] {
            let first = bytes(&a, keying);
            let joined = [first.as_slice(), &rest].concat();
            prop_assert_eq!(key::split_first(&joined, keying), Some((first.as_slice(), rest.as_slice())));
            for end in 0..first.len() {
                prop_assert_eq!(key::split_first(&first[..end], keying), None);
            }
        }
    }

    #[test]
    fn splitting_any_bytes_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for keying in [Keying::Exact, Keying::Numeric] {
            if let Some((first, rest)) = key::split_first(&bytes, keying) {
                prop_assert_eq!([first, rest].concat(), bytes.clone());
            }
        }
    }

    #[test]
    fn a_prefix_scan_finds_what_begins_with_the_prefix(a in term(), b in term()) {
        let prefix = bytes(&a, Keying::Exact);
        let end = key::successor_of_prefix(&prefix).unwrap();
        let other = [bytes(&b, Keying::Exact), vec![0xFF; 3]].concat();
        prop_assert_eq!((&prefix..&end).contains(&&other), other.starts_with(&prefix));
    }

    #[test]
    fn trees_bytes_and_serde_have_the_same_keys(a in term()) {
        let record = Record::new([&a]).unwrap();
        for keying in [Keying::Exact, Keying::Numeric] {
            let encoded = bytes(&a, keying);
            prop_assert_eq!(&*KeyBytes::of(record.as_ref().get(0).unwrap(), keying), &*encoded);
            prop_assert_eq!(&*to_key(&a, keying).unwrap(), &*encoded);
        }
    }
}

#[test]
fn the_format_does_not_change() {
    let key = |term: Term| bytes(&term, Keying::Exact);
    assert_eq!(key(Term::atom("ok")), b"\x90ok\0");
    assert_eq!(key(Term::from(vec![0, 1, 2, 0xFF])), [0xD8, 1, 1, 1, 2, 2, 0xFF, 0]);
    assert_eq!(key(Term::tuple([Term::from("a")])), [0xB8, 1, 0xD8, b'a', 0]);
    assert_eq!(key(Term::list([])), [0xC8]);
    assert_eq!(key(Term::list([Term::list([])])), [0xD0, 0xC8, 0]);
    let map = Term::map([(Term::from(1), Term::from(1)), (Term::float(0.0).unwrap(), Term::list([]))]);
    assert_eq!(key(map), [0xC0, 2, 0x04, 0x4A, 0, 0x05, 0x48, 0x4A, 0, 1, 0xC8]);
}

#[test]
fn binaries_of_special_bytes_are_ordered() {
    let mut binaries = vec![vec![]];
    for at in 0..85 {
        let shorter: Vec<u8> = binaries.get(at).cloned().unwrap_or_default();
        if shorter.len() < 3 {
            binaries.extend([0x00, 0x01, 0x02, 0xFF].map(|byte| [shorter.as_slice(), &[byte]].concat()));
        }
    }
    assert_eq!(binaries.len(), 85);
    for a in &binaries {
        for b in &binaries {
            let pair = |binary: &[u8], rest: i64| Term::list([Term::from(binary), Term::from(rest)]);
            check_order(&pair(a, 1), &pair(b, 0));
        }
    }
}

#[test]
fn sizes_past_one_byte_are_ordered() {
    let tuples: Vec<Term> =
        [253, 254, 255, 256, 300].map(|size| Term::tuple((0..size).map(|_| Term::nil()))).into();
    for a in &tuples {
        for b in &tuples {
            check_order(a, b);
        }
        let key = bytes(a, Keying::Exact);
        assert_eq!(key::split_first(&key, Keying::Exact), Some((key.as_slice(), &[][..])));
    }
}

#[test]
fn deep_keys_are_split_and_deeper_ones_refused() {
    let deepest = bytes(&nested(mnemon_term::MAX_DEPTH), Keying::Exact);
    assert!(key::split_first(&deepest, Keying::Exact).is_some());
    for tag in [&[0xD0][..], &[0xB8, 1], &[0xC0, 1]] {
        assert_eq!(key::split_first(&tag.repeat(200_000), Keying::Exact), None);
    }
    assert_eq!(
        key::split_first(&[0xB8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], Keying::Exact),
        None
    );
}
