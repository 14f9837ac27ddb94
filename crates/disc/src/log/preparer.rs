//! The one who keeps segments ready and removes those that nobody needs: all that is slow about files, off the way of commits.
//!
//! When the disc is full it says so to those who reserve, and tries again now and then, so that writes go on by themselves.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::batch::Spare;
use super::ledger::Ledger;
use super::segment::{parse_spare_name, spare_name};
use super::shared::Shared;
use super::shift::Post;
use crate::error::DiscError;

/// Reserves and removes segments.
#[derive(Debug)]
pub struct Preparer {
    shared: Arc<Shared>,
}

enum Job {
    /// Use this file's blocks again.
    Recycle(String),
    Remove(String),
    Create,
}

impl Preparer {
    /// What it needs to go on stands in `shared`, so another one can take its place at any time.
    pub(crate) fn over(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Does one thing, if there is something to do, and tells whether there was. Never waits.
    ///
    /// # Errors
    /// Why space could not be reserved or freed. The log stays usable: reservations are refused with `Full` until a later step
    /// succeeds.
    pub fn step(&mut self) -> Result<bool, DiscError> {
        let Some(job) = self.job() else {
            return Ok(false);
        };
        let made = match job {
            Job::Remove(name) => {
                let removed = self.shared.disc.remove(&name).map_err(DiscError::io("remove", &name));
                return removed.map(|()| true);
            }
            // Blocks that cannot be used again are at least given back.
            Job::Recycle(name) => match self.recycle(&name) {
                Ok(spare) => Ok(spare),
                Err(cause) => {
                    let _ = self.shared.disc.remove(&name);
                    Err(cause)
                }
            },
            Job::Create => self.create(),
        };
        let mut ledger = self.shared.ledger.lock();
        let outcome = match made {
            Ok(spare) => {
                ledger.spares.push_back(spare);
                ledger.no_space = None;
                Ok(true)
            }
            Err(cause) => {
                ledger.no_space = Some(cause.to_string());
                Err(cause)
            }
        };
        drop(ledger);
        self.shared.room.notify_all();
        outcome
    }

    fn job(&self) -> Option<Job> {
        let mut ledger = self.shared.ledger.lock();
        let short = is_short(&mut ledger, self.shared.config.spares);
        match ledger.retired.pop_front() {
            Some(name) if short => Some(Job::Recycle(name)),
            Some(name) => Some(Job::Remove(name)),
            None if short && !ledger.closing => Some(Job::Create),
            None => None,
        }
    }

    fn recycle(&self, name: &str) -> Result<Spare, DiscError> {
        let disc = self.shared.disc.clone();
        let spare = if parse_spare_name(name).is_some() { name.to_owned() } else { self.new_name() };
        if spare != name {
            disc.rename(name, &spare).map_err(DiscError::io("rename", name))?;
        }
        let cleared = disc.open(&spare).and_then(|file| {
            file.clear(self.shared.config.segment_bytes)?;
            file.sync()?;
            Ok(file)
        });
        match cleared {
            Ok(file) => Ok(Spare { name: spare, file }),
            Err(cause) => {
                let _ = disc.remove(&spare);
                Err(DiscError::io("clear", &spare)(cause))
            }
        }
    }

    fn create(&self) -> Result<Spare, DiscError> {
        let name = self.new_name();
        let file = self.shared.disc.create(&name, self.shared.config.segment_bytes);
        file.map(|file| Spare { name: name.clone(), file }).map_err(DiscError::io("reserve", &name))
    }

    fn new_name(&self) -> String {
        spare_name(self.shared.last_spare.fetch_add(1, Relaxed) + 1)
    }

    /// Works until the log is closed or fails, or it is called off. To be called on a thread of its own.
    pub fn run(mut self) {
        let _guard = TellOnPanic(self.shared.clone());
        let retry = Duration::from_millis(self.shared.config.retry_ms);
        loop {
            let outcome = self.step();
            if let Ok(true) = outcome {
                continue;
            }
            let mut ledger = self.shared.ledger.lock();
            if ledger.closing || ledger.failure.is_some() || ledger.preparer.recalled {
                return;
            }
            let more = !ledger.retired.is_empty() || is_short(&mut ledger, self.shared.config.spares);
            if outcome.is_err() {
                // A wait that anything cuts short would make this a busy loop while the disc is full.
                self.shared.prepare.wait_for(&mut ledger, retry);
            } else if !more {
                self.shared.prepare.wait(&mut ledger);
            }
        }
    }
}

/// Whoever watches over the preparer hears of its panic.
struct TellOnPanic(Arc<Shared>);

impl Drop for TellOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.note_crash(Post::Preparer);
        }
    }
}

/// Whether more segments should be ready.
fn is_short(ledger: &mut Ledger, spares: usize) -> bool {
    if ledger.room() >= ledger.demand {
        ledger.demand = 0;
    }
    ledger.spares.len() < spares || ledger.demand > 0
}
