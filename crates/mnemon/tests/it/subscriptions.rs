//! Subscriptions: every change, in order, as values.

use std::time::Duration;

use mnemon::{Cause, Error, Event, Kind, Table, Term};

use crate::{node, node_at};

async fn drained<T: serde::de::DeserializeOwned>(changes: &mut mnemon::Subscription<T>) -> Vec<Event<T>> {
    let mut events = Vec::new();
    while let Some(event) = changes.try_recv().unwrap() {
        events.push(event);
    }
    events
}

fn clock<T>(event: &Event<T>) -> u64 {
    match event {
        Event::Written { clock, .. } | Event::Deleted { clock, .. } | Event::Cleared { clock } => *clock,
        other => panic!("an event without a clock: {}", std::any::type_name_of_val(other)),
    }
}

#[tokio::test]
async fn events_tell_the_old_and_the_new_value() {
    let node = node().await;
    let stock: Table<(String, u32)> = node.create_table("stock").await.unwrap();
    stock.write(&("nuts".to_owned(), 1)).await.unwrap();
    let mut changes = stock.subscribe().unwrap();
    let nuts = |pieces| ("nuts".to_owned(), pieces);
    stock.write(&nuts(2)).await.unwrap();
    stock.delete("nuts").await.unwrap();
    stock.write(&nuts(3)).await.unwrap();
    stock.clear().await.unwrap();
    let events = drained(&mut changes).await;
    let clocks: Vec<u64> = events.iter().map(clock).collect();
    assert!(clocks.is_sorted() && clocks[0] > changes.clock(), "{clocks:?}");
    assert_eq!(
        events,
        [
            Event::Written { clock: clocks[0], old: Some(nuts(1)), new: nuts(2) },
            Event::Deleted { clock: clocks[1], cause: Cause::Delete, old: nuts(2) },
            Event::Written { clock: clocks[2], old: None, new: nuts(3) },
            Event::Cleared { clock: clocks[3] },
        ]
    );
}

#[tokio::test]
async fn a_transactions_events_share_its_clock_and_an_aborted_one_has_none() {
    let node = node().await;
    let stock: Table<(u32, u32)> = node.create_table("stock").await.unwrap();
    let mut changes = stock.subscribe().unwrap();
    let write_two = async |fail: bool| {
        node.transaction(async |tx| {
            tx.write(&stock, &(1, 1)).await?;
            tx.write(&stock, &(2, 2)).await?;
            if fail { Err(Error::Aborted("on purpose".to_owned())) } else { Ok(()) }
        })
        .await
    };
    assert!(write_two(true).await.is_err());
    assert!(write_two(false).await.is_ok());
    let events = drained(&mut changes).await;
    assert_eq!(events.len(), 2);
    assert_eq!(clock(&events[0]), clock(&events[1]));
}

#[tokio::test]
async fn expiry_and_eviction_are_told_apart() {
    let (node, time) = node_at(1_000).await;
    let sessions = node.create_table::<(u32, u32)>("sessions").ttl(Duration::from_millis(10)).await.unwrap();
    let mut changes = sessions.subscribe().unwrap();
    sessions.write(&(1, 1)).await.unwrap();
    time.advance(10);
    node.catalog().maintain();
    let events = drained(&mut changes).await;
    assert!(matches!(
        events[..],
        [Event::Written { .. }, Event::Deleted { cause: Cause::Expired, old: (1, 1), .. }]
    ));

    let cache = node.create_table::<(u32, u32)>("cache").max_entries(8).await.unwrap();
    let mut changes = cache.subscribe().unwrap();
    for n in 0..100 {
        cache.write(&(n, n)).await.unwrap();
    }
    let events = drained(&mut changes).await;
    let evicted =
        events.iter().filter(|event| matches!(event, Event::Deleted { cause: Cause::Evicted, .. })).count();
    assert_eq!(100 - evicted, cache.size());
}

#[tokio::test]
async fn a_bags_events_are_of_single_records() {
    let node = node().await;
    let edges = node.create_table::<(u32, u32)>("edges").kind(Kind::Bag).await.unwrap();
    edges.write(&(1, 1)).await.unwrap();
    let mut changes = edges.subscribe().unwrap();
    edges.write(&(1, 2)).await.unwrap();
    edges.delete_object(&(1, 1)).await.unwrap();
    edges.write(&(1, 3)).await.unwrap();
    edges.delete(&1).await.unwrap();
    let events: Vec<_> = drained(&mut changes)
        .await
        .into_iter()
        .map(|event| match event {
            Event::Written { old: None, new, .. } => (true, new),
            Event::Deleted { cause: Cause::Delete, old, .. } => (false, old),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(events, [(true, (1, 2)), (false, (1, 1)), (true, (1, 3)), (false, (1, 2)), (false, (1, 3))]);
}

#[tokio::test]
async fn a_slow_subscriber_lags_and_catches_up_by_a_snapshot() {
    let node = node().await;
    let numbers: Table<(u32, u32)> = node.create_table("numbers").await.unwrap();
    let mut changes = numbers.subscribe_with_queue(2).unwrap();
    for n in 0..10 {
        numbers.write(&(n, n)).await.unwrap();
    }
    let mut events = Vec::new();
    while let Some(event) = changes.recv().await.unwrap() {
        if event == Event::Lagged {
            break;
        }
        events.push(event);
    }
    assert_eq!(events.len(), 2);
    let now = numbers.snapshot().await.unwrap();
    assert_eq!(now.records.len(), 10);
    numbers.write(&(10, 10)).await.unwrap();
    let next = changes.recv().await.unwrap().unwrap();
    assert!(clock(&next) > now.clock);
    assert_eq!(next, Event::Written { clock: clock(&next), old: None, new: (10, 10) });
}

#[tokio::test]
async fn a_record_of_another_type_is_an_error_and_the_next_comes() {
    let node = node().await;
    let terms: Table<Vec<Term>> = node.create_table("t").attributes("key, val").await.unwrap();
    let mut changes = node.table::<(u32, u32)>("t").unwrap().subscribe().unwrap();
    terms.write(&vec![Term::from(1), Term::from("text")]).await.unwrap();
    terms.write(&vec![Term::from(1), Term::from(1)]).await.unwrap();
    terms.write(&vec![Term::from(2), Term::from(2)]).await.unwrap();
    assert!(matches!(changes.recv().await, Err(Error::Term(_))));
    assert!(matches!(changes.recv().await, Err(Error::Term(_))), "its old value is no (u32, u32) either");
    assert!(matches!(changes.recv().await, Ok(Some(Event::Written { new: (2, 2), .. }))));
}

#[tokio::test]
async fn a_subscription_ends_with_its_table() {
    let node = node().await;
    let numbers: Table<(u32, u32)> = node.create_table("numbers").await.unwrap();
    let mut changes = numbers.subscribe().unwrap();
    let waiting = tokio::spawn(async move { changes.recv().await });
    node.drop_table("numbers").await.unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(None));
}
