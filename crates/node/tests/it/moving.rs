//! Tables whose rows go to the disc alone, back, or get a new shape there: crashes and cancels in the middle, and who uses the
//! table meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use mnemon_disc::testing::{Fate, Fault, FaultyDisc, MemoryTrees};
use mnemon_store::Durability;
use mnemon_table::schema::{AttributeType, Schema, Storage};
use mnemon_table::{Detail, Event, Reshape, Table, TableError, TransactionOptions};
use mnemon_term::{Record, RecordRef, Term, TermRef};

use crate::DEADLINE;
use crate::held::{Held, SYNC_WITHIN};

/// More than one commit of a move brings.
const ROWS: i64 = 600;
const GROUPS: i64 = 4;

/// What is done to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Move(Storage, Storage),
    Transform,
    AddIndex,
    DelIndex,
}

const CHANGES: [Change; 7] = [
    Change::Move(Storage::Ram, Storage::DiscOnly),
    Change::Move(Storage::Disc, Storage::DiscOnly),
    Change::Move(Storage::DiscOnly, Storage::Ram),
    Change::Move(Storage::DiscOnly, Storage::Disc),
    Change::Transform,
    Change::AddIndex,
    Change::DelIndex,
];

impl Change {
    fn before(self) -> Storage {
        match self {
            Self::Move(from, _) => from,
            _ => Storage::DiscOnly,
        }
    }

    fn schema(self) -> Schema {
        let names = ["id", "group", "note"];
        let builder = Schema::builder("t").storage(self.before()).durability(Durability::Commit);
        let builder =
            names.iter().fold(builder, |builder, name| builder.attribute(*name, AttributeType::Any));
        let builder = if self == Self::AddIndex { builder } else { builder.index("group") };
        builder.build().expect("a schema")
    }

    async fn make(self, held: &Held) -> Result<(), TableError> {
        let catalog = &held.catalog;
        match self {
            Self::Move(_, to) => catalog.change_table_storage("t", to, Durability::Commit).await,
            Self::AddIndex => catalog.add_table_index("t", "group").await,
            Self::DelIndex => catalog.del_table_index("t", "group").await,
            Self::Transform => {
                let old = catalog.table("t")?.schema().clone();
                let new = Schema::builder("t").storage(Storage::DiscOnly).durability(Durability::Commit);
                let new = new.attribute("id", AttributeType::Any).attribute("group", AttributeType::Any);
                let new = new.index("group").build()?;
                let reshape = Reshape::by_name(&old, &new);
                let count = catalog.transform_table("t", new, move |record| reshape.apply(record)).await?;
                assert_eq!(count, ROWS as u64);
                Ok(())
            }
        }
    }

    /// Whether it was made, as the schema says.
    fn is_made(self, table: &Table) -> bool {
        let schema = table.schema();
        match self {
            Self::Move(_, to) => schema.storage() == to,
            Self::Transform => schema.arity() == 2,
            Self::AddIndex => schema.indexes() == [1],
            Self::DelIndex => schema.indexes().is_empty(),
        }
    }

    /// Whether the change was made; the table is whole in either case, with its index, and can be written.
    async fn check(self, held: &Held, is_restarted: bool) -> bool {
        let table = held.catalog.table("t").expect("the table was there");
        let is_made = self.is_made(&table);
        let schema = table.schema().clone();
        assert_eq!(schema.arity(), if self == Self::Transform && is_made { 2 } else { 3 });
        assert_eq!(table.info().disc_bytes.is_some(), schema.storage() == Storage::DiscOnly);
        // What is in RAM alone ends with the process.
        let rows = if is_restarted && schema.storage() == Storage::Ram { 0 } else { ROWS };
        assert_eq!(table.size() as i64, rows);
        let sum = table.fold((0, 0), |(count, sum), record| (count + 1, sum + number(record, 0)));
        assert_eq!(sum.await.expect("it answers"), (rows, (0..rows).sum::<i64>()));
        for id in (0..rows).step_by(7) {
            let found = table.read(&Term::Int(id)).await.expect("it answers").expect("no record is lost");
            assert_eq!((found.record().arity(), number(found.record(), 1)), (schema.arity(), id % GROUPS));
        }
        let group = async || table.index_read("group", &Term::Int(3)).await.map(|found| found.len() as i64);
        let has_index = !schema.indexes().is_empty();
        if has_index {
            assert_eq!(group().await, Ok(rows / GROUPS));
        } else {
            assert!(matches!(group().await, Err(TableError::NoIndex { .. })));
        }
        let fields = [TermRef::from(ROWS), TermRef::from(3i64), TermRef::NIL];
        let record = Record::new(fields[..schema.arity()].iter().copied()).expect("a record");
        table.write(record.as_ref()).await.expect("it takes writes");
        if has_index {
            assert_eq!(group().await, Ok(rows / GROUPS + 1));
        }
        assert!(table.delete(&Term::Int(ROWS)).await.expect("it takes writes"));
        is_made
    }
}

