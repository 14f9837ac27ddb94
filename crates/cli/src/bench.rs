//! `mnemon bench`: a load generator for any RESP server, with the latencies that clients see.
//!
//! What must stay true: what is measured is the time from before a batch is written until its last answer is read; every
//! answer is read and an error among them fails the run; keys and values come from a seed, so that a run can be repeated.

mod connection;
mod load;
mod workload;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::client::Server;
use crate::error::CliError;
use crate::output::{Form, print, table};
use workload::Test;

/// Load for a server, and how it bears it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    server: Server,

    /// Clients at the same time.
    #[arg(short, long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,

    /// Requests of each test, all clients together.
    #[arg(short = 'n', long, value_name = "N", default_value = "100000", value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    requests: u64,

    /// Requests that a client sends before it waits for their answers.
    #[arg(short = 'P', long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pipeline: u32,

    /// Bytes of a value.
    #[arg(short = 'd', long, value_name = "BYTES", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    size: u32,

    /// Keys are taken at random from so many.
    #[arg(short = 'r', long, value_name = "N", default_value = "100000", value_parser = clap::value_parser!(u64).range(1..))]
    keyspace: u64,

    /// What is tested, in this order.
    #[arg(short, long, value_enum, value_delimiter = ',', default_value = "set,get,incr,hset,mget")]
    tests: Vec<Test>,

    /// Threads that make the load.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,

    /// What chooses keys and values; the same seed makes the same requests.
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,

    /// How to print the results.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
}

/// The result of one test. Latencies are those of a batch of `pipeline` requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Outcome {
    test: &'static str,
    requests: u64,
    seconds: f64,
    requests_per_second: f64,
    p50_us: f64,
    p95_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
}

/// What one test came to: the latencies of its batches in nanoseconds, and how long it took.
struct Measured {
    latencies: Histogram<u64>,
    took: Duration,
}

/// Runs the tests and prints their results.
///
/// # Errors
/// `Unreachable`, `Lost`, `Refused` for an answer that is an error.
pub(crate) fn run(mut bench: Bench) -> Result<ExitCode, CliError> {
    bench.server.ask_password()?;
    let mut outcomes = Vec::new();
    for test in &bench.tests {
        let measured = load::run(&bench, *test)?;
        outcomes.push(outcome(&bench, *test, &measured));
    }
    match bench.output {
        Form::Table => print(&for_people(&bench, &outcomes)),
        // Texts and numbers; this cannot fail.
        Form::Json => print(&format!("{}\n", serde_json::to_string_pretty(&outcomes).unwrap_or_default())),
    }
    Ok(ExitCode::SUCCESS)
}

fn outcome(bench: &Bench, test: Test, measured: &Measured) -> Outcome {
    let at = |quantile: f64| measured.latencies.value_at_quantile(quantile) as f64 / 1e3;
    let seconds = measured.took.as_secs_f64();
    Outcome {
        test: test.name(),
        requests: bench.requests,
        seconds,
        requests_per_second: bench.requests as f64 / seconds.max(1e-9),
        p50_us: at(0.5),
        p95_us: at(0.95),
        p99_us: at(0.99),
        p999_us: at(0.999),
        max_us: measured.latencies.max() as f64 / 1e3,
    }
}

fn for_people(bench: &Bench, outcomes: &[Outcome]) -> String {
    let header = ["test", "requests/s", "p50 µs", "p95 µs", "p99 µs", "p99.9 µs", "max µs"];
    let rows = outcomes.iter().map(|outcome| {
        let latencies = [outcome.p50_us, outcome.p95_us, outcome.p99_us, outcome.p999_us, outcome.max_us];
        let latencies = latencies.iter().map(|us| format!("{us:.1}"));
        let head = [outcome.test.to_owned(), format!("{:.0}", outcome.requests_per_second)];
        head.into_iter().chain(latencies).collect()
    });
    let what = format!(
        "{} requests a test, {} clients, pipeline {}, values of {} bytes, {} keys, seed {}\n\n",
        bench.requests, bench.clients, bench.pipeline, bench.size, bench.keyspace, bench.seed
    );
    what + &table(&header, rows)
}
