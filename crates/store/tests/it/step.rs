//! Steps that proptest chooses and shrinks.

use std::sync::Arc;

use mnemon_store::bits::{BitAction, BitField, BitStep, Overflow};
use mnemon_store::collection::Hash;
use mnemon_store::{Cause, Collection, ExpireWhen, Expiry, Op, When};
use mnemon_term::{Record, Term};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// When the tests begin.
pub(crate) const START_MS: u64 = 1_000;

/// What a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Strings and hashes, as `db0`…`db15` do.
    Strings,
    /// Records, one a key.
    Records,
    /// Records, any number a key.
    Objects,
}

/// A check of a commit. Its truth is looked up in the model; a false one is made wrong on purpose.
#[derive(Clone, Debug)]
pub(crate) enum CheckStep {
    Key { key: Vec<u8>, truth: bool },
    Rows { from: u8, to: u8, truth: bool },
    Index { attribute: u16, value: u8, truth: bool },
    Schema { truth: bool },
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    One(Op<'static>),
    Commit(Vec<CheckStep>, Vec<Op<'static>>),
    /// Many rows at once, so that pages, segments and splits come into play.
    Bulk {
        first: u16,
        count: u16,
        delete: bool,
    },
    Advance(u64),
    /// Deletes what has expired, as the maintenance of tables does.
    Expire,
    Maintain,
    AddIndex(u16),
    DelIndex(u16),
    SetSchema {
        version: u64,
        sealed: bool,
    },
    OpenSnapshot {
        ttl_ms: u64,
    },
    ReadSnapshot(usize),
    CloseSnapshot(usize),
    OpenWalk {
        index: Option<u16>,
        snapshot: Option<usize>,
        reverse: bool,
    },
    AdvanceWalk(usize),
}

/// A key of the few that steps fight over.
fn key() -> impl Strategy<Value = Vec<u8>> {
    (0..10u8).prop_map(|number| format!("k{number}").into_bytes())
}

fn expiry() -> impl Strategy<Value = Expiry> {
    prop_oneof![
        3 => Just(Expiry::Never),
        1 => Just(Expiry::Keep),
        2 => (START_MS - 5..START_MS + 60).prop_map(Expiry::At),
    ]
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![3 => Just(When::Always), 1 => Just(When::Absent), 1 => Just(When::Present)]
}

/// A record that few others equal, some without a second attribute.
pub(crate) fn record(key: &[u8], number: i64, text: u8) -> Vec<u8> {
    let mut terms = vec![Term::from(key.to_vec())];
    terms.push(match number {
        4 => Term::float(1.0).expect("finite"),
        5 => Term::Int(i64::MAX),
        6 => Term::nil(),
        number => Term::Int(number),
    });
    if text < 3 {
        terms.push(Term::from(["x", "y", "z"][usize::from(text)]));
    }
    Record::new(&terms).expect("flat").into_bytes()
}

/// A body for a row of this key.
fn body(content: Content, key: Vec<u8>) -> BoxedStrategy<(Vec<u8>, Vec<u8>)> {
    match content {
        Content::Strings => select(vec!["7", "-3", "2.5", "abc", "", "9223372036854775807", "08"])
            .prop_map(move |text| (key.clone(), text.as_bytes().to_vec()))
            .boxed(),
        Content::Records | Content::Objects => (0..7i64, 0..4u8)
            .prop_map(move |(number, text)| (key.clone(), record(&key, number, text)))
            .boxed(),
    }
}

fn put(content: Content) -> impl Strategy<Value = Op<'static>> {
    let row = key().prop_flat_map(move |key| body(content, key));
    (row, expiry(), when(), any::<bool>()).prop_map(move |((key, body), expiry, when, bytes_only)| Op::Put {
        key: key.into(),
        body: body.into(),
        expiry,
        when,
        over_bytes_only: bytes_only && content == Content::Strings,
    })
}

fn any_kind(content: Content) -> impl Strategy<Value = Op<'static>> {
    let expire_when = select(vec![
        ExpireWhen::Always,
        ExpireWhen::Always,
        ExpireWhen::None,
        ExpireWhen::Some,
        ExpireWhen::Later,
        ExpireWhen::Earlier,
    ]);
    let at_ms = prop_oneof![
        1 => Just(None),
        4 => (START_MS - 5..START_MS + 60).prop_map(Some),
    ];
    let row = key().prop_flat_map(move |key| body(content, key));
    prop_oneof![
        8 => put(content),
        2 => key().prop_map(|key| Op::Get { key: key.into() }),
        4 => (key(), 0..6u64).prop_map(|(key, version)| Op::Delete {
            key: key.into(),
            cause: Cause::Delete,
            // Mostly any version; now and then one that some row may have.
            version: version.saturating_sub(3),
        }),
        2 => row.prop_map(|(key, body)| Op::DeleteObject { key: key.into(), body: body.into() }),
        3 => (key(), at_ms, expire_when)
            .prop_map(|(key, at_ms, when)| Op::ExpireAt { key: key.into(), at_ms, when }),
        1 => Just(Op::Clear),
    ]
}