fn number(record: RecordRef<'_>, place: usize) -> i64 {
    record.get(place).and_then(TermRef::as_int).expect("an integer")
}

fn record(id: i64) -> Record {
    Record::new([TermRef::from(id), TermRef::from(id % GROUPS), TermRef::from("x")]).expect("a record")
}

async fn filled(disc: &FaultyDisc, trees: &MemoryTrees, change: Change) -> Arc<Held> {
    let held = Held::start_over(disc, trees);
    let table = held.catalog.create(change.schema()).await.expect("a table");
    let records: Vec<Record> = (0..ROWS).map(record).collect();
    for some in records.chunks(100) {
        table.write_all(some).await.expect("it is filled");
    }
    held.checkpoint().expect("a checkpoint");
    held
}

/// Where the power goes.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// Nowhere.
    None,
    /// Before this step of the disc.
    Disc(u64),
    /// Before this step of the trees.
    Trees(u64),
}

/// The steps of a change that was not interrupted, or 0, and how often the old and the new were found.
async fn cut(change: Change, stop: Stop, ends: &mut [u32; 2]) -> (u64, u64) {
    let (disc, trees) = (FaultyDisc::new(), MemoryTrees::default());
    let held = filled(&disc, &trees, change).await;
    let (disc_steps, trees_steps) = (disc.steps(), trees.steps());
    match stop {
        Stop::None => {}
        Stop::Disc(step) => disc.fail_at(disc_steps + step, Fault::Stop),
        Stop::Trees(step) => trees.stop_at(trees_steps + step),
    }
    // A checkpoint is part of what may be interrupted.
    let done = change.make(&held).await;
    let noted = done.clone().and_then(|()| Ok(held.checkpoint()?));
    if matches!(stop, Stop::None) {
        assert_eq!(noted, Ok(()));
    }
    for fate in [Fate::Lost, Fate::Kept, Fate::Torn(disc_steps)] {
        let again = Held::start_over(&disc.restart(fate), &trees.restart());
        let is_made = change.check(&again, true).await;
        assert!(is_made || done.is_err(), "{change:?}, {stop:?}: what was told of is undone");
        ends[usize::from(is_made)] += 1;
    }
    (disc.steps() - disc_steps, trees.steps() - trees_steps)
}

#[tokio::test]
async fn a_power_cut_at_any_step_finds_the_table_as_it_was_or_as_it_was_to_be() {
    for change in CHANGES {
        let mut ends = [0, 0];
        let (disc_steps, trees_steps) = cut(change, Stop::None, &mut ends).await;
        assert!(disc_steps > 5, "{change:?}: {disc_steps} steps");
        for step in 0..disc_steps {
            cut(change, Stop::Disc(step), &mut ends).await;
        }
        for step in 0..trees_steps {
            cut(change, Stop::Trees(step), &mut ends).await;
        }
        println!("{change:?}: {disc_steps} steps of the disc, {trees_steps} of the trees, ends {ends:?}");
        assert!(ends[0] > 0 && ends[1] > 3, "{change:?}: both ends were met: {ends:?}");
    }
}

