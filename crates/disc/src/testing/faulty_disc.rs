//! The faulty disc: files in memory, a count of steps, and a fault at one of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::faulty_file::{Change, Content};
use crate::disc::{Disc, DiscFile};

/// What becomes of changes that were not synced when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// None of them is there.
    Lost,
    /// All of them are there.
    Kept,
    /// Some sectors of some of them are there, chosen by this seed.
    Torn(u64),
}

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes; this and every later call fails until [`FaultyDisc::restart`].
    Stop,
    /// The call fails with this kind of error, the next ones work again. A write has then been done in part, and a sync has
    /// dropped what it should have written.
    Error(io::ErrorKind),
}

/// A disc in memory with faults. Clones are the same disc.
///
/// ```
/// use mnemon_disc::testing::{Fate, Fault, FaultyDisc};
/// use mnemon_disc::Disc;
///
/// let disc = FaultyDisc::new();
/// let file = disc.create("a", 0)?;
/// file.write_at(0, b"synced")?;
/// file.sync()?;
/// file.write_at(6, b", not synced")?;
/// disc.fail_at(disc.steps(), Fault::Stop);
/// assert!(file.sync().is_err());
/// assert_eq!(disc.restart(Fate::Lost).bytes("a").as_deref(), Some(&b"synced"[..]));
/// assert_eq!(disc.restart(Fate::Kept).bytes("a").as_deref(), Some(&b"synced, not synced"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultyDisc(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Arc<Mutex<Content>>>,
    steps: u64,
    faults: BTreeMap<u64, Fault>,
    stopped: bool,
    /// A change of names that was under way when the power went.
    halfway: Option<Naming>,
    capacity: Option<u64>,
}

/// A change of the directory. Files are created empty of surprises: before the call returns they are durable.
#[derive(Clone, Debug)]
enum Naming {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

/// What a call may do.
enum Verdict {
    Go,
    Fail(io::Error),
}

impl FaultyDisc {
    /// An empty disc without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many steps were taken. A step is a call that changes something.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.0.lock().steps
    }

    /// Lets the call fail that is step number `step`, counted from 0.
    pub fn fail_at(&self, step: u64, fault: Fault) {
        self.0.lock().faults.insert(step, fault);
    }

