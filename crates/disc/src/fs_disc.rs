//! The real disc: a directory of the file system, locked while it is in use.
//!
//! It alone knows how this operating system reserves space. Directories are synced after each change of a name.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FallocateFlags;
use rustix::io::{Errno, retry_on_intr};

use crate::disc::{Disc, DiscFile};
use crate::error::DiscError;

/// The file whose lock says that the directory is in use.
pub(crate) const LOCK_NAME: &str = "lock";

/// What a file is filled with where the file system cannot reserve space otherwise.
static FILL: [u8; 64 << 10] = [0; 64 << 10];

/// A directory of the file system. Two locked ones of one directory never exist at a time, in whatever processes.
#[derive(Debug)]
pub struct FsDisc {
    path: PathBuf,
    directory: File,
    /// Held for its lock, which the operating system lifts when the process ends, however it ends.
    lock: Option<File>,
}

impl FsDisc {
    /// Locks the directory, which is made if need be.
    ///
    /// # Errors
    /// `Locked` when another process, or this one, has it open; `Io`.
    pub fn open(path: &Path) -> Result<Self, DiscError> {
        let shown = path.display().to_string();
        fs::create_dir_all(path).map_err(DiscError::io("make the directory", &shown))?;
        let directory = File::open(path).map_err(DiscError::io("open the directory", &shown))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK_NAME))
            .map_err(DiscError::io("open", LOCK_NAME))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DiscError::Locked(path.to_owned())),
            Err(TryLockError::Error(cause)) => return Err(DiscError::io("lock", LOCK_NAME)(cause)),
        }
        // The directory's own name must be as durable as what is in it.
        if let Some(parent) = path.canonicalize().ok().as_deref().and_then(Path::parent) {
            File::open(parent)
                .and_then(|parent| parent.sync_all())
                .map_err(DiscError::io("sync the directory above", &shown))?;
        }
        Ok(Self { path: path.to_owned(), directory, lock: Some(lock) })
    }

    /// Opens a directory that others may use at the same time, such as one for backups. It is made if need be.
    ///
    /// # Errors
    /// `Io`.
    pub fn open_shared(path: &Path) -> Result<Self, DiscError> {
        let shown = path.display().to_string();
        fs::create_dir_all(path).map_err(DiscError::io("make the directory", &shown))?;
        let directory = File::open(path).map_err(DiscError::io("open the directory", &shown))?;
        Ok(Self { path: path.to_owned(), directory, lock: None })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn at(&self, name: &str) -> io::Result<PathBuf> {
        if name.is_empty() || name.contains(['/', '\\', '\0']) || name == "." || name == ".." {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file name"));
        }
        Ok(self.path.join(name))
    }
}

impl Disc for FsDisc {
    fn create(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiscFile>> {
        let path = self.at(name)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        let made =
            reserve(&file, len).and_then(|()| file.sync_all()).and_then(|()| self.directory.sync_all());
        match made {
            Ok(()) => Ok(Arc::new(FsFile(file))),
            Err(cause) => {
                // The first failure is what matters; a file that stays is found and reused at the next start.
                let _ = fs::remove_file(&path);
                Err(cause)
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiscFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.at(name)?)?;
        Ok(Arc::new(FsFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from)?, self.at(to)?)?;
        self.directory.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.at(name)?)?;
        self.directory.sync_all()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // A name that is not UTF-8 is none of ours.
            if let (true, Ok(name)) = (entry.file_type()?.is_file(), entry.file_name().into_string()) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn release(&self) {
        // Should this fail, the lock goes with the file.
        if let Some(lock) = &self.lock {
            let _ = lock.unlock();
        }
    }
}

#[derive(Debug)]
struct FsFile(File);

impl DiscFile for FsFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn clear(&self, len: u64) -> io::Result<()> {
        // Zeroing keeps the blocks, so that a full disc cannot take them away in between.
        #[cfg(target_os = "linux")]
        match retry_on_intr(|| rustix::fs::fallocate(&self.0, FallocateFlags::ZERO_RANGE, 0, len)) {
            Ok(()) => return self.0.set_len(len),
            Err(Errno::OPNOTSUPP) => {}
            Err(cause) => return Err(cause.into()),
        }
        self.0.set_len(0)?;
        reserve(&self.0, len)
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Reserves `len` zero bytes for an empty file.
fn reserve(file: &File, len: u64) -> io::Result<()> {
    if len == 0 {
        return Ok(());
    }
    match retry_on_intr(|| rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len)) {
        Ok(()) => return Ok(()),
        Err(Errno::OPNOTSUPP) => {}
        Err(cause) => return Err(cause.into()),
    }
    let mut offset = 0;
    while offset < len {
        let step = usize::try_from(len - offset).unwrap_or(FILL.len()).min(FILL.len());
        file.write_all_at(&FILL[..step], offset)?;
        offset += step as u64;
    }
    Ok(())
}
