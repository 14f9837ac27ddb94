//! A table whose checkpoint is damaged: the others serve, and nothing of it is lost that is intact.

use super::*;

const TABLES: [TableId; 3] = [TableId(7), TableId(8), TableId(9)];
const BROKEN: TableId = TableId(8);
const ROWS: u32 = 40;

fn start(disc: &FaultyDisc) -> Result<Node, StoreError> {
    Node::start_despite_damage(disc, 4)
}

impl Node {
    fn table(&self, table: TableId) -> Arc<TableCopy> {
        self.store().copy(table).unwrap()
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        let Self { local, directory, .. } = self;
        local.store().checkpoint(directory).map(drop)
    }

    /// Adds one to a counter, which shows what is applied twice.
    fn count(&self, table: TableId, number: u32) -> Result<(), StoreError> {
        let op = Op::Increment { key: number.to_be_bytes().to_vec().into(), by: 1 };
        self.local.commit_one(&self.table(table), START_MS, &op).ready().unwrap().map(drop)
    }

    /// The rows of a table and of its index, as text.
    fn rows(&self, table: TableId) -> String {
        let state = TableState::of(self.store(), &self.table(table));
        state.check_indexes().unwrap();
        format!("{:?}", state.rows())
    }
}

/// Three tables with rows in checkpoints and as many commits in the log; one of these is of two tables.
fn filled() -> (FaultyDisc, Vec<String>) {
    let disc = FaultyDisc::new();
    let mut node = start(&disc).unwrap();
    for table in TABLES {
        let spec = CopySpec { disc: Some(Durability::Commit), ..CopySpec::new(Kind::Set) };
        node.local.change_schema(&SchemaChange::Create { table, spec }).ready().unwrap().unwrap();
    }
    for number in 0..ROWS {
        TABLES.iter().for_each(|table| node.count(*table, number).unwrap());
    }
    node.checkpoint().unwrap();
    for number in 0..ROWS {
        TABLES.iter().for_each(|table| node.count(*table, number).unwrap());
    }
    let op = |table| TableOp { table, op: Op::Increment { key: b"both"[..].into(), by: 1 } };
    let ops = vec![op(TABLES[0]), op(BROKEN)];
    let both = Commit { time_ms: START_MS, checks: Vec::new(), ops, with_before: false };
    node.local.commit(&both).ready().unwrap().unwrap();
    node.sync();
    let rows = TABLES.iter().map(|table| node.rows(*table)).collect();
    node.workers.close().unwrap();
    (disc.restart(Fate::Kept), rows)
}

/// Flips a byte in the checkpoint of the table; done twice, it is as it was. Gives the file.
fn flip(disc: &FaultyDisc) -> String {
    let of = format!("table-{:016x}-", BROKEN.0);
    let file = disc.names().into_iter().find(|name| name.starts_with(&of));
    let file = file.expect("a checkpoint");
    let mut bytes = disc.bytes(&file).unwrap();
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[middle] ^= 0x10;
    disc.put(&file, bytes);
    file
}

fn is_damaged(answer: Result<(), StoreError>, file: &str) -> bool {
    matches!(answer, Err(StoreError::Damaged { table: BROKEN, cause }) if cause.contains(file))
}

#[test]
fn the_other_tables_serve_and_the_damaged_one_names_its_file() {
    let (disc, mut rows) = filled();
    let file = flip(&disc);
    assert!(matches!(Node::start(&disc, 4), Err(StoreError::Damaged { table: BROKEN, .. })));
    for round in 0..4 {
        let mut node = start(&disc).unwrap();
        assert_eq!((node.rows(TABLES[0]), node.rows(TABLES[2])), (rows[0].clone(), rows[2].clone()));
        let broken = node.table(BROKEN);
        assert!(is_damaged(node.count(BROKEN, 0), &file) && is_damaged(broken.check_open(), &file));
        assert_eq!((broken.len(), broken.is_loading(), node.store().closed_copies()), (0, false, 1));
        let segments = || disc.names().iter().filter(|name| name.starts_with("log-")).count();
        for _ in 0..6 {
            // More than a segment.
            (0..300).for_each(|number| node.count(TABLES[0], number).unwrap());
            node.checkpoint().unwrap();
        }
        assert!(segments() < 12, "the log goes although a table is damaged: {:?}", disc.names());
        rows[0] = node.rows(TABLES[0]);
        assert!(disc.names().contains(&file), "round {round}: what is left of the table stays");
        node.workers.close().unwrap();
    }
    // Whoever mends the file finds all of it: nothing of the log is missing, or there twice.
    flip(&disc);
    let node = start(&disc).unwrap();
    assert_eq!(TABLES.map(|table| node.rows(table)).to_vec(), rows);
    node.workers.close().unwrap();
}

