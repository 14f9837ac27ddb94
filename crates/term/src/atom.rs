//! An atom: a name that stands for itself. Owned text, never interned, so that names from outside cannot
//! fill a global table. Names known at compile time cost no allocation.

use std::borrow::{Borrow, Cow};
use std::fmt;

use crate::error::{Error, Result};

/// A name of at most [`Atom::MAX_CHARS`] characters. Atoms compare by their characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Atom(Cow<'static, str>);

impl Atom {
    /// The longest name, in characters (not bytes), as in Erlang.
    pub const MAX_CHARS: usize = 255;
    /// The atom `nil`: no value.
    pub const NIL: Self = Self(Cow::Borrowed("nil"));
    /// The atom `true`.
    pub const TRUE: Self = Self(Cow::Borrowed("true"));
    /// The atom `false`.
    pub const FALSE: Self = Self(Cow::Borrowed("false"));

    /// An atom of this name.
    ///
    /// # Errors
    /// [`Error::AtomTooLong`] when the name has more than 255 characters.
    pub fn new(name: impl AsRef<str> + Into<String>) -> Result<Self> {
        check_name(name.as_ref())?;
        Ok(match name.as_ref() {
            "nil" => Self::NIL,
            "true" => Self::TRUE,
            "false" => Self::FALSE,
            _ => Self(Cow::Owned(name.into())),
        })
    }

    /// An atom whose name is part of the program. Allocates nothing.
    ///
    /// # Panics
    /// When the name has more than 255 characters; in a `const` that is a compile error. Use
    /// [`Atom::new`] for names that are input.
    pub const fn from_static(name: &'static str) -> Self {
        assert!(chars(name) <= Self::MAX_CHARS, "an atom has at most 255 characters");
        Self(Cow::Borrowed(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Refuses names longer than [`Atom::MAX_CHARS`].
pub(crate) fn check_name(name: &str) -> Result<()> {
    // A character takes at least one byte, so that most names need no counting.
    if name.len() <= Atom::MAX_CHARS {
        return Ok(());
    }
    match chars(name) {
        chars if chars > Atom::MAX_CHARS => Err(Error::AtomTooLong { chars }),
        _ => Ok(()),
    }
}

/// `str::chars().count()`, usable in a `const`.
const fn chars(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut count) = (0, 0);
    while at < bytes.len() {
        if bytes[at] & 0xC0 != 0x80 {
            count += 1;
        }
        at += 1;
    }
    count
}

impl AsRef<str> for Atom {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Atom {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<bool> for Atom {
    fn from(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}", self.0)
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        assert!(Atom::new("é".repeat(255)).is_ok());
        assert_eq!(Atom::new("é".repeat(256)), Err(Error::AtomTooLong { chars: 256 }));
        assert!(Atom::new("").is_ok());
    }

    #[test]
    fn static_and_owned_names_are_equal() {
        assert_eq!(Atom::new("ok").unwrap(), Atom::from_static("ok"));
        assert_eq!(Atom::new(String::from("nil")).unwrap(), Atom::NIL);
    }
}
