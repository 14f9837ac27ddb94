//! Record bytes: round trips, one encoding for one record, and whatever bytes may come.

use std::collections::HashSet;

use mnemon_term::{Error, Keying, Record, RecordRef, Term, TermRef, from_record, json, key};
use proptest::prelude::*;

use crate::generate::{attributes, term};

/// Uses every way of reading a record; malformed bytes must not panic in any of them.
fn read_everything(record: RecordRef<'_>) {
    let mut out = Vec::new();
    for index in 0..=record.arity() {
        let Some(attribute) = record.get(index) else {
            continue;
        };
        key::encode(attribute, Keying::Exact, &mut out);
        key::encode(attribute, Keying::Numeric, &mut out);
        json::write(attribute, &mut out);
        let _ = (attribute.to_term(), format!("{attribute:?}"), attribute.compare(TermRef::NIL));
        for other in record {
            let _ = attribute.exact_compare(other);
        }
        let _ = record.with(index, TermRef::NIL);
    }
    let names: Vec<String> = (0..record.arity()).map(|at| at.to_string()).collect();
    let _ = (record.to_terms(), record.to_record(), json::write_record(record, &names, &mut out));
    let _ = (from_record::<Vec<Term>>(record), from_record::<(u8, String)>(record));
}

/// What `parse` accepts reads completely and is the one encoding of what it reads as.
fn check_bytes(bytes: &[u8]) {
    read_everything(RecordRef::trusted(bytes));
    if let Ok(record) = RecordRef::parse(bytes) {
        let terms = record.to_terms().unwrap();
        assert_eq!(terms.len(), record.arity());
        assert_eq!(Record::new(&terms).unwrap().as_bytes(), bytes);
    }
}

