//! Writers that go on until the node is killed, and know what was acknowledged to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use super::Dice;
use super::world::{World, commands};

const DEADLINE: Duration = Duration::from_secs(30);

/// A client that waits for answers as long as the node runs: a deadline of the socket ends a read whenever the process is paused,
/// and this client takes that for an error.
pub(crate) fn connect(address: SocketAddr) -> redis::RedisResult<redis::Connection> {
    redis::Client::open(format!("redis://127.0.0.1:{}/", address.port()))?.get_connection()
}

/// What a writer knows of its world when the node is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Steps that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Steps that were sent.
    pub(crate) sent: u64,
    /// After the acknowledged ones.
    pub(crate) world: World,
}

impl Known {
    /// What may be there: the acknowledged steps, and any number of those on the way, in order.
    pub(crate) fn possible(&self) -> Vec<(u64, World)> {
        let mut all = vec![(self.acknowledged, self.world.clone())];
        for n in self.acknowledged..self.sent {
            let mut next = self.world_after(&all);
            next.advance(n);
            all.push((n + 1, next));
        }
        all
    }

    fn world_after(&self, all: &[(u64, World)]) -> World {
        all.last().map_or_else(World::default, |(_, world)| world.clone())
    }
}

/// Writers under way.
pub(crate) struct Load {
    writers: Vec<JoinHandle<Known>>,
    late: JoinHandle<(u64, u64)>,
    mover: JoinHandle<()>,
    acknowledged: Receiver<()>,
}

/// Where the table `rows` may be, which moves while it is written.
#[derive(Default)]
pub(crate) struct Moves {
    /// Perhaps in RAM alone: a crash takes all its rows, or none.
    pub(crate) may_be_in_ram: AtomicBool,
    /// Moves that were acknowledged.
    pub(crate) done: AtomicU64,
}

impl Load {
    /// Starts a writer for each of these worlds, one that writes records in order to a table that is synced later, and one who
    /// moves a table to and fro.
    pub(crate) fn start(address: SocketAddr, known: Vec<Known>, moves: &Arc<Moves>, dice: Dice) -> Self {
        // Full is full: whoever counts needs no more of them.
        let (tell, acknowledged) = sync_channel(1 << 16);
        let write = |(writer, known): (usize, Known)| {
            let tell = tell.clone();
            spawn(move || write(address, writer as u64, known, &tell))
        };
        let writers = known.into_iter().enumerate().map(write).collect();
        let moves = moves.clone();
        let mover = spawn(move || move_rows(address, &moves, dice));
        Self { writers, late: spawn(move || write_late(address)), mover, acknowledged }
    }

    /// Waits until so many steps were acknowledged.
    pub(crate) fn wait_for(&self, steps: usize) {
        for step in 0..steps {
            self.acknowledged.recv_timeout(DEADLINE).unwrap_or_else(|cause| panic!("step {step}: {cause}"));
        }
    }

    /// What all writers know; of the late one, the records that were acknowledged and sent. The node must be gone.
    pub(crate) fn end(self) -> (Vec<Known>, (u64, u64)) {
        let known = self.writers.into_iter().map(|writer| writer.join().expect("a writer ends")).collect();
        self.mover.join().expect("the mover ends");
        (known, self.late.join().expect("the late writer ends"))
    }
}

fn write(address: SocketAddr, writer: u64, mut known: Known, tell: &SyncSender<()>) -> Known {
    let Ok(mut client) = connect(address) else { return known };
    loop {
        let n = known.acknowledged;
        known.sent = n + 1;
        match commands(writer, n).run(&mut client) {
            Ok(()) => {}
            Err(error) if error.is_io_error() || error.is_connection_dropped() => return known,
            // Its table is on the way: nothing was applied.
            Err(error) if is_moving(&error) => continue,
            Err(error) => panic!("writer {writer}, step {n}: {error}"),
        }
        known.acknowledged = n + 1;
        known.world.advance(n);
        // A full channel has enough.
        let _ = tell.try_send(());
    }
}

fn write_late(address: SocketAddr) -> (u64, u64) {
    const AT_ONCE: u64 = 20;
    let Ok(mut client) = connect(address) else { return (0, 0) };
    let mut acknowledged = 0;
    loop {
        let mut batch = redis::pipe();
        for n in acknowledged..acknowledged + AT_ONCE {
            batch.cmd("T.WRITE").arg("late").arg(format!("[{n},{n}]"));
        }
        if batch.query::<redis::Value>(&mut client).is_err() {
            return (acknowledged, acknowledged + AT_ONCE);
        }
        acknowledged += AT_ONCE;
    }
}

fn is_moving(error: &redis::RedisError) -> bool {
    matches!(error.code(), Some("NOTABLE" | "TRYAGAIN"))
}

/// Moves a table between RAM, RAM and disc, and disc only.
fn move_rows(address: SocketAddr, moves: &Moves, mut dice: Dice) {
    /// Other commands between two moves, so that writers get on.
    const BETWEEN: u64 = 60;
    let Ok(mut client) = connect(address) else { return };
    loop {
        for _ in 0..dice.below(BETWEEN) {
            if redis::cmd("DBSIZE").query::<u64>(&mut client).is_err() {
                return;
            }
        }
        let to = ["disc", "disc_only", "disc", "disc_only", "ram"][dice.below(5) as usize];
        if to == "ram" {
            moves.may_be_in_ram.store(true, Ordering::SeqCst);
        }
        let mut storage = redis::cmd("T.STORAGE");
        storage.arg("rows").arg(to);
        if to != "ram" {
            storage.arg("DURABILITY").arg("commit");
        }
        match storage.query::<()>(&mut client) {
            Ok(()) => {
                moves.may_be_in_ram.store(to == "ram", Ordering::SeqCst);
                moves.done.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) if error.is_io_error() || error.is_connection_dropped() => return,
            Err(error) => panic!("the move to {to}: {error}"),
        }
    }
}
