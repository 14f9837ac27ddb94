//! A directory that lives as long as one measurement: servers keep their data and logs in it, programs are compiled in it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process;

use crate::error::Error;

/// An empty directory of our own below the system's temporary directory, removed with all it holds on drop.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the directory; `purpose` becomes part of its name.
    ///
    /// # Errors
    /// When the system's temporary directory cannot be written.
    pub(crate) fn new(purpose: &str) -> Result<Self, Error> {
        let base = std::env::temp_dir();
        let mut attempt = 0_u32;
        loop {
            let path = base.join(format!("mnemon-bench-{}-{purpose}-{attempt}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < 10_000 => attempt += 1,
                Err(source) => {
                    return Err(Error::File { what: "cannot create directory", path, source });
                }
            }
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file into it, and says where.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        match fs::write(&path, text) {
            Ok(()) => Ok(path),
            Err(source) => Err(Error::File { what: "cannot write", path, source }),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing to do about a failure, and the system clears its temporary directory by itself.
        drop(fs::remove_dir_all(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_directories_for_one_purpose_differ_and_vanish() {
        let first = Scratch::new("twice").unwrap();
        let second = Scratch::new("twice").unwrap();
        assert_ne!(first.path(), second.path());
        let file = first.write("a", "b").unwrap();
        assert!(file.exists());
        drop(first);
        assert!(!file.exists());
        assert!(second.path().exists());
    }
}
