//! Depth: the deepest terms pass everywhere, deeper ones are refused everywhere, nothing overflows the stack.

use mnemon_term::{
    Error, Keying, MAX_DEPTH, Record, RecordRef, Term, from_record, from_term, json, key, to_record, to_term,
};
use serde::{Deserialize, Serialize};

use crate::generate::nested;

/// The bytes of a record whose only attribute is lists nested to `levels`, built without recursion.
fn nested_bytes(levels: usize) -> Vec<u8> {
    // From the inside: heads are collected in reverse and turned round at the end.
    let (mut heads, mut len) = (Vec::new(), 0_usize);
    for _ in 0..levels {
        let mut head = match u8::try_from(len) {
            Ok(short) => vec![0xAD, short, u8::from(len > 0)],
            Err(_) => {
                let len = u32::try_from(len).unwrap().to_le_bytes();
                [&[0xB0][..], &len, &1_u32.to_le_bytes()].concat()
            }
        };
        len += head.len();
        head.reverse();
        heads.extend(head);
    }
    heads.push(1);
    heads.reverse();
    heads
}

#[test]
fn the_deepest_term_passes_everywhere() {
    let term = nested(MAX_DEPTH);
    let record = Record::new([&term]).unwrap();
    assert_eq!(RecordRef::parse(record.as_bytes()).unwrap().to_terms().unwrap(), std::slice::from_ref(&term));
    assert_eq!(json::parse(term.to_string().as_bytes()).unwrap(), term);
    assert_eq!(to_term(&term).unwrap(), term);
    assert_eq!(from_term::<Term>(&term).unwrap(), term);
    assert_eq!(from_record::<(Term,)>(record.as_ref()).unwrap().0, term);
    assert!(RecordRef::parse(&nested_bytes(MAX_DEPTH)).is_ok());
}

#[test]
fn a_deeper_term_is_refused_everywhere() {
    for levels in [MAX_DEPTH + 1, 1000] {
        let term = nested(levels);
        assert_eq!(Record::new([&term]), Err(Error::TooDeep));
        assert_eq!(Record::new([1_i64]).unwrap().as_ref().with(0, &term), Err(Error::TooDeep));
        assert_eq!(to_record(&(1, &term)), Err(Error::TooDeep));
        assert_eq!(to_term(&term), Err(Error::TooDeep));
        assert_eq!(json::parse(term.to_string().as_bytes()), Err(Error::TooDeep));
    }
}

#[test]
fn deep_bytes_are_refused_without_overflow() {
    for levels in [MAX_DEPTH + 1, 200_000] {
        let bytes = nested_bytes(levels);
        assert_eq!(RecordRef::parse(&bytes), Err(Error::TooDeep));
        let record = RecordRef::trusted(&bytes);
        assert!(record.to_terms().is_err());
        assert!(from_record::<(Term,)>(record).is_err());
        let attribute = record.get(0).unwrap();
        assert!(attribute.exact_eq(attribute));
        assert!(Record::new([attribute]).is_err());
        let mut out = Vec::new();
        key::encode(attribute, Keying::Exact, &mut out);
        json::write(attribute, &mut out);
        assert!(out.len() < 4 * (MAX_DEPTH + 1));
        assert!(format!("{attribute:?}").len() < 4 * (MAX_DEPTH + 1));
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Chain {
    End,
    Link(Box<Chain>),
}

#[test]
fn a_deep_rust_value_is_refused_without_overflow() {
    let chain = |links| (0..links).fold(Chain::End, |inner, _| Chain::Link(Box::new(inner)));
    assert_eq!(from_term::<Chain>(&to_term(&chain(MAX_DEPTH)).unwrap()).unwrap(), chain(MAX_DEPTH));
    assert_eq!(to_term(&chain(5000)), Err(Error::TooDeep));
    assert_eq!(to_record(&[chain(5000)]), Err(Error::TooDeep));
}

#[test]
fn a_count_larger_than_the_bytes_allocates_nothing() {
    let body = [&[0xB0][..], &300_u32.to_le_bytes(), &u32::MAX.to_le_bytes(), &[0; 300]].concat();
    let bytes = [&[1][..], &body].concat();
    assert!(RecordRef::parse(&bytes).is_err());
    assert!(RecordRef::trusted(&bytes).get(0).is_none());
    assert!(RecordRef::trusted(&[200]).to_terms().is_err());
}

/// A map of two maps of two maps …, as keys, which differ only in their last leaf.
fn keyed_by_maps(levels: usize, leaf: i64) -> Term {
    let half = |value: i64| Term::float(value as f64 / 2.0).unwrap();
    if levels == 0 {
        return Term::list([Term::from(1), half(leaf)]);
    }
    Term::map([0, 1].map(|side| (keyed_by_maps(levels - 1, leaf * 2 + side), Term::from(side))))
}

#[test]
fn maps_keyed_by_maps_cost_little_more_than_their_size() {
    // 2^13 leaves. Were keys compared anew at every level, this would not end.
    let (a, b) = (keyed_by_maps(13, 0), keyed_by_maps(13, 1));
    let record = Record::new([&a, &b]).unwrap();
    assert!(RecordRef::parse(record.as_bytes()).is_ok());
    let (x, y) = (record.as_ref().get(0).unwrap(), record.as_ref().get(1).unwrap());
    assert_eq!(Term::compare(&a, &b), x.compare(y));
    assert!(x.exact_eq(a.view()) && y.exact_eq(b.view()) && a != b);
    assert_eq!(json::parse(a.to_string().as_bytes()).unwrap(), a);
    let (mut tree, mut bytes) = (Vec::new(), Vec::new());
    key::encode(&a, Keying::Exact, &mut tree);
    key::encode(x, Keying::Exact, &mut bytes);
    assert_eq!(tree, bytes);
}