#[test]
fn a_crash_at_any_step_of_a_checkpoint_loses_and_repeats_nothing_of_a_damaged_table() {
    let (whole, rows) = filled();
    flip(&whole);
    let run = |disc: &FaultyDisc| -> Result<(), StoreError> {
        let mut node = start(disc)?;
        node.checkpoint()?;
        node.checkpoint()?;
        node.workers.close().map_err(|cause| StoreError::Disc(cause.to_string()))
    };
    let counted = whole.copy();
    let before = counted.steps();
    run(&counted).unwrap();
    let steps = counted.steps() - before;
    assert!(steps > 10, "{steps}");
    for step in 0..steps {
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn(step)] {
            let disc = whole.copy();
            disc.fail_at(disc.steps() + step, Fault::Stop);
            drop(run(&disc));
            let disc = disc.restart(fate);
            flip(&disc);
            let node = start(&disc).unwrap_or_else(|cause| panic!("step {step} {fate:?}: {cause}"));
            assert_eq!(TABLES.map(|table| node.rows(table)).to_vec(), rows, "step {step} {fate:?}");
            node.workers.close().unwrap();
        }
    }
}

#[test]
fn a_damaged_table_that_is_cleared_is_used_again_also_after_a_crash() {
    for checkpoints in 0..3 {
        let (disc, rows) = filled();
        let file = flip(&disc);
        let mut node = start(&disc).unwrap();
        for _ in 0..checkpoints {
            node.checkpoint().unwrap();
        }
        let broken = node.table(BROKEN);
        node.local.commit_one(&broken, START_MS, &Op::Clear).ready().unwrap().unwrap().1.unwrap();
        assert_eq!((broken.damage(), node.store().closed_copies()), (None, 0));
        node.count(BROKEN, 5).unwrap();
        node.sync();
        let seen = node.rows(BROKEN);
        // The file is as broken as before, and nobody reads it.
        let crashed = disc.restart(Fate::Lost);
        assert!(crashed.names().contains(&file));
        let again = start(&crashed).unwrap();
        assert_eq!((again.rows(BROKEN), again.rows(TABLES[0])), (seen.clone(), rows[0].clone()));
        again.workers.close().unwrap();
        node.checkpoint().unwrap();
        assert!(!disc.names().contains(&file), "what was given up is gone");
        node.workers.close().unwrap();
        let again = start(&disc.restart(Fate::Lost)).unwrap();
        assert_eq!(again.rows(BROKEN), seen);
        again.workers.close().unwrap();
    }
}

#[test]
fn a_damaged_table_that_is_dropped_leaves_nothing() {
    let (disc, rows) = filled();
    let file = flip(&disc);
    let mut node = start(&disc).unwrap();
    node.checkpoint().unwrap();
    node.local.change_schema(&SchemaChange::Drop { table: BROKEN }).ready().unwrap().unwrap();
    assert_eq!(node.store().closed_copies(), 0);
    node.checkpoint().unwrap();
    assert!(!disc.names().contains(&file));
    node.workers.close().unwrap();
    let again = start(&disc).unwrap();
    assert_eq!((again.store().copies().len(), again.rows(TABLES[0])), (2, rows[0].clone()));
    again.workers.close().unwrap();
}

#[test]
fn the_log_stays_for_a_table_that_is_damaged_while_it_is_used() {
    let (disc, rows) = filled();
    let mut node = start(&disc).unwrap();
    node.table(BROKEN).mark_damaged("a read of its rows failed");
    let Node { local, directory, .. } = &mut node;
    assert!(local.store().checkpoint(directory).unwrap().holds_log);
    node.workers.close().unwrap();
    let again = start(&disc).unwrap();
    assert_eq!(TABLES.map(|table| again.rows(table)).to_vec(), rows, "all of it could be read again");
    again.workers.close().unwrap();
}
