//! Generated terms. Scalars come from a small world of troublesome values as well as from everywhere, so that two
//! generated terms are often nearly equal.

use mnemon_term::{Atom, Float, Term};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

const TWO_53: i64 = 1 << 53;

fn int() -> impl Strategy<Value = i64> {
    let edges = vec![
        i64::MIN,
        i64::MIN + 1,
        -TWO_53 - 1,
        -TWO_53,
        -TWO_53 + 1,
        -256,
        -129,
        -128,
        -65,
        -64,
        -2,
        -1,
        0,
        1,
        2,
        63,
        64,
        127,
        128,
        255,
        256,
        32_767,
        32_768,
        TWO_53 - 1,
        TWO_53,
        TWO_53 + 1,
        i64::MAX - 1,
        i64::MAX,
    ];
    prop_oneof![3 => prop::sample::select(edges), 2 => -3..4_i64, 1 => any::<i64>()]
}

fn float() -> impl Strategy<Value = f64> {
    let edges = vec![
        f64::MIN,
        -1e300,
        -9_223_372_036_854_777_856.0,
        -9_223_372_036_854_775_808.0,
        -9_007_199_254_740_992.0,
        -1.5,
        -1.0,
        -0.5,
        -f64::MIN_POSITIVE,
        -5e-324,
        -0.0,
        0.0,
        5e-324,
        1e-320,
        f64::from_bits((1 << 52) - 1),
        f64::MIN_POSITIVE,
        0.1,
        0.5,
        1.0,
        1.0 + f64::EPSILON,
        1.5,
        2.0,
        63.0,
        64.0,
        128.0,
        9_007_199_254_740_991.0,
        9_007_199_254_740_992.0,
        9_007_199_254_740_994.0,
        9_223_372_036_854_774_784.0,
        9_223_372_036_854_775_808.0,
        1e300,
        f64::MAX,
    ];
    let finite = any::<f64>().prop_filter("finite", |value| value.is_finite());
    prop_oneof![3 => prop::sample::select(edges), 1 => (-3..4_i32).prop_map(f64::from), 1 => finite]
}

fn atom() -> impl Strategy<Value = Atom> {
    let known =
        vec!["", "nil", "true", "false", "ok", "o", "okay", "\u{0}", "ok\u{0}", "ok\u{1}", "é", "\u{10FFFF}"];
    let name = prop_oneof![3 => prop::sample::select(known).prop_map(String::from), 1 => ".{0,40}"];
    name.prop_map(|name| Atom::new(name).unwrap())
}

fn binary() -> impl Strategy<Value = Vec<u8>> {
    let troublesome = prop::sample::select(vec![0x00, 0x01, 0x02, b'a', 0x7F, 0x80, 0xFE, 0xFF]);
    prop_oneof![
        4 => vec(troublesome, 0..4),
        2 => "[$a-cé\"\\\\]{0,4}".prop_map(String::into_bytes),
        1 => prop::sample::select(vec!["$atom", "$tuple", "$map", "$binary", "$"]).prop_map(|tag| tag.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..300),
    ]
}

pub(crate) fn scalar() -> impl Strategy<Value = Term> {
    prop_oneof![
        3 => int().prop_map(Term::Int),
        3 => float().prop_map(|value| Term::Float(Float::new(value).unwrap())),
        2 => atom().prop_map(Term::Atom),
        3 => binary().prop_map(Term::Binary),
    ]
}

pub(crate) fn number() -> impl Strategy<Value = Term> {
    prop_oneof![int().prop_map(Term::Int), float().prop_map(|value| Term::float(value).unwrap())]
}

/// Terms of up to four levels.
pub(crate) fn term() -> impl Strategy<Value = Term> {
    prop_oneof![scalar(), number()].prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Term::Tuple),
            vec(inner.clone(), 0..4).prop_map(Term::List),
            btree_map(inner.clone(), inner, 0..4).prop_map(Term::Map),
        ]
    })
}

/// The attributes of a record.
pub(crate) fn attributes() -> impl Strategy<Value = Vec<Term>> {
    vec(term(), 1..6)
}

/// A container nested to `levels`, by tuple, list and map in turn.
pub(crate) fn nested(levels: usize) -> Term {
    (0..levels).fold(Term::from(1), |inner, level| match level % 3 {
        0 => Term::list([inner]),
        1 => Term::tuple([inner]),
        _ => Term::map([(Term::from("k"), inner)]),
    })
}
