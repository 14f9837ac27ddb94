//! A backup of a million records of 56 bytes: how long it takes, and what a writer feels of it.
//!
//! Mnemon's `T.BACKUP` beside Redis's `BGSAVE`, which forks, each with one client that writes and waits; and beside Mnesia,
//! whose writer is a process next to the table. The writer's figures are of wall time, alone and beside the backup.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::client::Client;
use crate::clock::{self, Deadline};
use crate::error::Error;
use crate::options::Options;
use crate::peer::Presence;
use crate::peer::erlang::Erlang;
use crate::peer::redis::Redis;
use crate::report::{Record, Report};
use crate::server::{Launch, Server};
use crate::statistics::median;

/// How long one backup may take.
const BACKUP_LIMIT: Duration = Duration::from_secs(120);

/// How a server is told to take a backup; returns when it is there.
type Take = fn(&mut Client, u32) -> Result<(), Error>;

/// Measures and reports.
///
/// # Errors
/// When a server fails, or results cannot be written.
pub(crate) fn run(
    options: &Options,
    report: &mut Report<impl Write>,
    mnemon: &Launch,
    redis: &Presence<Redis>,
    erlang: &Presence<Erlang>,
) -> Result<(), Error> {
    let mut own = mnemon.clone();
    // In the directory that the server is started in, which goes with it.
    own.arguments.extend(["--backup-dir", "backups"].map(str::to_owned));
    server(options, report, "mnemon", &own, take_backup)?;
    match redis {
        Presence::Absent(reason) => report.absent("backup", "redis", reason)?,
        Presence::Present(redis) => server(options, report, &redis.name, &redis.launch, save)?,
    }
    match erlang {
        Presence::Absent(reason) => report.absent("backup", "mnesia", reason),
        Presence::Present(erlang) => mnesia(options, report, erlang),
    }
}

fn server(
    options: &Options,
    report: &mut Report<impl Write>,
    name: &str,
    launch: &Launch,
    take: Take,
) -> Result<(), Error> {
    let rows = u64::from(options.records());
    let (mut alone, mut beside) = (histogram()?, histogram()?);
    let mut seconds = Vec::new();
    for _ in 0..options.plan().runs {
        let server = Server::start(launch)?;
        let mut client = Client::connect(server.port())?;
        client.fill(0..rows)?;
        let started = clock::now();
        writer(server.port(), rows, &mut alone, || started.elapsed() < options.phase())?;
        let done = AtomicBool::new(false);
        let taken = thread::scope(|scope| {
            let writing = scope.spawn(|| {
                let mut times = histogram()?;
                writer(server.port(), rows, &mut times, || !done.load(Relaxed))?;
                Ok::<_, Error>(times)
            });
            let mut all = Ok(Vec::new());
            for number in 0..3 {
                let started = clock::now();
                let taken = take(&mut client, number);
                all = all.and_then(|mut all| taken.map(|()| all.push(started.elapsed())).map(|()| all));
            }
            done.store(true, Relaxed);
            let lost = |_| Err(Error::Embedded("the writing thread panicked".to_owned()));
            let times = writing.join().unwrap_or_else(lost)?;
            beside.add(times).map_err(|cause| Error::Embedded(cause.to_string()))?;
            all
        })?;
        seconds.extend(taken.iter().map(Duration::as_secs_f64));
    }
    report.add(line(name, rows, "alone", &alone, None))?;
    report.add(line(name, rows, "beside a backup", &beside, median(&seconds)))
}

/// One client that writes a record and waits for the answer, again and again.
fn writer(
    port: u16,
    rows: u64,
    times: &mut Histogram<u64>,
    mut goes_on: impl FnMut() -> bool,
) -> Result<(), Error> {
    let mut client = Client::connect(port)?;
    let mut state = 1_u64;
    while goes_on() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = (state >> 20) % rows;
        let before = clock::now();
        client.fill(key..key + 1)?;
        times.saturating_record(u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    Ok(())
}

fn take_backup(client: &mut Client, number: u32) -> Result<(), Error> {
    let name = format!("b{number}");
    let lines = client.ask(&["T.BACKUP", &name], 14)?;
    if lines.first().is_some_and(|line| line == "*8") {
        Ok(())
    } else {
        Err(Error::Embedded(lines.join(" ")))
    }
}

fn save(client: &mut Client, _: u32) -> Result<(), Error> {
    let before = client.ask(&["LASTSAVE"], 1)?;
    let answer = client.ask(&["BGSAVE"], 1)?;
    if !answer.iter().all(|line| line.starts_with('+')) {
        return Err(Error::Embedded(answer.join(" ")));
    }
    // The time of the last save has whole seconds, so the flag is asked, too.
    let saved = Deadline::after(BACKUP_LIMIT).wait_for(|| {
        let info = client.ask_bulk(&["INFO", "persistence"])?;
        let ended = info.contains("rdb_bgsave_in_progress:0") && info.contains("rdb_last_bgsave_status:ok");
        Ok::<_, Error>(ended.then_some(()))
    })?;
    saved.ok_or_else(|| Error::Embedded(format!("no save since {before:?}")))
}

fn mnesia(options: &Options, report: &mut Report<impl Write>, erlang: &Erlang) -> Result<(), Error> {
    let figures = match erlang.mnesia_backup(options.records())? {
        Presence::Absent(reason) => return report.absent("backup", "mnesia", &reason),
        Presence::Present(figures) => figures,
    };
    report.add(
        head(&figures.name, u64::from(options.records()), "beside a backup")
            .figure("backup_s", Some(figures.backup_ms / 1e3))
            .with("writes", figures.writes)
            .figure("p50_us", Some(figures.p50_us))
            .figure("p999_us", Some(figures.p999_us))
            .figure("max_us", Some(figures.max_us)),
    )
}

fn head(side: &str, rows: u64, writer: &str) -> Record {
    Record::new("backup").with("side", side).with("rows", rows).with("writer", writer)
}

fn line(side: &str, rows: u64, writer: &str, times: &Histogram<u64>, seconds: Option<f64>) -> Record {
    let micros = |nanoseconds: u64| Some(nanoseconds as f64 / 1_000.0);
    head(side, rows, writer)
        .figure("backup_s", seconds)
        .with("writes", times.len())
        .figure("p50_us", micros(times.value_at_quantile(0.5)))
        .figure("p999_us", micros(times.value_at_quantile(0.999)))
        .figure("max_us", micros(times.max()))
}

fn histogram() -> Result<Histogram<u64>, Error> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).map_err(|cause| Error::Embedded(cause.to_string()))
}
