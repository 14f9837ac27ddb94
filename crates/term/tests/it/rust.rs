//! Rust values through serde: records by position, the conventions, and what is refused.

use std::collections::{BTreeMap, HashMap};

use mnemon_term::key::KeyBytes;
use mnemon_term::{
    Atom, Error, Float, Keying, Record, Term, TermRef, from_record, from_term, to_int, to_key, to_record,
    to_term,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::generate::{attributes, term};

#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T, expected: Term) {
    let term = to_term(&value).unwrap();
    assert_eq!(term, expected);
    assert_eq!(from_term::<T>(&term).unwrap(), value);
    let record = to_record(&("key", &value)).unwrap();
    assert_eq!(record, Record::new(&[Term::from("key"), expected.clone()]).unwrap());
    assert_eq!(from_record::<(String, T)>(record.as_ref()).unwrap().1, value);
    let plain = KeyBytes::of((&expected).into(), Keying::Exact);
    assert_eq!(*to_key(&value, Keying::Exact).unwrap(), *plain);
}

fn text(text: &str) -> Term {
    Term::from(text)
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Point {
    y: i32,
    x: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f32),
    Line(Point, Point),
    Named { name: String, size: Option<u8> },
}

#[test]
fn scalars_follow_the_conventions() {
    check(true, Term::from(true));
    check(-5_i8, Term::from(-5));
    check(u64::try_from(i64::MAX).unwrap(), Term::from(i64::MAX));
    check(i128::from(i64::MIN), Term::from(i64::MIN));
    check(7_u128, Term::from(7));
    check(0.1_f32, Term::float(f64::from(0.1_f32)).unwrap());
    check(0.1_f64, Term::float(0.1).unwrap());
    check('é', text("é"));
    check("text".to_owned(), text("text"));
    check((), Term::nil());
    check(Nothing, Term::nil());
    check(None::<u8>, Term::nil());
    check(Some(3_u8), Term::from(3));
    check(Meters(1.5), Term::float(1.5).unwrap());
    check(Atom::from_static("ok"), Term::atom("ok"));
    check(Atom::NIL, Term::nil());
    check(Float::new(2.0).unwrap(), Term::float(2.0).unwrap());
}

#[test]
fn containers_follow_the_conventions() {
    check(vec![1_u8, 2], Term::list([Term::from(1), Term::from(2)]));
    check((1_u8, "a".to_owned()), Term::tuple([Term::from(1), text("a")]));
    check([1_u8; 2], Term::tuple([Term::from(1), Term::from(1)]));
    check(Pair(1, "a".into()), Term::tuple([Term::from(1), text("a")]));
    let point = Term::map([(text("x"), Term::from(2)), (text("y"), Term::from(1))]);
    check(Point { y: 1, x: 2 }, point.clone());
    check(
        BTreeMap::from([(5, 'a'), (-5, 'b')]),
        Term::map([(Term::from(5), text("a")), (Term::from(-5), text("b"))]),
    );
    check(HashMap::from([(Point { y: 1, x: 2 }, ())]), Term::map([(point, Term::nil())]));
    let many: BTreeMap<String, usize> = (0..300).map(|at| (at.to_string(), at)).collect();
    let pairs = many.iter().map(|(name, at)| (text(name), Term::from(i64::try_from(*at).unwrap())));
    check(many.clone(), Term::map(pairs));
}

#[test]
fn enums_follow_the_conventions() {
    check(Shape::Empty, Term::atom("Empty"));
    check(Shape::Circle(1.0), Term::tuple([Term::atom("Circle"), Term::float(1.0).unwrap()]));
    let point = |y, x| Term::map([(text("x"), Term::from(x)), (text("y"), Term::from(y))]);
    let line = Shape::Line(Point { y: 1, x: 2 }, Point { y: 3, x: 4 });
    check(line, Term::tuple([Term::atom("Line"), point(1, 2), point(3, 4)]));
    let fields = Term::map([(text("name"), text("n")), (text("size"), Term::nil())]);
    check(Shape::Named { name: "n".into(), size: None }, Term::tuple([Term::atom("Named"), fields]));
}

