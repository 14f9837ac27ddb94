//! Sums that never change although every part does: whoever reads all parts at one moment sees the sum.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mnemon_sim::{Random, Seed, Triple};
use mnemon_store::{Kind, ManualClock};
use mnemon_table::query::Query;
use mnemon_table::schema::{AttributeType, Schema};
use mnemon_table::{Catalog, Object, Table, TableError, Transaction, TransactionOptions};
use mnemon_term::{Record, RecordRef, Term, TermRef};

use crate::CORES;

const ACCOUNTS: u64 = 60;
const BALANCE: i64 = 100;
const TOTAL: i64 = ACCOUNTS as i64 * BALANCE;
const TRANSFERS: u64 = 1_500;
/// Accounts of one branch are found through an index.
const BRANCHES: u64 = 4;

fn int(record: RecordRef<'_>, place: usize) -> i64 {
    record.get(place).and_then(TermRef::as_int).expect("an integer")
}

fn account(number: u64, balance: i64, branch: i64) -> Record {
    Record::new(&[Term::Int(number as i64), Term::Int(balance), Term::Int(branch)]).expect("flat")
}

fn sum(objects: &[Object]) -> i64 {
    objects.iter().map(|object| int(object.record(), 1)).sum()
}

struct Bank {
    catalog: Arc<Catalog>,
    triple: Arc<Triple>,
    table: Arc<Table>,
    done: AtomicBool,
}

impl Bank {
    async fn new(kind: Kind) -> Self {
        let (catalog, triple) = Triple::catalog(Triple::concurrent, &Arc::new(ManualClock::at(1_000)));
        let mut schema = Schema::builder("accounts").kind(kind);
        for attribute in ["number", "balance", "branch"] {
            schema = schema.attribute(attribute, AttributeType::Int);
        }
        let table = catalog.create(schema.index("branch").build().unwrap()).await.unwrap();
        for number in 0..ACCOUNTS {
            let branch = (number % BRANCHES) as i64;
            table.write(account(number, BALANCE, branch).as_ref()).await.unwrap();
        }
        Self { catalog, triple, table, done: AtomicBool::new(false) }
    }

    /// Moves money, and the first account to another branch; closes an account that is empty, opens a missing one.
    async fn transfer(&self, from: u64, to: u64, amount: i64, branch: i64) {
        let answer: Result<(), TableError> = self
            .catalog
            .transaction(|tx| async move {
                let balances = [self.balance(&tx, from).await?, self.balance(&tx, to).await?];
                tokio::task::yield_now().await;
                for (number, balance) in [(from, balances[0] - amount), (to, balances[1] + amount)] {
                    if balance == 0 {
                        tx.delete(&self.table, &Term::Int(number as i64)).await?;
                    } else {
                        tx.write(&self.table, account(number, balance, branch).as_ref()).await?;
                    }
                }
                Ok(())
            })
            .await;
        answer.expect("no transaction is aborted");
    }

    async fn balance(&self, tx: &Transaction, number: u64) -> Result<i64, TableError> {
        let found = tx.read(&self.table, &Term::Int(number as i64)).await?;
        Ok(found.map_or(0, |object| int(object.record(), 1)))
    }

    async fn move_money(&self, mut random: Random) {
        for turn in 0..TRANSFERS {
            let from = random.below(ACCOUNTS);
            let to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
            let amount = if random.chance(30) { BALANCE } else { random.below(50) as i64 };
            self.transfer(from, to, amount, random.below(BRANCHES) as i64).await;
            if turn % 3 == 0 {
                // Empty accounts beyond the others make the table grow and split while it is read.
                let number = 1_000 + random.below(8_000);
                self.table.write(account(number, 0, random.below(BRANCHES) as i64).as_ref()).await.unwrap();
            }
        }
    }

