//! Concurrent transactions over few rows, whose whole history is judged: strict serializability of what was
//! committed, one state inside every run, committed or lost.

use std::ops::Bound;
use std::sync::Arc;

use mnemon_sim::history::{Attempt, Cell, Read};
use mnemon_sim::serializability::{State, Summary, check};
use mnemon_sim::{History, Random, Seed, Triple};
use mnemon_store::{Kind, ManualClock, StoreConfig};
use mnemon_table::query::Query;
use mnemon_table::schema::{AttributeType, Schema};
use mnemon_table::{Catalog, KeyRange, Object, Table, TableError, Transaction, TransactionOptions};
use mnemon_term::{Record, RecordRef, Term};
use parking_lot::Mutex;

use crate::CORES;

const THREADS: u64 = 3;
/// Tasks of each thread.
const TASKS: u64 = 3;
const KEYS: u64 = 5;
const GROUPS: u64 = 3;

/// Who reads, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    ReadWrite,
    /// A transaction that happens to write nothing.
    Reading,
    /// A transaction that was declared read-only.
    ReadOnly,
}

/// One workload: tables `0` (a set) and `1` (an ordered set) with an index each, and `receipts`, a row a client.
struct Arena {
    catalog: Arc<Catalog>,
    tables: [Arc<Table>; 2],
    receipts: Arc<Table>,
    history: History,
}

/// A transaction that gave itself up.
#[derive(Debug)]
enum Failure {
    Wanted,
    Table(TableError),
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

fn int(record: RecordRef<'_>, place: usize) -> u64 {
    record.get(place).and_then(|value| value.as_int()).expect("an integer") as u64
}

fn cell(record: RecordRef<'_>) -> Cell {
    Cell { write: int(record, 1), group: int(record, 2) }
}

fn row(record: RecordRef<'_>) -> (u64, Cell) {
    (int(record, 0), cell(record))
}

fn key(number: u64) -> Term {
    Term::Int(number as i64)
}

fn sorted(objects: Vec<Object>) -> Vec<(u64, Cell)> {
    let mut rows: Vec<(u64, Cell)> = objects.iter().map(|object| row(object.record())).collect();
    rows.sort_unstable();
    rows
}

fn range(from: u64, to: u64) -> KeyRange {
    KeyRange { from: Bound::Included(key(from)), to: Bound::Excluded(key(to)), ..KeyRange::default() }
}

impl Arena {
    async fn new(make: fn(StoreConfig) -> Triple) -> (Self, Arc<Triple>) {
        let (catalog, triple) = Triple::catalog(make, &Arc::new(ManualClock::at(1_000)));
        let schema = |name: &str, kind| {
            let mut schema = Schema::builder(name).kind(kind);
            for attribute in ["key", "write", "group"] {
                schema = schema.attribute(attribute, AttributeType::Int);
            }
            schema.index("group").build().unwrap()
        };
        let tables = [
            catalog.create(schema("set", Kind::Set)).await.unwrap(),
            catalog.create(schema("ordered", Kind::OrderedSet)).await.unwrap(),
        ];
        let receipts = Schema::builder("receipts").build().unwrap();
        let receipts = catalog.create(receipts).await.unwrap();
        let arena = Self { catalog, tables, receipts, history: History::default() };
        (arena, triple)
    }

    /// One read inside a transaction, noted once it is answered.
    async fn read(
        &self,
        tx: &Transaction,
        attempt: &mut Attempt,
        random: &mut Random,
    ) -> Result<(), TableError> {
        let number = random.below(2);
        let table = &self.tables[number as usize];
        let at = number as u32;
        match random.below(6) {
            0..3 => {
                let place = random.below(KEYS);
                let found = tx.read(table, &key(place)).await?;
                attempt.saw(Read::Key((at, place), found.map(|object| cell(object.record()))));
            }
            3 => {
                let group = random.below(GROUPS);
                let found = tx.index_read(table, "group", &key(group)).await?;
                attempt.saw(Read::Group(at, group, sorted(found)));
            }
            4 if number == 1 => {
                let from = random.below(KEYS);
                let to = from + random.below(KEYS);
                let found = sorted(tx.range(table, &range(from, to)).await?);
                attempt.saw(Read::Range(at, from, to, found));
            }
            _ => {
                let found = sorted(tx.select(table, &Query::all()).await?);
                attempt.saw(Read::Range(at, 0, u64::MAX, found));
            }
        }
        Ok(())
    }

