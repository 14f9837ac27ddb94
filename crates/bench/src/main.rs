//! `mnemon-bench`: measures Mnemon beside its peers on this machine and prints what it found.
//!
//! It installs nothing and leaves nothing behind. A peer that is absent is reported as absent; a measurement that fails is
//! reported as failed, the others go on, and the exit status says so in the end. What is measured stands in one module
//! each; here they are chosen and called.

mod audience;
mod backup;
mod client;
mod clock;
mod command;
mod connections;
mod crowd;
mod disc;
mod embedded;
mod error;
mod hash;
mod machine;
mod memory;
mod mnemon_server;
mod options;
mod otp;
mod peer;
mod process;
mod report;
mod resp;
mod scan;
mod scratch;
mod server;
mod statistics;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::error::Error;
use crate::machine::Machine;
use crate::options::{Bench, Options};
use crate::peer::Presence;
use crate::peer::erlang::Erlang;
use crate::peer::redis::{LoadGenerator, Redis};
use crate::report::{Format, Record, Report};
use crate::resp::Peer;
use crate::server::Launch;

/// What was found on this machine.
struct Peers {
    redis: Presence<Redis>,
    generator: Presence<LoadGenerator>,
    erlang: Presence<Erlang>,
}

fn main() -> ExitCode {
    mnemon_allocator::keep_freed_memory();
    let options = Options::parse();
    let format = if options.json { Format::Json } else { Format::Table };
    match measure(&options, Report::new(io::stdout().lock(), format)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // The results cannot be written, so say it where it may be seen; a failure of that is the end of means.
            drop(writeln!(io::stderr(), "mnemon-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for and returns how much of it failed.
fn measure(options: &Options, mut report: Report<impl Write>) -> Result<usize, Error> {
    let peers = Peers { redis: Redis::find(), generator: LoadGenerator::find(), erlang: Erlang::find() };
    let over_resp = Bench::OVER_RESP.iter().any(|(bench, _)| options.wants(*bench));
    let needs_server = over_resp || options.wants(Bench::Backup);
    let mnemon = needs_server.then(|| mnemon_server::launch(options.server.as_deref()));
    report.header(&header(options, &peers, mnemon.as_ref().and_then(|launch| launch.as_ref().ok())))?;
    match mnemon {
        Some(Ok(mnemon)) => {
            measure_server(options, &mut report, &peers, &mnemon)?;
            if options.wants(Bench::Backup)
                && let Err(error) = backup::run(options, &mut report, &mnemon, &peers.redis, &peers.erlang)
            {
                report.failed("backup", "all", &error)?;
            }
        }
        Some(Err(error)) => report.failed("server", "start", &error)?,
        None => {}
    }
    // Before the others of this process: it measures memory.
    if options.wants(Bench::Otp)
        && let Err(error) = otp::run(options, &mut report, &peers.erlang)
    {
        report.failed("otp", "all", &error)?;
    }
    if options.wants(Bench::Embedded) {
        embedded::run(options, &mut report, &peers.erlang)?;
    }
    if options.wants(Bench::Hash)
        && let Err(error) = hash::run(options, &mut report)
    {
        report.failed("hash", "all", &error)?;
    }
    if options.wants(Bench::Disc)
        && let Err(error) = disc::run(options, &mut report, &peers.erlang)
    {
        report.failed("disc", "embedded", &error)?;
    }
    if options.wants(Bench::DiscOnly)
        && let Err(error) = disc::alone::run(options, &mut report)
    {
        report.failed("disc-only", "all", &error)?;
    }
    if options.wants(Bench::Scan)
        && let Err(error) = scan::run(options, &mut report)
    {
        report.failed("scan", "all", &error)?;
    }
    report.finish()
}

fn header(options: &Options, peers: &Peers, mnemon: Option<&Launch>) -> Record {
    let machine = Machine::describe();
    let mut record = Record::new("header")
        .with("cpu", machine.cpu)
        .with("cores", machine.cores)
        .with("kernel", machine.kernel)
        .with("mnemon", env!("CARGO_PKG_VERSION"))
        .with("quick", options.quick);
    if let Some(launch) = mnemon {
        record = record.with("mnemon_command", launch.command("PORT").to_string());
        record = match &peers.redis {
            Presence::Present(redis) => record
                .with("redis", redis.name.as_str())
                .with("redis_command", redis.launch.command("PORT").to_string()),
            Presence::Absent(reason) => record.with("redis", format!("absent: {reason}")),
        };
        if let Some(generator) = peers.generator.present().filter(|_| options.wants(Bench::Resp)) {
            let load = options.plan().load("set", &[], 1);
            record = record.with("load_command", generator.command("PORT", load).to_string());
            let load = options.plan().load("set", &[], 16);
            record = record.with("load_command_pipelined", generator.command("PORT", load).to_string());
        }
    }
    match &peers.erlang {
        Presence::Absent(reason) if options.wants(Bench::Embedded) || options.wants(Bench::Otp) => {
            record.with("erlang", format!("absent: {reason}"))
        }
        Presence::Absent(_) => record,
        Presence::Present(erlang) => {
            if options.wants(Bench::Embedded) {
                record = record
                    .with("ets_command", erlang.ets_command(options.phase(), options.records()).to_string())
                    .with("mnesia_command", erlang.mnesia_command(options.phase()).to_string());
            }
            if options.wants(Bench::Otp) {
                let command = erlang.otp_command(options.phase(), options.processes());
                record = record.with("otp_command", command.to_string());
            }
            record
        }
    }
}

fn measure_server(
    options: &Options,
    report: &mut Report<impl Write>,
    peers: &Peers,
    mnemon: &Launch,
) -> Result<(), Error> {
    let peer = peers.redis.present().map(|redis| Peer { name: &redis.name, launch: &redis.launch });
    for (bench, name) in Bench::OVER_RESP {
        if !options.wants(bench) {
            continue;
        }
        if let Presence::Absent(reason) = &peers.redis {
            report.absent(name, "redis", reason)?;
        }
        let outcome = match (bench, &peers.generator) {
            (Bench::Resp | Bench::Hash | Bench::Disc, Presence::Absent(reason)) => {
                report.absent(name, "redis-benchmark", reason)
            }
            (Bench::Resp, Presence::Present(generator)) => {
                resp::run(report, generator, mnemon, peer, options.plan())
            }
            (Bench::Hash, Presence::Present(generator)) => {
                hash::over_resp::run(report, generator, mnemon, peer, options.plan())
            }
            (Bench::Answers, _) => resp::answers::run(report, mnemon, peer, options.plan()),
            (Bench::Walk, _) => resp::walk::run(report, mnemon, peer, options.plan()),
            (Bench::Publish, _) => resp::publish::run(report, mnemon, peer, options.plan()),
            (Bench::Idle, _) => resp::idle::run(report, mnemon, peer, options.plan()),
            (Bench::Fields, _) => resp::fields::run(report, mnemon, peer, options.plan()),
            (Bench::Disc, Presence::Present(generator)) => {
                disc::over_resp::run(report, generator, mnemon, peer, options.plan())
            }
            _ => memory::run(report, mnemon, peer, options.plan()),
        };
        if let Err(error) = outcome {
            report.failed(name, "all", &error)?;
        }
    }
    Ok(())
}
