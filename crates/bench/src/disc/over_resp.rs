//! `SET` over RESP on databases that are kept on disc, beside Redis with an append-only file that is synced as often.

use std::io::Write;

use crate::error::Error;
use crate::peer::redis::LoadGenerator;
use crate::report::{Record, Report};
use crate::resp::{PIPELINES, Peer, Plan, measure};
use crate::server::{Launch, Server};
use crate::statistics::{median, ratios};

const CLIENTS: u32 = 64;
/// How often both sides sync: ours, and Redis's word for it.
const SYNCS: [(&str, &str); 2] = [("commit", "always"), ("interval:1000", "everysec")];

/// Measures both ways of syncing.
///
/// # Errors
/// When a server cannot be started, or results cannot be written.
pub(crate) fn run(
    report: &mut Report<impl Write>,
    generator: &LoadGenerator,
    mnemon: &Launch,
    peer: Option<Peer<'_>>,
    plan: Plan,
) -> Result<(), Error> {
    for (durability, fsync) in SYNCS {
        let ours = Server::start(&kept(mnemon, durability))?;
        let theirs = match peer {
            Some(peer) => Some((peer.name, Server::start(&appending(peer.launch, fsync))?)),
            None => None,
        };
        for pipeline in PIPELINES {
            let mut load = plan.load("set", &[], pipeline);
            load.clients = CLIENTS;
            let their_server = theirs.as_ref().map(|(_, server)| server);
            match measure(generator, &ours, their_server, load, plan.runs) {
                Err((side, error)) => {
                    report.failed("disc", &format!("set, {durability}, on {side}"), &error)?;
                }
                Ok((our_side, their_side)) => {
                    let pairs = ratios(&our_side.ops, &their_side.ops);
                    report.add(
                        Record::new("disc")
                            .with("durability", durability)
                            .with("appendfsync", fsync)
                            .with("clients", CLIENTS)
                            .with("pipeline", pipeline)
                            .with("runs", our_side.ops.len())
                            .figure("mnemon_ops", median(&our_side.ops))
                            .with("peer", theirs.as_ref().map(|(name, _)| *name))
                            .figure("peer_ops", median(&their_side.ops))
                            .figure("ratio", median(&pairs))
                            .figures("ratios", &pairs),
                    )?;
                }
            }
        }
    }
    Ok(())
}

/// The server with its data in the directory it is started in.
fn kept(launch: &Launch, durability: &str) -> Launch {
    let mut arguments: Vec<String> =
        launch.arguments.iter().filter(|argument| *argument != "--ram").cloned().collect();
    arguments.extend(["--data", "data", "--default-durability", durability].map(str::to_owned));
    Launch { program: launch.program.clone(), arguments }
}

fn appending(launch: &Launch, fsync: &str) -> Launch {
    let mut arguments = launch.arguments.clone();
    // What is said last holds.
    arguments.extend(["--appendonly", "yes", "--appendfsync", fsync].map(str::to_owned));
    Launch { program: launch.program.clone(), arguments }
}
