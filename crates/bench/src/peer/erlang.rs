//! ETS and Mnesia: programs in Erlang, kept beside this file, that measure themselves and print one line of JSON.
//!
//! A call measures once, so that a comparison can take turns with the other side.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::Presence;
use crate::command::{CommandLine, find_program};
use crate::error::{Error, tail};
use crate::otp::OtpFigures;
use crate::scratch::Scratch;

/// Schedulers of the runtime, whatever the machine has: figures of two machines then differ by the machine only.
const SCHEDULERS: u32 = 2;

/// Time beyond the measured phases: start, compilation, one million inserts, on a busy machine.
const OVERHEAD: Duration = Duration::from_secs(60);

/// Records in the ETS table.
pub(crate) const ETS_RECORDS: u32 = 1_000_000;

/// Processes that use the ETS table at once.
pub(crate) const ETS_PROCESSES: u32 = 2;

/// Processes that use the Mnesia table at once, each on rows of its own.
pub(crate) const MNESIA_PROCESSES: u32 = 8;

/// One measurement of ETS.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EtsFigures {
    /// Runtime: `ets-otp25`.
    pub(crate) name: String,
    /// Lookups of random keys a second, all processes together.
    pub(crate) lookups: f64,
    /// Inserts over random existing keys a second, all processes together.
    pub(crate) inserts: f64,
}

/// One measurement of Mnesia.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MnesiaFigures {
    /// Version and runtime: `mnesia-4.21.3-otp25`.
    pub(crate) name: String,
    /// Read-modify-write transactions a second.
    pub(crate) transactions: f64,
    /// Dirty reads, each followed by a dirty write, a second.
    pub(crate) dirty: f64,
}

/// A backup of Mnesia and what its writer felt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MnesiaBackup {
    /// Version and runtime.
    pub(crate) name: String,
    /// How long the backup took.
    pub(crate) backup_ms: f64,
    /// Writes meanwhile.
    pub(crate) writes: u64,
    /// Half of them took less.
    pub(crate) p50_us: f64,
    /// All but one in a thousand took less.
    pub(crate) p999_us: f64,
    /// The longest.
    pub(crate) max_us: f64,
}

/// One measurement of Mnesia with `disc_copies`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MnesiaDiscFigures {
    /// Version and runtime.
    pub(crate) name: String,
    /// How long a start took that loaded the table.
    pub(crate) load_ms: f64,
    /// Dirty writes a second.
    pub(crate) writes: f64,
}

/// An Erlang runtime.
#[derive(Clone, Debug)]
pub(crate) struct Erlang {
    program: PathBuf,
}

impl Erlang {
    /// The `erl` in `PATH`.
    pub(crate) fn find() -> Presence<Self> {
        match find_program("erl") {
            Some(program) => Presence::Present(Self { program }),
            None => Presence::Absent("erl is not in PATH".to_owned()),
        }
    }

    /// Measures ETS once: two phases of `phase` each, after filling the table with `records` records.
    ///
    /// # Errors
    /// When the program fails, is late, or prints no figures.
    pub(crate) fn ets(&self, phase: Duration, records: u32) -> Result<EtsFigures, Error> {
        let command = self.ets_command(phase, records);
        let output = run(&command, "mnemon_bench_ets.erl", include_str!("ets.erl"), phase)?;
        parse_ets(&output).ok_or_else(|| unreadable(&command, &output))
    }

    /// Measures Mnesia once: two phases of `phase` each. Absent where the runtime comes without Mnesia.
    ///
    /// # Errors
    /// When the program fails, is late, or prints no figures.
    pub(crate) fn mnesia(&self, phase: Duration) -> Result<Presence<MnesiaFigures>, Error> {
        let command = self.mnesia_command(phase);
        let output = run(&command, "mnemon_bench_mnesia.erl", include_str!("mnesia.erl"), phase)?;
        parse_mnesia(&output).ok_or_else(|| unreadable(&command, &output))
    }

    /// Takes one backup of `records` rows of Mnesia beside a writer. Absent where the runtime comes without Mnesia.
    ///
    /// # Errors
    /// When the program fails, is late, or prints no figures.
    pub(crate) fn mnesia_backup(&self, records: u32) -> Result<Presence<MnesiaBackup>, Error> {
        let command = self.command("mnemon_bench_mnesia_backup", &records.to_string());
        let source = include_str!("mnesia_backup.erl");
        let output = run(&command, "mnemon_bench_mnesia_backup.erl", source, OVERHEAD)?;
        parse_mnesia_backup(&output).ok_or_else(|| unreadable(&command, &output))
    }

