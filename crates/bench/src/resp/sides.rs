//! What a generator of commands cannot measure: both sides in turns, a few figures of each run.

use std::io::Write;

use crate::error::Error;
use crate::report::{Record, Report};
use crate::resp::Peer;
use crate::server::{Launch, Server};
use crate::statistics::{median, ratios};

/// A comparison of two servers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'a> {
    pub(super) mnemon: &'a Launch,
    pub(super) peer: Option<Peer<'a>>,
    /// Pairs of runs.
    pub(super) runs: u32,
    /// What a figure is called in results, of Mnemon and of its peer; the ratio is that of the first.
    pub(super) names: &'a [[&'static str; 2]],
}

impl Sides<'_> {
    /// Starts and prepares both servers, measures each in turns, and adds the medians to `record`. A measurement gives one
    /// figure for each name.
    ///
    /// # Errors
    /// When a server cannot be started, prepared or measured, or results cannot be written.
    pub(super) fn compare(
        &self,
        report: &mut Report<impl Write>,
        record: Record,
        prepare: impl Fn(&Server) -> Result<(), Error>,
        measure: impl Fn(&Server) -> Result<Vec<f64>, Error>,
    ) -> Result<(), Error> {
        let launches = std::iter::once(self.mnemon).chain(self.peer.map(|peer| peer.launch));
        let mut servers = Vec::new();
        for launch in launches {
            let server = Server::start(launch)?;
            prepare(&server)?;
            servers.push((server, Vec::new()));
        }
        for _ in 0..self.runs {
            for (server, runs) in &mut servers {
                runs.push(measure(server)?);
            }
        }
        let sides: Vec<Vec<Vec<f64>>> = servers.into_iter().map(|(_, runs)| runs).collect();
        report.add(self.summed(record, &sides))
    }

    /// The record with the figures of both sides, each a list of runs.
    fn summed(&self, record: Record, sides: &[Vec<Vec<f64>>]) -> Record {
        let figures = |side: usize, place: usize| -> Vec<f64> {
            let runs = sides.get(side).map_or(&[][..], Vec::as_slice);
            runs.iter().filter_map(|run| run.get(place).copied()).collect()
        };
        let pairs = ratios(&figures(0, 0), &figures(1, 0));
        let mut record = record.with("runs", self.runs).with("peer", self.peer.map(|peer| peer.name));
        for (place, names) in self.names.iter().enumerate() {
            for (side, name) in names.iter().enumerate() {
                record = record.figure(name, median(&figures(side, place)));
            }
        }
        record.figure("ratio", median(&pairs)).figures("ratios", &pairs)
    }
}
