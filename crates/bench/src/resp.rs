//! Commands over RESP: requests a second and the server's CPU time a request, beside a peer, under the same generator.
//!
//! Both servers run all the time and take turns, pair after pair; a ratio is of one pair, so that a machine that slows
//! down slows both sides of it. Each command has a run of its own, as CPU time cannot be split afterwards.

pub(crate) mod answers;
pub(crate) mod fields;
pub(crate) mod idle;
pub(crate) mod publish;
mod sides;
pub(crate) mod walk;

use std::io::Write;

use crate::client::Client;
use crate::error::Error;
use crate::peer::redis::{Load, LoadGenerator};
use crate::report::{Record, Report};
use crate::server::{Launch, Server};
use crate::statistics::{median, ratios};

/// What is sent, in this order: `get` and `mget` find what `set` wrote, `hgetall` what [`prepare`] did.
const COMMANDS: [(&str, &[&str]); 6] = [
    ("set", &[]),
    ("get", &[]),
    ("incr", &[]),
    ("hset", &[]),
    ("mget of 10", &MGET),
    ("hgetall of 100", &["HGETALL", HUNDRED]),
];

const KEY: &str = "key:__rand_int__";
const MGET: [&str; 11] = ["MGET", KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY];
/// A hash of a hundred fields.
const HUNDRED: &str = "hundred";
/// Connections of the load generator, its own default.
pub(crate) const CLIENTS: u32 = 50;
/// Random keys and fields are below this.
const RANGE: u64 = 100_000;

/// Commands that a client sends before it reads the answers.
pub(crate) const PIPELINES: [u32; 2] = [1, 16];

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
    pub(crate) fn load(self, command: &'static str, words: &'static [&'static str], pipeline: u32) -> Load {
        let requests = match (words.len(), pipeline) {
            (0, 1) => 200_000,
            (0, _) => 1_000_000,
            // Its answers are large or many.
            _ => 100_000,
        };
        let requests = if self.quick { requests / 10 } else { requests };
        Load { command, words, range: RANGE, clients: CLIENTS, pipeline, requests }
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
pub(crate) struct Side {
    pub(crate) ops: Vec<f64>,
    pub(crate) cpu_us: Vec<f64>,
}

impl Side {
    /// Puts a load on a server and notes its rate and what it cost the server.
    ///
    /// # Errors
    /// When the generator fails or the server is gone.
    pub(crate) fn measure(
        &mut self,
        server: &Server,
        generator: &LoadGenerator,
        load: Load,
    ) -> Result<(), Error> {
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
    for server in std::iter::once(&ours).chain(theirs.as_ref().map(|(_, server)| server)) {
        prepare(server)?;
    }
    for pipeline in PIPELINES {
        for (command, words) in COMMANDS {
            let load = plan.load(command, words, pipeline);
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

/// Makes what the commands read and do not write.
fn prepare(server: &Server) -> Result<(), Error> {
    Client::connect(server.port())?.fill_hash(HUNDRED, 0..100)
}

/// The figures of both sides, or the side that failed and why.
pub(crate) fn measure(
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
        let load = Plan { runs: 3, quick: true }.load("set", &[], 16);
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
