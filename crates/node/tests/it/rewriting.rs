//! Tables on disc that get a new shape, or move, and the power that goes meanwhile.

use std::sync::Arc;

use mnemon_disc::testing::{Fate, Fault, FaultyDisc};
use mnemon_node::Node;
use mnemon_store::{Durability, ManualClock};
use mnemon_table::schema::{AttributeType, Kind, Schema, Storage, parse_durability};
use mnemon_table::{Catalog, Reshape, TableError};
use mnemon_term::{Record, Term, TermRef};

use crate::held::{Held, SYNC_WITHIN};
use crate::place;

const ROWS: i64 = 40;

impl Held {
    async fn fill(&self) -> Result<(), TableError> {
        let table = self.catalog.create(old_shape()).await?;
        for id in 0..ROWS {
            let record = Record::new([TermRef::from(id), TermRef::from(id % 4), TermRef::from("x")])?;
            table.write(record.as_ref()).await?;
        }
        Ok(())
    }

    async fn transform(&self) -> Result<u64, TableError> {
        let new = new_shape();
        let reshape = Reshape::by_name(&self.catalog.table("t")?.schema(), &new);
        self.catalog.transform_table("t", new, move |record| reshape.apply(record)).await
    }

    /// Whether the table has its new shape; it is whole, with its indexes, and can be written.
    async fn check(&self) -> bool {
        let table = self.catalog.table("t").expect("the table was there");
        let is_new = table.schema().arity() == 2;
        let (names, rows): (&[&str], i64) =
            if is_new { (&["id", "group"], ROWS) } else { (&["id", "group", "note"], ROWS) };
        assert_eq!(table.schema().attribute_names(), names);
        assert_eq!(table.size() as i64, rows);
        for id in 0..ROWS {
            let found = table.read(&Term::Int(id)).await.expect("it answers").expect("no record is lost");
            assert_eq!(found.record().arity(), names.len());
            assert_eq!(found.record().get(1).and_then(TermRef::as_int), Some(id % 4));
        }
        assert_eq!(table.index_read("group", &Term::Int(3)).await.expect("it serves").len() as i64, ROWS / 4);
        let fields = [TermRef::from(ROWS), TermRef::from(3i64), TermRef::NIL];
        let record = Record::new(fields[..names.len()].iter().copied()).expect("a record");
        table.write(record.as_ref()).await.expect("it takes writes");
        assert_eq!(
            table.index_read("group", &Term::Int(3)).await.expect("it serves").len() as i64,
            ROWS / 4 + 1
        );
        is_new
    }
}

fn old_shape() -> Schema {
    let names = ["id", "group", "note"];
    let builder = Schema::builder("t").storage(Storage::Disc).durability(Durability::Commit);
    let builder = names.iter().fold(builder, |builder, name| builder.attribute(*name, AttributeType::Any));
    builder.index("group").build().expect("a schema")
}

fn new_shape() -> Schema {
    let builder = Schema::builder("t").storage(Storage::Disc).durability(Durability::Commit);
    let builder = builder.attribute("id", AttributeType::Any).attribute("group", AttributeType::Any);
    builder.index("group").build().expect("a schema")
}

#[tokio::test]
async fn a_power_cut_at_any_step_of_a_transformation_finds_the_old_shape_or_the_new_one() {
    let mut stop = None;
    let mut steps = u64::MAX;
    let mut ends = [0, 0];
    while stop.is_none_or(|step| step < steps) {
        let disc = FaultyDisc::new();
        let held = Held::start(&disc);
        held.fill().await.unwrap();
        let before = disc.steps();
        if let Some(step) = stop {
            disc.fail_at(before + step, Fault::Stop);
        }
        let done = held.transform().await;
        if stop.is_none() {
            assert_eq!(done, Ok(ROWS as u64));
            steps = disc.steps() - before;
            assert!(steps > 5, "a transformation of {steps} steps cannot be interrupted");
        }
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn(stop.unwrap_or(0))] {
            let is_new = Held::start(&disc.restart(fate)).check().await;
            assert!(is_new || done.is_err(), "a transformation that was told of is undone, stop {stop:?}");
            ends[usize::from(is_new)] += 1;
        }
        stop = Some(stop.map_or(0, |step| step + 1));
    }
    assert!(ends[0] > 0 && ends[1] > 0, "both ends were met: {ends:?}");
}

#[tokio::test]
async fn a_transformation_that_the_disc_refuses_is_taken_back() {
    let disc = FaultyDisc::new();
    let held = Held::start(&disc);
    held.fill().await.unwrap();
    held.log.sync(SYNC_WITHIN).unwrap();
    let used: u64 = disc.names().iter().filter_map(|name| disc.bytes(name)).map(|b| b.len() as u64).sum();
    disc.set_capacity(Some(used));
    assert!(held.transform().await.is_err());
    disc.set_capacity(None);
    assert!(!held.check().await, "it has its old shape");
    assert!(
        !Held::start(&disc.restart(Fate::Kept))
            .catalog
            .table("t")
            .unwrap()
            .schema()
            .attribute_names()
            .is_empty()
    );
    assert_eq!(held.transform().await, Ok(ROWS as u64 + 1), "there is room now");
}

