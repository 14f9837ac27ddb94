//! The directory of backups: names, drafts that become backups at once or not at all, lists.
//!
//! What must stay true: a file under its final name is complete and durable; a name that a client gives never leads out of
//! the directory.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

use mnemon_disc::{Disc, DiscFile, FsDisc};

use crate::error::BackupError;
use crate::format::BackupHeader;
use crate::reader::BackupReader;

/// How the files of backups end.
pub const SUFFIX: &str = ".backup";
const DRAFT: &str = ".draft";
const NAME_MAX: usize = 128;
/// After how many bytes what was written is synced. Without that, the operating system writes much at once, and the log's
/// syncs wait for it.
const SYNC_EVERY: u64 = 4 << 20;
const READ_BYTES: usize = 256 << 10;

/// A directory of backups.
#[derive(Clone, Debug)]
pub struct Shelf {
    disc: Arc<dyn Disc>,
    place: String,
}

/// A backup in the directory.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name, without the ending of the file.
    pub name: String,
    /// Its length; 0 where that cannot be told.
    pub bytes: u64,
    /// What it says of itself, or why that cannot be read. The rest of the file was not looked at.
    pub header: Result<BackupHeader, BackupError>,
}

impl Shelf {
    /// A directory of the file system, made if need be.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let place = path.display().to_string();
        let disc = FsDisc::open_shared(path)
            .map_err(|cause| BackupError::io("open", &place)(io::Error::other(cause.to_string())))?;
        Ok(Self { disc: Arc::new(disc), place })
    }

    /// The directory that `disc` is.
    #[must_use]
    pub fn on(disc: Arc<dyn Disc>) -> Self {
        Self { disc, place: "the directory of backups".to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Begins a file that will be the backup `name`.
    ///
    /// # Errors
    /// `BadName`, `Exists`, `Io`.
    pub fn create(&self, name: &str) -> Result<Draft, BackupError> {
        let file = file_name(name)?;
        self.check_free(name, &file)?;
        let draft = format!("{file}{DRAFT}");
        let open = self.disc.create(&draft, 0).map_err(BackupError::io("create", &draft))?;
        Ok(Draft {
            shelf: self.clone(),
            name: name.to_owned(),
            draft,
            file: open,
            offset: 0,
            synced: 0,
            kept: false,
        })
    }

    fn check_free(&self, name: &str, file: &str) -> Result<(), BackupError> {
        let names = self.disc.list().map_err(BackupError::io("list", &self.place))?;
        if names.iter().any(|other| other == file) {
            Err(BackupError::Exists(name.to_owned()))
        } else {
            Ok(())
        }
    }

    /// Opens a backup.
    ///
    /// # Errors
    /// `BadName`, `Missing`, `Io`, and those of [`BackupReader::open`].
    pub fn read(&self, name: &str) -> Result<BackupReader<impl Read + Send + use<>>, BackupError> {
        let file_name = file_name(name)?;
        let file = self.disc.open(&file_name).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => BackupError::Missing(name.to_owned()),
            _ => BackupError::io("open", &file_name)(cause),
        })?;
        BackupReader::open(&file_name, BufReader::with_capacity(READ_BYTES, Source::new(file)))
    }

    /// The backups, by name.
    ///
    /// # Errors
    /// `Io`.
    pub fn list(&self) -> Result<Vec<Listed>, BackupError> {
        let mut listed: Vec<Listed> = self
            .names()?
            .into_iter()
            .map(|name| {
                let header = self.read(&name).map(|reader| reader.header().clone());
                let file = self.disc.open(&format!("{name}{SUFFIX}"));
                Listed { bytes: file.and_then(|file| file.len()).unwrap_or(0), header, name }
            })
            .collect();
        listed.sort_by(|one, two| one.name.cmp(&two.name));
        Ok(listed)
    }

    /// The names of the backups, in no order.
    ///
    /// # Errors
    /// `Io`.
    pub fn names(&self) -> Result<Vec<String>, BackupError> {
        let names = self.disc.list().map_err(BackupError::io("list", &self.place))?;
        let name = |file: String| file.strip_suffix(SUFFIX).filter(|name| is_name(name)).map(str::to_owned);
        Ok(names.into_iter().filter_map(name).collect())
    }

    /// Removes a backup.
    ///
    /// # Errors
    /// `BadName`, `Missing`, `Io`.
    pub fn remove(&self, name: &str) -> Result<(), BackupError> {
        let file = file_name(name)?;
        self.disc.remove(&file).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => BackupError::Missing(name.to_owned()),
            _ => BackupError::io("remove", &file)(cause),
        })
    }

    /// Removes what crashes have left half written. Only for a directory that no other node uses.
    ///
    /// # Errors
    /// `Io`.
    pub fn remove_drafts(&self) -> Result<(), BackupError> {
        let names = self.disc.list().map_err(BackupError::io("list", &self.place))?;
        for name in names.iter().filter(|name| name.ends_with(&format!("{SUFFIX}{DRAFT}"))) {
            self.disc.remove(name).map_err(BackupError::io("remove", name))?;
        }
        Ok(())
    }
}

