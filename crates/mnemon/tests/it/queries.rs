//! Several records: ranges, indexes, patterns, conditions, walks.

use std::ops::Bound;

use mnemon::query::{Pattern, Query, Slot, Test};
use mnemon::{Error, KeyRange, Kind, Node, Table};

use crate::{User, node, user};

async fn squares(node: &Node) -> Table<(i64, i64)> {
    let table = node.create_table::<(i64, i64)>("squares").kind(Kind::OrderedSet).await.unwrap();
    for n in 0..10 {
        table.write(&(n, n * n)).await.unwrap();
    }
    table
}

fn keys(records: &[(i64, i64)]) -> Vec<i64> {
    records.iter().map(|(key, _)| *key).collect()
}

#[tokio::test]
async fn ranges_are_those_of_rust() {
    let table = squares(&node().await).await;
    assert_eq!(keys(&table.range(2..5).await.unwrap()), [2, 3, 4]);
    assert_eq!(keys(&table.range(2..=5).await.unwrap()), [2, 3, 4, 5]);
    assert_eq!(keys(&table.range(8..).await.unwrap()), [8, 9]);
    assert_eq!(keys(&table.range(..2).await.unwrap()), [0, 1]);
    assert_eq!(keys(&table.range(..=2).await.unwrap()), [0, 1, 2]);
    assert_eq!(table.range(..).await.unwrap().len(), 10);
    let between = (Bound::Excluded(2), Bound::Excluded(4));
    assert_eq!(keys(&table.range(between).await.unwrap()), [3]);
    let last = KeyRange::of(..).limit(2).reverse();
    assert_eq!(keys(&table.range(last.clone()).await.unwrap()), [9, 8]);
    assert_eq!(keys(&table.dirty_range(last).unwrap()), [9, 8]);
    assert!(table.range(KeyRange::of(..).limit(0)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_range_that_holds_nothing_is_empty_and_no_panic() {
    let node = node().await;
    let table = squares(&node).await;
    let (low, high) = (2, 7);
    assert_eq!(table.range(high..low).await.unwrap(), []);
    assert_eq!(table.range(high..=low).await.unwrap(), []);
    assert_eq!(table.range(KeyRange::of(high..low).reverse()).await.unwrap(), []);
    assert_eq!(table.range((Bound::Excluded(3), Bound::Excluded(3))).await.unwrap(), []);
    assert_eq!(table.dirty_range(high..low).unwrap(), []);
    let in_transaction = node.transaction(async |tx| tx.range(&table, high..low).await).await;
    assert_eq!(in_transaction.unwrap(), []);
}

#[tokio::test]
async fn a_range_needs_an_order_and_keys_that_encode() {
    let node = node().await;
    let users = node.create_table::<User>("users").await.unwrap();
    assert!(matches!(users.range(1..2).await, Err(Error::Unsupported { .. })));
    let table = squares(&node).await;
    assert!(matches!(table.range(0..u64::MAX).await, Err(Error::Term(_))));
}

#[tokio::test]
async fn walks_meet_every_key_once() {
    let node = node().await;
    let table = squares(&node).await;
    let (mut met, mut at) = (Vec::new(), table.first::<i64>().await.unwrap());
    while let Some(key) = at {
        met.push(key);
        at = table.next(&key).await.unwrap();
    }
    assert_eq!(met, (0..10).collect::<Vec<_>>());
    assert_eq!(table.last::<i64>().await.unwrap(), Some(9));
    assert_eq!(table.prev(&100).await.unwrap(), Some(9));
    assert_eq!(table.prev(&0).await.unwrap(), None);

    let hashed = node.create_table::<(String, u8)>("hashed").await.unwrap();
    for name in ["a", "b", "c", "d"] {
        hashed.write(&(name.to_owned(), 0)).await.unwrap();
    }
    let (mut met, mut at) = (Vec::new(), hashed.first::<String>().await.unwrap());
    while let Some(key) = at {
        at = hashed.next(key.as_str()).await.unwrap();
        met.push(key);
    }
    met.sort();
    assert_eq!(met, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn an_index_finds_by_value_whenever_it_was_added() {
    let node = node().await;
    let users = node.create_table::<User>("users").index("age").await.unwrap();
    for id in 0..100u32 {
        let age = u8::try_from(id % 10).unwrap();
        users.write(&user(id, &format!("name{}", id % 4), (age != 9).then_some(age))).await.unwrap();
    }
    let ids = |users: Vec<User>| {
        let mut ids: Vec<u32> = users.iter().map(|user| user.id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(
        ids(users.index_read("age", &3).await.unwrap()),
        (0..10).map(|n| n * 10 + 3).collect::<Vec<_>>()
    );
    assert_eq!(users.index_read("age", &None::<u8>).await.unwrap().len(), 10);
    assert!(matches!(users.index_read("name", "name1").await, Err(Error::NoIndex { .. })));
    node.add_index("users", "name").await.unwrap();
    assert_eq!(users.index_read("name", "name1").await.unwrap().len(), 25);
    assert_eq!(users.dirty_index_read("name", "name1").unwrap().len(), 25);
    let again = node.add_index("users", "name").await;
    assert!(matches!(again, Err(Error::IndexExists { .. } | Error::BadSchema(_))), "{again:?}");
    assert_eq!(users.index_read("name", "name1").await.unwrap().len(), 25);
    node.drop_index("users", "name").await.unwrap();
    assert!(matches!(users.index_read("name", "name1").await, Err(Error::NoIndex { .. })));
}

#[tokio::test]
async fn patterns_and_queries_find_the_same_records_dirty_or_not() {
    let node = node().await;
    let users = node.create_table::<User>("users").kind(Kind::OrderedSet).index("age").await.unwrap();
    for id in 0..50u32 {
        users
            .write(&user(id, if id % 2 == 0 { "even" } else { "odd" }, u8::try_from(id).unwrap()))
            .await
            .unwrap();
    }
    let pattern = Pattern::new(vec![Slot::Any, Slot::Is("odd".into()), Slot::Any]).unwrap();
    let query = users.query(r#"{"age": {">=": 10, "<": 20}, "name": "odd"}"#).unwrap().limit(3);
    assert_eq!(users.match_object(&pattern).await.unwrap().len(), 25);
    assert_eq!(users.dirty_match_object(&pattern).unwrap().len(), 25);
    let found: Vec<u32> = users.select(&query).await.unwrap().iter().map(|user| user.id).collect();
    assert_eq!(found, [11, 13, 15]);
    assert_eq!(users.dirty_select(&query).unwrap().len(), 3);
    let one = Query::new(users.test("id", Test::Eq(7.into())).unwrap()).unwrap();
    assert_eq!(users.select(&one).await.unwrap(), [user(7, "odd", 7)]);
    assert!(matches!(users.test("nick", Test::Exists(true)), Err(Error::BadQuery(_))));
    assert!(matches!(users.query(r#"{"nick": 1}"#), Err(Error::BadQuery(_))));
    let in_transaction = node
        .transaction(async |tx| {
            tx.delete(&users, &11).await?;
            Ok::<_, Error>((tx.select(&users, &query).await?, tx.match_object(&users, &pattern).await?.len()))
        })
        .await
        .unwrap();
    assert_eq!(in_transaction.0.iter().map(|user| user.id).collect::<Vec<_>>(), [13, 15, 17]);
    assert_eq!(in_transaction.1, 24);
}

#[tokio::test]
async fn a_fold_and_a_snapshot_see_all_records_of_one_moment() {
    let table = squares(&node().await).await;
    assert_eq!(table.fold(0, |sum, (_, square)| sum + square).await.unwrap(), 285);
    let before = table.snapshot().await.unwrap();
    table.write(&(3, 0)).await.unwrap();
    let after = table.snapshot().await.unwrap();
    assert_eq!(before.records.iter().map(|(_, square)| square).sum::<i64>(), 285);
    assert_eq!(after.records[3], (3, 0));
    assert!(after.clock > before.clock);
    assert_eq!(table.info().size, 10);
    assert!(table.info().memory_bytes > 0);
}
