//! The boundary to the operating system: one flat directory of files.
//!
//! Small enough that a test can stand in for it and fail at every call. What must stay true: when `create`, `rename` or
//! `remove` return, the directory itself is durable; the bytes of a file are durable only after its `sync`.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use crate::error::DiscError;

/// A directory of files, whose names contain no separators.
pub trait Disc: Debug + Send + Sync + 'static {
    /// Makes a file of `len` zero bytes, all of them reserved on the disc, in place of any file of that name. On an
    /// error no file of that name is left behind.
    ///
    /// # Errors
    /// What the operating system says; `StorageFull` when there is no room.
    fn create(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiscFile>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` and what else the operating system says.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiscFile>>;

    /// Gives a file another name, in place of any file of that name: afterwards, and after a crash, either the old state
    /// or the new one.
    ///
    /// # Errors
    /// What the operating system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the operating system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files, in no order.
    ///
    /// # Errors
    /// What the operating system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Lets others use the directory. Nothing may be changed through this afterwards, whoever still holds it.
    fn release(&self) {}
}

/// An open file. All methods may be called from several threads.
pub trait DiscFile: Debug + Send + Sync {
    /// How many bytes it has.
    ///
    /// # Errors
    /// What the operating system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    /// What the operating system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads up to `buffer.len()` bytes; fewer only at the end of the file.
    ///
    /// # Errors
    /// What the operating system says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes`; the file grows if need be.
    ///
    /// # Errors
    /// What the operating system says; a part may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the file `len` zero bytes, all of them reserved; what was in it is gone.
    ///
    /// # Errors
    /// What the operating system says.
    fn clear(&self, len: u64) -> io::Result<()>;

    /// Cuts the file off at `len`.
    ///
    /// # Errors
    /// What the operating system says.
    fn cut(&self, len: u64) -> io::Result<()>;

    /// Makes durable what was written so far, the length included. After an error what was written since the last success may
    /// be lost, and calling again proves nothing.
    ///
    /// # Errors
    /// What the operating system says.
    fn sync(&self) -> io::Result<()>;
}

/// Fills `buffer`, or fails with `UnexpectedEof`.
pub(crate) fn read_exact(file: &dyn DiscFile, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    if file.read_at(offset, buffer)? == buffer.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// All bytes of a file that must not have more than `limit`. Memory is taken for what is there, not for what is claimed.
pub(crate) fn read_whole(disc: &dyn Disc, name: &str, limit: u64) -> Result<Vec<u8>, DiscError> {
    let file = disc.open(name).map_err(DiscError::io("open", name))?;
    let len = file.len().map_err(DiscError::io("measure", name))?;
    if len > limit {
        return Err(DiscError::corrupt(name, limit, format!("{len} bytes, at most {limit} are possible")));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let read = file.read_at(0, &mut bytes).map_err(DiscError::io("read", name))?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Puts `bytes` in place of the file `name`, durably and at once: through a temporary file that is renamed.
pub(crate) fn replace(disc: &dyn Disc, name: &str, bytes: &[u8]) -> Result<(), DiscError> {
    let draft = format!("{name}{DRAFT_SUFFIX}");
    let file = disc.create(&draft, 0).map_err(DiscError::io("create", &draft))?;
    file.write_at(0, bytes).map_err(DiscError::io("write", &draft))?;
    file.sync().map_err(DiscError::io("sync", &draft))?;
    disc.rename(&draft, name).map_err(DiscError::io("rename", &draft))
}

/// How files end that are not complete yet. Those found at a start are what a crash left behind.
pub(crate) const DRAFT_SUFFIX: &str = ".draft";