/// The file of a backup's name; the ending may be given.
fn file_name(name: &str) -> Result<String, BackupError> {
    let stem = name.strip_suffix(SUFFIX).unwrap_or(name);
    if is_name(stem) { Ok(format!("{stem}{SUFFIX}")) } else { Err(BackupError::BadName(name.to_owned())) }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && !name.ends_with(DRAFT)
}

/// A backup that is being written. Dropped before [`Draft::keep`], it leaves nothing.
#[derive(Debug)]
pub struct Draft {
    shelf: Shelf,
    name: String,
    draft: String,
    file: Arc<dyn DiscFile>,
    offset: u64,
    synced: u64,
    kept: bool,
}

impl Draft {
    /// Makes the file durable and gives it its name.
    ///
    /// # Errors
    /// `Exists` when another took the name meanwhile, `Io`; then there is no such backup.
    pub fn keep(mut self) -> Result<(), BackupError> {
        self.file.sync().map_err(BackupError::io("sync", &self.draft))?;
        let file = file_name(&self.name)?;
        self.shelf.check_free(&self.name, &file)?;
        self.shelf.disc.rename(&self.draft, &file).map_err(BackupError::io("rename", &self.draft))?;
        self.kept = true;
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(self.offset, bytes)?;
        self.offset += bytes.len() as u64;
        if self.offset - self.synced >= SYNC_EVERY {
            self.file.sync()?;
            self.synced = self.offset;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // What stays because of an error has a name that no backup has.
            drop(self.shelf.disc.remove(&self.draft));
        }
    }
}

/// A file that is read from the front to the back.
pub(crate) struct Source {
    file: Arc<dyn DiscFile>,
    offset: u64,
}

impl Source {
    pub(crate) fn new(file: Arc<dyn DiscFile>) -> Self {
        Self { file, offset: 0 }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.offset, buffer)?;
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use mnemon_disc::testing::FaultyDisc;

    use super::*;

    #[test]
    fn a_name_never_leads_out_of_the_directory() {
        for name in ["", ".", "..", "../a", "a/b", "/etc/passwd", "a\\b", "-a", ".a", "a b", "a\0", "a.draft"]
        {
            assert!(matches!(file_name(name), Err(BackupError::BadName(_))), "{name:?}");
        }
        assert!(file_name(&"a".repeat(129)).is_err());
        assert_eq!(file_name("a").unwrap(), "a.backup");
        assert_eq!(file_name("a.backup").unwrap(), "a.backup");
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing_and_a_name_is_given_once() {
        let disc = FaultyDisc::new();
        let shelf = Shelf::on(Arc::new(disc.clone()));
        let mut draft = shelf.create("a").unwrap();
        draft.write_all(b"half").unwrap();
        drop(draft);
        assert!(disc.list().unwrap().is_empty());
        shelf.create("a").unwrap().keep().unwrap();
        assert!(matches!(shelf.create("a"), Err(BackupError::Exists(_))));
        assert_eq!(shelf.names().unwrap(), ["a"]);
        shelf.remove("a").unwrap();
        assert!(matches!(shelf.remove("a"), Err(BackupError::Missing(_))));
    }
}
