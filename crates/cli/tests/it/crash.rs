//! `kill -9` under load, again and again: what was acknowledged is there, what was refused is not, nothing is half there.
//!
//! `MNEMON_CRASH_ROUNDS` says how often (20 unless told otherwise; `just crash N`), `MNEMON_CRASH_SEED` repeats a run's choices.

mod load;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) use load::connect;
use load::{Known, Load, Moves};
use redis::cmd;
use world::{ROWS, TAGS, World, record, row_id};

use crate::data::place;
use crate::process::{Running, binary_on};

const WRITERS: usize = 16;
const TABLES: [&str; 3] = ["trio", "rows", "late"];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Numbers from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// How a round ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// `kill -9` after so many acknowledged steps.
    Kill { after: u64 },
    /// `kill -9` while the node makes the last checkpoint of an orderly stop.
    KillInStop { after: u64, wait_ms: u64 },
    /// An orderly stop.
    Stop { after: u64 },
}

impl End {
    fn roll(round: u64, dice: &mut Dice) -> Self {
        let after = 50 + dice.below(1_500);
        match round % 6 {
            // Long enough for checkpoints beside the writers, which are looked for once a second.
            2 => Self::Kill { after: after * 12 },
            3 => Self::KillInStop { after, wait_ms: dice.below(25) },
            5 => Self::Stop { after },
            _ => Self::Kill { after },
        }
    }
}

fn start(data: &Path, round: u64) -> Running {
    let mut command = binary_on(data);
    // In some rounds any log at all is worth a checkpoint, in others none is.
    let checkpoint_bytes = if round % 3 == 2 { "1" } else { "1gb" };
    command.args(["--default-durability", "commit", "--checkpoint-bytes", checkpoint_bytes, "--log", "warn"]);
    // Rows on disc only are written every few hundred steps.
    command.args(["--disc-cache-bytes", "64kb"]);
    Running::start(&mut command)
}

fn create_tables(client: &mut redis::Connection) {
    let kept = [("disc", "commit"), ("disc_only", "commit"), ("disc_only", "interval:50")];
    for (name, (storage, durability)) in TABLES.into_iter().zip(kept) {
        let attributes = if name == "late" { "id,n" } else { "id,n,tag" };
        let mut create = cmd("T.CREATE");
        create
            .arg(name)
            .arg("ATTRS")
            .arg(attributes)
            .arg("STORAGE")
            .arg(storage)
            .arg("DURABILITY")
            .arg(durability);
        if name != "late" {
            create.arg("INDEX").arg("tag");
        }
        create.query::<()>(client).expect("a new table");
    }
}

/// The world of a writer as the node shows it.
fn found(client: &mut redis::Connection, writer: u64) -> World {
    let key = |name: &str| format!("{name}:{writer}");
    let records = |client: &mut redis::Connection, table: &str, id: u64| -> Option<u64> {
        let rows: Vec<String> = cmd("T.READ").arg(table).arg(id).query(client).expect("a read");
        let n = rows.first().map(|text| number(text, "n"));
        assert_eq!(rows, n.map(|n| record(id, n)).into_iter().collect::<Vec<_>>(), "{table} {id}");
        n
    };
    let get = |client: &mut redis::Connection, name: &str| -> Option<String> {
        cmd("GET").arg(key(name)).query(client).expect("a read")
    };
    let parse = |text: Option<String>| text.map(|text| text.parse().expect("a number"));
    let hash: Option<String> = cmd("HGET").arg(key("trio-hash")).arg("n").query(client).expect("a read");
    assert_eq!(get(client, "gone"), None, "what had expired is back");
    World {
        string: parse(get(client, "string")),
        counter: parse(get(client, "counter")),
        text: get(client, "text"),
        trio: [parse(get(client, "trio")), records(client, "trio", writer), parse(hash)],
        rows: std::array::from_fn(|place| records(client, "rows", row_id(writer, place as u64 % ROWS))),
    }
}

fn number(record: &str, attribute: &str) -> u64 {
    let fields: serde_json::Value = serde_json::from_str(record).expect("a record");
    fields[attribute].as_u64().expect("a number")
}

/// The index of a table leads to the records that a scan finds, and to no others.
fn check_index(client: &mut redis::Connection, table: &str) {
    let all: Vec<String> = cmd("T.MATCH").arg(table).arg("{}").query(client).expect("a scan");
    let mut scanned: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for record in all {
        scanned.entry(number(&record, "tag")).or_default().insert(record);
    }
    for tag in 0..TAGS {
        let led_to: Vec<String> =
            cmd("T.INDEXREAD").arg(table).arg("tag").arg(tag).query(client).expect("a read");
        let led_to: BTreeSet<String> = led_to.into_iter().collect();
        assert_eq!(led_to, scanned.remove(&tag).unwrap_or_default(), "the index of {table}, tag {tag}");
    }
    assert!(scanned.is_empty(), "{scanned:?}");
}