    /// Measures Mnesia's `disc_copies` once: a phase of writes, and a start that loads `records` records.
    ///
    /// # Errors
    /// When the program fails, is late, or prints no figures.
    pub(crate) fn mnesia_disc(
        &self,
        phase: Duration,
        records: u32,
    ) -> Result<Presence<MnesiaDiscFigures>, Error> {
        let arguments = format!("{}, {records}, {MNESIA_PROCESSES}", phase.as_millis());
        let command = self.command("mnemon_bench_mnesia_disc", &arguments);
        let source = include_str!("mnesia_disc.erl");
        let output = run(&command, "mnemon_bench_mnesia_disc.erl", source, phase + OVERHEAD)?;
        parse_mnesia_disc(&output).ok_or_else(|| unreadable(&command, &output))
    }

    /// Measures processes once: four phases of `phase` each, restarts, and `processes` servers at once. The runtime's name
    /// comes along: `otp25`.
    ///
    /// # Errors
    /// When the program fails, is late, or prints no figures.
    pub(crate) fn otp(&self, phase: Duration, processes: u32) -> Result<(String, OtpFigures), Error> {
        let command = self.otp_command(phase, processes);
        let output = run(&command, "mnemon_bench_otp.erl", include_str!("otp.erl"), phase * 2)?;
        parse_otp(&output).ok_or_else(|| unreadable(&command, &output))
    }

    /// The call that measures processes.
    pub(crate) fn otp_command(&self, phase: Duration, processes: u32) -> CommandLine {
        self.command("mnemon_bench_otp", &format!("{}, {processes}", phase.as_millis()))
    }

    /// The call that measures ETS.
    pub(crate) fn ets_command(&self, phase: Duration, records: u32) -> CommandLine {
        let arguments = format!("{}, {records}, {ETS_PROCESSES}", phase.as_millis());
        self.command("mnemon_bench_ets", &arguments)
    }

    /// The call that measures Mnesia.
    pub(crate) fn mnesia_command(&self, phase: Duration) -> CommandLine {
        self.command("mnemon_bench_mnesia", &format!("{}, {MNESIA_PROCESSES}", phase.as_millis()))
    }

    /// Compiles `module` from the current directory and calls its `main`. The runtime compiles by itself, as packages
    /// exist that have `erl` without `erlc`.
    fn command(&self, module: &str, arguments: &str) -> CommandLine {
        let expression =
            format!("{{ok, M}} = compile:file({module}, [report]), M:main({arguments}), halt(0).");
        let schedulers = format!("{SCHEDULERS}:{SCHEDULERS}");
        CommandLine::new(&self.program, ["-noshell", "-noinput", "+S", &schedulers, "-eval", &expression])
    }
}

fn run(command: &CommandLine, file: &str, source: &str, phase: Duration) -> Result<String, Error> {
    let scratch = Scratch::new("erlang")?;
    scratch.write(file, source)?;
    command.run_in(&scratch, phase * 2 + OVERHEAD)
}

fn unreadable(command: &CommandLine, output: &str) -> Error {
    let output = tail(output.as_bytes());
    Error::Output { command: command.to_string(), expected: "a line of JSON with its figures", output }
}

/// The first line that is a JSON object: the runtime may warn before it.
fn figures(output: &str) -> Option<Value> {
    output.lines().find_map(|line| serde_json::from_str(line).ok().filter(Value::is_object))
}

fn rate(figures: &Value, key: &str) -> Option<f64> {
    figures.get(key)?.as_f64().filter(|rate| *rate > 0.0)
}

fn parse_ets(output: &str) -> Option<EtsFigures> {
    let figures = figures(output)?;
    Some(EtsFigures {
        name: format!("ets-otp{}", figures.get("otp")?.as_str()?),
        lookups: rate(&figures, "lookups")?,
        inserts: rate(&figures, "inserts")?,
    })
}

fn parse_mnesia(output: &str) -> Option<Presence<MnesiaFigures>> {
    let figures = figures(output)?;
    if let Some(reason) = figures.get("absent") {
        return Some(Presence::Absent(reason.as_str()?.to_owned()));
    }
    let (version, otp) = (figures.get("mnesia")?.as_str()?, figures.get("otp")?.as_str()?);
    Some(Presence::Present(MnesiaFigures {
        name: format!("mnesia-{version}-otp{otp}"),
        transactions: rate(&figures, "transactions")?,
        dirty: rate(&figures, "dirty")?,
    }))
}