/// Cancels a change when so many rows of it are done; `None`: when it is about to end.
async fn cancelled_at(change: Change, rows: Option<u64>) -> bool {
    let (disc, trees) = (FaultyDisc::new(), MemoryTrees::default());
    let held = filled(&disc, &trees, change).await;
    let making = {
        let held = held.clone();
        tokio::spawn(async move { change.make(&held).await })
    };
    let is_there = |seen: &mut bool| {
        let changes = held.catalog.changes();
        *seen |= !changes.is_empty();
        match (changes.first(), rows) {
            (None, _) => *seen,
            (Some(change), Some(rows)) => change.phase != "waiting for its turn" && change.done >= rows,
            (Some(change), None) => change.total > 0 && change.done >= change.total,
        }
    };
    let (mut seen, mut looks) = (false, 0);
    while !is_there(&mut seen) && !making.is_finished() {
        looks += 1;
        tokio::task::yield_now().await;
    }
    let answer = held.catalog.cancel_change("t").await;
    let done = making.await.expect("it does not panic");
    let is_made = match (&answer, &done) {
        (Ok(true), Err(TableError::Cancelled(_))) => false,
        (Ok(false) | Err(TableError::NoChange(_)), Ok(())) => true,
        other => panic!("{change:?} at {rows:?}, {looks} looks: {other:?}"),
    };
    assert_eq!(change.check(&held, false).await, is_made, "{change:?} at {rows:?}");
    held.log.sync(SYNC_WITHIN).expect("it syncs");
    let again = Held::start_over(&disc.restart(Fate::Lost), &trees.restart());
    assert_eq!(change.check(&again, true).await, is_made, "{change:?} at {rows:?}, after a crash");
    // What it had begun leaves nothing.
    again.checkpoint().expect("a checkpoint");
    let on_disc = again.catalog.table("t").expect("the table").schema().storage() == Storage::DiscOnly;
    assert!(again.catalog.store().copies().iter().filter(|copy| copy.is_disc_only()).count() <= 1);
    assert!(
        trees.restart().names().len() <= 2
            && on_disc == (again.catalog.table("t").expect("it").info().disc_bytes.is_some())
    );
    is_made
}

/// How many changes of this kind were cancelled, and how many too late.
async fn cancelled_anywhere(change: Change) -> [u32; 2] {
    let mut ends = [0, 0];
    for rows in [Some(0), Some(1), Some(200), Some(257), Some(500), Some(599), None, None, None, None] {
        ends[usize::from(cancelled_at(change, rows).await)] += 1;
    }
    ends
}

fn cancellable() -> impl Iterator<Item = Change> {
    CHANGES.into_iter().filter(|change| *change != Change::DelIndex)
}

/// On one thread, where the change does not get past the test's looks at it.
#[tokio::test]
async fn a_change_that_is_cancelled_anywhere_is_made_as_a_whole_or_not_at_all() {
    for change in cancellable() {
        let ends = cancelled_anywhere(change).await;
        println!("{change:?}: {} cancelled, {} too late", ends[0], ends[1]);
        assert!(ends[0] > 0, "{change:?}: none was cancelled in time");
    }
}

/// Where it may be past anything by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_cancelled_from_another_thread_is_made_as_a_whole_or_not_at_all() {
    for change in cancellable() {
        cancelled_anywhere(change).await;
    }
}

/// Moves the table round and round, with some work of others in between, until told to end, and counts.
fn mover(held: &Arc<Held>, ended: &Arc<AtomicBool>, done: &Arc<AtomicI64>) -> tokio::task::JoinHandle<u32> {
    let (held, ended, done) = (held.clone(), ended.clone(), done.clone());
    tokio::spawn(async move {
        let mut moves = 0;
        while moves < 8 || !ended.load(Ordering::SeqCst) {
            for to in [Storage::DiscOnly, Storage::Disc, Storage::DiscOnly, Storage::Ram] {
                held.catalog.change_table_storage("t", to, Durability::Commit).await.expect("a move");
                held.catalog.maintain();
                moves += 1;
                let before = done.load(Ordering::SeqCst);
                while done.load(Ordering::SeqCst) < before + 5 && !ended.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
            }
        }
        moves
    })
}

