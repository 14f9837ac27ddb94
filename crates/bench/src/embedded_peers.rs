//! The embedded peers by themselves: what ETS and Mnesia do inside one Erlang runtime.

use std::io::Write;

use crate::error::Error;
use crate::options::Options;
use crate::peer::Presence;
use crate::peer::erlang::Erlang;
use crate::report::{Record, Report};
use crate::statistics::{median, ratios};

/// Measures ETS and Mnesia; one that fails is reported, and the other is measured all the same.
///
/// # Errors
/// When results cannot be written.
pub(crate) fn run(
    options: &Options,
    report: &mut Report<impl Write>,
    erlang: &Presence<Erlang>,
) -> Result<(), Error> {
    let erlang = match erlang {
        Presence::Present(erlang) => erlang,
        Presence::Absent(reason) => {
            report.absent("embedded", "ets", reason)?;
            return report.absent("embedded", "mnesia", reason);
        }
    };
    let outcomes = [
        measure_ets(options, report, erlang),
        measure_mnesia(options, report, erlang),
    ];
    for (peer, outcome) in ["ets", "mnesia"].iter().zip(outcomes) {
        if let Err(error) = outcome {
            report.failed("embedded", peer, &error)?;
        }
    }
    Ok(())
}

fn measure_ets(options: &Options, report: &mut Report<impl Write>, erlang: &Erlang) -> Result<(), Error> {
    let (mut lookups, mut inserts, mut name) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..options.runs {
        let figures = erlang.ets(options.phase(), options.records())?;
        lookups.push(figures.lookups);
        inserts.push(figures.inserts);
        name = figures.name;
    }
    for (command, ops) in [("lookup", &lookups), ("insert", &inserts)] {
        report.add(embedded_peer(command, &name, ops))?;
    }
    Ok(())
}

fn measure_mnesia(options: &Options, report: &mut Report<impl Write>, erlang: &Erlang) -> Result<(), Error> {
    let (mut transactions, mut dirty, mut name) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..options.runs {
        match erlang.mnesia(options.phase())? {
            Presence::Present(figures) => {
                transactions.push(figures.transactions);
                dirty.push(figures.dirty);
                name = figures.name;
            }
            Presence::Absent(reason) => return report.absent("embedded", "mnesia", &reason),
        }
    }
    for (command, ops) in [("transaction", &transactions), ("dirty", &dirty)] {
        report.add(embedded_peer(command, &name, ops))?;
    }
    let pairs = ratios(&transactions, &dirty);
    let record = Record::new("embedded")
        .with("command", "transaction:dirty")
        .with("peer", name);
    report.add(
        record
            .figure("peer_ratio", median(&pairs))
            .figures("peer_ratios", &pairs),
    )
}

fn embedded_peer(command: &'static str, peer: &str, ops: &[f64]) -> Record {
    Record::new("embedded")
        .with("command", command)
        .with("runs", ops.len())
        .with("peer", peer)
        .figure("peer_ops", median(ops))
}
