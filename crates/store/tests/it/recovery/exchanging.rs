//! Tables on disc whose rows change places, and the power that goes, or a checkpoint that is damaged.

use mnemon_sim::{Random, Seed};

use super::*;

const TABLES: [TableId; 3] = [TableId(3), TableId(4), TableId(5)];

fn start(disc: &FaultyDisc) -> Result<Node, StoreError> {
    Node::start_despite_damage(disc, 2)
}

fn filled(disc: &FaultyDisc) -> Node {
    let node = start(disc).unwrap();
    for table in TABLES {
        let spec = CopySpec { disc: Some(Durability::Commit), ..CopySpec::new(Kind::Set) };
        node.local.change_schema(&SchemaChange::Create { table, spec }).ready().unwrap().unwrap();
    }
    node
}

/// The rows of all tables, as text.
fn all(node: &Node) -> Vec<String> {
    let rows = |table: &TableId| {
        let copy = node.store().copy(*table).unwrap();
        if !copy.is_open() {
            return "damaged".to_owned();
        }
        format!("{:?}", TableState::of(node.store(), &copy).rows())
    };
    TABLES.iter().map(rows).collect()
}

fn commit(node: &Node, ops: Vec<TableOp<'_>>) {
    let commit = Commit { time_ms: START_MS, checks: Vec::new(), ops, with_before: false };
    node.local.commit(&commit).ready().unwrap().unwrap();
}

fn exchange(one: usize, other: usize) -> TableOp<'static> {
    TableOp { table: TABLES[one], op: Op::Exchange { with: TABLES[other] } }
}

/// Adds one to a counter, which shows what is applied twice, or to the wrong rows.
fn count(place: usize, number: u64) -> TableOp<'static> {
    let key = number.to_be_bytes().to_vec().into();
    TableOp { table: TABLES[place], op: Op::Increment { key, by: 1 } }
}

fn op(random: &mut Random) -> TableOp<'static> {
    let place = random.below(3) as usize;
    match random.below(12) {
        0 => TableOp { table: TABLES[place], op: Op::Clear },
        1..=3 => exchange(place, (place + 1 + random.below(2) as usize) % 3),
        _ => count(place, random.below(6)),
    }
}

#[test]
fn after_a_power_cut_tables_are_exchanged_or_not_and_nothing_in_between() {
    let seed = Seed::of("after_a_power_cut_tables_are_exchanged_or_not_and_nothing_in_between");
    for round in 0..60 {
        let mut random = seed.random(round);
        let mut disc = FaultyDisc::new();
        let mut node = filled(&disc);
        node.sync();
        let (mut states, mut durable) = (vec![all(&node)], 0);
        for _ in 0..3 {
            for _ in 0..random.below(25) {
                match random.below(10) {
                    0 => node.perform(&Step::Maintain).unwrap(),
                    1 | 2 => {
                        node.sync();
                        durable = states.len() - 1;
                    }
                    _ => {
                        commit(&node, (0..=random.below(3)).map(|_| op(&mut random)).collect());
                        states.push(all(&node));
                    }
                }
            }
            let fate = [Fate::Lost, Fate::Kept, Fate::Torn(random.next())][random.below(3) as usize];
            disc = disc.restart(fate);
            drop(node);
            node = start(&disc).unwrap();
            let found = all(&node);
            let place = states.iter().rposition(|state| *state == found);
            assert!(
                place.is_some_and(|place| place >= durable),
                "round {round}, {fate:?}: {place:?}, durable was {durable}\n found {found:?}\n last {:?}",
                states.last()
            );
            (states, durable) = (vec![found], 0);
        }
        node.workers.close().unwrap();
    }
}

#[test]
fn tables_that_were_exchanged_are_damaged_together_until_they_are_cleared() {
    let disc = FaultyDisc::new();
    let mut node = filled(&disc);
    for place in 0..3 {
        (0..5).for_each(|number| commit(&node, vec![count(place, number * (place as u64 + 1))]));
    }
    node.perform(&Step::Maintain).unwrap();
    commit(&node, vec![count(0, 7), exchange(0, 1), count(0, 8)]);
    node.sync();
    let whole = all(&node);
    node.workers.close().unwrap();
    let mut disc = disc.restart(Fate::Kept);
    let of = format!("table-{:016x}-", TABLES[0].0);
    let file = disc.names().into_iter().find(|name| name.starts_with(&of)).expect("a checkpoint");
    let intact = disc.bytes(&file).unwrap();
    let mut bytes = intact.clone();
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[middle] ^= 0x10;
    disc.put(&file, bytes);
    let damaged = |node: &Node| TABLES.map(|table| node.store().copy(table).unwrap().damage().is_some());
    for _ in 0..3 {
        // What checkpoints of the damaged state leave does not make it worse.
        let mut node = start(&disc).unwrap();
        assert_eq!(damaged(&node), [true, true, false]);
        assert!(
            node.store().copy(TABLES[1]).unwrap().damage().unwrap().contains(&file),
            "the rows of the file"
        );
        assert_eq!(node.store().copy(TABLES[2]).unwrap().len(), 5);
        commit(&node, vec![count(2, 50), TableOp { table: TABLES[2], op: Op::Clear }]);
        (0..5).for_each(|number| commit(&node, vec![count(2, number * 3)]));
        node.perform(&Step::Maintain).unwrap();
        node.workers.close().unwrap();
        disc = disc.restart(Fate::Kept);
    }
    // Mended, nothing is missing.
    disc.put(&file, intact);
    let node = start(&disc).unwrap();
    assert_eq!(damaged(&node), [false; 3]);
    assert_eq!(all(&node)[..2], whole[..2]);
    node.workers.close().unwrap();
}

#[test]
fn one_of_two_exchanged_tables_that_are_damaged_can_be_cleared_and_stays_usable() {
    let disc = FaultyDisc::new();
    let mut node = filled(&disc);
    (0..2).for_each(|place| commit(&node, vec![count(place, 1)]));
    node.perform(&Step::Maintain).unwrap();
    commit(&node, vec![exchange(0, 1)]);
    node.sync();
    node.workers.close().unwrap();
    let mut disc = disc.restart(Fate::Kept);
    for table in &TABLES[..2] {
        let of = format!("table-{:016x}-", table.0);
        let file = disc.names().into_iter().find(|name| name.starts_with(&of)).expect("a checkpoint");
        let mut bytes = disc.bytes(&file).unwrap();
        let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
        bytes[middle] ^= 0x10;
        disc.put(&file, bytes);
    }
    let mut node = start(&disc).unwrap();
    commit(&node, vec![TableOp { table: TABLES[0], op: Op::Clear }]);
    commit(&node, vec![count(0, 77)]);
    node.sync();
    for _ in 0..3 {
        let state = |node: &Node| TABLES.map(|table| node.store().copy(table).unwrap().is_open());
        assert_eq!(state(&node), [true, false, true]);
        assert_eq!(node.store().copy(TABLES[0]).unwrap().len(), 1);
        node.perform(&Step::Maintain).unwrap();
        node.workers.close().unwrap();
        disc = disc.restart(Fate::Kept);
        node = start(&disc).unwrap();
    }
    commit(&node, vec![TableOp { table: TABLES[1], op: Op::Clear }]);
    commit(&node, vec![count(1, 5)]);
    assert!(node.store().copy(TABLES[1]).unwrap().is_open());
    node.workers.close().unwrap();
}