#[tokio::test]
async fn a_table_moves_to_the_disc_and_back_and_says_so() {
    let disc = FaultyDisc::new();
    let held = Held::start(&disc);
    let ram = old_shape().alter().storage(Storage::Ram).build().unwrap();
    let table = held.catalog.create(ram).await.unwrap();
    let write = async |id: i64| {
        let record = Record::new([TermRef::from(id), TermRef::from(id % 4), TermRef::NIL]).unwrap();
        table.write(record.as_ref()).await.unwrap();
    };
    for id in 0..ROWS {
        write(id).await;
    }
    let often = parse_durability("interval:7").unwrap();
    held.catalog.change_table_storage("t", Storage::Disc, often).await.unwrap();
    assert_eq!((table.schema().storage(), table.schema().durability()), (Storage::Disc, often));
    // The handle that was there before goes on.
    write(ROWS).await;
    held.log.sync(SYNC_WITHIN).unwrap();
    let again = Held::start(&disc.restart(Fate::Lost));
    let found = again.catalog.table("t").unwrap();
    assert_eq!(found.size() as i64, ROWS + 1);
    assert_eq!(found.index_read("group", &Term::Int(3)).await.unwrap().len() as i64, ROWS / 4);
    again.catalog.change_table_storage("t", Storage::Ram, Durability::Commit).await.unwrap();
    assert_eq!(found.size() as i64, ROWS + 1);
    let none = Catalog::local(Box::new(ManualClock::at(1)));
    let none = Arc::new(none);
    none.create(old_shape().alter().storage(Storage::Ram).build().unwrap()).await.unwrap();
    let refused = none.change_table_storage("t", Storage::Disc, Durability::Commit).await;
    assert!(matches!(refused, Err(TableError::Unsupported { .. })), "{refused:?}");
}

/// What a change and its cancelling have come to: the table on disc and in RAM must say the same.
async fn cancelled_somewhere(turn: usize) -> bool {
    let disc = FaultyDisc::new();
    let held = Held::start(&disc);
    held.fill().await.expect("it is filled");
    let changing = {
        let held = held.clone();
        tokio::spawn(async move {
            match turn % 3 {
                0 => held.transform().await.map(drop),
                1 => held.catalog.change_table_storage("t", Storage::Ram, Durability::Commit).await,
                _ => held.catalog.add_table_index("t", "note").await,
            }
        })
    };
    // A little later each time.
    for _ in 0..turn {
        tokio::task::yield_now().await;
    }
    let answer = held.catalog.cancel_change("t").await;
    let done = changing.await.expect("it does not panic");
    let is_made = match (&answer, &done) {
        (Ok(true), Err(TableError::Cancelled(_))) => false,
        (Ok(false) | Err(TableError::NoChange(_)), Ok(())) => true,
        // It had not begun when it was to be cancelled.
        (Err(TableError::NoChange(_)), Err(cause)) => panic!("turn {turn}: {cause}"),
        other => panic!("turn {turn}: {other:?}"),
    };
    held.log.sync(SYNC_WITHIN).expect("it syncs");
    let again = Held::start(&disc.restart(Fate::Lost));
    let is_so = |held: &Held, place| {
        let table = held.catalog.table("t").expect("the table");
        let schema = table.schema();
        match turn % 3 {
            0 => (schema.arity() == 2, place),
            1 => (schema.storage() == Storage::Ram, place),
            _ => (schema.indexes().len() == 2, place),
        }
    };
    assert_eq!(
        (is_so(&held, "in RAM"), is_so(&again, "on disc")),
        ((is_made, "in RAM"), (is_made, "on disc"))
    );
    if turn % 3 == 1 && is_made {
        // In RAM alone, it comes back without rows.
        assert_eq!(again.catalog.table("t").expect("the table").size(), 0);
    } else {
        again.check().await;
    }
    held.check().await;
    is_made
}

/// On one thread, where the change does not get past the test before it is cancelled.
#[tokio::test]
async fn a_change_of_a_table_on_disc_that_is_cancelled_is_made_in_both_places_or_in_none() {
    let mut ends = [0, 0];
    for turn in 0..90 {
        ends[usize::from(cancelled_somewhere(turn).await)] += 1;
    }
    assert!(ends[0] > 0, "none was cancelled in time: {ends:?}");
}

/// Where it may be past anything by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_table_on_disc_that_is_cancelled_from_another_thread_is_made_in_both_places_or_in_none()
{
    for turn in 0..90 {
        cancelled_somewhere(turn).await;
    }
}

#[tokio::test]
async fn records_of_a_bag_that_become_equal_are_counted_and_then_one_wherever_they_are_stored() {
    let node = Node::builder().data(place("equal")).start().await.expect("a node");
    let catalog = node.catalog();
    for storage in [Storage::Ram, Storage::Disc, Storage::DiscOnly] {
        let shape = |names: &[&str]| {
            let builder = Schema::builder("t").kind(Kind::Bag).storage(storage);
            let builder =
                names.iter().fold(builder, |builder, name| builder.attribute(*name, AttributeType::Any));
            builder.build().expect("a schema")
        };
        let table = catalog.create(shape(&["id", "tag", "note"])).await.expect("a table");
        for [id, tag, note] in [[1, 1, 1], [1, 1, 2], [1, 2, 3], [2, 1, 4]] {
            let record = Record::new([TermRef::from(id), TermRef::from(tag), TermRef::from(note)]);
            table.write(record.expect("a record").as_ref()).await.expect("it takes it");
        }
        let new = shape(&["id", "tag"]);
        let reshape = Reshape::by_name(&table.schema(), &new);
        let count = catalog.transform_table("t", new, move |record| reshape.apply(record)).await;
        assert_eq!(count, Ok(4), "{storage:?}");
        assert_eq!(table.lookup(&Term::Int(1)).await.expect("it answers").len(), 2, "{storage:?}");
        let left = table.fold(0, |count, _| count + 1).await;
        assert_eq!(left, Ok(3), "{storage:?}");
        catalog.drop_table("t").await.expect("it goes");
    }
}
