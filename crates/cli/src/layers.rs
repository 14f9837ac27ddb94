//! Where settings come from: flags beat the environment, that beats the configuration file, that beats the defaults.
//!
//! The flags are the one list of settings: a key of the file is a flag's name with `_` for `-`, and its value is read as
//! the flag's would be. What must stay true: a file with a key or a value that cannot be is refused with the line, also
//! when something else beats that value.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::CliError;

/// The setting that names the file; it cannot stand in the file.
const FILE: &str = "config";
/// A file larger than this is none of ours.
const FILE_MAX: u64 = 1 << 20;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag of the command line.
    Flag(String),
    /// A variable of the environment.
    Environment(String),
    /// A line of the configuration file.
    File { path: PathBuf, line: usize },
    /// Nobody said anything.
    Default,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag --{flag}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File { path, line } => write!(f, "file {}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effective {
    /// As in the file.
    pub(crate) name: String,
    /// As text; a secret is not shown.
    pub(crate) value: String,
    pub(crate) source: Source,
}

/// What is shown for a secret.
const HIDDEN: &str = "(hidden)";

/// An entry of the file.
struct Entry {
    line: usize,
    /// The words that say the same on the command line; several for a list, none for `false`.
    words: Vec<OsString>,
}

/// The words of a command line with those added that the configuration file stands for, and the sources of all settings.
/// `command` is the whole program's, `path` the names of the subcommand that has the settings.
///
/// # Errors
/// `Usage` for the command line, `File` for the file.
pub(crate) fn resolve(
    command: &Command,
    path: &[String],
    words: Vec<OsString>,
) -> Result<(Vec<OsString>, Vec<Effective>), ResolveError> {
    let matches = told_by(command, &words).map_err(ResolveError::Usage)?;
    let (target, told) = descend(command, &matches, path);
    let file = told.try_get_one::<PathBuf>(FILE).ok().flatten().cloned();
    let entries = match &file {
        None => BTreeMap::new(),
        Some(file) => read(file, target)?,
    };
    let mut all = words;
    for (id, entry) in &entries {
        if !is_said(told, id) {
            all.extend(entry.words.iter().cloned());
        }
    }
    let matches = command.clone().try_get_matches_from(&all).map_err(ResolveError::Usage)?;
    let (_, resolved) = descend(command, &matches, path);
    let effective = settings(target).map(|arg| {
        let id = arg.get_id().as_str();
        let source = match (told.value_source(id), entries.get(id), &file) {
            (Some(ValueSource::CommandLine), ..) => Source::Flag(arg.get_long().unwrap_or(id).to_owned()),
            (Some(ValueSource::EnvVariable), ..) => Source::Environment(variable(arg)),
            (_, Some(entry), Some(path)) => Source::File { path: path.clone(), line: entry.line },
            _ => Source::Default,
        };
        Effective { name: id.to_owned(), value: shown(arg, resolved), source }
    });
    Ok((all, effective.collect()))
}

/// What a command line and the environment say. A setting that needs another one may find it in the file.
fn told_by(command: &Command, words: &[OsString]) -> Result<ArgMatches, clap::Error> {
    match command.clone().try_get_matches_from(words) {
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {
            command.clone().ignore_errors(true).try_get_matches_from(words)
        }
        told => told,
    }
}

/// Why settings could not be read.
#[derive(Debug)]
pub(crate) enum ResolveError {
    /// The command line or the environment, or a wish for help.
    Usage(clap::Error),
    /// The configuration file.
    File(CliError),
}

/// The subcommand at `path`, and what was said to it.
fn descend<'a>(
    command: &'a Command,
    matches: &'a ArgMatches,
    path: &[String],
) -> (&'a Command, &'a ArgMatches) {
    path.iter().fold((command, matches), |(command, matches), name| {
        let below = command.find_subcommand(name).unwrap_or(command);
        (below, matches.subcommand_matches(name).unwrap_or(matches))
    })
}

/// The settings among a subcommand's arguments: those that the environment can give.
fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| arg.get_env().is_some())
}

fn variable(arg: &Arg) -> String {
    arg.get_env().unwrap_or_default().to_string_lossy().into_owned()
}

/// The environment variable of the setting with this flag, in a command or below it.
pub(crate) fn variable_of(command: &Command, long: &str) -> Option<String> {
    let own = settings(command).find(|arg| arg.get_long() == Some(long)).map(variable);
    own.or_else(|| command.get_subcommands().find_map(|below| variable_of(below, long)))
}