#[test]
fn reading_is_lenient_only_where_it_says_so() {
    assert_eq!(from_term::<Shape>(&text("Empty")), Ok(Shape::Empty));
    assert_eq!(from_term::<f64>(&Term::from(3)), Ok(3.0));
    assert_eq!(from_term::<(u8, u8)>(&Term::list([Term::from(1), Term::from(2)])), Ok((1, 2)));
    assert_eq!(from_term::<Vec<u8>>(&Term::tuple([Term::from(1)])), Ok(vec![1]));
    let atoms = Term::map([(Term::atom("x"), Term::from(1)), (text("y"), Term::from(2))]);
    assert_eq!(from_term::<Point>(&atoms), Ok(Point { y: 2, x: 1 }));
    let more =
        Term::map([(text("x"), Term::from(1)), (text("y"), Term::from(2)), (Term::from(3), Term::nil())]);
    assert_eq!(from_term::<Point>(&more), Ok(Point { y: 2, x: 1 }));
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(from_term::<String>(&Term::atom("alice")).is_err());
    assert!(from_term::<String>(&Term::nil()).is_err());
    assert!(from_term::<Atom>(&text("ok")).is_err());
    assert!(from_term::<u8>(&Term::from(256)).is_err());
    assert!(from_term::<u8>(&Term::float(1.0).unwrap()).is_err());
    assert!(from_term::<f64>(&Term::from((1_i64 << 53) + 1)).is_err());
    assert!(from_term::<bool>(&Term::from(1)).is_err());
    assert!(from_term::<(u8, u8)>(&Term::tuple([Term::from(1)])).is_err());
    assert!(from_term::<Point>(&Term::list([Term::from(1), Term::from(2)])).is_err());
    assert!(from_term::<Shape>(&Term::atom("Square")).is_err());
    assert!(from_term::<Shape>(&Term::atom("Circle")).is_err());
    assert!(from_term::<Shape>(&Term::tuple([Term::atom("Empty"), Term::from(1)])).is_err());
    assert!(from_term::<Shape>(&Term::tuple([Term::atom("Circle"), Term::from(1), Term::from(2)])).is_err());
    let Err(Error::Shape(message)) = from_term::<String>(&Term::from(5)) else { panic!("accepted") };
    assert_eq!(message, "expected text (a UTF-8 binary), found the integer 5");
}

#[test]
fn numbers_that_fit_no_term_are_refused() {
    let too_large = Error::IntegerRange("9223372036854775808".into());
    assert_eq!(to_term(&(1_u64 << 63)), Err(too_large.clone()));
    assert_eq!(to_record(&("k", 1_u64 << 63)), Err(too_large.clone()));
    assert_eq!(to_term(&i128::MIN), Err(Error::IntegerRange(i128::MIN.to_string())));
    assert_eq!(to_term(&f64::NAN), Err(Error::NotFinite));
    assert_eq!(to_term(&f32::INFINITY), Err(Error::NotFinite));
    assert_eq!(to_key(&(1_u64 << 63), Keying::Exact).err(), Some(too_large));
    assert_eq!(to_int(&(1_u64 << 63)), None);
    assert_eq!(to_key(&f64::NAN, Keying::Exact).err(), Some(Error::NotFinite));
    assert_eq!(to_key(&(1, f64::NAN), Keying::Exact).err(), Some(Error::NotFinite));
}

#[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
struct User {
    id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(alias = "years")]
    age: u8,
    #[serde(skip)]
    cached: u64,
    #[serde(default)]
    tags: Vec<String>,
}

#[test]
fn skipped_fields_keep_their_positions() {
    let user = User { id: 1, email: None, age: 40, cached: 9, tags: vec!["a".into()] };
    let record = to_record(&user).unwrap();
    let tags = Term::list([text("a")]);
    assert_eq!(record.as_ref().to_terms().unwrap(), [Term::from(1), Term::nil(), Term::from(40), tags]);
    assert_eq!(from_record::<User>(record.as_ref()).unwrap(), User { cached: 0, ..user });
}

#[test]
fn a_record_has_one_attribute_for_each_field() {
    let of = |terms: &[i64]| Record::new(terms.iter().copied()).unwrap();
    // The last field has a default, but a missing attribute means that positions have moved.
    assert!(matches!(from_record::<User>(of(&[1, 2, 3]).as_ref()), Err(Error::Attribute { index: 1, .. })));
    let short = Record::new(&[Term::from(1), Term::nil(), Term::from(2)]).unwrap();
    assert!(matches!(from_record::<User>(short.as_ref()), Err(Error::Arity { found: 3, .. })));
    assert_eq!(from_record::<Point>(of(&[1]).as_ref()), Err(Error::Arity { expected: 2, found: 1 }));
    assert_eq!(from_record::<Point>(of(&[1, 2, 3]).as_ref()), Err(Error::Arity { expected: 2, found: 3 }));
    assert_eq!(from_record::<(u8, u8)>(of(&[1]).as_ref()), Err(Error::Arity { expected: 2, found: 1 }));
    assert_eq!(from_record::<Vec<u8>>(of(&[1, 2, 3]).as_ref()), Ok(vec![1, 2, 3]));
    assert_eq!(from_record::<Point>(of(&[1, 2]).as_ref()), Ok(Point { y: 1, x: 2 }));
}

