//! Arguments as numbers, keys and options.

use std::borrow::Cow;

use mnemon_store::decimal;

use crate::protocol::Args;

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

/// Whether an argument is this word, in whatever case.
#[inline]
pub(crate) fn is(word: &str, text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(word.as_bytes())
}
