//! `HSET` as a client sees it: into a hash of a million fields beside one of a thousand, on our server and on the peer's, and on
//! ours while a snapshot is open.

use std::io::Write;

use mnemon_node::Node;
use tokio::runtime::Runtime;

use crate::client::Client;
use crate::error::Error;
use crate::peer::redis::{Load, LoadGenerator};
use crate::report::{Record, Report};
use crate::resp::{CLIENTS, PIPELINES, Peer, Plan, Side};
use crate::server::{Launch, Server};
use crate::statistics::{median, ratios};

const SNAPSHOT_TTL_MS: u64 = 600_000;
/// I/O threads of our server, as many as it takes here by itself.
const THREADS: usize = 2;
const VALUE: &str = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv";
const FIELD: &str = "field:__rand_int__";

/// A hash of so many fields.
struct Hash {
    key: &'static str,
    fields: u64,
    words: &'static [&'static str],
}

const SMALL: Hash = Hash { key: "small", fields: 1_000, words: &["HSET", "small", FIELD, VALUE] };
const LARGE: Hash = Hash { key: "large", fields: 1_000_000, words: &["HSET", "large", FIELD, VALUE] };

/// Measures and reports.
///
/// # Errors
/// When a server or the generator fails, or results cannot be written.
pub(crate) fn run(
    report: &mut Report<impl Write>,
    generator: &LoadGenerator,
    mnemon: &Launch,
    peer: Option<Peer<'_>>,
    plan: Plan,
) -> Result<(), Error> {
    let servers =
        [("mnemon", Some(mnemon)), (peer.map_or("", |peer| peer.name), peer.map(|peer| peer.launch))];
    for (name, launch) in servers {
        let Some(launch) = launch else { continue };
        let server = Server::start(launch)?;
        fill(server.port())?;
        for pipeline in PIPELINES {
            let (mut small, mut large) = (Side::default(), Side::default());
            for _ in 0..plan.runs {
                small.measure(&server, generator, load(plan, &SMALL, pipeline))?;
                large.measure(&server, generator, load(plan, &LARGE, pipeline))?;
            }
            // How many times as long, so that above 1 is worse.
            let costs = ratios(&small.ops, &large.ops);
            let cpu_costs = ratios(&large.cpu_us, &small.cpu_us);
            report.add(
                Record::new("hash")
                    .with("command", "hset over resp")
                    .with("server", name)
                    .with("pipeline", pipeline)
                    .with("runs", costs.len())
                    .figure("thousand_fields_ops", median(&small.ops))
                    .figure("million_fields_ops", median(&large.ops))
                    .figure("cost", median(&costs))
                    .figure("cpu_cost", median(&cpu_costs))
                    .figures("costs", &costs),
            )?;
        }
    }
    under_snapshots(report, generator, plan)
}

fn fill(port: u16) -> Result<(), Error> {
    [&SMALL, &LARGE].into_iter().try_for_each(|hash| {
        let mut client = Client::connect(port)?;
        client.fill_hash(hash.key, 0..hash.fields)
    })
}

/// The same on our server, each run under a snapshot of its own that sees all fields as they were: what is written first has to be
/// kept for it. No client can hold a snapshot open for so long, so the server runs in this process.
fn under_snapshots(
    report: &mut Report<impl Write>,
    generator: &LoadGenerator,
    plan: Plan,
) -> Result<(), Error> {
    let failed = |cause: &dyn std::error::Error| Error::Embedded(cause.to_string());
    let runtime = Runtime::new().map_err(|cause| failed(&cause))?;
    let builder = Node::builder().resp(([127, 0, 0, 1], 0).into()).resp_threads(THREADS);
    let node = runtime.block_on(builder.start()).map_err(|cause| failed(&cause))?;
    let port = node.resp_addr().map_or(0, |addr| addr.port());
    fill(port)?;
    let run = |hash, pipeline| {
        let store = node.catalog().store();
        let snapshot = store.snapshot(SNAPSHOT_TTL_MS);
        let ops = generator.run(port, load(plan, hash, pipeline));
        drop(snapshot);
        store.maintain_snapshots();
        ops
    };
    for pipeline in PIPELINES {
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for _ in 0..plan.runs {
            small.push(run(&SMALL, pipeline)?);
            large.push(run(&LARGE, pipeline)?);
        }
        let costs = ratios(&small, &large);
        report.add(
            Record::new("hash")
                .with("command", "hset over resp under a snapshot")
                .with("server", "mnemon")
                .with("pipeline", pipeline)
                .with("runs", costs.len())
                .figure("thousand_fields_ops", median(&small))
                .figure("million_fields_ops", median(&large))
                .figure("cost", median(&costs))
                .figures("costs", &costs),
        )?;
    }
    runtime.block_on(node.shutdown());
    Ok(())
}

fn load(plan: Plan, hash: &Hash, pipeline: u32) -> Load {
    let requests = if pipeline == 1 { 200_000 } else { 1_000_000 };
    let requests = if plan.quick { requests / 10 } else { requests };
    Load { command: "hset", words: hash.words, range: hash.fields, clients: CLIENTS, pipeline, requests }
}