fn counter() -> impl Strategy<Value = Op<'static>> {
    (key(), 1..3u16, -2..3i64, any::<bool>()).prop_map(|(key, attribute, by, initial)| Op::Counter {
        initial: initial.then(|| record(&key, 0, 0).into()),
        key: key.into(),
        attribute,
        by,
        expires_at: (by > 0).then_some(START_MS + 40),
    })
}

fn of_strings() -> impl Strategy<Value = Op<'static>> {
    let by = || prop_oneof![4 => -3..4i64, 1 => Just(i64::MAX)];
    let float = || select(vec!["0.25", "-1.5", "3", "x"]).prop_map(|text| text.as_bytes().to_vec().into());
    let field = || (0..5u8).prop_map(|number| format!("f{number}").into_bytes());
    let value = || select(vec!["1", "two", "0.5"]).prop_map(|text| text.as_bytes().to_vec());
    let pairs = proptest::collection::btree_map(field(), value(), 1..4);
    prop_oneof![
        (key(), by()).prop_map(|(key, by)| Op::Increment { key: key.into(), by }),
        (key(), float()).prop_map(|(key, by)| Op::IncrementFloat { key: key.into(), by }),
        (key(), value()).prop_map(|(key, tail)| Op::Append { key: key.into(), tail: tail.into() }),
        (key(), 0..20u64, value(), any::<bool>()).prop_map(|(key, offset, part, empty)| Op::SetRange {
            key: key.into(),
            offset,
            part: if empty { b""[..].into() } else { part.into() },
        }),
        (key(), vec(bit_step(), 1..4)).prop_map(|(key, steps)| Op::Bits { key: key.into(), steps }),
        (key(), 0..150u8, any::<bool>(), expiry()).prop_map(|(key, count, sparse, expiry)| {
            Op::PutCollection { key: key.into(), collection: collection(count, sparse), expiry }
        }),
        Just(Op::Count),
        (key(), pairs, when()).prop_map(|(key, pairs, when)| Op::FieldPut {
            key: key.into(),
            fields: pairs.into_iter().map(|(field, value)| (field.into(), value.into())).collect(),
            when,
        }),
        // So many fields that the hash becomes a tree.
        key().prop_map(|key| Op::FieldPut {
            key: key.into(),
            fields: (0..140u8).map(|at| (vec![b'g', at].into(), vec![at].into())).collect(),
            when: When::Always,
        }),
        (key(), vec(field(), 1..4)).prop_map(|(key, fields)| Op::FieldDelete {
            key: key.into(),
            fields: fields.into_iter().map(Into::into).collect(),
        }),
        (key(), field(), by()).prop_map(|(key, field, by)| Op::FieldIncrement {
            key: key.into(),
            field: field.into(),
            by
        }),
        (key(), field(), float()).prop_map(|(key, field, by)| Op::FieldIncrementFloat {
            key: key.into(),
            field: field.into(),
            by
        }),
    ]
}

