//! `mnemon repair`: what is intact of a stopped node's data directory, and a directory with just that.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::error::CliError;
use crate::output::print;

/// Which directory, and whether to change it.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    /// The data directory; its node must be stopped.
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Says what is intact and what would be lost, and changes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Looks, repairs if it may, and tells. Status 0: the directory is intact, or is again; 1: it is damaged.
///
/// # Errors
/// `Node` when a node uses the directory, or the disc fails.
pub(crate) fn run(repair: &Repair) -> Result<ExitCode, CliError> {
    let report = mnemon_node::repair(&repair.directory, repair.dry_run)?;
    print(&report.to_string());
    Ok(ExitCode::from(u8::from(!report.is_intact() && report.aside.is_none())))
}
