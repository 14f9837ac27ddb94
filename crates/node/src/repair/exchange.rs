//! Putting a repaired data directory in the place of the broken one, file by file.
//!
//! What must stay true: wherever this is interrupted, the next repair goes on from there, and until then no node starts: a mark
//! in the directory says how far it is.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use mnemon_disc::REPAIR_MARK;

use super::failed;
use crate::error::NodeError;

/// Where the broken files go, with a number.
const ASIDE: &str = "broken";
/// The lock, which stays where it is.
const LOCK: &str = "lock";

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Broken files are moved aside.
    Aside,
    /// Good ones are moved into their place.
    Place,
}

/// Moves the broken files aside, and those of the draft into their place. Gives where the broken ones are.
///
/// # Errors
/// `Data`.
pub(super) fn begin(path: &Path, draft: &Path) -> Result<PathBuf, NodeError> {
    let mut numbers = (1_u32..).map(|number| format!("{ASIDE}-{number}"));
    let name = numbers.find(|name| !path.join(name).exists()).expect("some number is free");
    fs::create_dir(path.join(&name)).map_err(failed("make", &path.join(&name)))?;
    mark(path, Phase::Aside, &name)?;
    finish(path, draft, Phase::Aside, &name)
}

/// Goes on with what was interrupted, if anything was.
///
/// # Errors
/// `Data`.
pub(super) fn go_on(path: &Path, draft: &Path) -> Result<(), NodeError> {
    let file = path.join(REPAIR_MARK);
    let text = match fs::read_to_string(&file) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text.map_err(failed("read", &file))?,
    };
    let (phase, name) = match text.trim_end().split_once(' ') {
        Some(("aside", name)) => (Phase::Aside, name),
        Some(("place", name)) => (Phase::Place, name),
        _ => return Err(NodeError::Data(format!("{} is none of ours; look what is in it", file.display()))),
    };
    finish(path, draft, phase, name).map(drop)
}

fn finish(path: &Path, draft: &Path, phase: Phase, name: &str) -> Result<PathBuf, NodeError> {
    let aside = path.join(name);
    if phase == Phase::Aside {
        move_files(path, &aside)?;
        mark(path, Phase::Place, name)?;
    }
    if draft.exists() {
        move_files(draft, path)?;
        fs::remove_dir_all(draft).map_err(failed("remove", draft))?;
    }
    let file = path.join(REPAIR_MARK);
    fs::remove_file(&file).map_err(failed("remove", &file))?;
    sync(path)?;
    Ok(aside)
}

/// Says durably how far it is.
fn mark(path: &Path, phase: Phase, name: &str) -> Result<(), NodeError> {
    let (file, new) = (path.join(REPAIR_MARK), path.join(format!("{REPAIR_MARK}.new")));
    let word = if phase == Phase::Aside { "aside" } else { "place" };
    fs::write(&new, format!("{word} {name}\n")).map_err(failed("write", &new))?;
    File::open(&new).and_then(|file| file.sync_all()).map_err(failed("sync", &new))?;
    fs::rename(&new, &file).map_err(failed("rename", &new))?;
    sync(path)
}

fn move_files(from: &Path, to: &Path) -> Result<(), NodeError> {
    let entries = fs::read_dir(from).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    for entry in entries.map_err(failed("list", from))? {
        let name = entry.file_name();
        let stays = [OsStr::new(LOCK), OsStr::new(REPAIR_MARK)].contains(&name.as_os_str());
        if !stays && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::rename(entry.path(), to.join(&name)).map_err(failed("move", &entry.path()))?;
        }
    }
    sync(to)?;
    sync(from)
}

fn sync(directory: &Path) -> Result<(), NodeError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed("sync", directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with an old file of each name and a draft with a new one.
    fn prepared(name: &str) -> (PathBuf, PathBuf) {
        let path = std::env::temp_dir().join(format!("mnemon-exchange-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        let draft = path.join("repair.draft");
        fs::create_dir_all(&draft).unwrap();
        for file in ["node", "log"] {
            fs::write(path.join(file), "old").unwrap();
            fs::write(draft.join(file), "new").unwrap();
        }
        fs::write(path.join(LOCK), "").unwrap();
        (path, draft)
    }

    fn holds(path: &Path, text: &str) {
        for file in ["node", "log"] {
            assert_eq!(fs::read_to_string(path.join(file)).unwrap(), text, "{file}");
        }
    }

    #[test]
    fn an_exchange_that_was_interrupted_goes_on() {
        for moved in 0..=4 {
            let (path, draft) = prepared(&moved.to_string());
            let aside = path.join("broken-1");
            fs::create_dir(&aside).unwrap();
            mark(&path, Phase::Aside, "broken-1").unwrap();
            for file in ["node", "log"].into_iter().take(moved) {
                fs::rename(path.join(file), aside.join(file)).unwrap();
            }
            if moved > 2 {
                mark(&path, Phase::Place, "broken-1").unwrap();
            }
            for file in ["log", "node"].into_iter().take(moved.saturating_sub(2)) {
                fs::rename(draft.join(file), path.join(file)).unwrap();
            }
            go_on(&path, &draft).unwrap();
            holds(&path, "new");
            holds(&aside, "old");
            assert!(path.join(LOCK).exists() && !draft.exists() && !path.join(REPAIR_MARK).exists());
            go_on(&path, &draft).unwrap();
            holds(&path, "new");
            fs::remove_dir_all(&path).unwrap();
        }
    }

    #[test]
    fn broken_files_of_an_earlier_repair_stay_where_they_are() {
        let (path, draft) = prepared("again");
        fs::create_dir(path.join("broken-1")).unwrap();
        assert_eq!(begin(&path, &draft).unwrap(), path.join("broken-2"));
        holds(&path, "new");
        fs::remove_dir_all(&path).unwrap();
    }
}