fn is_said(told: &ArgMatches, id: &str) -> bool {
    matches!(told.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

/// A value for people.
fn shown(arg: &Arg, matches: &ArgMatches) -> String {
    let id = arg.get_id().as_str();
    if matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse) {
        return matches.get_flag(id).to_string();
    }
    let values: Vec<String> = matches
        .get_raw(id)
        .map(|values| values.map(|value| value.to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    match (values.is_empty(), arg.is_hide_env_values_set()) {
        (true, _) => default_text(arg),
        (false, true) => HIDDEN.to_owned(),
        (false, false) => values.join(", "),
    }
}

/// What the help says about a default that is not one fixed value: `[default: half the cores]`.
fn default_text(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let text = help.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']'));
    text.map_or_else(|| "(none)".to_owned(), |(text, _)| format!("({text})"))
}

/// Reads the file and holds every entry against the flag of the same name.
fn read(file: &Path, target: &Command) -> Result<BTreeMap<String, Entry>, ResolveError> {
    let refuse = |cause: String| ResolveError::File(CliError::ConfigFile { path: file.to_owned(), cause });
    let size = std::fs::metadata(file).map_err(|cause| refuse(cause.to_string()))?.len();
    if size > FILE_MAX {
        return Err(refuse(format!(
            "it has {size} bytes, at most {FILE_MAX} are read; is it the right file?"
        )));
    }
    let text = std::fs::read_to_string(file).map_err(|cause| refuse(cause.to_string()))?;
    let line_of =
        |offset: usize| text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1;
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(span.start));
        refuse(format!("line {line}: {}", error.message().replace('\n', ", ")))
    })?;
    let mut entries = BTreeMap::new();
    for (key, value) in table.get_ref() {
        let line = line_of(key.span().start);
        let refuse = |cause: String| refuse(format!("line {line}: {cause}"));
        let name: &str = key.get_ref();
        let arg = settings(target)
            .find(|arg| arg.get_id() == name && name != FILE)
            .ok_or_else(|| refuse(unknown(name, target)))?;
        let words = words_for(arg, value).map_err(|cause| refuse(format!("{name}: {cause}")))?;
        // Held against the flag alone, so that what is wrong is told with its line.
        let tried = alone(arg).try_get_matches_from(words.clone());
        if let Err(error) = tried {
            return Err(refuse(crate::arguments::first_paragraph(&error)));
        }
        entries.insert(name.to_owned(), Entry { line, words });
    }
    Ok(entries)
}

/// A command line that has this setting and nothing else, no environment and no setting that it needs.
fn alone(arg: &Arg) -> Command {
    let id = arg.get_id().as_str().to_owned();
    let mut copy =
        Arg::new(id.clone()).long(arg.get_long().unwrap_or(&id).to_owned()).action(arg.get_action().clone());
    if arg.get_action().takes_values() {
        copy = copy.value_parser(arg.get_value_parser().clone()).value_delimiter(arg.get_value_delimiter());
        copy = copy.allow_negative_numbers(true);
    }
    Command::new("mnemon").no_binary_name(true).arg(copy)
}

fn unknown(name: &str, target: &Command) -> String {
    let known: Vec<&str> =
        settings(target).map(|arg| arg.get_id().as_str()).filter(|id| *id != FILE).collect();
    let shown: String = name.chars().take(64).collect();
    format!("there is no setting {shown:?}; the settings are {}", known.join(", "))
}

/// The words that say the same as an entry of the file.
fn words_for(arg: &Arg, value: &Spanned<DeValue<'_>>) -> Result<Vec<OsString>, String> {
    let flag = format!("--{}", arg.get_long().unwrap_or(arg.get_id().as_str()));
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let word = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Ok(OsString::from(format!("{flag}={text}"))),
        DeValue::Integer(number) => Ok(OsString::from(format!("{flag}={number}"))),
        DeValue::Float(number) => Ok(OsString::from(format!("{flag}={number}"))),
        _ => Err("the value must be a text or a number".to_owned()),
    };
    match value.get_ref() {
        DeValue::Boolean(on) if is_switch => Ok(if *on { vec![flag.into()] } else { Vec::new() }),
        _ if is_switch => Err("the value must be true or false".to_owned()),
        DeValue::Array(values) if matches!(arg.get_action(), ArgAction::Append) => {
            values.iter().map(|value| word(value.get_ref())).collect()
        }
        one => Ok(vec![word(one)?]),
    }
}