    async fn write(
        &self,
        tx: &Transaction,
        attempt: &mut Attempt,
        random: &mut Random,
        write: u64,
    ) -> Result<(), TableError> {
        let number = random.below(2);
        let table = &self.tables[number as usize];
        let place = (number as u32, random.below(KEYS));
        let new = Cell { write, group: random.below(GROUPS) };
        let record = Record::new(&[key(place.1), key(new.write), key(new.group)])?;
        match random.below(5) {
            0 => {
                tx.delete(table, &key(place.1)).await?;
                attempt.wrote(place, None);
            }
            1 => {
                // Reads whether the key is there; told apart from the write, so that a lost run shows it too.
                let there = tx.read(table, &key(place.1)).await?.map(|object| cell(object.record()));
                attempt.saw(Read::Key(place, there));
                let stored = tx.insert_new(table, record.as_ref()).await?;
                assert_eq!(stored, there.is_none());
                if stored {
                    attempt.wrote(place, Some(new));
                }
            }
            _ => {
                tx.write(table, record.as_ref()).await?;
                attempt.wrote(place, Some(new));
            }
        }
        Ok(())
    }

    /// The closure of a transaction: some steps with pauses between them, in which others run.
    async fn perform(
        &self,
        tx: &Transaction,
        attempt: &mut Attempt,
        random: &mut Random,
        (manner, write): (Manner, u64),
    ) -> Result<(), Failure> {
        for step in 0..1 + random.below(6) {
            if random.chance(40) {
                tokio::task::yield_now().await;
            }
            if random.chance(20) {
                std::thread::yield_now();
            }
            if manner == Manner::ReadWrite && random.chance(40) {
                self.write(tx, attempt, random, write * 16 + step).await?;
            } else if manner == Manner::ReadWrite && random.chance(15) {
                self.undone(tx, attempt, random).await?;
            } else {
                self.read(tx, attempt, random).await?;
            }
        }
        if random.chance(5) { Err(Failure::Wanted) } else { Ok(()) }
    }