/// Records of the table that is synced later: a beginning of what was written. Gives how many.
fn check_late(client: &mut redis::Connection, sent: u64) -> u64 {
    let all: Vec<String> = cmd("T.MATCH").arg("late").arg("{}").query(client).expect("a scan");
    let ids: BTreeSet<u64> = all.iter().map(|record| number(record, "id")).collect();
    let count = ids.len() as u64;
    assert!(ids.iter().copied().eq(0..count), "a record is missing before a later one: {ids:?}");
    assert!(count <= sent, "{count} of {sent}");
    count
}

/// Holds the node against what the writers know. Gives what they may build on. `rows_may_be_gone`: the table was perhaps in RAM
/// alone; then it has all rows or none.
fn check(client: &mut redis::Connection, known: &[Known], rows_may_be_gone: bool) -> Vec<Known> {
    let all: Vec<String> = cmd("T.MATCH").arg("rows").arg("{}").query(client).expect("a scan");
    let rows_are_gone = rows_may_be_gone && all.is_empty();
    let settled = |(writer, known): (usize, &Known)| {
        let found = found(client, writer as u64);
        let mut possible = known.possible();
        if rows_are_gone {
            possible.iter_mut().for_each(|(_, world)| world.rows = Default::default());
        }
        let Some((steps, world)) = possible.into_iter().find(|(_, world)| *world == found) else {
            panic!("writer {writer}: found {found:?}\nwhich is not after any of the steps of {known:?}");
        };
        Known { acknowledged: steps, sent: steps, world }
    };
    let settled = known.iter().enumerate().map(settled).collect();
    check_index(client, "trio");
    check_index(client, "rows");
    settled
}

/// Kills a node at some moment of its start.
fn kill_while_starting(data: &Path, wait_ms: u64) {
    let mut command = binary_on(data);
    let node = Running::spawn(command.args(["--default-durability", "commit"]));
    node.hears_nothing_for(wait_ms);
    drop(node);
}

#[test]
fn nothing_acknowledged_is_lost_however_often_the_node_is_killed() {
    let rounds = setting("MNEMON_CRASH_ROUNDS").unwrap_or(20);
    let seed = setting("MNEMON_CRASH_SEED").unwrap_or_else(|| RandomState::new().hash_one(0) | 1);
    println!("MNEMON_CRASH_ROUNDS={rounds} MNEMON_CRASH_SEED={seed}");
    let mut dice = Dice(seed);
    let data = place("crash");
    let mut known = vec![Known::default(); WRITERS];
    let moves = Arc::new(Moves::default());
    let (mut late, mut steps, mut late_lost) = ((0, 0), 0, 0);
    for round in 0..=rounds {
        if round % 7 == 4 {
            kill_while_starting(&data, dice.below(30));
        }
        let node = start(&data, round);
        let mut client = connect(node.address()).expect("the node listens");
        if round == 0 {
            create_tables(&mut client);
        } else {
            let mut wait = cmd("T.WAIT");
            wait.arg(30_000).arg("db0").arg(&TABLES).query::<()>(&mut client).expect("tables are loaded");
            let before: u64 = known.iter().map(|known| known.acknowledged).sum();
            known = check(&mut client, &known, moves.may_be_in_ram.load(Ordering::SeqCst));
            steps = before;
            late_lost += late.0 - check_late(&mut client, late.1).min(late.0);
        }
        cmd("T.CLEAR").arg("late").query::<u64>(&mut client).expect("a clear");
        if round == rounds {
            break;
        }
        let end = End::roll(round, &mut dice);
        let load = Load::start(node.address(), known, &moves, Dice(dice.below(u64::MAX) | 1));
        match end {
            End::Kill { after } => load.wait_for(after as usize),
            End::Stop { after } | End::KillInStop { after, .. } => {
                load.wait_for(after as usize);
                node.signal("TERM");
            }
        }
        match end {
            End::Kill { .. } => drop(node),
            End::KillInStop { wait_ms, .. } => {
                node.hears_nothing_for(wait_ms);
                drop(node);
            }
            End::Stop { .. } => {
                let (status, log) = node.end();
                assert_eq!(status.code(), Some(0), "{log}");
            }
        }
        (known, late) = load.end();
    }
    let moved = moves.done.load(Ordering::SeqCst);
    println!(
        "{rounds} rounds, {steps} acknowledged steps, {late_lost} late records lost in kills, {moved} moves of a table"
    );
    assert!(moved > rounds / 2, "the table moved");
    assert!(steps > rounds * 40, "the writers got on");
}