    /// Reads all accounts in each way that is of one state.
    async fn audit(&self, mut random: Random) -> usize {
        let mut audits = 0;
        loop {
            let last = self.done.load(Ordering::SeqCst);
            let found = match random.below(4) {
                0 => self.table.fold(0, |sum, record| sum + int(record, 1)).await.unwrap(),
                1 => sum(&self.table.select(&Query::all()).await.unwrap()),
                2 => self.audit_branches().await,
                _ => self.audit_in_transaction().await,
            };
            assert_eq!(found, TOTAL, "the sum of all accounts");
            audits += 1;
            if last {
                return audits;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Through the index, all branches on one snapshot.
    async fn audit_branches(&self) -> i64 {
        let options = TransactionOptions { read_only: true, ..TransactionOptions::default() };
        let answer: Result<i64, TableError> = self
            .catalog
            .transaction_with(options, |tx| async move {
                let mut total = 0;
                for branch in 0..BRANCHES {
                    let branch = Term::Int(branch as i64);
                    total += sum(&tx.index_read(&self.table, "branch", &branch).await?);
                    tokio::task::yield_now().await;
                }
                Ok(total)
            })
            .await;
        answer.expect("a read-only transaction is never lost")
    }

    /// In a transaction that could write. A run that is lost must have seen the right sum too, as far as it came.
    async fn audit_in_transaction(&self) -> i64 {
        let answer: Result<i64, TableError> = self
            .catalog
            .transaction(|tx| async move {
                let mut total = 0;
                for branch in 0..BRANCHES {
                    let branch = Term::Int(branch as i64);
                    total += sum(&tx.index_read(&self.table, "branch", &branch).await?);
                }
                let all = sum(&tx.select(&self.table, &Query::all()).await?);
                assert_eq!((total, all), (TOTAL, TOTAL), "inside one run of a transaction");
                Ok(total)
            })
            .await;
        answer.expect("the writers end")
    }
}

fn run(kind: Kind, seed: &Seed) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let bank = &runtime().block_on(Bank::new(kind));
    std::thread::scope(|threads| {
        let auditors: Vec<_> = (0..2)
            .map(|auditor| {
                let random = seed.random(10 + auditor);
                threads.spawn(move || runtime().block_on(bank.audit(random)))
            })
            .collect();
        let tender = threads.spawn(|| {
            while !bank.done.load(Ordering::SeqCst) {
                bank.catalog.maintain();
                std::thread::yield_now();
            }
        });
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let random = |task: u64| seed.random(100 + 2 * writer + task);
                let (one, two) = (random(0), random(1));
                threads.spawn(move || {
                    runtime().block_on(async { tokio::join!(bank.move_money(one), bank.move_money(two)) });
                })
            })
            .collect();
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        // Also when a writer has failed, or the others would go on for ever.
        bank.done.store(true, Ordering::SeqCst);
        for writer in ended {
            writer.expect("see the panic above");
        }
        tender.join().expect("see the panic above");
        for auditor in auditors {
            assert!(auditor.join().expect("see the panic above") > 0);
        }
    });
    bank.triple.assert_equal();
}

#[test]
fn every_snapshot_of_a_set_has_the_sum_of_all_transfers() {
    let _alone = CORES.write();
    run(Kind::Set, &Seed::of("every_snapshot_of_a_set_has_the_sum_of_all_transfers"));
}

#[test]
fn every_snapshot_of_an_ordered_set_has_the_sum_of_all_transfers() {
    let _alone = CORES.write();
    run(Kind::OrderedSet, &Seed::of("every_snapshot_of_an_ordered_set_has_the_sum_of_all_transfers"));
}

/// A token that is always under exactly one of some keys: absences are half of what a reader sees.
fn pass_token(kind: Kind, seed: &Seed) {
    const PLACES: u64 = 4;
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let bank = &runtime().block_on(Bank::new(kind));
    let place = |number: u64| Term::Int(5_000 + number as i64);
    let token = |number: u64| account(5_000 + number, 0, 0);
    bank.table.dirty_write(token(0).as_ref()).unwrap();
    let mover = |mut random: Random| async move {
        for _ in 0..4_000 {
            let (to, slow) = (random.below(PLACES), random.chance(10));
            let answer: Result<(), TableError> = bank
                .catalog
                .transaction(|tx| async move {
                    let mut holders = Vec::new();
                    for number in 0..PLACES {
                        if tx.read(&bank.table, &place(number)).await?.is_some() {
                            holders.push(number);
                        }
                        if slow {
                            tokio::task::yield_now().await;
                        }
                    }
                    assert_eq!(holders.len(), 1, "one place has the token, found {holders:?}");
                    tx.delete(&bank.table, &place(holders[0])).await?;
                    tx.write(&bank.table, token(to).as_ref()).await
                })
                .await;
            answer.expect("no transaction is aborted");
        }
    };
    // Reads and writes nothing, so nothing is validated once the closure has ended.
    let watcher = |mut random: Random| async move {
        while !bank.done.load(Ordering::SeqCst) {
            let first = random.below(PLACES);
            let answer: Result<usize, TableError> = bank
                .catalog
                .transaction(|tx| async move {
                    let mut holders = 0;
                    for step in 0..PLACES {
                        let number = (first + step) % PLACES;
                        holders += usize::from(tx.read(&bank.table, &place(number)).await?.is_some());
                    }
                    Ok(holders)
                })
                .await;
            assert_eq!(answer.expect("the movers end"), 1, "one place has the token");
            tokio::task::yield_now().await;
        }
    };
    std::thread::scope(|threads| {
        let watchers: Vec<_> = (0..2)
            .map(|number| {
                let random = seed.random(50 + number);
                threads.spawn(move || runtime().block_on(watcher(random)))
            })
            .collect();
        let movers: Vec<_> = (0..2)
            .map(|number| {
                let (one, two) = (seed.random(2 * number), seed.random(2 * number + 1));
                threads.spawn(move || runtime().block_on(async { tokio::join!(mover(one), mover(two)) }))
            })
            .collect();
        let ended: Vec<_> = movers.into_iter().map(|mover| mover.join().map(drop)).collect();
        bank.done.store(true, Ordering::SeqCst);
        for thread in ended.into_iter().chain(watchers.into_iter().map(|watcher| watcher.join())) {
            thread.expect("see the panic above");
        }
    });
    bank.triple.assert_equal();
}

#[test]
fn a_token_is_seen_under_exactly_one_key() {
    let _alone = CORES.write();
    let seed = Seed::of("a_token_is_seen_under_exactly_one_key");
    for kind in [Kind::Set, Kind::OrderedSet] {
        pass_token(kind, &seed);
    }
}
