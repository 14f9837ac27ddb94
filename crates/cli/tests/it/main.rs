//! The integration tests of the `mnemon` binary, and of the workspace it stands on top of.

mod backup;
mod bench;
#[cfg(unix)]
mod crash;
mod data;
#[cfg(unix)]
mod full;
#[cfg(target_os = "linux")]
mod larger;
mod manual;
mod operator;
mod process;
mod repair;
mod secure;
mod serve;
mod settings;
mod shell;
mod tidy;
