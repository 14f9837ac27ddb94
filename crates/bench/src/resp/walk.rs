//! `SCAN` of a million keys, from cursor 0 back to 0, with `COUNT 1000` and with Redis's own step of 10: keys a second.

use std::io::Write;

use crate::client::Client;
use crate::clock;
use crate::error::Error;
use crate::report::{Record, Report};
use crate::resp::sides::Sides;
use crate::resp::{Peer, Plan};
use crate::server::{Launch, Server};

const KEYS: u64 = 1_000_000;
const STEPS: [u64; 2] = [1_000, 10];
const NAMES: [[&str; 2]; 2] =
    [["mnemon_keys_per_second", "peer_keys_per_second"], ["mnemon_cpu_us", "peer_cpu_us"]];

/// Measures and reports, a line for each step.
///
/// # Errors
/// When a server fails, a walk misses keys, or results cannot be written.
pub(crate) fn run(
    report: &mut Report<impl Write>,
    mnemon: &Launch,
    peer: Option<Peer<'_>>,
    plan: Plan,
) -> Result<(), Error> {
    let keys = if plan.quick { KEYS / 10 } else { KEYS };
    for step in STEPS {
        let record = Record::new("walk").with("command", "scan").with("keys", keys).with("count", step);
        let sides = Sides { mnemon, peer, runs: plan.runs, names: &NAMES };
        let prepare = |server: &Server| Client::connect(server.port())?.fill(0..keys);
        sides.compare(report, record, prepare, |server| walk(server, keys, step))?;
    }
    Ok(())
}

/// Keys a second, and CPU time of the server a thousand keys.
fn walk(server: &Server, keys: u64, step: u64) -> Result<Vec<f64>, Error> {
    let mut client = Client::connect(server.port())?;
    let before = server.cpu_us()?;
    let started = clock::now();
    let mut cursor = "0".to_owned();
    let mut found = 0;
    loop {
        let (next, met) = client.scan(&cursor, step)?;
        found += met;
        if next == "0" {
            break;
        }
        cursor = next;
    }
    let seconds = started.elapsed().as_secs_f64();
    let used = server.cpu_us()?.saturating_sub(before);
    // Nothing is written meanwhile; Redis may tell a key twice while its table shrinks or grows.
    if found < keys {
        let text = format!("a SCAN of {keys} keys on port {} found {found}", server.port());
        return Err(Error::Embedded(text));
    }
    Ok(vec![keys as f64 / seconds, used as f64 * 1000.0 / keys as f64])
}
