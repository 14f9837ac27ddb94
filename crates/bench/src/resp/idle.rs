//! `GET` while ten thousand other connections are open and say nothing: what the slowest in a thousand take.

use std::io::Write;

use crate::audience::Idle;
use crate::client::Client;
use crate::clock;
use crate::error::Error;
use crate::report::{Record, Report};
use crate::resp::sides::Sides;
use crate::resp::{Peer, Plan};
use crate::server::{Launch, Server};

const CONNECTIONS: u64 = 10_000;
/// More file descriptors than either side needs.
const DESCRIPTORS: u64 = CONNECTIONS + 1_000;
/// Keys that are read.
const KEYS: u64 = 1_000;
/// One after the other, by one client: what is measured is the server and not a queue of clients.
const READS: u64 = 100_000;
const NAMES: [[&str; 2]; 3] = [
    ["mnemon_p999_us", "peer_p999_us"],
    ["mnemon_p50_us", "peer_p50_us"],
    ["mnemon_bytes_per_connection", "peer_bytes_per_connection"],
];

/// Measures and reports.
///
/// # Errors
/// When a server fails, connections cannot be opened, or results cannot be written.
pub(crate) fn run(
    report: &mut Report<impl Write>,
    mnemon: &Launch,
    peer: Option<Peer<'_>>,
    plan: Plan,
) -> Result<(), Error> {
    let failed = |source| Error::Network { port: 0, what: "cannot raise the limit of open files", source };
    // The servers inherit it.
    rlimit::increase_nofile_limit(DESCRIPTORS).map_err(failed)?;
    let (connections, reads) = if plan.quick { (CONNECTIONS / 10, READS / 10) } else { (CONNECTIONS, READS) };
    let record = Record::new("idle").with("command", "get").with("idle_connections", connections);
    let sides = Sides { mnemon, peer, runs: plan.runs, names: &NAMES };
    let prepare = |server: &Server| {
        let mut client = Client::connect(server.port())?;
        // Both allow ten thousand, this client included, unless they are told otherwise.
        client.allow_clients(CONNECTIONS + 100)?;
        client.fill(0..KEYS)
    };
    sides.compare(report, record, prepare, |server| measure(server, connections, reads))
}

fn measure(server: &Server, connections: u64, reads: u64) -> Result<Vec<f64>, Error> {
    let before = server.resident_bytes()?;
    let idle = Idle::open(server.port(), connections)?;
    let grown = server.resident_bytes()?.saturating_sub(before);
    let mut client = Client::connect(server.port())?;
    let mut latencies = Vec::new();
    for read in 0..reads {
        let started = clock::now();
        client.get(read % KEYS)?;
        latencies.push(started.elapsed().as_nanos() as f64 / 1000.0);
    }
    drop(idle);
    latencies.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let place = (latencies.len() as f64 * part) as usize;
        latencies.get(place).copied().unwrap_or_default()
    };
    Ok(vec![at(0.999), at(0.5), grown as f64 / connections as f64])
}
