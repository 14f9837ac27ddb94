//! Operations inside one process, beside ETS and Mnesia: each run takes both sides in turns.

mod contention;
mod load;

use std::io::Write;

use crate::embedded::load::{Ours, RecordsPhase, TransactionsPhase};
use crate::error::Error;
use crate::options::Options;
use crate::peer::Presence;
use crate::peer::erlang::{Erlang, EtsFigures, MnesiaFigures};
use crate::report::{Record, Report};
use crate::statistics::{median, ratios};

/// Measures all of it; what fails is reported, and the rest is measured all the same.
///
/// # Errors
/// When results cannot be written.
pub(crate) fn run(
    options: &Options,
    report: &mut Report<impl Write>,
    erlang: &Presence<Erlang>,
) -> Result<(), Error> {
    if let Err(error) = records(options, report, erlang) {
        report.failed("embedded", "records", &error)?;
    }
    if let Err(error) = transactions(options, report, erlang) {
        report.failed("embedded", "transactions", &error)?;
    }
    if let Err(error) = contention::run(report) {
        report.failed("embedded", "contention", &error)?;
    }
    Ok(())
}

/// Reads and writes at random keys of a large table, two threads, beside ETS.
fn records(
    options: &Options,
    report: &mut Report<impl Write>,
    erlang: &Presence<Erlang>,
) -> Result<(), Error> {
    let ours = Ours::start()?;
    let phase = RecordsPhase::fill(&ours, i64::from(options.records()))?;
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    let mut peer: Vec<EtsFigures> = Vec::new();
    for _ in 0..options.runs {
        reads.push(phase.reads(options.phase())?);
        writes.push(phase.writes(options.phase())?);
        match erlang {
            Presence::Present(erlang) => peer.push(erlang.ets(options.phase(), options.records())?),
            Presence::Absent(reason) => report.absent("embedded", "ets", reason)?,
        }
    }
    let name = peer.first().map(|figures| figures.name.clone());
    let lookups: Vec<f64> = peer.iter().map(|figures| figures.lookups).collect();
    let inserts: Vec<f64> = peer.iter().map(|figures| figures.inserts).collect();
    report.add(beside("read", &reads, name.as_deref(), &lookups))?;
    report.add(beside("write", &writes, name.as_deref(), &inserts))
}

/// Read-modify-write of rows that the tasks do not share, in transactions and dirty, beside Mnesia.
fn transactions(
    options: &Options,
    report: &mut Report<impl Write>,
    erlang: &Presence<Erlang>,
) -> Result<(), Error> {
    let ours = Ours::start()?;
    let phase = TransactionsPhase::fill(&ours)?;
    let (mut transactions, mut dirty) = (Vec::new(), Vec::new());
    let mut peer: Vec<MnesiaFigures> = Vec::new();
    for _ in 0..options.runs {
        transactions.push(phase.transactions(options.phase())?);
        dirty.push(phase.dirty(options.phase())?);
        match erlang {
            Presence::Absent(reason) => report.absent("embedded", "mnesia", reason)?,
            Presence::Present(erlang) => match erlang.mnesia(options.phase())? {
                Presence::Present(figures) => peer.push(figures),
                Presence::Absent(reason) => report.absent("embedded", "mnesia", &reason)?,
            },
        }
    }
    let name = peer.first().map(|figures| figures.name.clone());
    let theirs: Vec<f64> = peer.iter().map(|figures| figures.transactions).collect();
    let their_dirty: Vec<f64> = peer.iter().map(|figures| figures.dirty).collect();
    report.add(beside("transaction", &transactions, name.as_deref(), &theirs))?;
    report.add(beside("dirty", &dirty, name.as_deref(), &their_dirty))?;
    // How many dirty operations a transaction costs.
    let costs = ratios(&dirty, &transactions);
    let their_costs = ratios(&their_dirty, &theirs);
    report.add(
        Record::new("embedded")
            .with("command", "dirty:transaction")
            .with("runs", costs.len())
            .figure("mnemon_cost", median(&costs))
            .with("peer", name)
            .figure("peer_cost", median(&their_costs))
            .figures("mnemon_costs", &costs),
    )
}

fn beside(command: &'static str, ours: &[f64], peer: Option<&str>, theirs: &[f64]) -> Record {
    let pairs = ratios(ours, theirs);
    Record::new("embedded")
        .with("command", command)
        .with("runs", ours.len())
        .figure("mnemon_ops", median(ours))
        .with("peer", peer)
        .figure("peer_ops", median(theirs))
        .figure("ratio", median(&pairs))
        .figures("ratios", &pairs)
}
