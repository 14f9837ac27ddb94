//! The log: to stderr, for people or for machines, as much as `RUST_LOG` asks for.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::arguments::LogFormat;
use crate::error::CliError;

/// Starts the log of this process. To be called once, before anything is logged.
pub(crate) fn start(format: LogFormat) -> Result<(), CliError> {
    let log = tracing_subscriber::fmt().with_env_filter(filter()?).with_writer(io::stderr);
    // A log that nobody reads any more must not take the node down with it.
    let log = log.log_internal_errors(false);
    match format {
        LogFormat::Human => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

fn filter() -> Result<EnvFilter, CliError> {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(wanted)
        .map_err(|cause| CliError::LogFilter(cause.to_string()))
}
