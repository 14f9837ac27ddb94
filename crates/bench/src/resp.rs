//! Commands over RESP: requests a second and the server's CPU time a request, beside a peer, under the same generator.
//!
//! Both servers run all the time and take turns, pair after pair; a ratio is of one pair, so that a machine that slows
//! down slows both sides of it. Each command has a run of its own, as CPU time cannot be split afterwards.

use std::io::Write;

use crate::error::Error;
use crate::peer::redis::{Load, LoadGenerator};
use crate::report::{Record, Report};
use crate::server::{Launch, Server};
use crate::statistics::{median, ratios};

/// What is sent, in this order: `get` finds what `set` wrote.
const COMMANDS: [&str; 3] = ["set", "get", "incr"];

const PIPELINES: [u32; 2] = [1, 16];

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Pairs of runs.
    pub(crate) runs: u32,
    /// A first look instead of a measurement.
    pub(crate) quick: bool,
}

impl Plan {
    /// The load of one run: about two seconds of it, or a tenth of that for a first look.
    pub(crate) fn load(self, command: &'static str, pipeline: u32) -> Load {
        let requests = if pipeline == 1 { 200_000 } else { 1_000_000 };
        Load { command, pipeline, requests: if self.quick { requests / 10 } else { requests } }
    }
}

/// What is measured beside Mnemon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer<'a> {
    /// Its name in results.
    pub(crate) name: &'a str,
    /// How it is started.
    pub(crate) launch: &'a Launch,
}

/// The figures of one side, run by run.
#[derive(Clone, Debug, Default)]
struct Side {
    ops: Vec<f64>,
    cpu_us: Vec<f64>,
}

impl Side {
    fn measure(&mut self, server: &Server, generator: &LoadGenerator, load: Load) -> Result<(), Error> {
        let before = server.cpu_us()?;
        let ops = generator.run(server.port(), load)?;
        let used = server.cpu_us()?.saturating_sub(before);
        self.ops.push(ops);
        self.cpu_us.push(used as f64 / load.requests as f64);
        Ok(())
    }
}

/// Measures every command and pipeline; a command that fails is reported and the others go on.
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
    let ours = Server::start(mnemon)?;
    let theirs = match peer {
        Some(peer) => Some((peer.name, Server::start(peer.launch)?)),
        None => None,
    };
    for pipeline in PIPELINES {
        for command in COMMANDS {
            let load = plan.load(command, pipeline);
            match measure(generator, &ours, theirs.as_ref().map(|(_, server)| server), load, plan.runs) {
                Ok((our_side, their_side)) => {
                    let name = theirs.as_ref().map(|(name, _)| *name);
                    report.add(record(load, name, &our_side, &their_side))?;
                }
                Err((side, error)) => {
                    let what = format!("{command} with pipeline {pipeline} on {side}");
                    report.failed("resp", &what, &error)?;
                }
            }
        }
    }
    Ok(())
}

/// The figures of both sides, or the side that failed and why.
fn measure(
    generator: &LoadGenerator,
    ours: &Server,
    theirs: Option<&Server>,
    load: Load,
    runs: u32,
) -> Result<(Side, Side), (&'static str, Error)> {
    let (mut our_side, mut their_side) = (Side::default(), Side::default());
    // A short run first, uncounted: it makes the keys and grows buffers.
    let warm_up = Load { requests: load.requests / 10, ..load };
    generator.run(ours.port(), warm_up).map_err(|error| ("mnemon", error))?;
    if let Some(server) = theirs {
        generator.run(server.port(), warm_up).map_err(|error| ("the peer", error))?;
    }
    for _ in 0..runs {
        our_side.measure(ours, generator, load).map_err(|error| ("mnemon", error))?;
        if let Some(server) = theirs {
            their_side.measure(server, generator, load).map_err(|error| ("the peer", error))?;
        }
    }
    Ok((our_side, their_side))
}

fn record(load: Load, peer: Option<&str>, ours: &Side, theirs: &Side) -> Record {
    let pairs = ratios(&ours.ops, &theirs.ops);
    let cpu_pairs = ratios(&ours.cpu_us, &theirs.cpu_us);
    Record::new("resp")
        .with("command", load.command)
        .with("pipeline", load.pipeline)
        .with("runs", ours.ops.len())
        .figure("mnemon_ops", median(&ours.ops))
        .with("peer", peer)
        .figure("peer_ops", median(&theirs.ops))
        .figure("ratio", median(&pairs))
        .figures("ratios", &pairs)
        .figure("mnemon_cpu_us", median(&ours.cpu_us))
        .figure("peer_cpu_us", median(&theirs.cpu_us))
        .figure("cpu_ratio", median(&cpu_pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_pairs_not_the_ratio_of_medians() {
        let ours = Side { ops: vec![100.0, 400.0, 90.0], cpu_us: vec![1.0, 1.0, 1.0] };
        let theirs = Side { ops: vec![100.0, 200.0, 30.0], cpu_us: vec![2.0, 2.0, 2.0] };
        let load = Plan { runs: 3, quick: true }.load("set", 16);
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, crate::report::Format::Json);
        report.add(record(load, Some("peer"), &ours, &theirs)).unwrap();
        report.add(record(load, None, &ours, &Side::default())).unwrap();
        report.finish().unwrap();
        let lines: Vec<serde_json::Value> =
            String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["ratio"], 2.0);
        assert_eq!(lines[0]["mnemon_ops"], 100.0);
        assert_eq!(lines[0]["cpu_ratio"], 0.5);
        assert!(lines[1]["ratio"].is_null() && lines[1]["peer"].is_null());
    }
}
