//! Memory of a hash of a million fields: what a field of 18 bytes with a value of 40 costs, in resident bytes. Each run has
//! fresh servers, as an allocator does not give back what it once held.

use std::io::Write;

use crate::client::Client;
use crate::error::Error;
use crate::report::{Record, Report};
use crate::resp::{Peer, Plan};
use crate::server::{Launch, Server};
use crate::statistics::{median, ratios};

const FIELDS: u64 = 1_000_000;

/// Measures both sides in turns and reports.
///
/// # Errors
/// When a server cannot be started or filled, or results cannot be written.
pub(crate) fn run(
    report: &mut Report<impl Write>,
    mnemon: &Launch,
    peer: Option<Peer<'_>>,
    plan: Plan,
) -> Result<(), Error> {
    let fields = if plan.quick { FIELDS / 10 } else { FIELDS };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        ours.push(measure(mnemon, fields)?);
        if let Some(peer) = peer {
            theirs.push(measure(peer.launch, fields)?);
        }
    }
    let pairs = ratios(&ours, &theirs);
    report.add(
        Record::new("fields")
            .with("fields", fields)
            .with("runs", ours.len())
            .figure("mnemon_bytes_per_field", median(&ours))
            .with("peer", peer.map(|peer| peer.name))
            .figure("peer_bytes_per_field", median(&theirs))
            .figure("ratio", median(&pairs))
            .figures("ratios", &pairs),
    )
}

fn measure(launch: &Launch, fields: u64) -> Result<f64, Error> {
    let server = Server::start(launch)?;
    let mut client = Client::connect(server.port())?;
    // One field first: buffers and the hash itself are not the price of a field.
    client.fill_hash("large", 0..1)?;
    let empty = server.resident_bytes()?;
    client.fill_hash("large", 1..fields)?;
    Ok(server.resident_bytes()?.saturating_sub(empty) as f64 / fields as f64)
}
