//! Memory over RESP: what a key of 16 bytes with a value of 40 costs a server, in resident bytes.
//!
//! A hash table grows in leaps, so one count of keys flatters or slanders: three are taken, around a million. Each run has
//! fresh servers, as an allocator does not give back what it once held.

use std::io::Write;

use crate::client::Client;
use crate::error::Error;
use crate::report::{Record, Report};
use crate::resp::{Peer, Plan};
use crate::server::{Launch, Server};
use crate::statistics::{median, ratios};

/// Counts of keys at which memory is read, ascending.
const COUNTS: [u64; 3] = [900_000, 1_000_000, 1_200_000];

/// Bytes a key at each of the counts, run by run.
type Side = [Vec<f64>; COUNTS.len()];

/// Measures both sides in turns and reports one line for each count of keys.
///
/// # Errors
/// When a server cannot be started or filled, or results cannot be written.
pub(crate) fn run(
    report: &mut Report<impl Write>,
    mnemon: &Launch,
    peer: Option<Peer<'_>>,
    plan: Plan,
) -> Result<(), Error> {
    let counts = if plan.quick { COUNTS.map(|count| count / 10) } else { COUNTS };
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    for _ in 0..plan.runs {
        measure(mnemon, counts, &mut ours)?;
        if let Some(peer) = peer {
            measure(peer.launch, counts, &mut theirs)?;
        }
    }
    for ((keys, ours), theirs) in counts.iter().zip(&ours).zip(&theirs) {
        let pairs = ratios(ours, theirs);
        let record = Record::new("memory")
            .with("keys", *keys)
            .with("runs", ours.len())
            .figure("mnemon_bytes_per_key", median(ours))
            .with("peer", peer.map(|peer| peer.name))
            .figure("peer_bytes_per_key", median(theirs))
            .figure("ratio", median(&pairs))
            .figures("ratios", &pairs);
        report.add(record)?;
    }
    Ok(())
}

fn measure(launch: &Launch, counts: [u64; COUNTS.len()], side: &mut Side) -> Result<(), Error> {
    let server = Server::start(launch)?;
    let mut client = Client::connect(server.port())?;
    // One key first: buffers and the table itself are not the price of a key.
    client.fill(0..1)?;
    let empty = server.resident_bytes()?;
    let mut filled = 1;
    for (keys, figures) in counts.into_iter().zip(side) {
        client.fill(filled..keys)?;
        filled = keys;
        let grown = server.resident_bytes()?.saturating_sub(empty);
        figures.push(grown as f64 / keys as f64);
    }
    Ok(())
}
