//! Steps that proptest chooses and shrinks.

use std::ops::Bound;

use mnemon_table::KeyRange;
use mnemon_table::query::{Condition, Pattern, Query, Slot, Test};
use mnemon_term::{Record, Term};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const ATTRIBUTES: [&str; 3] = ["key", "a", "n"];

/// A read of one table.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    One(Term),
    Lookup(Term),
    Range(KeyRange),
    Index(u16, Term),
    Match(Pattern),
    Select(Query),
    Fold,
    First,
    Last,
    Next(Term),
    Prev(Term),
    /// From the first key to the next until there is none.
    Walk,
}

/// A write of one table.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    One(Record),
    InsertNew(Record),
    Delete(Term),
    DeleteObject(Record),
    Count(Term, u16, i64),
}

/// A step inside a transaction. The first number chooses the table.
#[derive(Clone, Debug)]
pub(crate) enum Inside {
    Read(usize, Read),
    Write(usize, Write),
    /// An inner transaction, and whether it fails at its end.
    Nested(Vec<Inside>, bool),
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Asked in the plain way and the dirty way.
    Read(usize, Read),
    /// `true`: the dirty way.
    Write(usize, Write, bool),
    WriteWithTtl(usize, Record, u64),
    Clear(usize),
    AddIndex(usize, u16),
    DelIndex(usize, u16),
    Advance(u64),
    Maintain,
    Transaction {
        steps: Vec<Inside>,
        fails: bool,
    },
    ReadOnly(Vec<(usize, Read)>),
}

fn key() -> impl Strategy<Value = Term> {
    let float = |value| Term::float(value).expect("finite");
    select(vec![
        Term::Int(-1),
        Term::Int(0),
        Term::Int(1),
        float(1.0),
        Term::Int(2),
        float(2.5),
        Term::Int(3),
        Term::atom("a"),
        Term::from("k1"),
        Term::from("k2"),
        Term::tuple([Term::Int(1), Term::from("x")]),
    ])
}

fn value() -> impl Strategy<Value = Term> {
    let float = |value| Term::float(value).expect("finite");
    select(vec![
        Term::Int(0),
        Term::Int(1),
        Term::Int(2),
        float(1.0),
        Term::Int(i64::MAX),
        Term::nil(),
        Term::from("x"),
        Term::from("xy"),
    ])
}

fn record() -> impl Strategy<Value = Record> {
    (key(), value(), value()).prop_map(|(key, a, n)| Record::new(&[key, a, n]).expect("flat"))
}

fn bound() -> impl Strategy<Value = Bound<Term>> {
    prop_oneof![key().prop_map(Bound::Included), key().prop_map(Bound::Excluded), Just(Bound::Unbounded),]
}

fn limit() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![2 => Just(None), 1 => (0..4usize).prop_map(Some)]
}

fn test() -> impl Strategy<Value = Test> {
    prop_oneof![
        3 => value().prop_map(Test::Eq),
        1 => value().prop_map(Test::Ne),
        1 => value().prop_map(Test::Lt),
        1 => value().prop_map(Test::Le),
        1 => value().prop_map(Test::Gt),
        1 => value().prop_map(Test::Ge),
        1 => value().prop_map(Test::Exact),
        1 => vec(value(), 0..3).prop_map(Test::In),
        1 => Just(Test::Prefix(b"x".to_vec())),
        1 => any::<bool>().prop_map(Test::Exists),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = (0..3u16, test(), key()).prop_map(|(place, test, key)| {
        // Tests of the key compare with keys.
        let test = match (place, test) {
            (0, Test::Eq(_)) => Test::Eq(key),
            (0, Test::Exact(_)) => Test::Exact(key),
            (0, Test::Lt(_)) => Test::Lt(key),
            (0, Test::Ge(_)) => Test::Ge(key),
            (_, test) => test,
        };
        Condition::On(place, test)
    });
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..3).prop_map(Condition::And),
            1 => vec(inner.clone(), 0..3).prop_map(Condition::Or),
            1 => inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

fn slot(of: BoxedStrategy<Term>) -> impl Strategy<Value = Slot> {
    prop_oneof![3 => Just(Slot::Any), 2 => of.prop_map(Slot::Is), 1 => (0..2u16).prop_map(Slot::Var)]
}

fn read() -> BoxedStrategy<Read> {
    let range = (bound(), bound(), limit(), any::<bool>()).prop_map(|(from, to, limit, reverse)| KeyRange {
        from,
        to,
        limit,
        reverse,
    });
    let slots = (slot(key().boxed()), slot(value().boxed()), slot(value().boxed()));
    let pattern = slots.prop_map(|(key, a, n)| Pattern::new(vec![key, a, n]).expect("small"));
    let query = (condition(), limit(), any::<bool>()).prop_map(|(condition, limit, reverse)| {
        Query::new(condition).expect("small").limit(limit).reverse(reverse)
    });
    prop_oneof![
        2 => key().prop_map(Read::One),
        2 => key().prop_map(Read::Lookup),
        2 => range.prop_map(Read::Range),
        2 => (1..3u16, value()).prop_map(|(attribute, value)| Read::Index(attribute, value)),
        2 => pattern.prop_map(Read::Match),
        4 => query.prop_map(Read::Select),
        1 => Just(Read::Fold),
        1 => Just(Read::First),
        1 => Just(Read::Last),
        1 => key().prop_map(Read::Next),
        1 => key().prop_map(Read::Prev),
        1 => Just(Read::Walk),
    ]
    .boxed()
}

fn write() -> BoxedStrategy<Write> {
    prop_oneof![
        6 => record().prop_map(Write::One),
        2 => record().prop_map(Write::InsertNew),
        2 => key().prop_map(Write::Delete),
        2 => record().prop_map(Write::DeleteObject),
        2 => (key(), 1..3u16, -1..3i64).prop_map(|(key, attribute, by)| Write::Count(key, attribute, by)),
    ]
    .boxed()
}

fn table() -> std::ops::Range<usize> {
    0..3
}

fn inside() -> impl Strategy<Value = Inside> {
    let leaf = prop_oneof![
        3 => (table(), read()).prop_map(|(table, read)| Inside::Read(table, read)),
        3 => (table(), write()).prop_map(|(table, write)| Inside::Write(table, write)),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        (vec(inner, 0..5), any::<bool>()).prop_map(|(steps, fails)| Inside::Nested(steps, fails))
    })
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (table(), read()).prop_map(|(table, read)| Step::Read(table, read)),
        10 => (table(), write(), any::<bool>()).prop_map(|(table, write, dirty)| Step::Write(table, write, dirty)),
        2 => (table(), record(), 1..40u64).prop_map(|(table, record, ttl_ms)| {
            Step::WriteWithTtl(table, record, ttl_ms)
        }),
        1 => table().prop_map(Step::Clear),
        1 => (table(), 1..3u16).prop_map(|(table, attribute)| Step::AddIndex(table, attribute)),
        1 => (table(), 1..3u16).prop_map(|(table, attribute)| Step::DelIndex(table, attribute)),
        2 => (1..20u64).prop_map(Step::Advance),
        1 => Just(Step::Maintain),
        8 => (vec(inside(), 1..8), prop::bool::weighted(0.2))
            .prop_map(|(steps, fails)| Step::Transaction { steps, fails }),
        2 => vec((table(), read()), 1..4).prop_map(Step::ReadOnly),
    ]
}
