//! Names of processes, of monitors and of timers: small, copied freely, never reused within a system's life.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Serialize, Serializer};

/// A process of one [`System`](crate::System).
///
/// Eight bytes, and so is `Option<Pid>`. A pid outlives its process: what is sent to it afterwards meets no one. The
/// place in the table is used again with another generation, so an old pid never means a newer process (until four
/// billion processes have used the same place).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(NonZeroU64);

impl Pid {
    /// Stands for code that is no process, where a message names who sent it.
    pub const OUTSIDE: Self = Self(NonZeroU64::MAX);

    pub(crate) fn new(index: u32, generation: u32) -> Option<Self> {
        NonZeroU64::new(u64::from(generation) << 32 | u64::from(index)).map(Self)
    }

    /// The place in the table of processes.
    pub(crate) fn index(self) -> u32 {
        self.0.get() as u32
    }

    /// How often that place had been given away.
    pub(crate) fn generation(self) -> u32 {
        (self.0.get() >> 32) as u32
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::OUTSIDE {
            return f.write_str("<outside>");
        }
        write!(f, "<{}.{}>", self.index(), self.generation())
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Pid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A monitor or a timer, unique in its system.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ref(NonZeroU64);

impl Ref {
    /// The reference with the number `number`; counting starts at 1, so 0 is read as 1.
    pub(crate) fn new(number: u64) -> Self {
        Self(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN))
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Ref<{}>", self.0)
    }
}

impl fmt::Debug for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Ref {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
