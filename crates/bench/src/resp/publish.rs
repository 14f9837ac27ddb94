//! `PUBLISH` to a hundred subscribers: messages delivered a second, until the last subscriber has the last one.

use std::io::Write;

use crate::audience::Audience;
use crate::client::Client;
use crate::clock;
use crate::error::Error;
use crate::report::{Record, Report};
use crate::resp::sides::Sides;
use crate::resp::{PIPELINES, Peer, Plan};
use crate::server::{Launch, Server};

const SUBSCRIBERS: u64 = 100;
/// Messages of one run, of 40 bytes each.
const MESSAGES: u64 = 20_000;
const NAMES: [[&str; 2]; 2] =
    [["mnemon_delivered_per_second", "peer_delivered_per_second"], ["mnemon_cpu_us", "peer_cpu_us"]];

/// Measures and reports, a line for each pipeline of the publisher.
///
/// # Errors
/// When a server fails or loses a message, or results cannot be written.
pub(crate) fn run(
    report: &mut Report<impl Write>,
    mnemon: &Launch,
    peer: Option<Peer<'_>>,
    plan: Plan,
) -> Result<(), Error> {
    let messages = if plan.quick { MESSAGES / 10 } else { MESSAGES };
    for pipeline in PIPELINES {
        let record = Record::new("publish")
            .with("subscribers", SUBSCRIBERS)
            .with("messages", messages)
            .with("pipeline", pipeline);
        let sides = Sides { mnemon, peer, runs: plan.runs, names: &NAMES };
        let measure = |server: &Server| publish(server, messages, u64::from(pipeline));
        sides.compare(report, record, |_| Ok(()), measure)?;
    }
    Ok(())
}

/// Messages delivered a second, and CPU time of the server for each.
fn publish(server: &Server, messages: u64, pipeline: u64) -> Result<Vec<f64>, Error> {
    let audience = Audience::gather(server.port(), SUBSCRIBERS, messages)?;
    let mut publisher = Client::connect(server.port())?;
    let before = server.cpu_us()?;
    let started = clock::now();
    publisher.publish(messages, pipeline, SUBSCRIBERS)?;
    audience.wait()?;
    let seconds = started.elapsed().as_secs_f64();
    let used = server.cpu_us()?.saturating_sub(before);
    let delivered = (messages * SUBSCRIBERS) as f64;
    Ok(vec![delivered / seconds, used as f64 / delivered])
}
