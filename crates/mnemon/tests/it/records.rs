//! Single records: what is written is read, under every kind of key, in every kind of table.

use std::collections::BTreeMap;
use std::time::Duration;

use mnemon::{AccessMode, AttributeType, Error, Kind, Schema, Table, Term};
use serde::{Deserialize, Serialize};

use crate::{User, node, node_at, user};

#[tokio::test]
async fn a_record_reads_as_it_was_written() {
    let node = node().await;
    for kind in [Kind::Set, Kind::OrderedSet, Kind::Bag] {
        let users = node.create_table::<User>(format!("users-{kind:?}")).kind(kind).await.unwrap();
        let (ada, bob) = (user(1, "Ada", 36), user(2, "Bob", None));
        users.write(&ada).await.unwrap();
        users.dirty_write(&bob).unwrap();
        assert_eq!(users.read(&1).await.unwrap(), Some(ada.clone()));
        assert_eq!(users.dirty_read(&2).unwrap(), Some(bob.clone()));
        assert_eq!(users.read(&3).await.unwrap(), None);
        assert_eq!(users.lookup(&1).await.unwrap(), std::slice::from_ref(&ada));
        assert_eq!(users.dirty_lookup(&3).unwrap(), []);
        assert!(!users.insert_new(&user(1, "Eve", None)).await.unwrap());
        assert!(!users.dirty_insert_new(&user(1, "Eve", None)).unwrap());
        assert!(!users.delete_object(&user(1, "Eve", None)).await.unwrap());
        assert!(users.delete_object(&ada).await.unwrap());
        assert!(users.dirty_delete(&2).unwrap());
        assert!(!users.delete(&2).await.unwrap());
        assert_eq!(users.size(), 0);
    }
}

#[tokio::test]
async fn a_bag_holds_several_records_under_a_key_in_their_order() {
    let edges = node().await.create_table::<(u32, u32)>("edges").kind(Kind::Bag).await.unwrap();
    for to in [9, 3, 7, 3] {
        edges.write(&(1, to)).await.unwrap();
    }
    assert_eq!(edges.lookup(&1).await.unwrap(), [(1, 9), (1, 3), (1, 7)]);
    assert_eq!(edges.read(&1).await.unwrap(), Some((1, 9)));
    assert!(edges.dirty_delete_object(&(1, 9)).unwrap());
    assert_eq!(edges.dirty_lookup(&1).unwrap(), [(1, 3), (1, 7)]);
    assert_eq!(edges.snapshot().await.unwrap().records, [(1, 3), (1, 7)]);
}

#[tokio::test]
async fn keys_are_of_any_type_that_serializes() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Place {
        Home,
        Shop(u16),
    }
    async fn holds<K>(node: &mnemon::Node, name: &str, key: K)
    where
        K: Clone + PartialEq + std::fmt::Debug + Serialize + for<'de> Deserialize<'de> + 'static,
    {
        let table: Table<(K, u8)> = node.create_table(name).await.unwrap();
        table.write(&(key.clone(), 7)).await.unwrap();
        assert_eq!(table.read(&key).await.unwrap(), Some((key.clone(), 7)), "{name}");
        assert_eq!(table.first::<K>().await.unwrap(), Some(key.clone()), "{name}");
        assert!(table.delete(&key).await.unwrap(), "{name}");
    }
    let node = node().await;
    holds(&node, "i64", i64::MIN).await;
    holds(&node, "u8", 255u8).await;
    holds(&node, "f64", 0.5f64).await;
    holds(&node, "bool", true).await;
    holds(&node, "text", "é\0".to_owned()).await;
    holds(&node, "tuple", (1u8, "a".to_owned(), vec![2u8])).await;
    holds(&node, "unit-variant", Place::Home).await;
    holds(&node, "variant", Place::Shop(9)).await;
    holds(&node, "map", BTreeMap::from([("a".to_owned(), 1)])).await;
    holds(&node, "option", Some(3u8)).await;
    let texts: Table<(String, u8)> = node.create_table("texts").await.unwrap();
    texts.write(&("ada".to_owned(), 1)).await.unwrap();
    assert!(texts.read("ada").await.unwrap().is_some(), "a str finds what a String wrote");
    assert!(texts.read(&1).await.unwrap().is_none(), "a key of another type finds nothing");
}