fn bit_step() -> impl Strategy<Value = BitStep> {
    let action = prop_oneof![
        Just(BitAction::Get),
        any::<i64>().prop_map(BitAction::Set),
        (-3..300i64).prop_map(BitAction::Set),
        any::<i64>().prop_map(BitAction::Add),
        (-3..300i64).prop_map(BitAction::Add),
    ];
    let overflow = select(vec![Overflow::Wrap, Overflow::Saturate, Overflow::Fail]);
    (any::<bool>(), 1..=64u8, 0..100u64, action, overflow).prop_map(
        |(signed, bits, offset, action, overflow)| {
            let bits = if signed { bits } else { bits.min(63) };
            BitStep { field: BitField { signed, bits, offset }, action, overflow }
        },
    )
}

/// A hash of so many fields. A sparse one has lost most of those that made it a tree, and stays one.
fn collection(count: u8, sparse: bool) -> Arc<Collection> {
    let mut hash = Hash::default();
    for at in 0..count {
        hash.insert(&[b'c', at], &[at]);
    }
    for at in (5..count).filter(|_| sparse) {
        hash.remove(&[b'c', at]);
    }
    Arc::new(Collection::Hash(hash))
}

fn op(content: Content) -> BoxedStrategy<Op<'static>> {
    match content {
        Content::Strings => prop_oneof![2 => any_kind(content), 3 => of_strings()].boxed(),
        Content::Records => prop_oneof![5 => any_kind(content), 1 => counter()].boxed(),
        Content::Objects => any_kind(content).boxed(),
    }
}

fn check(content: Content) -> BoxedStrategy<CheckStep> {
    let truth = || (0..8u8).prop_map(|chance| chance > 0);
    let simple = prop_oneof![
        4 => (key(), truth()).prop_map(|(key, truth)| CheckStep::Key { key, truth }),
        2 => (0..12u8, 0..12u8, truth()).prop_map(|(from, to, truth)| CheckStep::Rows { from, to, truth }),
        1 => truth().prop_map(|truth| CheckStep::Schema { truth }),
    ];
    if content == Content::Strings {
        return simple.boxed();
    }
    let index = (1..3u16, 0..4u8, truth()).prop_map(|(attribute, value, truth)| CheckStep::Index {
        attribute,
        value,
        truth,
    });
    prop_oneof![3 => simple, 1 => index].boxed()
}

pub(crate) fn step(content: Content) -> BoxedStrategy<Step> {
    let index = || 1..3u16;
    let records = content != Content::Strings;
    let walk_index = (0..5u16).prop_map(move |choice| (records && choice < 2).then_some(choice + 1));
    let on_any = prop_oneof![
        24 => op(content).prop_map(Step::One),
        10 => (vec(check(content), 0..3), vec(op(content), 1..6))
            .prop_map(|(checks, ops)| Step::Commit(checks, ops)),
        2 => (0..400u16, 1..400u16, prop::bool::weighted(0.3))
            .prop_map(|(first, count, delete)| Step::Bulk { first, count, delete }),
        3 => (1..25u64).prop_map(Step::Advance),
        1 => Just(Step::Expire),
        2 => Just(Step::Maintain),
        1 => (1..4u64, prop::bool::weighted(0.2))
            .prop_map(|(version, sealed)| Step::SetSchema { version, sealed }),
        4 => (5..200u64).prop_map(|ttl_ms| Step::OpenSnapshot { ttl_ms }),
        4 => any::<usize>().prop_map(Step::ReadSnapshot),
        2 => any::<usize>().prop_map(Step::CloseSnapshot),
        3 => (walk_index, proptest::option::weighted(0.6, any::<usize>()), any::<bool>())
            .prop_map(|(index, snapshot, reverse)| Step::OpenWalk { index, snapshot, reverse }),
        6 => any::<usize>().prop_map(Step::AdvanceWalk),
    ];
    if !records {
        return on_any.boxed();
    }
    let indexes = prop_oneof![2 => index().prop_map(Step::AddIndex), 1 => index().prop_map(Step::DelIndex)];
    prop_oneof![15 => on_any, 1 => indexes].boxed()
}