    /// An inner transaction that writes and fails: what it read counts, what it wrote does not.
    async fn undone(
        &self,
        tx: &Transaction,
        attempt: &mut Attempt,
        random: &mut Random,
    ) -> Result<(), Failure> {
        let answer = tx
            .nested(|tx| async move {
                self.read(&tx, attempt, random).await?;
                let terms = [key(random.below(KEYS)), key(u64::MAX >> 1), key(0)];
                let record = Record::new(&terms).map_err(TableError::from)?;
                tx.write(&self.tables[random.below(2) as usize], record.as_ref()).await?;
                Err::<(), _>(Failure::Wanted)
            })
            .await;
        match answer {
            Err(Failure::Wanted) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// One transaction, with all its runs.
    async fn transact(&self, client: u64, turn: u64, random: &Mutex<Random>, manner: Manner) {
        let called = self.history.now();
        let last: Mutex<Option<Attempt>> = Mutex::default();
        let options =
            TransactionOptions { read_only: manner == Manner::ReadOnly, ..TransactionOptions::default() };
        let write = client * 1_000_000 + turn;
        let answer = self
            .catalog
            .transaction_with(options, |tx| {
                let last = &last;
                async move {
                    let mut since = called;
                    if let Some(lost) = last.lock().take() {
                        since = lost.ended();
                        self.history.end(lost);
                    }
                    let mut attempt = self.history.begin(format!("{manner:?}"), since);
                    // A run of its own choices, so that the next one is not the same again.
                    let mut own = split(random);
                    let mut answer = self.perform(&tx, &mut attempt, &mut own, (manner, write)).await;
                    self.history.pause(&mut attempt);
                    if answer.is_ok() && !attempt.is_reading() {
                        let receipt = Record::new(&[key(client), key(turn)]).expect("flat");
                        answer = tx.write(&self.receipts, receipt.as_ref()).await.map_err(Failure::from);
                    }
                    *last.lock() = Some(attempt);
                    answer
                }
            })
            .await;
        let attempt = last.into_inner().expect("it has run");
        match answer {
            Ok(()) if attempt.is_reading() => self.history.end(attempt),
            Ok(()) => {
                let receipt = self.receipts.dirty_read(&key(client)).unwrap().expect("it was committed");
                assert_eq!(int(receipt.record(), 1), turn, "the receipt of another transaction");
                self.history.committed(attempt, receipt.version());
            }
            Err(Failure::Wanted) => self.history.end(attempt),
            Err(Failure::Table(error)) => panic!("a transaction: {error}"),
        }
    }

    /// One plain read of several rows, as of one state.
    async fn read_plainly(&self, random: &mut Random) {
        let number = random.below(2);
        let table = &self.tables[number as usize];
        let at = number as u32;
        let mut attempt = self.history.begin("one plain read", self.history.now());
        if random.chance(50) {
            let group = random.below(GROUPS);
            let found = table.index_read("group", &key(group)).await.unwrap();
            attempt.saw(Read::Group(at, group, sorted(found)));
        } else {
            let fold = |mut rows: Vec<(u64, Cell)>, record: RecordRef<'_>| {
                rows.push(row(record));
                rows
            };
            let mut rows = table.fold(Vec::new(), fold).await.unwrap();
            rows.sort_unstable();
            attempt.saw(Read::Range(at, 0, u64::MAX, rows));
        }
        self.history.end(attempt);
    }

    async fn client(&self, client: u64, random: Random, transactions: u64) {
        let random = Mutex::new(random);
        for turn in 0..transactions {
            let choice = random.lock().below(20);
            match choice {
                0..12 => self.transact(client, turn, &random, Manner::ReadWrite).await,
                12..15 => self.transact(client, turn, &random, Manner::Reading).await,
                15..18 => self.transact(client, turn, &random, Manner::ReadOnly).await,
                _ => {
                    let mut own = split(&random);
                    self.read_plainly(&mut own).await;
                }
            }
        }
    }

    fn state(&self) -> State {
        let mut state = State::new();
        for (at, table) in self.tables.iter().enumerate() {
            for (key, cell) in sorted(table.dirty_select(&Query::all()).unwrap()) {
                state.insert((at as u32, key), cell);
            }
        }
        state
    }
}

/// Splits off choices from a client's.
fn split(random: &Mutex<Random>) -> Random {
    Random::from_state(random.lock().next())
}

/// Runs clients on threads, some on each, and judges what they saw.
fn run(make: fn(StoreConfig) -> Triple, seed: &Seed, round: u64, transactions: u64) -> Summary {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (arena, triple) = runtime().block_on(Arena::new(make));
    let arena = &arena;
    std::thread::scope(|threads| {
        for thread in 0..THREADS {
            threads.spawn(move || {
                let client = |task: u64| {
                    let number = thread * TASKS + task;
                    let random = seed.random(round * 1_000 + number);
                    arena.client(number, random, transactions)
                };
                runtime().block_on(async { tokio::join!(client(0), client(1), client(2)) });
            });
        }
    });
    triple.assert_equal();
    match check(&State::new(), &arena.state(), &arena.history.attempts()) {
        Ok(summary) => summary,
        Err(violation) => panic!("{violation}"),
    }
}

fn rounds(name: &'static str, make: fn(StoreConfig) -> Triple) {
    let seed = Seed::of(name);
    for round in 0..24 {
        let summary = run(make, &seed, round, 60);
        let expected = (THREADS * TASKS * 60 / 5) as usize;
        assert!(summary.writers > expected && summary.others > expected, "{summary:?}");
    }
}

#[test]
fn concurrent_transactions_are_strictly_serializable() {
    let _alone = CORES.write();
    rounds("concurrent_transactions_are_strictly_serializable", Triple::concurrent);
}

#[test]
fn transactions_over_encoded_commits_are_strictly_serializable() {
    let _alone = CORES.write();
    rounds("transactions_over_encoded_commits_are_strictly_serializable", Triple::new);
}
