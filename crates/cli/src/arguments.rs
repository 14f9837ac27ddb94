//! The command line and the environment: raw text in, checked settings out.
//!
//! A flag beats its environment variable, which beats the configuration file, which beats the default (see
//! [`crate::layers`]). What is wrong is told in one line.

use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use mnemon_node::{Bounds, Durability, Storage, parse_durability};

use crate::bench::Bench;
use crate::check::Check;
use crate::clients::ClientSettings;
use crate::config::{Config, Question};
use crate::ctl::Ctl;
use crate::error::CliError;
use crate::layers::{self, Effective, ResolveError};
use crate::repair::Repair;
use crate::shell::Shell;

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
    /// Shows how a running node is doing.
    Ctl(Ctl),
    /// Answers yes or no with its exit status.
    Check(Check),
    /// Shows the settings that a node would have, and where they come from.
    Config(Config),
    /// Runs commands: typed, with history and completion, or from -c or stdin.
    Shell(Shell),
    /// Says what is intact of a stopped node's data directory, and keeps just that.
    Repair(Repair),
    /// Loads a server and measures its throughput and latencies.
    Bench(Bench),
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

    /// Where health, metrics and the operators' API are served; port 0 takes a free one, off serves none.
    #[arg(long, env = "MNEMON_HTTP", value_name = "ADDR|off", default_value = "127.0.0.1:7072", value_parser = door)]
    pub(crate) http: Door,

    /// Where HTTPS is spoken beside the plain address, or off [default: with a certificate at the HTTP address, and nothing plainly].
    #[arg(long, env = "MNEMON_HTTP_TLS", value_name = "ADDR|off", value_parser = door, requires = "tls_cert")]
    pub(crate) http_tls: Option<Door>,

    /// Where the line protocol is spoken; port 0 takes a free one, off serves none. It knows no password.
    #[arg(long, env = "MNEMON_LINE", value_name = "ADDR|off", default_value = "off", value_parser = door)]
    pub(crate) line: Door,

    /// What a bucket of the line protocol is: a process, or a table, which outlives it.
    #[arg(long, env = "MNEMON_LINE_BUCKETS", value_name = "WHAT", value_enum, default_value = "process")]
    pub(crate) line_buckets: Buckets,

    /// The directory that tables are kept in, made if need be [default: mnemon-data in the working directory].
    #[arg(long, env = "MNEMON_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Runs without a data directory: all data is in RAM and ends with the process.
    #[arg(long, env = "MNEMON_RAM")]
    pub(crate) ram: bool,

    /// Where db0…db15 are kept, disc (and RAM) or ram alone [default: disc, with --ram ram].
    #[arg(long, env = "MNEMON_DEFAULT_STORAGE", value_name = "WHERE", value_parser = storage)]
    pub(crate) default_storage: Option<Storage>,

    /// When writes to db0…db15 reach the disc, where they are kept there: commit, interval:MILLISECONDS or none.
    #[arg(long, env = "MNEMON_DEFAULT_DURABILITY", value_name = "WHEN", default_value = "interval:1000", value_parser = durability)]
    pub(crate) default_durability: Durability,

    /// Bytes of log after which changed tables are written anew and the log before is freed: k, kb, m, mb, g and gb are units.
    #[arg(long, env = "MNEMON_CHECKPOINT_BYTES", value_name = "BYTES", default_value = "64mb", value_parser = some_bytes)]
    pub(crate) checkpoint_bytes: u64,

    /// Bytes of memory for all tables on disc only: half for blocks that were read, half for changes that are not written yet.
    #[arg(long, env = "MNEMON_DISC_CACHE_BYTES", value_name = "BYTES", default_value = "64mb", value_parser = bytes)]
    pub(crate) disc_cache_bytes: u64,

    /// The directory of backups [default: backups in the data directory].
    #[arg(long, env = "MNEMON_BACKUP_DIR", value_name = "DIR")]
    pub(crate) backup_dir: Option<PathBuf>,

    /// Takes a backup of all tables at this interval, in seconds; 0: never.
    #[arg(long, env = "MNEMON_BACKUP_EVERY", value_name = "SECONDS", default_value = "0")]
    pub(crate) backup_every: u64,

    /// Scheduled backups that stay.
    #[arg(long, env = "MNEMON_BACKUP_KEEP", value_name = "N", default_value = "7")]
    pub(crate) backup_keep: usize,

    #[command(flatten)]
    pub(crate) clients: ClientSettings,

    /// Allows an address that other machines can reach without a password.
    #[arg(long, env = "MNEMON_UNPROTECTED")]
    pub(crate) unprotected: bool,

    /// How much is logged: error, warn, info, debug or trace, also by module [default: RUST_LOG, or info].
    #[arg(long, env = "MNEMON_LOG", value_name = "LEVEL")]
    pub(crate) log: Option<String>,

    /// The form of the log, which goes to stderr.
    #[arg(long, env = "MNEMON_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value = "human")]
    pub(crate) log_format: LogFormat,

    /// A TOML file with settings, named as the flags with _ for -; flags and environment beat it.
    #[arg(long, env = "MNEMON_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// The data directory unless told otherwise.
