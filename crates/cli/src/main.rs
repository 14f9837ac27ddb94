//! The `mnemon` binary: a node of its own, for Redis clients.
//!
//! Here are the command line, the log, signals and exit statuses; what a node is belongs to `mnemon-node`. Status 0 is an
//! orderly end, 2 a command line or setting that cannot be, or an address that cannot be listened on; whatever goes wrong
//! is told in one line on stderr.

mod arguments;
mod error;
mod logging;
mod serve;
mod signals;

use std::io::Write as _;
use std::process::ExitCode;

use arguments::Parsed;

/// Rows are many small allocations from several threads, which this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = match arguments::parse(std::env::args_os()) {
        Parsed::Serve(settings) => serve::run(settings),
        Parsed::Text(text) => {
            // A reader that has gone, `mnemon --help | head -1`, is no failure.
            drop(std::io::stdout().write_all(text.as_bytes()));
            return ExitCode::SUCCESS;
        }
        Parsed::Refused(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "mnemon: {error}"));
            error.status()
        }
    }
}
