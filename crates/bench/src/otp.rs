//! Processes, beside Erlang's: calls, casts, spawning, restarts, memory. Each run takes both sides in turns, but our memory
//! is measured once.

mod load;

use std::io::Write;

use crate::error::Error;
use crate::options::Options;
use crate::peer::Presence;
use crate::peer::erlang::Erlang;
use crate::report::{Record, Report};
use crate::statistics::{median, ratios};

/// What one side was measured to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OtpFigures {
    /// Round trips of calls a second, one caller.
    pub(crate) calls_1: f64,
    /// The same, eight callers of one server together.
    pub(crate) calls_8: f64,
    /// Casts a second, each taken by the server.
    pub(crate) casts: f64,
    /// Processes a second that are started, end and are seen to have ended.
    pub(crate) spawns: f64,
    /// µs from the kill of a child to the `init` of the next, at the median.
    pub(crate) restart_us: f64,
    /// Servers that lived at once.
    pub(crate) live: f64,
    /// Bytes a server that waits.
    pub(crate) process_bytes: f64,
}

/// What is reported: its name, its figure, and whether more is better.
type Line = (&'static str, fn(&OtpFigures) -> f64, bool);

const LINES: &[Line] = &[
    ("call, 1 caller", |figures| figures.calls_1, true),
    ("call, 8 callers", |figures| figures.calls_8, true),
    ("cast", |figures| figures.casts, true),
    ("spawn and exit", |figures| figures.spawns, true),
    ("restart, µs", |figures| figures.restart_us, false),
    ("live servers", |figures| figures.live, true),
    ("bytes a server", |figures| figures.process_bytes, false),
];

/// Measures and reports.
///
/// # Errors
/// When a side cannot be measured, or results cannot be written.
pub(crate) fn run(
    options: &Options,
    report: &mut Report<impl Write>,
    erlang: &Presence<Erlang>,
) -> Result<(), Error> {
    let (mut ours, mut theirs, mut name) = (Vec::new(), Vec::new(), None);
    let memory = load::memory(options.processes())?;
    for _ in 0..options.runs {
        ours.push(load::measure(options.phase(), memory)?);
        match erlang {
            Presence::Present(erlang) => {
                let (peer, figures) = erlang.otp(options.phase(), options.processes())?;
                name = Some(peer);
                theirs.push(figures);
            }
            Presence::Absent(reason) => report.absent("otp", "erlang", reason)?,
        }
    }
    for line in LINES {
        report.add(beside(line, &ours, name.as_deref(), &theirs))?;
    }
    Ok(())
}

/// A ratio above one is in our favour, whatever is counted.
fn beside(
    (command, figure, more_is_better): &Line,
    ours: &[OtpFigures],
    peer: Option<&str>,
    theirs: &[OtpFigures],
) -> Record {
    let ours: Vec<f64> = ours.iter().map(figure).collect();
    let theirs: Vec<f64> = theirs.iter().map(figure).collect();
    let pairs = if *more_is_better { ratios(&ours, &theirs) } else { ratios(&theirs, &ours) };
    Record::new("otp")
        .with("command", *command)
        .with("runs", ours.len())
        .figure("mnemon", median(&ours))
        .with("peer", peer)
        .figure("peer_figure", median(&theirs))
        .figure("ratio", median(&pairs))
        .figures("ratios", &pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_is_in_our_favour() {
        let ours = OtpFigures {
            calls_1: 2.0,
            calls_8: 2.0,
            casts: 2.0,
            spawns: 2.0,
            restart_us: 2.0,
            live: 2.0,
            process_bytes: 2.0,
        };
        let theirs = OtpFigures { calls_1: 1.0, restart_us: 4.0, ..ours };
        for (line, expected) in [(0, "2.0"), (4, "2.0"), (2, "1.0")] {
            let record = format!("{:?}", beside(&LINES[line], &[ours], Some("otp25"), &[theirs]));
            assert!(record.contains(&format!("(\"ratio\", Number({expected}))")), "{record}");
        }
    }

    #[test]
    fn our_side_measures_every_figure() {
        let figures = load::memory(100)
            .and_then(|memory| load::measure(std::time::Duration::from_millis(20), memory))
            .unwrap();
        for (name, figure, _) in LINES {
            assert!(figure(&figures) >= 0.0, "{name}");
        }
        assert_eq!(figures.live, 100.0);
        assert!(figures.calls_1 > 1.0 && figures.casts > 1.0 && figures.spawns > 1.0);
    }
}