const DATA: &str = "mnemon-data";

/// Where a server listens, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Here.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// What the line protocol's buckets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Buckets {
    /// A process each.
    Process,
    /// A local table each.
    Table,
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
    /// A question about settings, with the settings.
    Config(Question, Vec<Effective>),
    /// A question to a running node.
    Ctl(Ctl),
    /// A question to a running node with a yes or no.
    Check(Check),
    /// Commands for a server.
    Shell(Shell),
    /// A look at a data directory.
    Repair(Repair),
    /// Load for a server.
    Bench(Bench),
    /// The help or the version.
    Text(String),
    /// It cannot be.
    Refused(CliError),
}

/// The command line's grammar. A number below zero is a value, so that it is refused as one and not as a flag that nobody knows.
fn program() -> clap::Command {
    fn taking_numbers(command: clap::Command) -> clap::Command {
        let valued = |arg: clap::Arg| {
            let has_value = arg.get_action().takes_values();
            arg.allow_negative_numbers(has_value)
        };
        command.mut_args(valued).mut_subcommands(taking_numbers)
    }
    taking_numbers(Arguments::command())
}

/// Reads a command line, its first word being the program's name, the environment and the configuration file.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Parsed {
    let words = with_command(words);
    let given = words.clone();
    let said = |place: usize| words.get(place).and_then(|word| word.to_str()).unwrap_or_default();
    let path: Option<Vec<String>> = match (said(1), said(2)) {
        ("serve", _) => Some(vec!["serve".to_owned()]),
        ("config", question @ ("check" | "effective")) => {
            Some(vec!["config".to_owned(), question.to_owned()])
        }
        _ => None,
    };
    let explain = |error: &clap::Error| explain(error, &given);
    let resolved = match path {
        Some(path) => layers::resolve(&program(), &path, words),
        None => Ok((words, Vec::new())),
    };
    let (words, effective) = match resolved {
        Ok(resolved) => resolved,
        Err(ResolveError::Usage(error)) => return explain(&error),
        Err(ResolveError::File(error)) => return Parsed::Refused(error),
    };
    let parsed = program().try_get_matches_from(words).and_then(|found| Arguments::from_arg_matches(&found));
    match parsed {
        Err(error) => explain(&error),
        Ok(Arguments { command: Command::Serve(settings) }) => match settings.check() {
            Ok(()) => Parsed::Serve(settings),
            Err(error) => Parsed::Refused(error),
        },
        Ok(Arguments { command: Command::Config(Config { question }) }) => {
            match question.settings().check() {
                Ok(()) => Parsed::Config(question, effective),
                Err(error) => Parsed::Refused(error),
            }
        }
        Ok(Arguments { command: Command::Ctl(ctl) }) => Parsed::Ctl(ctl),
        Ok(Arguments { command: Command::Check(check) }) => Parsed::Check(check),
        Ok(Arguments { command: Command::Shell(shell) }) => Parsed::Shell(shell),
        Ok(Arguments { command: Command::Repair(repair) }) => Parsed::Repair(repair),
        Ok(Arguments { command: Command::Bench(bench) }) => Parsed::Bench(bench),
    }
}

impl Settings {
    /// The data directory; `None` with `--ram`.
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        (!self.ram).then(|| self.data.clone().unwrap_or_else(|| DATA.into()))
    }

    /// Whether the settings may stand together.
    ///
    /// # Errors
    /// `Unprotected`, `Usage`.
    fn check(&self) -> Result<(), CliError> {
        let refuse = |cause: &str| Err(CliError::Usage(cause.to_owned()));
        match (self.ram, &self.data, self.default_storage) {
            (true, Some(_), _) => {
                return refuse("--ram keeps nothing in the directory of --data; leave one of them out");
            }
            (true, _, Some(Storage::Disc)) => {
                return refuse("--default-storage disc needs a data directory; leave out --ram");
            }
            _ => {}
        }
        let http = match self.http {
            Door::At(address) => Some(address),
            Door::Off => None,
        };
        let protected = self.clients.are_protected();
        let https = match self.http_tls {
            Some(Door::At(address)) if http.is_some() => Some(address),
            _ => None,
        };
        let open = [Some(self.resp), self.clients.resp_tls, http, https]
            .into_iter()
            .flatten()
            .find(|address| !address.ip().to_canonical().is_loopback());
        if let Door::At(line) = self.line
            && !line.ip().to_canonical().is_loopback()
            && !self.unprotected
        {
            return refuse(&format!(
                "--line {line} can be reached from other machines, and the line protocol knows no password; listen on a \
                 loopback address, or say --unprotected if the network itself is trusted"
            ));
        }
        match open {
            Some(address) if !self.unprotected && !protected => Err(CliError::Unprotected(address)),
            _ => Ok(()),
        }
    }
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
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let form = "write HOST:PORT, for example 127.0.0.1:7070 or [::1]:7070";
    let found: Vec<SocketAddr> =
        text.to_socket_addrs().map_err(|cause| format!("{cause}; {form}"))?.collect();
    let best = found.iter().find(|address| address.is_ipv4()).or(found.first());
    best.copied().ok_or_else(|| format!("the host has no address; {form}"))
}

