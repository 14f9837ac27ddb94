//! Parts of hashes: `HSCAN` and `HRANDFIELD`.

use std::collections::HashSet;

use mnemon_store::collection::Hash;
use mnemon_store::collection::hash::Element;
use mnemon_store::{Op, Row};

use crate::answer::Answer;
use crate::command::argument::{arg, bytes, integer, is};
use crate::command::hash::{about, hash};
use crate::command::key::walk::{cursor, scan_options};
use crate::command::plan::{Context, Plan};
use crate::dice;
use crate::glob;
use crate::protocol::{Args, Reply};
use crate::refusal;

/// Fields that one `HRANDFIELD` may repeat.
const REPEATS_MAX: u64 = 1 << 20;

/// `HSCAN key cursor [MATCH pattern] [COUNT count]`
pub(in crate::command) fn hscan<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if let Err(refusal) = cursor(arg(args, 2)) {
        return refusal.into();
    }
    Plan::on_database(Op::Get { key: bytes(args, 1) }, |_, args, outcome| {
        about(outcome, |hash| match hash {
            Some(hash) => page(hash, args).unwrap_or_else(|refusal| refusal),
            None => page_reply(0, Vec::new()),
        })
    })
}

fn page(hash: &Hash, args: Args<'_>) -> Result<Answer, Answer> {
    let scan = scan_options(cursor(arg(args, 2))?, args.skip(3), false)?;
    let page = hash.page(scan.from, scan.count);
    let wants = |element: &&Element<'_>| {
        scan.pattern.as_ref().is_none_or(|pattern| glob::matches_exactly(pattern, element.field()))
    };
    let wanted = page.elements.iter().filter(wants);
    let parts = wanted.flat_map(|element| [Reply::bulk(element.field()), Reply::bulk(element.value())]);
    Ok(page_reply(page.next, parts.collect()))
}

fn page_reply(next: u64, parts: Vec<Reply>) -> Answer {
    Reply::Array(vec![Reply::Bulk(next.to_string().into_bytes()), Reply::Array(parts)]).into()
}

/// `HRANDFIELD key [count [WITHVALUES]]`
pub(in crate::command) fn hrandfield<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let draw = match Draw::read(args, context.dice.roll()) {
        Ok(draw) => draw,
        Err(refusal) => return refusal.into(),
    };
    Plan::Read(arg(args, 1), Box::new(move |row| draw.answer(row.as_ref())))
}

/// How many fields are wanted.
struct Draw {
    /// `None`: one, as it is.
    count: Option<i64>,
    with_values: bool,
    seed: u64,
}

impl Draw {
    fn read(args: Args<'_>, seed: u64) -> Result<Self, Answer> {
        let Some(count) = args.get(2) else { return Ok(Self { count: None, with_values: false, seed }) };
        let count = integer(count).ok_or(refusal::NOT_AN_INTEGER)?;
        if count == i64::MIN {
            let text = "ERR value is out of range, value must between -9223372036854775807 and \
                        9223372036854775807";
            return Err(Answer::error(text));
        }
        let with_values = args.get(3).is_some();
        if args.len() > 4 || args.get(3).is_some_and(|option| !is("WITHVALUES", option)) {
            return Err(refusal::SYNTAX);
        }
        if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
            return Err(Answer::error("ERR value is out of range"));
        }
        Ok(Self { count: Some(count), with_values, seed })
    }

    fn answer(&self, row: Option<&Row>) -> Answer {
        let hash = match row.map(|row| hash(row).ok_or(refusal::WRONG_TYPE)) {
            None => return if self.count.is_some() { Reply::Array(Vec::new()).into() } else { Answer::NULL },
            Some(Err(refusal)) => return refusal,
            Some(Ok(hash)) => hash,
        };
        match self.count {
            None => hash.draw(self.seed).map_or(Answer::NULL, |element| Reply::bulk(element.field()).into()),
            Some(count) if count < 0 => self.repeated(hash, count.unsigned_abs()),
            Some(count) => self.reply(distinct(hash, count.unsigned_abs(), self.seed).into_iter()),
        }
    }

    /// So many fields, each drawn from all.
    fn repeated(&self, hash: &Hash, count: u64) -> Answer {
        if count > REPEATS_MAX {
            return Answer::error("TOOLARGE at most 1048576 fields can be drawn at once; draw more often");
        }
        self.reply((0..count).filter_map(|place| hash.draw(dice::nth(self.seed, place))))
    }

    fn reply<'h>(&self, elements: impl Iterator<Item = Element<'h>>) -> Answer {
        let field = |element: &Element<'_>| Reply::bulk(element.field());
        if self.with_values {
            let pairs = elements.map(|element| (field(&element), Reply::bulk(element.value())));
            return Reply::Pairs(pairs.collect()).into();
        }
        Reply::Array(elements.map(|element| field(&element)).collect()).into()
    }
}

/// So many different fields, or all.
fn distinct(hash: &Hash, count: u64, seed: u64) -> Vec<Element<'_>> {
    let len = hash.len() as u64;
    if count >= len {
        return hash.iter().collect();
    }
    // Where most are wanted, drawing would meet the same ones again and again: some are left out instead.
    if count.saturating_mul(3) > len {
        return sampled(hash, count, seed);
    }
    let (mut met, mut drawn) = (HashSet::new(), Vec::new());
    let mut place = 0;
    // A few tries for each are enough; if they are not, the walk decides.
    while (drawn.len() as u64) < count && place < count.saturating_mul(16).saturating_add(64) {
        if let Some(element) = hash.draw(dice::nth(seed, place))
            && met.insert(element.field())
        {
            drawn.push(element);
        }
        place += 1;
    }
    if (drawn.len() as u64) < count { sampled(hash, count, seed) } else { drawn }
}

/// Exactly `count` of the fields, each with the same chance. O(n).
fn sampled(hash: &Hash, count: u64, seed: u64) -> Vec<Element<'_>> {
    let mut wanted = count;
    let mut left = hash.len() as u64;
    let mut chosen = Vec::new();
    for (place, element) in hash.iter().enumerate() {
        if dice::nth(seed, place as u64).checked_rem(left).is_some_and(|draw| draw < wanted) {
            chosen.push(element);
            wanted -= 1;
        }
        left -= 1;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_fields_are_drawn_as_are_wanted_and_none_twice() {
        for len in [1_u32, 20, 2_000] {
            let mut hash = Hash::default();
            for field in 0..len {
                hash.insert(&field.to_be_bytes(), b"v");
            }
            for count in [0, 1, 2, 7, u64::from(len) / 2, u64::from(len), u64::from(len) + 9, u64::MAX] {
                let drawn = distinct(&hash, count, count ^ 99);
                let different: HashSet<&[u8]> = drawn.iter().map(|element| element.field()).collect();
                assert_eq!(drawn.len() as u64, count.min(u64::from(len)), "{count} of {len}");
                assert_eq!(different.len(), drawn.len());
            }
        }
    }
}
