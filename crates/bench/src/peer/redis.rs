//! Redis: its server as a peer, and its load generator for both sides.

use std::path::PathBuf;
use std::time::Duration;

use super::Presence;
use crate::command::{CommandLine, find_program};
use crate::error::{Error, tail};
use crate::server::Launch;

/// A server and what to call it in results.
#[derive(Clone, Debug)]
pub(crate) struct Redis {
    /// How to start it: in memory only, as that is what it is compared for.
    pub(crate) launch: Launch,
    /// Name and version: `redis-7.0.15`.
    pub(crate) name: String,
}

impl Redis {
    /// The `redis-server` in `PATH`.
    pub(crate) fn find() -> Presence<Self> {
        let Some(program) = find_program("redis-server") else {
            return Presence::Absent("redis-server is not in PATH".to_owned());
        };
        match CommandLine::new(&program, ["--version"]).run(Duration::from_secs(10)) {
            Ok(text) => Presence::Present(Self { launch: launch(program), name: name(&text) }),
            Err(error) => Presence::Absent(error.to_string()),
        }
    }
}

fn launch(program: PathBuf) -> Launch {
    let arguments =
        ["--bind", "127.0.0.1", "--port", "PORT", "--save", "", "--appendonly", "no", "--daemonize", "no"];
    Launch { program, arguments: arguments.map(str::to_owned).to_vec() }
}

/// `Redis server v=7.0.15 sha=…` gives `redis-7.0.15`.
fn name(version: &str) -> String {
    let number = version.split_ascii_whitespace().find_map(|word| word.strip_prefix("v="));
    format!("redis-{}", number.unwrap_or("unknown"))
}

/// One call of the load generator, with 40-byte values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// A test of `redis-benchmark`, such as `set`; or, when there are `words`, what to call it in results.
    pub(crate) command: &'static str,
    /// A command of one's own; `__rand_int__` stands for a random number of twelve digits.
    pub(crate) words: &'static [&'static str],
    /// Random keys or fields are below this.
    pub(crate) range: u64,
    /// Connections.
    pub(crate) clients: u32,
    /// Requests a connection sends before it reads replies.
    pub(crate) pipeline: u32,
    /// Requests in all.
    pub(crate) requests: u64,
}

/// The load generator `redis-benchmark`.
#[derive(Clone, Debug)]
pub(crate) struct LoadGenerator {
    program: PathBuf,
}

impl LoadGenerator {
    /// The `redis-benchmark` in `PATH`.
    pub(crate) fn find() -> Presence<Self> {
        match find_program("redis-benchmark") {
            Some(program) => Presence::Present(Self { program }),
            None => Presence::Absent("redis-benchmark is not in PATH".to_owned()),
        }
    }

    /// The call that puts `load` on the server at `port`.
    pub(crate) fn command(&self, port: &str, load: Load) -> CommandLine {
        let (requests, pipeline) = (load.requests.to_string(), load.pipeline.to_string());
        let (range, clients) = (load.range.to_string(), load.clients.to_string());
        let mut arguments = vec!["-h", "127.0.0.1", "-p", port, "-c", &clients, "-d", "40", "-r", &range];
        arguments.extend(["-n", &requests, "-P", &pipeline, "--csv"]);
        if load.words.is_empty() {
            arguments.extend(["-t", load.command]);
        }
        arguments.extend(load.words);
        CommandLine::new(&self.program, arguments)
    }

    /// Puts `load` on the server at `port` and returns the requests it served a second.
    ///
    /// # Errors
    /// When the generator fails (as it does when the server answers an error), is late, or prints what is no result.
    pub(crate) fn run(&self, port: u16, load: Load) -> Result<f64, Error> {
        let command = self.command(&port.to_string(), load);
        let output = command.run(Duration::from_secs(120))?;
        let title = if load.words.is_empty() { load.command.to_owned() } else { load.words.join(" ") };
        parse(&output, &title).ok_or_else(|| Error::Output {
            command: command.to_string(),
            expected: "a line of CSV with the test and its rate",
            output: tail(output.as_bytes()),
        })
    }
}

/// The rate in the line `"SET","123456.78",…`.
fn parse(output: &str, command: &str) -> Option<f64> {
    let rate = output.lines().find_map(|line| {
        let mut fields = line.split(',').map(|field| field.trim().trim_matches('"'));
        fields.next()?.eq_ignore_ascii_case(command).then(|| fields.next())?
    })?;
    rate.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_names_the_peer() {
        assert_eq!(name("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0"), "redis-7.0.15");
        assert_eq!(name(""), "redis-unknown");
    }

    #[test]
    fn the_rate_stands_behind_the_test_that_was_asked_for() {
        let output = "WARNING: could not fetch CONFIG\n\"test\",\"rps\",\"avg_latency_ms\"\n\"SET\",\"1234.50\",\"0.1\"\n";
        assert_eq!(parse(output, "set"), Some(1234.5));
        assert_eq!(parse(output, "get"), None);
        assert_eq!(parse("\"SET\",\"inf\"", "set"), None);
        assert_eq!(parse("\"SET\"", "set"), None);
    }
}