#[derive(Serialize)]
struct Flattened {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[test]
fn what_has_no_positions_is_no_record() {
    let flattened = Flattened { id: 1, rest: BTreeMap::new() };
    let refused = [
        to_record(&flattened),
        to_record(&5),
        to_record("a"),
        to_record(&Shape::Empty),
        to_record(&Shape::Circle(1.0)),
    ];
    for refusal in refused {
        assert!(matches!(refusal, Err(Error::Shape(_))));
    }
    assert_eq!(to_record(&[0_u8; 0]), Err(Error::EmptyRecord));
    assert_eq!(to_record(&vec![0_u8; 256]), Err(Error::TooManyAttributes));
    let record = to_record(&(1, 2)).unwrap();
    assert!(from_record::<BTreeMap<String, u8>>(record.as_ref()).is_err());
    assert!(from_record::<Shape>(record.as_ref()).is_err());
    assert!(from_record::<u8>(record.as_ref()).is_err());
}

#[test]
fn text_and_bytes_are_borrowed_from_the_record() {
    let record = Record::new([TermRef::from("key"), TermRef::Binary(&[0xFF])]).unwrap();
    let (key, bytes): (&str, &[u8]) = from_record(record.as_ref()).unwrap();
    assert!(record.as_bytes().as_ptr_range().contains(&key.as_ptr()));
    assert_eq!(bytes, [0xFF]);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    key: Term,
    nested: Vec<Option<Term>>,
    by_term: BTreeMap<Term, Term>,
    record: Record,
}

proptest! {
    #[test]
    fn a_term_in_a_struct_passes_exactly(key in term(), inner in term(), attributes in attributes()) {
        let by_term = BTreeMap::from([(key.clone(), inner.clone()), (inner.clone(), Term::nil())]);
        let nested = vec![Some(inner.clone()).filter(|term| !term.is_nil()), None];
        let holder = Holder { key, nested, by_term, record: Record::new(&attributes).unwrap() };
        let record = to_record(&holder).unwrap();
        prop_assert!(mnemon_term::RecordRef::parse(record.as_bytes()).is_ok());
        prop_assert_eq!(from_record::<Holder>(record.as_ref()).unwrap(), holder);
        prop_assert_eq!(to_term(&inner).unwrap(), inner.clone());
        prop_assert_eq!(from_term::<Term>(&inner).unwrap(), inner);
    }

    #[test]
    fn a_record_of_terms_is_the_same_by_serde(terms in attributes()) {
        let record = Record::new(&terms).unwrap();
        prop_assert_eq!(&to_record(&terms).unwrap(), &record);
        prop_assert_eq!(&to_record(&Term::Tuple(terms.clone())).unwrap(), &record);
        prop_assert_eq!(from_record::<Vec<Term>>(record.as_ref()).unwrap(), terms.clone());
        prop_assert_eq!(from_record::<Term>(record.as_ref()).unwrap(), Term::Tuple(terms));
    }

    #[test]
    fn rust_values_read_back(
        ints in any::<(i8, u16, i32, i64, bool, char)>(),
        floats in prop::collection::vec(any::<f64>().prop_filter("finite", |value| value.is_finite()), 0..4),
        map in prop::collection::btree_map(any::<i16>(), ".{0,3}", 0..5),
        option in any::<Option<(String, u32)>>(),
    ) {
        let value = (ints, floats, map, option);
        let record = to_record(&value).unwrap();
        let back = from_record::<((i8, u16, i32, i64, bool, char), Vec<f64>, BTreeMap<i16, String>, Option<(String, u32)>)>(record.as_ref());
        prop_assert_eq!(back.unwrap(), value);
    }

    #[test]
    fn reading_any_term_as_any_type_does_not_panic(term in term()) {
        let _ = (from_term::<Shape>(&term), from_term::<Point>(&term), from_term::<Pair>(&term));
        let _ = (from_term::<HashMap<String, f32>>(&term), from_term::<Option<char>>(&term), from_term::<Nothing>(&term));
    }
}

#[test]
fn maps_with_keys_that_become_equal_keep_the_last() {
    struct Twice;

    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([("b", 1), ("a", 2), ("b", 3), ("a", 4)])
        }
    }

    let map = Term::map([(text("a"), Term::from(4)), (text("b"), Term::from(3))]);
    assert_eq!(to_term(&Twice).unwrap(), map);
}

#[test]
fn other_formats_get_the_nearest_value() {
    let term = Term::tuple([Term::atom("ok"), Term::nil(), text("a"), Term::float(1.0).unwrap()]);
    let json = serde_json::to_string(&term).unwrap();
    assert_eq!(json, r#"["ok",null,"a",1.0]"#);
    let back: Term = serde_json::from_str(&json).unwrap();
    assert_eq!(back, Term::list([text("ok"), Term::nil(), text("a"), Term::float(1.0).unwrap()]));
    let record = to_record(&(1, "a")).unwrap();
    let bytes = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&bytes).unwrap(), record);
    assert!(serde_json::from_str::<Record>("[1]").is_err());
}
