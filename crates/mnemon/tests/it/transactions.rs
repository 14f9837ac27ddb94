//! Transactions: together or not at all, of one state, from any task.

use std::sync::Mutex;

use mnemon::{Error, Kind, Table, Transaction, TransactionOptions};

use crate::{User, node, user};

#[derive(Debug, PartialEq)]
enum Refusal {
    Poor,
    Store(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

type Account = (u32, i64);

async fn transfer(tx: &Transaction, accounts: &Table<Account>, from: u32, to: u32) -> Result<(), Refusal> {
    let (_, left) = tx.read(accounts, &from).await?.ok_or(Refusal::Poor)?;
    let (_, right) = tx.read(accounts, &to).await?.ok_or(Refusal::Poor)?;
    if left == 0 {
        return Err(Refusal::Poor);
    }
    tx.write(accounts, &(from, left - 1)).await?;
    tx.write(accounts, &(to, right + 1)).await?;
    Ok(())
}

/// Runs on several threads, so its future must be `Send`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn spawned_transfers_keep_the_sum() {
    let node = node().await;
    let accounts = node.create_table::<Account>("accounts").await.unwrap();
    for id in 0..4 {
        accounts.write(&(id, 100)).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8u32 {
        let (node, accounts) = (node.clone(), accounts.clone());
        tasks.spawn(async move {
            for step in 0..250 {
                let (from, to) = ((task + step) % 4, (task + step + 1 + step % 3) % 4);
                let done = node.transaction(async |tx| transfer(&tx, &accounts, from, to).await).await;
                assert!(matches!(done, Ok(()) | Err(Refusal::Poor)), "{done:?}");
                let options = TransactionOptions { read_only: true, ..TransactionOptions::default() };
                let sum = node
                    .transaction_with(options, async |tx| {
                        tx.fold(&accounts, 0, |sum, (_, amount)| sum + amount).await
                    })
                    .await;
                assert_eq!(sum, Ok(400));
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(accounts.fold(0, |sum, (_, amount)| sum + amount).await.unwrap(), 400);
}

/// The other way to write a closure: one that gives a future which owns all it needs.
#[tokio::test]
async fn a_closure_may_give_an_owned_future() {
    let node = node().await;
    let users = node.create_table::<User>("users").await.unwrap();
    let spawned = tokio::spawn({
        let (node, users) = (node.clone(), users.clone());
        async move {
            node.transaction(move |tx| {
                let users = users.clone();
                async move { tx.insert_new(&users, &user(1, "Ada", None)).await }
            })
            .await
        }
    });
    assert_eq!(spawned.await.unwrap(), Ok(true));
    assert!(users.read(&1).await.unwrap().is_some());
}

#[tokio::test]
async fn an_error_of_ones_own_aborts_and_comes_back() {
    let node = node().await;
    let accounts = node.create_table::<Account>("accounts").await.unwrap();
    accounts.write(&(1, 5)).await.unwrap();
    let answer: Result<(), Refusal> = node
        .transaction(async |tx| {
            tx.write(&accounts, &(1, 0)).await?;
            tx.write(&accounts, &(2, 5)).await?;
            assert_eq!(tx.read(&accounts, &1).await?, Some((1, 0)), "a transaction sees its own writes");
            assert_eq!(accounts.read(&1).await?, Some((1, 5)), "others do not");
            Err(Refusal::Poor)
        })
        .await;
    assert_eq!(answer, Err(Refusal::Poor));
    assert_eq!(accounts.read(&1).await.unwrap(), Some((1, 5)));
    assert_eq!(accounts.size(), 1);
}

#[tokio::test]
async fn an_inner_abort_takes_back_the_inner_writes_only() {
    let node = node().await;
    let accounts = node.create_table::<Account>("accounts").await.unwrap();
    let inner = node
        .transaction(async |tx| {
            tx.write(&accounts, &(1, 1)).await?;
            tx.nested(async |tx| tx.write(&accounts, &(2, 2)).await).await?;
            let inner: Result<(), Refusal> = tx
                .nested(async |tx| {
                    tx.write(&accounts, &(1, 9)).await?;
                    tx.write(&accounts, &(3, 3)).await?;
                    Err(Refusal::Poor)
                })
                .await;
            Ok::<_, Refusal>(inner)
        })
        .await;
    assert_eq!(inner, Ok(Err(Refusal::Poor)));
    let mut left = accounts.snapshot().await.unwrap().records;
    left.sort_unstable();
    assert_eq!(left, [(1, 1), (2, 2)]);
}

#[tokio::test]
async fn a_handle_that_outlives_its_transaction_says_so() {
    let node = node().await;
    let users = node.create_table::<User>("users").await.unwrap();
    let kept = Mutex::new(None);
    node.transaction(async |tx| {
        tx.write(&users, &user(1, "Ada", None)).await?;
        *kept.lock().unwrap() = Some(tx);
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    let tx = kept.lock().unwrap().take().unwrap();
    assert_eq!(tx.read(&users, &1).await, Err(Error::NoTransaction));
    assert_eq!(tx.write(&users, &user(2, "Bob", None)).await, Err(Error::NoTransaction));
    assert_eq!(tx.nested(async |_| Ok::<_, Error>(())).await, Err(Error::NoTransaction));
    assert_eq!(users.size(), 1);
}

#[tokio::test]
async fn a_read_only_transaction_reads_one_state_and_writes_nothing() {
    let node = node().await;
    let accounts = node.create_table::<Account>("accounts").kind(Kind::OrderedSet).await.unwrap();
    accounts.write(&(1, 1)).await.unwrap();
    let options = TransactionOptions { read_only: true, ..TransactionOptions::default() };
    let seen = node
        .transaction_with(options, async |tx| {
            let before = tx.read(&accounts, &1).await?;
            accounts.write(&(1, 2)).await?;
            let after = tx.read(&accounts, &1).await?;
            assert_eq!(tx.write(&accounts, &(2, 2)).await, Err(Error::ReadOnlyTransaction));
            Ok::<_, Error>((before, after))
        })
        .await;
    assert_eq!(seen, Ok((Some((1, 1)), Some((1, 1)))));
}

#[tokio::test]
async fn a_lost_run_is_run_again_and_sees_the_new_state() {
    let node = node().await;
    let accounts = node.create_table::<Account>("accounts").await.unwrap();
    accounts.write(&(1, 1)).await.unwrap();
    let runs = Mutex::new(0);
    let sum = node
        .transaction(async |tx| {
            let run = {
                let mut runs = runs.lock().unwrap();
                *runs += 1;
                *runs
            };
            let (_, amount) = tx.read(&accounts, &1).await?.unwrap();
            if run == 1 {
                accounts.write(&(1, 10)).await?;
            }
            tx.write(&accounts, &(1, amount + 1)).await?;
            Ok::<_, Error>(amount + 1)
        })
        .await;
    assert_eq!((sum, *runs.lock().unwrap()), (Ok(11), 2));
}

#[tokio::test]
async fn too_many_scanned_rows_are_refused_before_any_effect() {
    let node = node().await;
    let numbers = node.create_table::<(u32, u32)>("numbers").await.unwrap();
    for n in 0..10_001 {
        numbers.write(&(n, n)).await.unwrap();
    }
    let answer = node
        .transaction(async |tx| {
            tx.write(&numbers, &(0, 7)).await?;
            tx.fold(&numbers, 0, |count, _| count + 1).await
        })
        .await;
    assert_eq!(answer, Err(Error::TooLarge(10_000)));
    assert_eq!(numbers.read(&0).await.unwrap(), Some((0, 0)));
}

#[tokio::test]
async fn every_typed_operation_works_inside_a_transaction() {
    let node = node().await;
    let users = node.create_table::<User>("users").kind(Kind::OrderedSet).index("age").await.unwrap();
    let edges = node.create_table::<(u32, u32)>("edges").kind(Kind::Bag).await.unwrap();
    let counts: Table<(String, i64)> = node.create_table("counts").await.unwrap();
    node.transaction(async |tx| {
        tx.write(&users, &user(1, "Ada", 36)).await?;
        assert!(!tx.insert_new(&users, &user(1, "Eve", 1)).await?);
        assert!(tx.insert_new(&users, &user(2, "Bob", 36)).await?);
        assert_eq!(tx.index_read(&users, "age", &36).await?.len(), 2);
        assert_eq!(tx.range(&users, 2..).await?, [user(2, "Bob", 36)]);
        assert_eq!(tx.first::<u32>(&users).await?, Some(1));
        assert_eq!(tx.last::<u32>(&users).await?, Some(2));
        assert_eq!(tx.next(&users, &1).await?, Some(2));
        assert_eq!(tx.prev(&users, &1).await?, None);
        tx.delete(&users, &2).await?;
        tx.write(&edges, &(1, 2)).await?;
        tx.write(&edges, &(1, 3)).await?;
        tx.delete_object(&edges, &(1, 2)).await?;
        assert_eq!(tx.lookup(&edges, &1).await?, [(1, 3)]);
        assert_eq!(tx.update_counter(&counts, "hits", "val", 2).await?, 2);
        assert_eq!(tx.fold(&users, 0, |count, _| count + 1).await?, 1);
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert_eq!((users.size(), edges.size()), (1, 1));
    assert_eq!(counts.read("hits").await.unwrap(), Some(("hits".to_owned(), 2)));
}
