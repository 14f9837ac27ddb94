//! `LCS`: the longest common subsequence of two strings.
//!
//! Lengths are computed row by row; for the way back one bit a cell remembers which neighbour was longer, so a
//! comparison needs a thirtieth of the memory that a full table would. Which of several equally long subsequences is
//! found is the same as in Redis.

use mnemon_store::{Op, Outcome, Row};

use crate::answer::Answer;
use crate::command::argument::{arg, bytes, integer, is};
use crate::command::plan::{Context, Outcomes, Plan};
use crate::protocol::{Args, Reply};
use crate::refusal;

/// Cells of a comparison: what Redis allows with `proto-max-bulk-len` as it is set by default.
const CELLS_MAX: u64 = (512 << 20) / 4;

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]`
pub(in crate::command) fn lcs<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let reads = [1, 2].map(|place| Op::Get { key: bytes(args, place) });
    Plan::all_on_database(context, reads, |_, args, outcomes| answer(args, outcomes))
}

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    min_match_len: i64,
}

fn options(args: Args<'_>) -> Result<Options, Answer> {
    let mut options = Options::default();
    let mut place = 3;
    while let Some(option) = args.get(place) {
        place += 1;
        if is("IDX", option) {
            options.idx = true;
        } else if is("LEN", option) {
            options.len = true;
        } else if is("WITHMATCHLEN", option) {
            options.with_match_len = true;
        } else if is("MINMATCHLEN", option) && place < args.len() {
            options.min_match_len = integer(arg(args, place)).ok_or(refusal::NOT_AN_INTEGER)?;
            place += 1;
        } else {
            return Err(refusal::SYNTAX);
        }
    }
    if options.idx && options.len {
        let text = "ERR If you want both the length and indexes, please just use IDX.";
        return Err(Answer::error(text));
    }
    Ok(options)
}

fn answer(args: Args<'_>, outcomes: &mut Outcomes<'_>) -> Answer {
    let mut next = || match outcomes.next() {
        Some(Ok(Outcome::Row(row))) => row,
        _ => None,
    };
    let (one, other) = (next(), next());
    if [&one, &other].into_iter().flatten().any(|row| row.as_collection().is_some()) {
        return Answer::error("ERR The specified keys must contain string values");
    }
    let options = match options(args) {
        Ok(options) => options,
        Err(refusal) => return refusal,
    };
    let body = |row: &Option<Row>| row.as_ref().map(|row| row.body().to_vec()).unwrap_or_default();
    let (one, other) = (body(&one), body(&other));
    if (one.len() as u64 + 1).saturating_mul(other.len() as u64 + 1) > CELLS_MAX {
        let text = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        return Answer::error(text);
    }
    let table = Table::compare(&one, &other, options.idx || !options.len);
    if options.idx {
        return indexes(&table, &one, &other, &options);
    }
    if options.len {
        return Answer::Int(table.len as i64);
    }
    let mut common = Vec::with_capacity(table.len);
    table.walk_back(&one, &other, |place| {
        if let Some((at, _)) = place {
            common.extend(one.get(at));
        }
    });
    common.reverse();
    Reply::Bulk(common).into()
}

/// What is left of a comparison.
struct Table {
    /// The length of the longest common subsequence.
    len: usize,
    /// A bit a cell, rows of one string by columns of the other: whether the way back leads to the row above.
    up: Vec<u64>,
}

impl Table {
    /// O(one × other) time, a bit of memory a cell when the way back is wanted.
    fn compare(one: &[u8], other: &[u8], way_back: bool) -> Self {
        let cells = if way_back { one.len() * other.len() } else { 0 };
        let mut up = vec![0_u64; cells.div_ceil(64)];
        let mut row = vec![0_u32; other.len() + 1];
        for (at, byte) in one.iter().enumerate() {
            let mut diagonal = 0;
            let mut left = 0;
            for (column, (cell, their)) in row.iter_mut().skip(1).zip(other).enumerate() {
                let above = *cell;
                if byte == their {
                    *cell = diagonal + 1;
                } else {
                    *cell = above.max(left);
                    if way_back && above > left {
                        let bit = at * other.len() + column;
                        if let Some(word) = up.get_mut(bit / 64) {
                            *word |= 1 << (bit % 64);
                        }
                    }
                }
                diagonal = above;
                left = *cell;
            }
        }
        Self { len: row.last().copied().unwrap_or_default() as usize, up }
    }

    /// Walks from the ends of both strings to the beginning of either; `visit` is shown the places of each common byte,
    /// and `None` where the strings differ.
    fn walk_back(&self, one: &[u8], other: &[u8], mut visit: impl FnMut(Option<(usize, usize)>)) {
        let (mut rows, mut columns) = (one.len(), other.len());
        while rows > 0 && columns > 0 {
            let (at, place) = (rows - 1, columns - 1);
            if one.get(at) == other.get(place) {
                visit(Some((at, place)));
                (rows, columns) = (at, place);
                continue;
            }
            visit(None);
            let bit = at * other.len() + place;
            let is_up = self.up.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1);
            if is_up {
                rows -= 1;
            } else {
                columns -= 1;
            }
        }
    }
}

/// The common parts, from the last to the first, and the length.
fn indexes(table: &Table, one: &[u8], other: &[u8], options: &Options) -> Answer {
    let mut matches = Vec::new();
    // The part that is being walked through: its first places in both, and its length.
    let mut part: Option<(usize, usize, usize)> = None;
    let mut end = |part: &mut Option<(usize, usize, usize)>| {
        if let Some((first, place, len)) = part.take()
            && len as i64 >= options.min_match_len
        {
            let range = |first: usize| Reply::Array(vec![number(first), number(first + len - 1)]);
            let mut shown = vec![range(first), range(place)];
            shown.extend(options.with_match_len.then(|| number(len)));
            matches.push(Reply::Array(shown));
        }
    };
    table.walk_back(one, other, |place| match place {
        Some((at, place)) => {
            let len = part.map_or(0, |(_, _, len)| len);
            part = Some((at, place, len + 1));
        }
        None => end(&mut part),
    });
    end(&mut part);
    Reply::Map(vec![
        (Reply::StaticBulk("matches"), Reply::Array(matches)),
        (Reply::StaticBulk("len"), number(table.len)),
    ])
    .into()
}

fn number(count: usize) -> Reply {
    Reply::Int(i64::try_from(count).unwrap_or(i64::MAX))
}
