//! What is kept on disc: how fast it is loaded and written inside one process, beside Mnesia's `disc_copies`, and over RESP,
//! beside Redis with an append-only file.

pub(crate) mod alone;
mod kept;
pub(crate) mod over_resp;

use std::io::Write;

use crate::error::Error;
use crate::options::Options;
use crate::peer::Presence;
use crate::peer::erlang::{Erlang, MnesiaDiscFigures};
use crate::report::{Record, Report};
use crate::statistics::{median, ratios};
use kept::Kept;

/// Measures what needs no server.
///
/// # Errors
/// When something fails, or results cannot be written.
pub(crate) fn run(
    options: &Options,
    report: &mut Report<impl Write>,
    erlang: &Presence<Erlang>,
) -> Result<(), Error> {
    let (mut loads, mut firsts, mut writes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut commits, mut groups) = (Vec::new(), Vec::new());
    let mut peer: Vec<MnesiaDiscFigures> = Vec::new();
    let kept = Kept::fill(options.records())?;
    for _ in 0..options.runs {
        let figures = kept.measure(options.phase())?;
        loads.push(figures.load_ms);
        firsts.push(figures.first_read_ms);
        writes.push(figures.writes);
        commits.push(figures.commits);
        groups.push(figures.group);
        match erlang {
            Presence::Absent(reason) => report.absent("disc", "mnesia", reason)?,
            Presence::Present(erlang) => match erlang.mnesia_disc(options.phase(), options.records())? {
                Presence::Present(figures) => peer.push(figures),
                Presence::Absent(reason) => report.absent("disc", "mnesia", &reason)?,
            },
        }
    }
    let name = peer.first().map(|figures| figures.name.clone());
    let their_loads: Vec<f64> = peer.iter().map(|figures| figures.load_ms).collect();
    let their_writes: Vec<f64> = peer.iter().map(|figures| figures.writes).collect();
    let beside = |what: &'static str, ours: &[f64], theirs: &[f64]| {
        let pairs = ratios(ours, theirs);
        Record::new("disc")
            .with("figure", what)
            .with("runs", ours.len())
            .figure("mnemon", median(ours))
            .with("peer", name.clone())
            .figure("peer_figure", median(theirs))
            .figure("ratio", median(&pairs))
            .figures("ratios", &pairs)
    };
    report.add(beside("load ms", &loads, &their_loads))?;
    report.add(beside("first read ms", &firsts, &[]))?;
    report.add(beside("interval writes/s", &writes, &their_writes))?;
    report.add(beside("durable commits/s, 64 writers", &commits, &[]))?;
    report.add(beside("commits a sync, 64 writers", &groups, &[]))
}
