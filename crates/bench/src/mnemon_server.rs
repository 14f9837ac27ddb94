//! Mnemon's own server: where its binary is, and how it is started.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::CommandLine;
use crate::error::Error;
use crate::server::Launch;

/// How long building the server from nothing may take.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// How to start the server: the one at `given`, else the release build beside this benchmark, which is built if it is
/// missing.
///
/// # Errors
/// When `given` does not exist, or the build fails.
pub(crate) fn launch(given: Option<&Path>) -> Result<Launch, Error> {
    let program = match given {
        Some(path) => absolute(path)?,
        None => built()?,
    };
    Ok(Launch {
        program,
        arguments: ["serve", "--ram", "--resp", "127.0.0.1:PORT"].map(str::to_owned).to_vec(),
    })
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|source| Error::File {
        what: "cannot find the server",
        path: path.to_owned(),
        source,
    })
}

fn built() -> Result<PathBuf, Error> {
    let missing =
        |source| Error::File { what: "cannot locate", path: "the benchmark's own binary".into(), source };
    let own = env::current_exe().map_err(missing)?;
    // TARGET/release/mnemon-bench, or TARGET/debug/… of a run without --release: the server is a release build always.
    let target = own.ancestors().nth(2).unwrap_or(Path::new("target"));
    let server = target.join("release").join("mnemon");
    if !server.exists() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
        let (manifest, target) = (manifest.to_string_lossy(), target.to_string_lossy());
        let arguments =
            ["build", "--release", "-p", "mnemon-cli", "--manifest-path", &manifest, "--target-dir", &target];
        CommandLine::new("cargo", arguments).run(BUILD_LIMIT)?;
    }
    absolute(&server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_not_there_is_named() {
        let error = launch(Some(Path::new("/nowhere/mnemon"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/mnemon"), "{error}");
    }

    #[test]
    fn the_port_stands_in_the_address() {
        let launch = launch(Some(Path::new("/bin/sh"))).unwrap();
        assert!(launch.command("7070").to_string().ends_with(" serve --ram --resp 127.0.0.1:7070"));
    }
}
