//! Expiry options of `SET`, `GETEX` and the commands of the `EXPIRE` family, checked in Redis's order and words.

use mnemon_store::{ExpireWhen, Expiry, When};
use mnemon_table::Table;

use crate::answer::Answer;
use crate::command::argument::{arg, integer, is};
use crate::protocol::Args;
use crate::refusal;

/// The unit of a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
}

/// Whether a time counts from now or from the epoch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Now,
    Epoch,
}

/// The time at which a value shall expire, as `SET` and `GETEX` take it: it must be positive.
///
/// # Errors
/// The refusal to answer.
pub(crate) fn value_expiry(
    table: &Table,
    command: &str,
    text: &[u8],
    unit: Unit,
    from: From,
) -> Result<u64, Answer> {
    let number = integer(text).ok_or(refusal::NOT_AN_INTEGER)?;
    let refused = || refusal::expire_time(command);
    if number <= 0 {
        return Err(refused());
    }
    let ms = if unit == Unit::Seconds { number.checked_mul(1000).ok_or_else(refused)? } else { number };
    let now_ms = if from == From::Now { signed(table.store().now_ms()) } else { 0 };
    let at_ms = ms.checked_add(now_ms).ok_or_else(refused)?;
    u64::try_from(at_ms).map_err(|_| refused())
}

/// The time that a command of the `EXPIRE` family names; one before the epoch is 0.
///
/// # Errors
/// The refusal to answer.
pub(crate) fn key_expiry(
    table: &Table,
    command: &str,
    text: &[u8],
    unit: Unit,
    from: From,
) -> Result<u64, Answer> {
    let number = integer(text).ok_or(refusal::NOT_AN_INTEGER)?;
    let refused = || refusal::expire_time(command);
    let ms = if unit == Unit::Seconds { number.checked_mul(1000).ok_or_else(refused)? } else { number };
    let now_ms = if from == From::Now { signed(table.store().now_ms()) } else { 0 };
    let at_ms = ms.checked_add(now_ms).ok_or_else(refused)?;
    Ok(u64::try_from(at_ms).unwrap_or(0))
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// The condition of a command of the `EXPIRE` family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// One that the store checks.
    When(ExpireWhen),
    /// `XX LT`: only a row that has an expiry, and a later one.
    Shorten,
}

/// Reads `NX`, `XX`, `GT` and `LT` behind the time.
///
/// # Errors
/// The refusal to answer.
pub(crate) fn expire_condition(options: Args<'_>) -> Result<Condition, Answer> {
    let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
    for option in options {
        if is("NX", option) {
            nx = true;
        } else if is("XX", option) {
            xx = true;
        } else if is("GT", option) {
            gt = true;
        } else if is("LT", option) {
            lt = true;
        } else {
            return Err(refusal::quoting("ERR Unsupported option ", option, ""));
        }
    }
    if nx && (xx || gt || lt) {
        return Err(Answer::error("ERR NX and XX, GT or LT options at the same time are not compatible"));
    }
    if gt && lt {
        return Err(Answer::error("ERR GT and LT options at the same time are not compatible"));
    }
    Ok(match (nx, xx, gt, lt) {
        (true, ..) => Condition::When(ExpireWhen::None),
        // A row without expiry never expires later, so `XX` adds nothing to `GT`.
        (_, _, true, _) => Condition::When(ExpireWhen::Later),
        (_, true, _, true) => Condition::Shorten,
        (_, false, _, true) => Condition::When(ExpireWhen::Earlier),
        (_, true, ..) => Condition::When(ExpireWhen::Some),
        _ => Condition::When(ExpireWhen::Always),
    })
}

/// What `SET` or `GETEX` was asked besides key and value.
pub(crate) struct ValueOptions<'a> {
    pub(crate) when: When,
    /// `GET`: answer what stood there.
    pub(crate) get: bool,
    /// `KEEPTTL`: leave the expiry as it is.
    keep: bool,
    /// `PERSIST`: take the expiry away.
    pub(crate) persist: bool,
    time: Option<(Time, &'a [u8])>,
}

impl ValueOptions<'_> {
    /// Whether an option names a time.
    pub(crate) fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// The expiry that the options ask for.
    ///
    /// # Errors
    /// The refusal to answer when the time cannot be.
    pub(crate) fn expiry(&self, table: &Table, command: &str) -> Result<Expiry, Answer> {
        Ok(match self.time {
            Some((time, text)) => Expiry::At(value_expiry(table, command, text, time.unit(), time.from())?),
            None if self.keep => Expiry::Keep,
            None => Expiry::Never,
        })
    }
}

/// Which command's options are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Set,
    Getex,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Ex,
    Px,
    Exat,
    Pxat,
}

impl Time {
    fn named(option: &[u8]) -> Option<Self> {
        let times = [("EX", Self::Ex), ("PX", Self::Px), ("EXAT", Self::Exat), ("PXAT", Self::Pxat)];
        times.into_iter().find(|(name, _)| is(name, option)).map(|(_, time)| time)
    }

    fn unit(self) -> Unit {
        if matches!(self, Self::Ex | Self::Exat) { Unit::Seconds } else { Unit::Milliseconds }
    }

    fn from(self) -> From {
        if matches!(self, Self::Ex | Self::Px) { From::Now } else { From::Epoch }
    }
}

/// Reads the options of `SET` or `GETEX`; the time is looked at only when it is needed.
///
/// # Errors
/// The refusal to answer.
pub(crate) fn value_options<'a>(of: Of, options: Args<'a>) -> Result<ValueOptions<'a>, Answer> {
    let (mut nx, mut xx) = (false, false);
    let mut read = ValueOptions { when: When::Always, get: false, keep: false, persist: false, time: None };
    let set = of == Of::Set;
    let mut place = 0;
    while let Some(option) = options.get(place) {
        place += 1;
        if set && is("NX", option) && !xx {
            nx = true;
        } else if set && is("XX", option) && !nx {
            xx = true;
        } else if set && is("GET", option) {
            read.get = true;
        } else if set && is("KEEPTTL", option) && !read.persist && read.time.is_none() {
            read.keep = true;
        } else if !set && is("PERSIST", option) && !read.keep && read.time.is_none() {
            read.persist = true;
        } else if let Some(named) = Time::named(option)
            && !read.keep
            && !read.persist
            && read.time.is_none_or(|(other, _)| other == named)
            && place < options.len()
        {
            read.time = Some((named, arg(options, place)));
            place += 1;
        } else {
            return Err(refusal::SYNTAX);
        }
    }
    if nx {
        read.when = When::Absent;
    } else if xx {
        read.when = When::Present;
    }
    Ok(read)
}