fn storage(text: &str) -> Result<Storage, String> {
    match text.parse() {
        Ok(storage @ (Storage::Ram | Storage::Disc)) => Ok(storage),
        _ => Err("the databases are kept in ram or disc".to_owned()),
    }
}

/// Bytes, with Redis's units.
fn bytes(text: &str) -> Result<u64, String> {
    let mut bounds = Bounds::default();
    bounds.set("maxmemory", text).map_err(with_example)?;
    Ok(bounds.max_memory)
}

/// Bytes, and not none: what is done after none would never end.
fn some_bytes(text: &str) -> Result<u64, String> {
    bytes(text).and_then(|bytes| if bytes > 0 { Ok(bytes) } else { Err("at least 1".to_owned()) })
}

fn durability(text: &str) -> Result<Durability, String> {
    parse_durability(text).map_err(|error| error.to_string())
}

/// What is wrong with a bound, with a value that would do where it is one of memory.
pub(crate) fn with_example(cause: String) -> String {
    if cause.contains("be a memory") { format!("{cause}, for example 256mb") } else { cause }
}

/// An address, or `off`.
fn door(text: &str) -> Result<Door, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(Door::Off);
    }
    address(text).map(Door::At).map_err(|cause| format!("{cause}, or off"))
}

fn explain(error: &clap::Error, words: &[OsString]) -> Parsed {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Parsed::Text(error.render().to_string()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Parsed::Refused(CliError::Usage(missing_command(words)))
        }
        _ => {
            let text = first_paragraph(error);
            Parsed::Refused(CliError::Usage(match blamed_variable(error, words) {
                Some((argument, variable)) => text.replacen(
                    &format!("'{argument}'"),
                    &format!("the environment variable {variable}"),
                    1,
                ),
                None => text,
            }))
        }
    }
}

/// That the words call a command that has commands of its own, and none of these.
fn missing_command(words: &[OsString]) -> String {
    let all = program();
    let mut command = &all;
    for word in words {
        command = command.find_subcommand(word).unwrap_or(command);
    }
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    format!("'{}' needs one of {}", command.get_name(), names.join(", "))
}

/// The argument whose value cannot be, and the environment variable that has the value, if it has none from the command line.
fn blamed_variable(error: &clap::Error, words: &[OsString]) -> Option<(String, String)> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = argument.split_whitespace().next()?;
    let is_said = |word: &OsString| {
        let rest = word.to_str().and_then(|word| word.strip_prefix(flag));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    if words.iter().any(is_said) {
        return None;
    }
    let variable = layers::variable_of(&program(), flag.strip_prefix("--")?)?;
    std::env::var_os(&variable).map(|_| (argument.clone(), variable))
}

/// What is wrong, without the usage that follows it, in one line.
pub(crate) fn first_paragraph(error: &clap::Error) -> String {
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
        assert_eq!(
            (default.resp_threads, default.clients.max_clients, default.unprotected),
            (None, None, false)
        );
    }

    #[test]
    fn every_refusal_is_one_line_that_names_the_cause() {
        for (words, cause) in [
            (&["--rsp", "127.0.0.1:1"][..], "'--rsp' found (there is --resp)"),
            (&["--resp"], "a value is required for '--resp <ADDR>'"),
            (&["--resp", "7070"], "HOST:PORT"),
            (&["--resp", "127.0.0.1:99999"], "invalid value '127.0.0.1:99999'"),
            (&["--resp-threads", "many"], "invalid value 'many'"),
            (&["--resp-threads", "-1"], "invalid value '-1'"),
            (&["ctl", "tree", "--limit", "-1"], "invalid value '-1'"),
            (&["--log-format", "xml"], "[possible values: human, json]"),
            (&["dance"], "'dance'"),
            (&["ctl"], "'ctl' needs one of status, tables, "),
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
    fn data_is_kept_in_a_directory_unless_it_is_to_be_in_ram() {
        let directory = |words: &[&str]| settings(words).directory();
        assert_eq!(directory(&["serve"]), Some("mnemon-data".into()));
        assert_eq!(directory(&["--data", "/d"]), Some("/d".into()));
        assert_eq!(directory(&["--ram", "--default-storage", "ram"]), None);
        assert_eq!(settings(&["--default-storage", "ram"]).default_storage, Some(Storage::Ram));
        assert!(refusal(&["--ram", "--data", "/d"]).contains("leave one of them out"));
        assert!(refusal(&["--ram", "--default-storage", "disc"]).contains("needs a data directory"));
        assert!(refusal(&["--default-storage", "tape"]).contains("ram or disc"));
    }

    #[test]
    fn help_and_version_are_no_refusals() {
        for word in ["--help", "-h", "--version", "-V"] {
            assert!(matches!(parsed(&[word]), Parsed::Text(text) if text.contains("mnemon")), "{word}");
        }
    }
}
