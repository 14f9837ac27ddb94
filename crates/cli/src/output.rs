//! What commands print on stdout: tables for people, JSON for programs.

use std::io::Write as _;

use clap::ValueEnum;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Writes to stdout. A reader that has gone, `mnemon ctl tables | head -1`, is no failure.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Rows below a header, in columns; columns that hold nothing but numbers stand to the right.
pub(crate) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.iter().map(|name| title(name)));
    for (place, column) in table.column_iter_mut().enumerate() {
        let mut cells = rows.iter().filter_map(|row| row.get(place)).peekable();
        let numbers = cells.peek().is_some() && cells.all(|cell| is_number(cell));
        column.set_padding((0, 2));
        if numbers {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.add_rows(rows);
    let lines: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    lines
}

/// A column's name in capitals; units stay as they are.
fn title(name: &str) -> String {
    let word = |word: &str| if word == "µs" { word.to_owned() } else { word.to_uppercase() };
    name.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn is_number(cell: &str) -> bool {
    cell.starts_with(|sign: char| sign.is_ascii_digit() || sign == '-')
        && cell.trim_end_matches(['s', '%']).parse::<f64>().is_ok()
        || cell == "-"
}

/// A cell without signs that would move the terminal's cursor or change its colours.
pub(crate) fn printable(cell: &str) -> String {
    cell.chars().map(|sign| if sign.is_control() { '\u{fffd}' } else { sign }).collect()
}

/// Bytes for people.
pub(crate) fn human_bytes(bytes: u64) -> String {
    let units = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

/// A duration for people, in its two largest units.
pub(crate) fn human_seconds(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_not_written_in_capitals() {
        assert_eq!((title("p50 µs").as_str(), title("last exit").as_str()), ("P50 µs", "LAST EXIT"));
    }

    #[test]
    fn columns_line_up_and_numbers_stand_to_the_right() {
        let rows = [["a", "1"], ["long", "100"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&["name", "rows"], rows.into_iter()), "NAME  ROWS\na        1\nlong   100\n");
    }

    #[test]
    fn a_cell_cannot_steer_the_terminal() {
        let rows = [vec!["\u{1b}[31mred\n".to_owned()]];
        assert_eq!(table(&["x"], rows.into_iter()), "X\n\u{fffd}[31mred\u{fffd}\n");
    }

    #[test]
    fn sizes_and_durations_are_readable() {
        let sizes = [0, 1023, 1024, 1_300_000, 25_276_502_016].map(human_bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.2 MiB", "23.5 GiB"]);
        let times = [0, 59, 61, 3_661, 90_000].map(human_seconds);
        assert_eq!(times, ["0s", "59s", "1m 1s", "1h 1m", "1d 1h"]);
    }
}
