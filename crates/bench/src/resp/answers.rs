//! Large answers, read by clients that only count their bytes.

use std::io::Write;

use crate::clock;
use crate::crowd::Crowd;
use crate::error::Error;
use crate::report::{Record, Report};
use crate::resp::sides::Sides;
use crate::resp::{CLIENTS, HUNDRED, PIPELINES, Peer, Plan, prepare};
use crate::server::{Launch, Server};

/// Answers of one run.
const ANSWERS: u64 = 200_000;
const NAMES: [[&str; 2]; 2] =
    [["mnemon_answers_per_second", "peer_answers_per_second"], ["mnemon_cpu_us", "peer_cpu_us"]];

/// Measures `HGETALL` of a hundred fields, and reports a line for each pipeline.
///
/// # Errors
/// When a server fails, or results cannot be written.
pub(crate) fn run(
    report: &mut Report<impl Write>,
    mnemon: &Launch,
    peer: Option<Peer<'_>>,
    plan: Plan,
) -> Result<(), Error> {
    let answers = if plan.quick { ANSWERS / 10 } else { ANSWERS };
    for pipeline in PIPELINES {
        let record = Record::new("answers")
            .with("command", "hgetall of 100")
            .with("clients", CLIENTS)
            .with("pipeline", pipeline);
        let sides = Sides { mnemon, peer, runs: plan.runs, names: &NAMES };
        sides.compare(report, record, prepare, |server| ask(server, answers, pipeline))?;
    }
    Ok(())
}

/// Answers a second, and CPU time of the server for each.
fn ask(server: &Server, answers: u64, pipeline: u32) -> Result<Vec<f64>, Error> {
    let crowd = Crowd::gather(server.port(), CLIENTS, &["HGETALL", HUNDRED])?;
    let batches = answers / u64::from(CLIENTS) / u64::from(pipeline);
    let asked = (batches * u64::from(CLIENTS) * u64::from(pipeline)) as f64;
    let before = server.cpu_us()?;
    let started = clock::now();
    crowd.ask(batches, pipeline)?;
    let seconds = started.elapsed().as_secs_f64();
    let used = server.cpu_us()?.saturating_sub(before);
    Ok(vec![asked / seconds, used as f64 / asked])
}