    /// Whether the power has gone.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.lock().stopped
    }

    /// Bounds the bytes of all files together; what exceeds it fails with `StorageFull`. `None`: no bound.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.0.lock().capacity = bytes;
    }

    /// The disc as it is found after a power cut now: another one, without faults. This one stays as it is.
    #[must_use]
    pub fn restart(&self, fate: Fate) -> Self {
        let state = self.0.lock();
        let mut keep = Keep::new(fate);
        let mut files: BTreeMap<String, Vec<u8>> = state
            .files
            .iter()
            .map(|(name, content)| (name.clone(), content.lock().after_crash(&mut keep)))
            .collect();
        let done = match fate {
            Fate::Lost => false,
            Fate::Kept => true,
            Fate::Torn(_) => keep.coin(),
        };
        if let (Some(naming), true) = (&state.halfway, done) {
            match naming {
                Naming::Create(name, len) => drop(files.insert(name.clone(), vec![0; *len])),
                Naming::Remove(name) => drop(files.remove(name)),
                Naming::Rename(from, to) => {
                    if let Some(bytes) = files.remove(from) {
                        files.insert(to.clone(), bytes);
                    }
                }
            }
        }
        let disc = Self::new();
        for (name, bytes) in files {
            disc.put(&name, bytes);
        }
        disc
    }

    /// Puts a durable file there, whatever the faults.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let content = Arc::new(Mutex::new(Content::durable(bytes)));
        self.0.lock().files.insert(name.to_owned(), content);
    }

    /// What readers see of a file.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let content = self.0.lock().files.get(name)?.clone();
        let seen = content.lock().seen.clone();
        Some(seen)
    }

    /// Names of all files in their order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.lock().files.keys().cloned().collect()
    }

    /// Another disc with the same files, as readers see them, and without faults.
    #[must_use]
    pub fn copy(&self) -> Self {
        let disc = Self::new();
        for name in self.names() {
            disc.put(&name, self.bytes(&name).unwrap_or_default());
        }
        disc
    }

    /// Counts a step. `grows` is what the files grow by.
    fn step(&self, naming: Option<Naming>, grows: u64) -> Verdict {
        let mut state = self.0.lock();
        if state.stopped {
            return Verdict::Fail(stopped());
        }
        let step = state.steps;
        state.steps += 1;
        match state.faults.remove(&step) {
            Some(Fault::Stop) => {
                state.stopped = true;
                state.halfway = naming;
                Verdict::Fail(stopped())
            }
            Some(Fault::Error(kind)) => Verdict::Fail(io::Error::new(kind, "injected")),
            None if grows > 0 && state.capacity.is_some_and(|capacity| state.used() + grows > capacity) => {
                Verdict::Fail(io::Error::new(io::ErrorKind::StorageFull, "the disc in memory is full"))
            }
            None => Verdict::Go,
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("the power is off")
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl State {
    fn used(&self) -> u64 {
        self.files.values().map(|content| content.lock().seen.len() as u64).sum()
    }
}

impl Disc for FaultyDisc {
    fn create(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiscFile>> {
        let size = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        if let Verdict::Fail(cause) = self.step(Some(Naming::Create(name.to_owned(), size)), len) {
            return Err(cause);
        }
        self.put(name, vec![0; size]);
        self.open(name)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiscFile>> {
        let state = self.0.lock();
        if state.stopped {
            return Err(stopped());
        }
        let content = state.files.get(name).cloned().ok_or_else(missing)?;
        Ok(Arc::new(FaultyFile { disc: self.clone(), content }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if let Verdict::Fail(cause) = self.step(Some(Naming::Rename(from.to_owned(), to.to_owned())), 0) {
            return Err(cause);
        }
        let mut state = self.0.lock();
        let content = state.files.remove(from).ok_or_else(missing)?;
        state.files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if let Verdict::Fail(cause) = self.step(Some(Naming::Remove(name.to_owned())), 0) {
            return Err(cause);
        }
        self.0.lock().files.remove(name).map(drop).ok_or_else(missing)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        if self.is_stopped() { Err(stopped()) } else { Ok(self.names()) }
    }
}

#[derive(Debug)]
struct FaultyFile {
    disc: FaultyDisc,
    content: Arc<Mutex<Content>>,
}

impl FaultyFile {
    fn change(&self, change: Change, len_after: usize) -> io::Result<()> {
        let grows = len_after.saturating_sub(self.content.lock().seen.len()) as u64;
        match self.disc.step(None, grows) {
            Verdict::Go => {
                self.content.lock().change(change);
                Ok(())
            }
            Verdict::Fail(cause) => {
                // With the power gone, the change is under way: whether it gets there is the fate's to decide.
                if self.disc.is_stopped() {
                    self.content.lock().change(change);
                } else if cause.kind() != io::ErrorKind::StorageFull {
                    self.content.lock().change_in_part(&change);
                }
                Err(cause)
            }
        }
    }
}

impl DiscFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().seen.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.disc.is_stopped() {
            return Err(stopped());
        }
        let content = self.content.lock();
        let rest = usize::try_from(offset).ok().and_then(|offset| content.seen.get(offset..)).unwrap_or(&[]);
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.disc.is_stopped() {
            return Err(stopped());
        }
        let offset = usize::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        self.change(Change::Write { offset, bytes: bytes.to_vec() }, offset + bytes.len())
    }

    fn clear(&self, len: u64) -> io::Result<()> {
        if self.disc.is_stopped() {
            return Err(stopped());
        }
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        self.change(Change::Clear { len }, len)
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        if self.disc.is_stopped() {
            return Err(stopped());
        }
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        self.change(Change::Cut { len }, len)
    }

    fn sync(&self) -> io::Result<()> {
        match self.disc.step(None, 0) {
            Verdict::Go => {
                self.content.lock().sync();
                Ok(())
            }
            Verdict::Fail(cause) => {
                if !self.disc.is_stopped() {
                    self.content.lock().forget();
                }
                Err(cause)
            }
        }
    }
}

/// Decides what survives a power cut.
#[derive(Debug)]
pub(super) struct Keep {
    fate: Fate,
    random: u64,
}

impl Keep {
    fn new(fate: Fate) -> Self {
        let seed = if let Fate::Torn(seed) = fate { seed } else { 0 };
        Self { fate, random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d }
    }

    fn coin(&mut self) -> bool {
        // xorshift64*: plenty for picking sectors, and a seed replays it.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 63 == 1
    }

    /// Calls `keep` for a change that survives: with nothing when as a whole, with a coin when in part.
    pub(super) fn decide(&mut self, keep: impl FnOnce(Option<&mut dyn FnMut() -> bool>)) {
        match self.fate {
            Fate::Lost => {}
            Fate::Kept => keep(None),
            Fate::Torn(_) => keep(Some(&mut || self.coin())),
        }
    }
}
