//! The command line and the environment: raw text in, checked settings out.
//!
//! A flag beats its environment variable, which beats the default. What is wrong is told in one line.

use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::CliError;

/// An in-memory database for Redis clients: tables, queries and transactions.
#[derive(Debug, Parser)]
#[command(name = "mnemon", version, disable_help_subcommand = true, flatten_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a node until it is told to stop; this is what happens without a command.
    Serve(Settings),
}

/// What `serve` is told.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct Settings {
    /// The node's name, for logs and INFO: letters, digits, _ - . @.
    #[arg(long, env = "MNEMON_NAME", value_name = "NAME", default_value = "mnemon")]
    pub(crate) name: String,

    /// Where Redis clients connect; port 0 takes a free one.
    #[arg(long, env = "MNEMON_RESP", value_name = "ADDR", default_value = "127.0.0.1:7070", value_parser = address)]
    pub(crate) resp: SocketAddr,

    /// Threads that serve Redis clients [default: half the cores].
    #[arg(long, env = "MNEMON_RESP_THREADS", value_name = "N")]
    pub(crate) resp_threads: Option<usize>,

    /// Redis clients at the same time [default: 10000].
    #[arg(long, env = "MNEMON_MAX_CLIENTS", value_name = "N")]
    pub(crate) max_clients: Option<usize>,

    /// Allows an address that other machines can reach, although there are no passwords yet.
    #[arg(long, env = "MNEMON_UNPROTECTED")]
    pub(crate) unprotected: bool,

    /// The form of the log, which goes to stderr; RUST_LOG says how much of it.
    #[arg(long, env = "MNEMON_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value = "human")]
    pub(crate) log_format: LogFormat,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// An object a line.
    Json,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A node.
    Serve(Settings),
    /// The help or the version.
    Text(String),
    /// It cannot be.
    Refused(CliError),
}

/// Reads a command line, its first word being the program's name, and the environment.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Parsed {
    let settings = match Arguments::try_parse_from(with_command(words)) {
        Ok(Arguments { command: Command::Serve(settings) }) => settings,
        Err(error) => return explain(&error),
    };
    if !settings.unprotected && !settings.resp.ip().to_canonical().is_loopback() {
        return Parsed::Refused(CliError::Unprotected(settings.resp));
    }
    Parsed::Serve(settings)
}

/// The command line with `serve` where it names no command. Done before parsing, so that each flag has one place and
/// the environment is read for the command that runs.
fn with_command(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let is_command = words.get(1).is_some_and(|word| {
        let word = word.to_string_lossy();
        !word.starts_with('-') || ["-h", "--help", "-V", "--version"].contains(&&*word)
    });
    if !is_command {
        words.insert(words.len().min(1), "serve".into());
    }
    words
}

/// An address, or a host's name with a port; of several addresses an IPv4 one, as clients try that first.
fn address(text: &str) -> Result<SocketAddr, String> {
    let form = "write HOST:PORT, for example 127.0.0.1:7070 or [::1]:7070";
    let found: Vec<SocketAddr> =
        text.to_socket_addrs().map_err(|cause| format!("{cause}; {form}"))?.collect();
    let best = found.iter().find(|address| address.is_ipv4()).or(found.first());
    best.copied().ok_or_else(|| format!("the host has no address; {form}"))
}

fn explain(error: &clap::Error) -> Parsed {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Parsed::Text(error.render().to_string()),
        _ => Parsed::Refused(CliError::Usage(first_paragraph(error))),
    }
}

/// What is wrong, without the usage that follows it, in one line.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join(" ");
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    match error.get(ContextKind::SuggestedArg) {
        Some(similar) => format!("{text} (there is {similar})"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Parsed {
        parse(["mnemon"].iter().chain(words).map(OsString::from))
    }

    fn settings(words: &[&str]) -> Settings {
        match parsed(words) {
            Parsed::Serve(settings) => settings,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    fn refusal(words: &[&str]) -> String {
        match parsed(words) {
            Parsed::Refused(error) => error.to_string(),
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn serve_may_be_left_out() {
        assert_eq!(
            settings(&["--name", "a", "--resp", "[::1]:1"]),
            settings(&["serve", "--name", "a", "--resp", "[::1]:1"])
        );
        let default = settings(&["serve"]);
        assert_eq!((default.name.as_str(), default.resp.to_string().as_str()), ("mnemon", "127.0.0.1:7070"));
        assert_eq!((default.resp_threads, default.max_clients, default.unprotected), (None, None, false));
    }

    #[test]
    fn every_refusal_is_one_line_that_names_the_cause() {
        for (words, cause) in [
            (&["--rsp", "127.0.0.1:1"][..], "'--rsp' found (there is --resp)"),
            (&["--resp"], "a value is required for '--resp <ADDR>'"),
            (&["--resp", "7070"], "HOST:PORT"),
            (&["--resp", "127.0.0.1:99999"], "invalid value '127.0.0.1:99999'"),
            (&["--resp-threads", "many"], "invalid value 'many'"),
            (&["--log-format", "xml"], "[possible values: human, json]"),
            (&["dance"], "'dance'"),
            (&["--name", "a", "serve"], "'serve'"),
            (&["serve", "--name", "a", "--name", "b"], "--name"),
        ] {
            let refusal = refusal(words);
            assert!(refusal.contains(cause) && refusal.ends_with("try 'mnemon --help'"), "{refusal}");
            assert_eq!(refusal.lines().count(), 1, "{refusal}");
        }
    }

    #[test]
    fn an_address_that_others_reach_must_be_wanted() {
        for address in ["0.0.0.0:7070", "10.1.2.3:7070", "[::]:7070", "[::ffff:10.1.2.3]:7070"] {
            let refusal = refusal(&["--resp", address]);
            assert!(refusal.contains(address) && refusal.contains("--unprotected"), "{refusal}");
            assert_eq!(settings(&["--resp", address, "--unprotected"]).resp, address.parse().unwrap());
        }
        for address in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "localhost:7070"] {
            assert!(settings(&["--resp", address]).resp.ip().to_canonical().is_loopback());
        }
    }

    #[test]
    fn help_and_version_are_no_refusals() {
        for word in ["--help", "-h", "--version", "-V"] {
            assert!(matches!(parsed(&[word]), Parsed::Text(text) if text.contains("mnemon")), "{word}");
        }
    }
}
