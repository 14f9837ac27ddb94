//! Names of backups that nobody named: the node, then the time; and which of the scheduled ones may go.

/// How the names of scheduled backups begin; only these are ever removed by retention.
pub const SCHEDULED: &str = "scheduled-";

const DAY_MS: u64 = 86_400_000;

/// The name of a backup that was asked for without one.
pub(crate) fn unnamed(node: &str, now_ms: u64) -> String {
    format!("{}-{}", plain(node), time_text(now_ms))
}

/// The name of a scheduled backup. Names of one node sort by their times.
pub(crate) fn scheduled(node: &str, now_ms: u64) -> String {
    format!("{}{}", scheduled_prefix(node), time_text(now_ms))
}

/// The names that retention removes: the oldest scheduled ones of this node beyond `keep`.
pub(crate) fn superfluous(node: &str, names: &[String], keep: usize) -> Vec<String> {
    let prefix = scheduled_prefix(node);
    let is_time =
        |rest: &str| rest.len() == TIME_LEN && rest.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let mut own: Vec<&String> =
        names.iter().filter(|name| name.strip_prefix(&prefix).is_some_and(is_time)).collect();
    own.sort_unstable();
    let many = own.len().saturating_sub(keep.max(1));
    own.into_iter().take(many).cloned().collect()
}

fn scheduled_prefix(node: &str) -> String {
    format!("{SCHEDULED}{}-", plain(node))
}

/// A node's name in the letters of a backup's.
fn plain(node: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
    let text: String = node.chars().take(64).map(letter).collect();
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) { text } else { format!("n{text}") }
}

/// The length of [`time_text`].
const TIME_LEN: usize = 19;

/// `20261121-084255-123`, in UTC.
fn time_text(ms: u64) -> String {
    let [year, month, day, hour, minute, second] = parts(ms);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}-{:03}", ms % 1_000)
}

/// A moment, counted in milliseconds from the epoch, for people: `2026-11-21 08:42:55`, in UTC.
///
/// ```
/// assert_eq!(mnemon_backup::moment_text(1_795_250_575_123), "2026-11-21 08:42:55");
/// ```
#[must_use]
pub fn moment_text(ms: u64) -> String {
    let [year, month, day, hour, minute, second] = parts(ms);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Year, month, day, hour, minute, second.
fn parts(ms: u64) -> [u64; 6] {
    let (year, month, day) = date(ms / DAY_MS);
    let of_day = ms % DAY_MS / 1_000;
    [year, month, day, of_day / 3_600, of_day / 60 % 60, of_day % 60]
}

/// Year, month and day of a day counted from the epoch, in the Gregorian calendar.
fn date(day: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    // Whole cycles of 400 years, so that the loop below is short whatever comes in.
    const CYCLE_DAYS: u64 = 146_097;
    let mut year = 1970 + day / CYCLE_DAYS * 400;
    let mut rest = day % CYCLE_DAYS;
    loop {
        let days = if is_leap(year) { 366 } else { 365 };
        if rest < days {
            break;
        }
        rest -= days;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if rest < days {
            break;
        }
        rest -= days;
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(time_text(0), "19700101-000000-000");
        assert_eq!(time_text(951_782_399_999), "20000228-235959-999");
        assert_eq!(time_text(951_782_400_000), "20000229-000000-000");
        assert_eq!(time_text(1_795_250_575_123), "20261121-084255-123");
        assert_eq!(time_text(4_107_542_400_000), "21000301-000000-000");
        assert_eq!(time_text(1_735_689_599_000).len(), TIME_LEN);
    }

    #[test]
    fn retention_takes_the_oldest_of_this_nodes_scheduled_ones_and_nothing_else() {
        let of = |ms| scheduled("shop1@10.0.0.1", ms);
        let mut names: Vec<String> = (0..5).map(|day| of(day * DAY_MS)).collect();
        names.push(scheduled("shop1", 1));
        names.push("before-upgrade".to_owned());
        names.push(format!("{}x", of(0)));
        assert_eq!(superfluous("shop1@10.0.0.1", &names, 3), [of(0), of(DAY_MS)]);
        assert!(superfluous("shop1@10.0.0.1", &names, 9).is_empty());
        assert_eq!(superfluous("shop1@10.0.0.1", &names, 0).len(), 4);
    }

    #[test]
    fn any_name_of_a_node_makes_a_name() {
        assert_eq!(unnamed("-x@y", 0), "n-x_y-19700101-000000-000");
    }
}
