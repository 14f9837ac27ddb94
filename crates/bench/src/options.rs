//! What the command line asks for.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::peer::erlang::ETS_RECORDS;
use crate::resp::Plan;

/// Measures Mnemon beside its peers on this machine.
#[derive(Debug, Parser)]
#[command(name = "mnemon-bench", version)]
pub(crate) struct Options {
    /// Print one JSON object a line instead of tables
    #[arg(long)]
    pub(crate) json: bool,

    /// Measure only these
    #[arg(long, value_delimiter = ',', value_name = "BENCH,…")]
    pub(crate) only: Vec<Bench>,

    /// A tenth of the work: a first look, not a measurement
    #[arg(long)]
    pub(crate) quick: bool,

    /// Runs of each side, taken in turns; medians of them are reported
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) runs: u32,

    /// The mnemon binary [default: target/release/mnemon, built if missing]
    #[arg(long, value_name = "PATH")]
    pub(crate) server: Option<PathBuf>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// Requests a second and CPU time a request, beside Redis
    Resp,
    /// HGETALL of a hundred fields, to clients that only count the bytes of answers, beside Redis
    Answers,
    /// SCAN of a million keys, beside Redis
    Walk,
    /// PUBLISH to a hundred subscribers, beside Redis
    Publish,
    /// GET while ten thousand idle connections are open, beside Redis
    Idle,
    /// Resident bytes a key, beside Redis
    Memory,
    /// Resident bytes a field of a large hash, beside Redis
    Fields,
    /// Operations inside one process, beside ETS and Mnesia
    Embedded,
    /// Calls, casts, spawning and restarts of processes, beside Erlang
    Otp,
    /// A backup and a writer beside it, with Redis and Mnesia
    Backup,
    /// Setting a field of a large hash beside a small one
    Hash,
    /// What is kept on disc: loading and writing, beside Mnesia and Redis
    Disc,
    /// A table on disc only of eight times its memory: filled, scanned, read at random
    DiscOnly,
    /// Ten million rows: the longest operation, and writers beside a scan
    Scan,
}

impl Bench {
    /// Those that need the server, in the order they are run, with their names in results.
    pub(crate) const OVER_RESP: [(Self, &'static str); 9] = [
        (Self::Resp, "resp"),
        (Self::Answers, "answers"),
        (Self::Walk, "walk"),
        (Self::Publish, "publish"),
        (Self::Idle, "idle"),
        (Self::Memory, "memory"),
        (Self::Fields, "fields"),
        (Self::Hash, "hash"),
        (Self::Disc, "disc"),
    ];
}

impl Options {
    /// Whether `bench` is to be measured.
    pub(crate) fn wants(&self, bench: Bench) -> bool {
        self.only.is_empty() || self.only.contains(&bench)
    }

    /// How much is sent to servers.
    pub(crate) fn plan(&self) -> Plan {
        Plan { runs: self.runs, quick: self.quick }
    }

    /// How long an embedded store is kept busy in each phase of a run.
    pub(crate) fn phase(&self) -> Duration {
        Duration::from_millis(if self.quick { 300 } else { 3000 })
    }

    /// Servers that are to live at once.
    pub(crate) fn processes(&self) -> u32 {
        if self.quick { 20_000 } else { 200_000 }
    }

    /// Records in a large embedded table.
    pub(crate) fn records(&self) -> u32 {
        if self.quick { ETS_RECORDS / 10 } else { ETS_RECORDS }
    }
}