#[tokio::test]
async fn a_counter_starts_at_zero_and_refuses_what_it_cannot_count() {
    let node = node().await;
    let counters: Table<(String, Option<i64>)> = node.create_table("counters").await.unwrap();
    assert_eq!(counters.update_counter("hits", "val", 5).await.unwrap(), 5);
    assert_eq!(counters.dirty_update_counter("hits", "val", -2).unwrap(), 3);
    assert_eq!(counters.read("hits").await.unwrap(), Some(("hits".to_owned(), Some(3))));
    let unknown = counters.update_counter("hits", "vals", 1).await.unwrap_err();
    assert!(matches!(&unknown, Error::BadRecord { table, .. } if table == "counters"), "{unknown}");
    assert!(unknown.to_string().contains("key, val"), "{unknown}");
    assert!(matches!(counters.update_counter("hits", "val", i64::MAX).await, Err(Error::Refused { .. })));
    assert!(matches!(counters.update_counter("hits", "key", 1).await, Err(Error::BadRecord { .. })));
}

#[tokio::test]
async fn records_end_with_their_time_to_live() {
    let (node, clock) = node_at(1_000).await;
    let sessions =
        node.create_table::<(u32, String)>("sessions").ttl(Duration::from_millis(100)).await.unwrap();
    sessions.write(&(1, "default".to_owned())).await.unwrap();
    sessions.write_with_ttl(&(2, "long".to_owned()), Duration::from_secs(1)).await.unwrap();
    // Less than a millisecond counts as one, never as none.
    sessions.write_with_ttl(&(3, "short".to_owned()), Duration::from_nanos(1)).await.unwrap();
    assert!(sessions.read(&3).await.unwrap().is_some());
    clock.advance(99);
    assert!(sessions.read(&3).await.unwrap().is_none());
    assert!(sessions.read(&1).await.unwrap().is_some());
    clock.advance(1);
    assert!(sessions.read(&1).await.unwrap().is_none());
    assert!(sessions.dirty_read(&2).unwrap().is_some());
    assert!(matches!(
        node.create_table::<(u8, u8)>("none").ttl(Duration::ZERO).await,
        Err(Error::BadSchema(_))
    ));
}

#[tokio::test]
async fn a_bounded_table_stays_within_its_bounds() {
    let node = node().await;
    let cache = node.create_table::<(u32, u32)>("cache").max_entries(100).await.unwrap();
    for n in 0..5_000 {
        cache.write(&(n, n)).await.unwrap();
    }
    assert!((90..=100).contains(&cache.size()), "{}", cache.size());
}

#[tokio::test]
async fn what_fits_no_record_is_refused_with_the_tables_name() {
    let node = node().await;
    let big: Table<(u64, u64)> = node.create_table("big").await.unwrap();
    let error = big.write(&(1, u64::MAX)).await.unwrap_err();
    assert!(matches!(&error, Error::BadRecord { table, .. } if table == "big"), "{error}");
    assert!(matches!(big.read(&u64::MAX).await, Err(Error::Term(_))));
    let typed = node.create_table::<(u32, String)>("typed").attributes("id:int, age:int").await.unwrap();
    let error = typed.write(&(1, "old".to_owned())).await.unwrap_err();
    assert!(matches!(&error, Error::BadRecord { table, .. } if table == "typed"), "{error}");
    assert_eq!(typed.size(), 0);
}

#[tokio::test]
async fn a_record_of_another_type_is_an_error_and_no_panic() {
    let node = node().await;
    let numbers: Table<(u32, i64)> = node.create_table("t").await.unwrap();
    numbers.write(&(1, -5)).await.unwrap();
    let texts: Table<(u32, String)> = node.table("t").unwrap();
    assert!(matches!(texts.read(&1).await, Err(Error::Term(_))));
    assert!(matches!(texts.fold(0, |n, _| n + 1).await, Err(Error::Term(_))));
    let terms: Table<Vec<Term>> = node.table("t").unwrap();
    assert_eq!(terms.read(&1).await.unwrap(), Some(vec![Term::from(1), Term::from(-5)]));
}

#[tokio::test]
async fn a_type_must_fit_its_table() {
    let node = node().await;
    let schema = node.create_table::<User>("users").index("age").schema().unwrap();
    assert_eq!(schema.attribute_names(), ["id", "name", "age"]);
    assert_eq!(schema.indexes(), [2]);
    let users = node.create_table_with::<User>(schema).await.unwrap();
    users.write(&user(1, "Ada", None)).await.unwrap();
    assert!(node.table::<User>("users").is_ok());
    assert!(node.table::<(u32, String, Option<u8>)>("users").is_ok(), "another type of as many fields");
    let bad = |error: Error| matches!(error, Error::BadSchema(_));
    assert!(bad(node.table::<(u32, String)>("users").unwrap_err()));
    assert!(bad(node.table::<String>("users").unwrap_err()));
    assert!(bad(node.table::<BTreeMap<String, u8>>("users").unwrap_err()));
    assert!(bad(node.create_table::<(u8, u8, u8)>("triples").await.unwrap_err()));
    assert!(bad(node.create_table::<Vec<Term>>("open").await.unwrap_err()));
    assert!(bad(node.create_table::<User>("other").index("nick").await.unwrap_err()));
    assert!(bad(node.create_table::<User>("other").attributes("id, name, age, nick").await.unwrap_err()));
    assert!(bad(node.create_table::<User>("other").attributes("id, nick").await.unwrap_err()));
    assert!(matches!(node.create_table::<User>("users").await, Err(Error::TableExists(_))));
    assert!(matches!(node.table::<(u8, u8)>("db0"), Err(Error::Unsupported { .. })));
    assert!(matches!(node.table::<User>("nobody"), Err(Error::NoTable(_))));
    assert_eq!(node.table_names(), ["users"]);
}

