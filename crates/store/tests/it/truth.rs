//! Checks of commits, true or wrong on purpose, as the model knows them.

use std::ops::Bound;

use mnemon_store::{Check, Kind, Seen};
use mnemon_term::key::{Keying, encode, successor_of_prefix};
use mnemon_term::{Term, TermRef};

use crate::machine::{Machine, TABLE};
use crate::model::{equal, index, live};
use crate::step::CheckStep;

/// Why a commit must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Conflict,
    NoIndex,
    Sealed,
}

impl Machine {
    /// A check, and how it must fail.
    pub(crate) fn check(&self, check: &CheckStep) -> (Check<'static>, Result<(), Refusal>) {
        let table = TABLE;
        let verdict = |truth: bool| if truth { Ok(()) } else { Err(Refusal::Conflict) };
        match check {
            CheckStep::Key { key, truth } => {
                let present = self.model.get(key, self.now_ms).map_or(0, |row| row.version);
                let version = match (*truth, present) {
                    (true, present) => present,
                    // That a row is not there, half of the time; else that it is another.
                    (false, present) if present % 2 == 1 => 0,
                    (false, present) => present + 1,
                };
                let key = key.clone().into();
                (Check::Key { table, key, version }, verdict(*truth))
            }
            CheckStep::Schema { truth } => {
                let version = if *truth { self.schema } else { self.schema + 1 };
                (Check::Schema { table, version }, verdict(*truth))
            }
            CheckStep::Rows { from, to, truth } => {
                // Rows without an order can be checked only all together.
                let (from, to) = if self.shape.kind == Kind::OrderedSet {
                    let key = |number: u8| -> Box<[u8]> { format!("k{number}").into_bytes().into() };
                    (Bound::Included(key(*from)), Bound::Excluded(key(*to)))
                } else {
                    (Bound::Unbounded, Bound::Unbounded)
                };
                let inside = |key: &[u8]| {
                    let above = !matches!(&from, Bound::Included(from) if key < &**from);
                    above && !matches!(&to, Bound::Excluded(to) if key >= &**to)
                };
                let rows = live(&self.model.rows, self.now_ms);
                let seen = rows.iter().filter(|(key, _)| inside(key));
                let seen =
                    falsified(seen.map(|(key, row)| (key.as_slice().into(), row.version)).collect(), *truth);
                let index = None;
                (Check::Scan { table, index, from, to, seen }, verdict(*truth))
            }
            CheckStep::Index { attribute, value, truth } => {
                let value = Term::Int(i64::from(*value));
                let mut prefix = Vec::new();
                encode(TermRef::from(&value), Keying::Numeric, &mut prefix);
                let to =
                    successor_of_prefix(&prefix).map_or(Bound::Unbounded, |to| Bound::Excluded(to.into()));
                let rows = live(&self.model.rows, self.now_ms);
                let entries = index(&rows, *attribute).into_iter();
                let found = entries.filter(|(found, _)| equal(found, value.view()));
                let seen = found.map(|(_, key)| (key.as_slice().into(), rows[&key].version)).collect();
                let check = Check::Scan {
                    table,
                    index: Some(*attribute),
                    from: Bound::Included(prefix.into()),
                    to,
                    seen: falsified(seen, *truth),
                };
                let exists = self.indexes.contains_key(attribute);
                (check, if exists { verdict(*truth) } else { Err(Refusal::NoIndex) })
            }
        }
    }
}

/// What was seen, or something a little else.
fn falsified(mut seen: Vec<Seen>, truth: bool) -> Vec<Seen> {
    if !truth {
        match seen.pop() {
            Some((key, version)) => seen.push((key, version + 1)),
            None => seen.push((b"phantom"[..].into(), 1)),
        }
    }
    seen
}
