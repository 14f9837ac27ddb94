//! Tables that move between RAM and disc, and the power that goes meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use mnemon_store::{Course, StorageChange};

use super::*;

/// What those above the store say of the table in its three lives.
const IN_RAM: &[u8] = b"in ram";
const ON_DISC: &[u8] = b"on disc";
const IN_RAM_AGAIN: &[u8] = b"in ram again";
/// Rows that each life of the table adds.
const ROWS: u32 = 4;

/// How far the script came, as whoever ran it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    #[default]
    Nothing,
    Created,
    /// The move to the disc has begun.
    Coming,
    /// On disc, and this many rows that were written there are durable.
    OnDisc(u32),
    /// The move back has begun.
    Leaving,
    InRamAgain,
}

impl Node {
    fn create_in_ram(&self) -> Result<(), StoreError> {
        let create = SchemaChange::Create { table: TABLE, spec: CopySpec::new(Kind::Set) };
        self.local.change_schema(&create).ready().expect("a local store answers")?;
        let define = SchemaChange::Define { table: TABLE, definition: IN_RAM.to_vec() };
        self.local.change_schema(&define).ready().expect("a local store answers")?;
        self.synced()
    }

    fn synced(&self) -> Result<(), StoreError> {
        self.log.sync(SYNC_WITHIN).map_err(|cause| StoreError::Disc(cause.to_string()))
    }

    fn put(&mut self, mut numbers: std::ops::Range<u32>) -> Result<(), StoreError> {
        numbers.try_for_each(|number| self.perform(&Step::One(put(number))))
    }

    fn move_to(&mut self, disc: Option<Durability>, definition: &[u8]) -> Result<(), StoreError> {
        let Self { local, directory, .. } = self;
        let change = StorageChange { table: TABLE, disc, definition: definition.to_vec() };
        local.store().change_storage(directory, change, &Course::default()).map(drop)
    }

    /// Lives through all of it, or up to the step at which the disc stops.
    fn live(&mut self, known: &mut Known) -> Result<(), StoreError> {
        self.create_in_ram()?;
        *known = Known::Created;
        self.put(0..ROWS)?;
        *known = Known::Coming;
        self.move_to(Some(Durability::Commit), ON_DISC)?;
        *known = Known::OnDisc(0);
        for number in 0..ROWS {
            self.put(ROWS + number..ROWS + number + 1)?;
            self.synced()?;
            *known = Known::OnDisc(number + 1);
        }
        *known = Known::Leaving;
        self.move_to(None, IN_RAM_AGAIN)?;
        *known = Known::InRamAgain;
        self.put(2 * ROWS..3 * ROWS)
    }
}

/// The table after a crash is in one of its lives, whole, and not in one before the last that was told.
fn check(again: &Node, known: Known) {
    let Ok(copy) = again.store().copy(TABLE) else {
        assert_eq!(known, Known::Nothing, "the table is gone");
        return;
    };
    let definition = again.found.iter().find(|found| found.table == TABLE).map(|found| &*found.definition);
    let rows = TableState::of(again.store(), &copy).rows().len();
    let rows = u32::try_from(rows).unwrap();
    match (copy.disc(), definition.unwrap()) {
        // The creation had not been finished, or it had.
        (None, b"" | IN_RAM) => {
            assert!(known <= Known::Coming, "a move that was told of is undone: {known:?}");
            assert_eq!(rows, 0, "rows of a table in ram came back");
        }
        (Some(Durability::Commit), ON_DISC) => {
            assert!(
                (Known::Coming..Known::InRamAgain).contains(&known),
                "nobody asked for it now: {known:?}"
            );
            let durable = match known {
                Known::OnDisc(durable) => durable,
                Known::Leaving => ROWS,
                _ => 0,
            };
            assert!(rows >= ROWS + durable, "{rows} rows, {known:?}");
        }
        (None, IN_RAM_AGAIN) => {
            assert!(known >= Known::Leaving, "nobody asked for it yet: {known:?}");
            assert_eq!(rows, 0, "rows of a table in ram came back");
        }
        (disc, definition) => {
            panic!("kept as {disc:?}, called {:?}", String::from_utf8_lossy(definition));
        }
    }
}