proptest! {
    #[test]
    fn a_record_reads_back(terms in attributes()) {
        let record = Record::new(&terms).unwrap();
        let parsed = RecordRef::parse(record.as_bytes()).unwrap();
        prop_assert_eq!(parsed.to_terms().unwrap(), terms.clone());
        prop_assert_eq!(parsed.arity(), terms.len());
        for (index, term) in terms.iter().enumerate() {
            prop_assert!(parsed.get(index).unwrap().exact_eq(term.view()));
        }
        prop_assert!(parsed.get(terms.len()).is_none());
        prop_assert_eq!(Record::from_bytes(record.clone().into_bytes()).unwrap(), record);
    }

    #[test]
    fn equal_terms_have_equal_bytes_and_unequal_ones_do_not(a in term(), b in term()) {
        let (one, other) = (Record::new([&a]).unwrap(), Record::new([&b]).unwrap());
        prop_assert_eq!(a == b, one == other);
        let again = Record::new(one.as_ref()).unwrap();
        prop_assert_eq!(again, one);
    }

    #[test]
    fn replacing_an_attribute_leaves_the_others(terms in attributes(), new in term(), at in any::<prop::sample::Index>()) {
        let at = at.index(terms.len());
        let replaced = Record::new(&terms).unwrap().as_ref().with(at, &new).unwrap();
        let mut expected = terms;
        expected[at] = new;
        prop_assert_eq!(replaced, Record::new(&expected).unwrap());
    }

    #[test]
    fn any_bytes_are_refused_or_fully_readable(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        check_bytes(&bytes);
    }

    #[test]
    fn damaged_records_are_refused_or_fully_readable(
        terms in attributes(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = Record::new(&terms).unwrap().into_bytes();
        let mut damaged = whole.clone();
        for (at, byte) in damage {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        check_bytes(&damaged);
        let cut = &whole[..cut.index(whole.len())];
        prop_assert!(RecordRef::parse(cut).is_err());
        check_bytes(cut);
        let mut longer = whole;
        longer.push(0);
        prop_assert!(RecordRef::parse(&longer).is_err());
    }
}

#[test]
fn the_format_does_not_change() {
    let long_atom = "x".repeat(40);
    let terms = [
        (Term::from(0), vec![0x00]),
        (Term::from(63), vec![0x3F]),
        (Term::from(64), vec![0xA0, 64]),
        (Term::from(-1), vec![0xA0, 0xFF]),
        (Term::from(-129), vec![0xA1, 0x7F, 0xFF]),
        (Term::from(i64::MIN), vec![0xA7, 0, 0, 0, 0, 0, 0, 0, 0x80]),
        (Term::float(1.0).unwrap(), vec![0xA8, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]),
        (Term::from("ab"), vec![0x42, b'a', b'b']),
        (Term::from(vec![7; 64]), [&[0xAA, 64][..], &[7; 64]].concat()),
        (Term::from(vec![7; 256]), [&[0xAB, 0, 1, 0, 0][..], &[7; 256]].concat()),
        (Term::nil(), b"\x83nil".to_vec()),
        (Term::try_atom(long_atom.clone()).unwrap(), [&[0xA9, 40, 0][..], long_atom.as_bytes()].concat()),
        (Term::tuple([]), vec![0xAC, 0, 0]),
        (Term::tuple([Term::from(1), Term::from("a")]), vec![0xAC, 3, 2, 1, 0x41, b'a']),
        (Term::list([Term::tuple([])]), vec![0xAD, 3, 1, 0xAC, 0, 0]),
        (Term::map([(Term::from(2), Term::from(3))]), vec![0xAE, 2, 1, 2, 3]),
        (
            Term::list((0..256).map(|_| Term::from(5))),
            [&[0xB0, 0, 1, 0, 0, 0, 1, 0, 0][..], &[5; 256]].concat(),
        ),
    ];
    for (term, bytes) in terms {
        assert_eq!(Record::new([&term]).unwrap().as_bytes(), [&[1][..], &bytes].concat(), "{term:?}");
    }
}

#[test]
fn other_encodings_of_the_same_terms_are_refused() {
    let refused: [(&[u8], &str); 14] = [
        (&[1, 0xA0, 5], "a small integer in two bytes"),
        (&[1, 0xA1, 5, 0], "an integer with a byte too many"),
        (&[1, 0xA8, 0, 0, 0, 0, 0, 0, 0, 0x80], "negative zero"),
        (&[1, 0xA8, 0, 0, 0, 0, 0, 0, 0xF0, 0x7F], "infinity"),
        (&[1, 0xA9, 1, 0, b'a'], "a short atom with a long head"),
        (&[1, 0x81, 0xFF], "an atom that is not UTF-8"),
        (&[1, 0xAA, 1, b'a'], "a short binary with a longer head"),
        (&[1, 0xAB, 1, 0, 0, 0, b'a'], "a short binary with the longest head"),
        (&[1, 0xAF, 0, 0, 0, 0, 0, 0, 0, 0], "an empty tuple with a long head"),
        (&[1, 0xAE, 4, 2, 2, 0, 1, 0], "map keys out of order"),
        (&[1, 0xAE, 4, 2, 1, 0, 1, 0], "a map key twice"),
        (&[1, 0xAC, 2, 1, 1, 1], "a count that is too small"),
        (&[1, 0xAC, 1, 2, 1], "a count that is too large"),
        (&[1, 0xB2], "an unknown tag"),
    ];
    for (bytes, what) in refused {
        assert!(matches!(RecordRef::parse(bytes), Err(Error::Malformed { .. })), "{what}");
        check_bytes(bytes);
    }
    let too_long = [&[1, 0xA9, 0x00, 0x01][..], &[b'a'; 256]].concat();
    assert!(RecordRef::parse(&too_long).is_err());
    assert_eq!(RecordRef::parse(&[0]), Err(Error::EmptyRecord));
    assert!(RecordRef::parse(&[]).is_err());
}

#[test]
fn the_offset_of_an_error_is_where_the_term_begins() {
    // The second element of the inner tuple of the second attribute is an unknown tag.
    let bytes = [2, 5, 0xAC, 5, 1, 0xAC, 2, 2, 1, 0xFF];
    assert!(matches!(RecordRef::parse(&bytes), Err(Error::Malformed { offset: 9, .. })));
}

#[test]
fn map_keys_are_written_integers_first() {
    let pairs = [(2.0, "b"), (1.0, "a")].map(|(key, value)| (Term::float(key).unwrap(), Term::from(value)));
    let map = Term::map(pairs.into_iter().chain([(Term::from(5), Term::nil())]));
    let record = Record::new([&map]).unwrap();
    let Some(TermRef::Map(pairs)) = record.as_ref().get(0) else { panic!("not a map") };
    let keys: Vec<Term> = pairs.iter().map(|(key, _)| key.to_term().unwrap()).collect();
    assert_eq!(keys, [Term::from(5), Term::float(1.0).unwrap(), Term::float(2.0).unwrap()]);
    assert_eq!(pairs.get(TermRef::Float(2.0)).and_then(TermRef::as_str), Some("b"));
    assert!(pairs.get(5).is_some_and(TermRef::is_nil));
    assert!(pairs.get(2).is_none());
}

#[test]
fn records_of_any_size_and_only_those_are_made() {
    assert_eq!(Record::new([0_i64; 0]), Err(Error::EmptyRecord));
    assert!(Record::new([7_i64; 255]).is_ok());
    assert_eq!(Record::new([7_i64; 256]), Err(Error::TooManyAttributes));
    let large = Term::list((0..100_000).map(Term::from));
    let record = Record::new([&large, &Term::from(vec![0; 1 << 20])]).unwrap();
    assert_eq!(RecordRef::parse(record.as_bytes()).unwrap().to_terms().unwrap()[0], large);
}

#[test]
fn a_view_that_is_no_term_is_refused_and_leaves_the_record_as_it_was() {
    let mut builder = mnemon_term::RecordBuilder::new();
    builder.push(1).unwrap();
    assert_eq!(builder.push(TermRef::Float(f64::NAN)), Err(Error::NotFinite));
    let long = "x".repeat(256);
    assert_eq!(builder.push(TermRef::Atom(&long)), Err(Error::AtomTooLong { chars: 256 }));
    let list = Term::list([Term::list([Term::from(1)])]);
    builder.push(&list).unwrap();
    assert_eq!(builder.finish().unwrap(), Record::new(&[Term::from(1), list]).unwrap());
}

#[test]
fn attributes_past_the_end_are_not_there() {
    let record = Record::new([1_i64, 2]).unwrap();
    assert!(record.as_ref().get(2).is_none());
    assert_eq!(record.as_ref().with(2, 3), Err(Error::NoSuchAttribute { index: 2, arity: 2 }));
}

#[test]
fn records_hash_as_they_compare() {
    let zero = Record::new([TermRef::Float(0.0)]).unwrap();
    let set: HashSet<Record> = [zero, Record::new([TermRef::Float(-0.0)]).unwrap()].into();
    assert_eq!(set.len(), 1);
}
