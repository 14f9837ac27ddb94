//! Programs as data: where they are, how they are called, and how one is run to its end within a deadline.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::clock::Deadline;
use crate::error::{Error, tail};
use crate::scratch::Scratch;

/// A program and its arguments; displayed as a shell would take it, so that a reader can repeat a measurement.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine {
    program: PathBuf,
    arguments: Vec<String>,
}

impl CommandLine {
    /// The call of `program` with `arguments`.
    pub(crate) fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self { program: program.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// Starts it in `directory` with its output, standard and error, going to the file `log`.
    ///
    /// # Errors
    /// When the log cannot be made or the program cannot be started.
    pub(crate) fn spawn(&self, directory: &Path, log: &Path) -> Result<Child, Error> {
        let failed = |source| Error::File { what: "cannot create", path: log.to_owned(), source };
        let output = File::create(log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| Error::Spawn { command: self.to_string(), source })
    }

    /// Runs it to its end in a directory of its own and returns what it printed, standard output and errors together.
    /// It is killed when it takes longer than `limit`.
    ///
    /// # Errors
    /// When it cannot be started, fails, or is late.
    pub(crate) fn run(&self, limit: Duration) -> Result<String, Error> {
        self.run_in(&Scratch::new("run")?, limit)
    }

    /// As [`run`](Self::run), in `scratch`.
    ///
    /// # Errors
    /// When it cannot be started, fails, or is late.
    pub(crate) fn run_in(&self, scratch: &Scratch, limit: Duration) -> Result<String, Error> {
        let log = scratch.path().join("output");
        let mut child = Running(self.spawn(scratch.path(), &log)?);
        let waiting = |source| Error::Spawn { command: self.to_string(), source };
        let deadline = Deadline::after(limit);
        let ended = deadline.wait_for(|| child.0.try_wait().map_err(waiting))?;
        let output = fs::read(&log).unwrap_or_default();
        match ended {
            Some(status) if status.success() => Ok(String::from_utf8_lossy(&output).into_owned()),
            Some(status) => Err(Error::Failed { command: self.to_string(), status, output: tail(&output) }),
            None => Err(Error::Late {
                command: self.to_string(),
                awaited: "done",
                limit_ms: deadline.limit().as_millis(),
                output: tail(&output),
            }),
        }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", quoted(&self.program.to_string_lossy()))?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(argument)))
    }
}

/// `word` as a POSIX shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A child that ends with the value that holds it.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The executable file called `name` in `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    find_in(env::var_os("PATH")?.as_os_str(), name)
}

fn find_in(search_path: &OsStr, name: &str) -> Option<PathBuf> {
    env::split_paths(search_path).map(|directory| directory.join(name)).find(|path| {
        fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_shell_takes_it() {
        let command = CommandLine::new("redis-server", ["--save", "", "--x", "it's"]);
        assert_eq!(command.to_string(), r"redis-server --save '' --x 'it'\''s'");
    }

    #[test]
    fn output_and_errors_of_a_finished_program_come_back() {
        let text =
            CommandLine::new("sh", ["-c", "echo one; echo two >&2"]).run(Duration::from_secs(10)).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn a_failing_program_is_an_error_with_its_last_words() {
        let error =
            CommandLine::new("sh", ["-c", "echo broken; exit 3"]).run(Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains("broken"), "{error}");
        assert!(matches!(error, Error::Failed { status, .. } if status.code() == Some(3)));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let error = CommandLine::new("tail", ["-f", "/dev/null"]).run(Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, Error::Late { awaited: "done", .. }), "{error}");
    }

    #[test]
    fn only_executable_files_are_programs() {
        let scratch = Scratch::new("path").unwrap();
        let file = scratch.write("tool", "#!/bin/sh\n").unwrap();
        assert_eq!(find_in(scratch.path().as_os_str(), "tool"), None);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find_in(scratch.path().as_os_str(), "tool"), Some(file));
    }
}