#[tokio::test]
async fn a_dropped_table_answers_no_table_to_every_call() {
    let node = node().await;
    let users = node.create_table::<User>("users").kind(Kind::OrderedSet).index("age").await.unwrap();
    users.write(&user(1, "Ada", None)).await.unwrap();
    node.drop_table("users").await.unwrap();
    let gone = |answer: Result<(), Error>| assert!(matches!(answer, Err(Error::NoTable(_))), "{answer:?}");
    gone(users.read(&1).await.map(drop));
    gone(users.dirty_read(&1).map(drop));
    gone(users.lookup(&1).await.map(drop));
    gone(users.write(&user(1, "Ada", None)).await);
    gone(users.delete(&1).await.map(drop));
    gone(users.range(..).await.map(drop));
    gone(users.index_read("age", &1).await.map(drop));
    gone(users.snapshot().await.map(drop));
    gone(users.first::<u32>().await.map(drop));
    gone(users.subscribe().map(drop));
    gone(users.clear().await.map(drop));
    gone(node.transaction(async |tx| tx.read(&users, &1).await).await.map(drop));
}

#[tokio::test]
async fn a_read_only_table_is_read_and_not_written() {
    let node = node().await;
    let users = node.create_table::<User>("users").await.unwrap();
    users.write(&user(1, "Ada", None)).await.unwrap();
    node.set_access("users", AccessMode::ReadOnly).await.unwrap();
    assert!(users.read(&1).await.unwrap().is_some());
    assert!(matches!(users.delete(&1).await, Err(Error::ReadOnly(_))));
    assert!(matches!(users.clear().await, Err(Error::ReadOnly(_))));
    node.set_access("users", AccessMode::ReadWrite).await.unwrap();
    assert_eq!(users.clear().await.unwrap(), 1);
}

#[tokio::test]
async fn a_type_with_an_alias_names_its_attributes() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Renamed {
        id: u32,
        #[serde(alias = "nick")]
        name: String,
    }
    let node = node().await;
    let people = node.create_table::<Renamed>("people").attributes("id, name").await.unwrap();
    people.write(&Renamed { id: 1, name: "Ada".to_owned() }).await.unwrap();
    assert_eq!(people.read(&1).await.unwrap(), Some(Renamed { id: 1, name: "Ada".to_owned() }));
    let schema =
        Schema::builder("again").attribute("id", AttributeType::Int).attribute("name", AttributeType::Any);
    assert!(node.create_table_with::<Renamed>(schema.build().unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_table_takes_the_shape_of_another_type() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Person {
        id: u32,
        age: Option<u8>,
        email: Option<String>,
    }
    let node = node().await;
    let users = node.create_table::<User>("users").index("age").await.unwrap();
    for id in 0..1_000 {
        users.write(&user(id, "Ada", 36)).await.unwrap();
    }
    let other_key = |old: User| Person { id: old.id + 1, age: None, email: None };
    let refused = node.transform_table("users", other_key).await;
    assert!(matches!(refused, Err(Error::BadRecord { .. })), "{refused:?}");
    assert_eq!(users.read(&1).await.unwrap(), Some(user(1, "Ada", 36)), "a refused one changes nothing");
    let panicking = node.transform_table("users", |_: User| -> Person { panic!("no") }).await;
    assert!(matches!(panicking, Err(Error::Aborted(_))), "{panicking:?}");

    let person = |old: User| Person { id: old.id, age: old.age, email: Some(format!("{}@b.c", old.name)) };
    let people = node.transform_table("users", person).await.unwrap();
    assert_eq!(people.schema().attribute_names(), ["id", "age", "email"]);
    assert_eq!(people.index_read("age", &36).await.unwrap().len(), 1_000);
    let ada = Person { id: 1, age: Some(36), email: Some("Ada@b.c".to_owned()) };
    assert_eq!(people.read(&1).await.unwrap(), Some(ada));
    assert!(matches!(node.transform_table("nobody", person).await, Err(Error::NoTable(_))));
    assert!(matches!(
        node.transform_table("users", |old: Person| (old.id, old.email)).await,
        Err(Error::BadSchema(_))
    ));
}