#[test]
fn a_power_cut_at_any_step_of_a_move_finds_the_table_as_before_or_as_after() {
    let run = |stop: Option<u64>| {
        let disc = FaultyDisc::new();
        let mut node = Node::start(&disc, 2).unwrap();
        let before = disc.steps();
        if let Some(step) = stop {
            disc.fail_at(before + step, Fault::Stop);
        }
        let mut known = Known::default();
        let done = node.live(&mut known);
        assert!(stop.is_some() || done.is_ok(), "{done:?}");
        let steps = disc.steps() - before;
        drop(node);
        (disc, known, steps)
    };
    let (_, known, steps) = run(None);
    assert_eq!(known, Known::InRamAgain);
    for stop in 0..steps {
        let (disc, known, _) = run(Some(stop));
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn(stop)] {
            let again = Node::start(&disc.restart(fate), 2).unwrap();
            check(&again, known);
        }
    }
}

#[test]
fn a_move_that_the_disc_refuses_leaves_the_table_in_ram_and_in_use() {
    let disc = FaultyDisc::new();
    let mut node = Node::start(&disc, 2).unwrap();
    node.create_in_ram().unwrap();
    node.put(0..ROWS).unwrap();
    let used: u64 = disc.names().iter().filter_map(|name| disc.bytes(name)).map(|b| b.len() as u64).sum();
    disc.set_capacity(Some(used));
    assert!(node.move_to(Some(Durability::Commit), ON_DISC).is_err());
    assert_eq!(node.copy().disc(), None);
    node.put(ROWS..2 * ROWS).unwrap();
    disc.set_capacity(None);
    node.move_to(Some(Durability::Interval(5)), ON_DISC).unwrap();
    assert_eq!(node.copy().disc(), Some(Durability::Interval(5)));
    node.put(2 * ROWS..3 * ROWS).unwrap();
    node.sync();
    let again = Node::start(&disc.restart(Fate::Lost), 2).unwrap();
    assert_eq!(TableState::of(again.store(), &again.copy()).rows().len(), 3 * ROWS as usize);
}

/// Writes numbers until it is told to stop, as plain operations or as commits of several.
fn write(local: &Local, next: &AtomicU32, done: &AtomicBool, plainly: bool) {
    let copy = local.store().copy(TABLE).unwrap();
    while !done.load(Ordering::Relaxed) {
        let op = put(next.fetch_add(1, Ordering::Relaxed));
        let time_ms = local.store().now_ms();
        if plainly {
            local.commit_one(&copy, time_ms, &op).ready().unwrap().unwrap().1.unwrap();
        } else {
            let ops = vec![TableOp { table: TABLE, op }];
            let commit = Commit { time_ms, checks: Vec::new(), ops, with_before: false };
            local.commit(&commit).ready().unwrap().unwrap();
        }
    }
}

#[test]
fn nothing_that_is_written_while_a_table_moves_to_the_disc_is_missing_there() {
    for round in 0..30 {
        let disc = FaultyDisc::new();
        let mut node = Node::start(&disc, 4).unwrap();
        node.create_in_ram().unwrap();
        let (next, done) = (AtomicU32::new(0), AtomicBool::new(false));
        let Node { local, directory, .. } = &mut node;
        let (local, next, done) = (&*local, &next, &done);
        let pass = |number: u32| {
            while next.load(Ordering::Relaxed) < number {
                thread::yield_now();
            }
        };
        thread::scope(|scope| {
            for plainly in [true, false] {
                scope.spawn(move || write(local, next, done, plainly));
            }
            pass(200);
            let change =
                StorageChange { table: TABLE, disc: Some(Durability::None), definition: ON_DISC.to_vec() };
            local.store().change_storage(directory, change, &Course::default()).unwrap();
            pass(next.load(Ordering::Relaxed) + 200);
            done.store(true, Ordering::Relaxed);
        });
        node.sync();
        let again = Node::start(&disc.restart(Fate::Lost), 2).unwrap();
        let found = TableState::of(again.store(), &again.copy()).rows().len();
        assert_eq!(found, next.load(Ordering::Relaxed) as usize, "rows after round {round}");
    }
}
