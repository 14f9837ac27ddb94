//! Arguments as numbers, keys and options.

use std::borrow::Cow;

use mnemon_store::decimal;
use mnemon_table::DATABASES;

use crate::answer::Answer;

use crate::protocol::Args;
use crate::refusal;

/// The argument at a place that the command's arity vouches for; empty past the end.
#[inline]
pub(crate) fn arg(args: Args<'_>, place: usize) -> &[u8] {
    args.get(place).unwrap_or_default()
}

/// The same as an operation carries it.
#[inline]
pub(crate) fn bytes(args: Args<'_>, place: usize) -> Cow<'_, [u8]> {
    Cow::Borrowed(arg(args, place))
}

/// An integer in the one spelling that Redis takes.
#[inline]
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    decimal::parse_integer(text)
}

/// A count, a size or a time of the `T.` commands: a decimal number from 0.
pub(crate) fn natural(text: &[u8]) -> Option<u64> {
    integer(text).and_then(|number| u64::try_from(number).ok())
}

/// The number of a database, in the words of `SELECT`.
///
/// # Errors
/// The refusal to answer.
pub(crate) fn database(text: &[u8]) -> Result<usize, Answer> {
    let number = integer(text).ok_or(refusal::NOT_AN_INTEGER)?;
    if i32::try_from(number).is_err() {
        let text = "ERR value is out of range, value must between -2147483648 and 2147483647";
        return Err(Answer::error(text));
    }
    let number = usize::try_from(number).ok().filter(|number| *number < DATABASES);
    number.ok_or(Answer::error("ERR DB index is out of range"))
}

/// The options met so far in a list where each may stand once.
#[derive(Default)]
pub(crate) struct Once<'a>(Vec<&'a [u8]>);

impl<'a> Once<'a> {
    /// Notes an option.
    ///
    /// # Errors
    /// The refusal to answer when it was there before.
    pub(crate) fn meet(&mut self, option: &'a [u8]) -> Result<(), Answer> {
        if self.0.iter().any(|met| met.eq_ignore_ascii_case(option)) {
            return Err(refusal::twice(option));
        }
        self.0.push(option);
        Ok(())
    }

    /// Whether an option was noted.
    pub(crate) fn has_met(&self, name: &str) -> bool {
        self.0.iter().any(|met| is(name, met))
    }
}

/// Whether an argument is this word, in whatever case.
#[inline]
pub(crate) fn is(word: &str, text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(word.as_bytes())
}