fn parse_mnesia_backup(output: &str) -> Option<Presence<MnesiaBackup>> {
    let figures = figures(output)?;
    if let Some(reason) = figures.get("absent") {
        return Some(Presence::Absent(reason.as_str()?.to_owned()));
    }
    let (version, otp) = (figures.get("mnesia")?.as_str()?, figures.get("otp")?.as_str()?);
    Some(Presence::Present(MnesiaBackup {
        name: format!("mnesia-{version}-otp{otp}"),
        backup_ms: rate(&figures, "backup_ms")?,
        writes: figures.get("writes")?.as_u64()?,
        p50_us: rate(&figures, "p50_us")?,
        p999_us: rate(&figures, "p999_us")?,
        max_us: rate(&figures, "max_us")?,
    }))
}

fn parse_mnesia_disc(output: &str) -> Option<Presence<MnesiaDiscFigures>> {
    let figures = figures(output)?;
    if let Some(reason) = figures.get("absent") {
        return Some(Presence::Absent(reason.as_str()?.to_owned()));
    }
    let (version, otp) = (figures.get("mnesia")?.as_str()?, figures.get("otp")?.as_str()?);
    Some(Presence::Present(MnesiaDiscFigures {
        name: format!("mnesia-{version}-otp{otp}"),
        load_ms: rate(&figures, "load_ms")?,
        writes: rate(&figures, "writes")?,
    }))
}

fn parse_otp(output: &str) -> Option<(String, OtpFigures)> {
    let figures = figures(output)?;
    let otp = OtpFigures {
        calls_1: rate(&figures, "calls_1")?,
        calls_8: rate(&figures, "calls_8")?,
        casts: rate(&figures, "casts")?,
        spawns: rate(&figures, "spawns")?,
        restart_us: rate(&figures, "restart_us")?,
        live: rate(&figures, "live")?,
        process_bytes: rate(&figures, "process_bytes")?,
    };
    Some((format!("otp{}", figures.get("otp")?.as_str()?), otp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_behind_warnings() {
        let output = "=WARNING REPORT====\n12\n{\"otp\":\"25\",\"lookups\":10.5,\"inserts\":2.0}\n";
        let expected = EtsFigures { name: "ets-otp25".to_owned(), lookups: 10.5, inserts: 2.0 };
        assert_eq!(parse_ets(output), Some(expected));
        assert_eq!(parse_ets("{\"otp\":\"25\",\"lookups\":0.0,\"inserts\":2.0}"), None);
        assert_eq!(parse_ets(""), None);
    }

    #[test]
    fn figures_of_processes_are_complete_or_none() {
        let text = "{\"otp\":\"25\",\"calls_1\":1.0,\"calls_8\":2.0,\"casts\":3.0,\"spawns\":4.0,\
                    \"restart_us\":5.5,\"live\":200000,\"process_bytes\":2600.5}";
        let (name, figures) = parse_otp(text).unwrap();
        assert_eq!((name.as_str(), figures.restart_us, figures.live), ("otp25", 5.5, 200_000.0));
        assert_eq!(parse_otp(&text.replace("casts", "cast")), None);
    }

    #[test]
    fn figures_of_a_backup_are_complete_or_none() {
        let text = "{\"otp\":\"25\",\"mnesia\":\"4.21\",\"backup_ms\":9.5,\"bytes\":7,\"writes\":3,\"p50_us\":1.0,\
                    \"p999_us\":2.0,\"max_us\":3.5}";
        let parsed = parse_mnesia_backup(text);
        assert!(
            matches!(parsed, Some(Presence::Present(figures)) if figures.writes == 3 && figures.max_us == 3.5)
        );
        assert!(parse_mnesia_backup(&text.replace("max_us", "max")).is_none());
    }

    #[test]
    fn a_runtime_without_mnesia_is_absent_not_broken() {
        let parsed = parse_mnesia("{\"absent\":\"this Erlang has no mnesia\"}\n");
        assert!(matches!(parsed, Some(Presence::Absent(reason)) if reason.contains("mnesia")));
        let text = "{\"otp\":\"25\",\"mnesia\":\"4.21\",\"transactions\":5.0,\"dirty\":50.0}";
        let parsed = parse_mnesia(text);
        assert!(matches!(parsed, Some(Presence::Present(figures)) if figures.name == "mnesia-4.21-otp25"));
    }
}