async fn until_done(ended: &AtomicBool, done: &AtomicI64, enough: i64) {
    let all = async {
        while done.load(Ordering::SeqCst) < enough {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(2 * DEADLINE, all).await;
    ended.store(true, Ordering::SeqCst);
    in_time.expect("they get on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_and_subscriptions_go_on_while_the_rows_move() {
    let (disc, trees) = (FaultyDisc::new(), MemoryTrees::default());
    let held = filled(&disc, &trees, Change::Move(Storage::Ram, Storage::DiscOnly)).await;
    let table = held.catalog.table("t").expect("the table");
    let mut events = table.subscribe(Detail::Detailed, Some(1 << 20)).expect("a subscription");
    let (ended, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    let moving = mover(&held, &ended, &done);
    let writer = {
        let (table, ended, done) = (table.clone(), ended.clone(), done.clone());
        tokio::spawn(async move {
            let mut written = 0;
            while !ended.load(Ordering::SeqCst) {
                let next = Record::new([TermRef::from(1i64), TermRef::from(written), TermRef::NIL])
                    .expect("a record");
                match table.write(next.as_ref()).await {
                    Ok(()) => {
                        let read = table.read(&Term::Int(1)).await.expect("it is read").expect("it is there");
                        assert_eq!(number(read.record(), 1), written, "a write is read where it was made");
                        written += 1;
                        done.store(written, Ordering::SeqCst);
                    }
                    Err(TableError::Transforming(_)) => tokio::task::yield_now().await,
                    Err(other) => panic!("{other}"),
                }
            }
            written
        })
    };
    until_done(&ended, &done, 300).await;
    let (moves, written) = (moving.await.expect("it moves"), writer.await.expect("it writes"));
    println!("{written} writes during {moves} moves");
    assert!(moves >= 8);
    let (mut next, mut clock) = (0, 0);
    while next < written {
        match tokio::time::timeout(DEADLINE, events.recv()).await.expect("all of them come") {
            Some(Event::Row { clock: at, old, new: Some(row), .. }) => {
                assert!(at > clock, "in the order of the clock");
                clock = at;
                assert_eq!(number(RecordRef::trusted(row.body()), 1), next, "none is left out");
                let old = old.expect("a row was there");
                assert!(next == 0 || number(RecordRef::trusted(old.body()), 1) == next - 1);
                next += 1;
            }
            other => panic!("{other:?} before write {next}"),
        }
    }
    assert!(events.try_recv().is_none(), "moving writes nothing that is told");
    // The handle of before all moves has what the catalog has.
    let newest = held.catalog.table("t").expect("the table");
    assert_eq!((table.id(), table.size()), (newest.id(), newest.size()));
    held.catalog.drop_table("t").await.expect("a drop");
    assert!(events.recv().await.is_none());
    assert!(matches!(table.read(&Term::Int(1)).await, Err(TableError::NoTable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_across_moves_lose_nothing_and_see_one_state() {
    let (disc, trees) = (FaultyDisc::new(), MemoryTrees::default());
    let held = filled(&disc, &trees, Change::Move(Storage::Ram, Storage::DiscOnly)).await;
    let table = held.catalog.table("t").expect("the table");
    let total: i64 = (0..ROWS).map(|id| id % GROUPS).sum();
    let (ended, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    let moving = mover(&held, &ended, &done);
    let mut workers = Vec::new();
    for worker in 0..2i64 {
        let (held, table, ended, done) = (held.clone(), table.clone(), ended.clone(), done.clone());
        workers.push(tokio::spawn(async move {
            let mut turn = worker;
            while !ended.load(Ordering::SeqCst) {
                turn += 7;
                let (from, to) = (turn % 50, (turn * 3 + 1) % 50);
                let moved = held
                    .catalog
                    .transaction(|tx| {
                        let table = table.clone();
                        async move {
                            tx.update_counter(&table, &Term::Int(from), 1, -1).await?;
                            tx.update_counter(&table, &Term::Int(to), 1, 1).await.map(drop)
                        }
                    })
                    .await;
                match moved {
                    Ok(()) => drop(done.fetch_add(1, Ordering::SeqCst)),
                    Err(TableError::Aborted(_) | TableError::Transforming(_)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }));
    }
    let reader = {
        let (held, table, ended) = (held.clone(), table.clone(), ended.clone());
        tokio::spawn(async move {
            let options = TransactionOptions { read_only: true, ..TransactionOptions::default() };
            let mut sums = 0;
            while sums < 20 || !ended.load(Ordering::SeqCst) {
                let sum = held.catalog.transaction_with(options, |tx| {
                    let (table, held) = (table.clone(), held.clone());
                    async move {
                        let first = tx.fold(&table, 0, |sum, record| sum + number(record, 1)).await?;
                        tokio::task::yield_now().await;
                        let again = held.catalog.table("t")?;
                        let second = tx.fold(&again, 0, |sum, record| sum + number(record, 1)).await?;
                        Ok::<_, TableError>((first, second))
                    }
                });
                match sum.await {
                    Ok(both) => {
                        assert_eq!(both, (total, total), "a reader sees one state");
                        sums += 1;
                    }
                    Err(
                        TableError::Aborted(_) | TableError::Transforming(_) | TableError::SnapshotExpired(_),
                    ) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            sums
        })
    };
    until_done(&ended, &done, 100).await;
    for worker in workers {
        worker.await.expect("it does not panic");
    }
    let (moves, sums) = (moving.await.expect("it moves"), reader.await.expect("it reads"));
    println!("{} transfers and {sums} sums during {moves} moves", done.load(Ordering::SeqCst));
    let sum = table.fold(0, |sum, record| sum + number(record, 1)).await.expect("a fold");
    assert_eq!((sum, table.size() as i64), (total, ROWS));
}

#[tokio::test]
async fn a_moment_of_before_a_move_keeps_its_rows_and_they_are_freed_after_it() {
    let (disc, trees) = (FaultyDisc::new(), MemoryTrees::default());
    let held = filled(&disc, &trees, Change::Move(Storage::Ram, Storage::DiscOnly)).await;
    let table = held.catalog.table("t").expect("the table");
    let store = held.catalog.store();
    let snapshot = store.snapshot(60_000);
    let old = table.copy_at(&snapshot).expect("it is here");
    drop(snapshot);
    let moment = held.catalog.moment(60_000).await;
    held.catalog.change_table_storage("t", Storage::DiscOnly, Durability::Commit).await.expect("a move");
    for id in 0..ROWS / 2 {
        table.delete(&Term::Int(id)).await.expect("a delete");
    }
    held.catalog.maintain();
    let still = moment.tables().iter().find(|still| still.table.name() == "t").expect("the table");
    let rows: usize = moment.pages(still).map(|page| page.expect("a page").len()).sum();
    assert_eq!(rows as i64, ROWS, "the rows of the moment");
    assert_eq!(table.size() as i64, ROWS / 2);
    drop(moment);
    held.catalog.maintain();
    assert_eq!((old.len(), old.memory()), (0, 0), "nobody sees the old rows any more");
    assert!(old.is_gone());
    // Whoever still holds them is not told that they are absent.
    assert!(store.read(&old, &table.key_bytes(&Term::Int(ROWS - 1))).is_err());
    assert!(table.read(&Term::Int(ROWS - 1)).await.expect("it answers").is_some());
}

#[tokio::test]
async fn a_record_that_cannot_be_transformed_leaves_a_table_on_disc_as_it_was() {
    let (disc, trees) = (FaultyDisc::new(), MemoryTrees::default());
    let held = filled(&disc, &trees, Change::Transform).await;
    let shape = || {
        let new = Schema::builder("t").storage(Storage::DiscOnly).durability(Durability::Commit);
        new.attribute("id", AttributeType::Any).attribute("x", AttributeType::Any).build().expect("a schema")
    };
    let late = |record: RecordRef<'_>| -> Result<Record, TableError> {
        let id = number(record, 0);
        if id == ROWS - 1 {
            Ok(Record::new([TermRef::from(-1i64), TermRef::NIL])?)
        } else {
            Ok(Record::new([TermRef::from(id), TermRef::NIL])?)
        }
    };
    let refused = held.catalog.transform_table("t", shape(), late).await;
    assert!(matches!(refused, Err(TableError::BadRecord { .. })), "{refused:?}");
    let panicking = |_: RecordRef<'_>| -> Result<Record, TableError> { panic!("boom") };
    let refused = held.catalog.transform_table("t", shape(), panicking).await;
    assert!(matches!(refused, Err(TableError::Aborted(_))), "{refused:?}");
    assert!(!Change::Transform.check(&held, false).await);
    let ram = shape().alter().storage(Storage::Ram).build().expect("a schema");
    let refused = held
        .catalog
        .transform_table("t", ram, |_| -> Result<Record, TableError> { panic!("not asked") })
        .await;
    assert!(matches!(refused, Err(TableError::BadSchema(_))), "{refused:?}");
}
