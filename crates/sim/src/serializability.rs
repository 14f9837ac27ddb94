//! Strict serializability and opacity of a [`History`](crate::History).
//!
//! The engine claims an order: that of the versions. So nothing has to be searched for. The committed writers are
//! replayed in the order of their versions, and
//! - each must have read exactly the state at its place;
//! - no writer may stand before another that had ended when it began;
//! - every other run, whether it only read or was lost, must have read *one* state that was the present at some
//!   moment between its beginning and its end, and later runs must not have read earlier states.
//!
//! O(runs × states that were the present during a run).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

use crate::history::{Attempt, Cell, Place, Read};

/// All rows.
pub type State = BTreeMap<Place, Cell>;

/// What was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Runs that were committed with writes.
    pub writers: usize,
    /// Runs that only read or were lost.
    pub others: usize,
}

/// Why a history could not have happened one transaction after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// Judges a history that began with the rows `first` and left the rows `last`.
///
/// # Errors
/// The first violation found.
pub fn check(first: &State, last: &State, attempts: &[Attempt]) -> Result<Summary, Violation> {
    let mut writers: Vec<&Attempt> = attempts.iter().filter(|run| run.version.is_some()).collect();
    writers.sort_by_key(|run| run.version);
    check_versions(&writers)?;
    check_real_time(&writers)?;
    let mut others: Vec<Candidate<'_>> = attempts
        .iter()
        .filter(|run| run.version.is_none())
        .map(|run| Candidate::new(run, &writers))
        .collect();
    let mut state = first.clone();
    for place in 0..=writers.len() {
        for other in &mut others {
            if other.window.0 <= place && place <= other.window.1 && mismatch(other.run, &state).is_none() {
                other.places.push(place);
            }
        }
        let Some(writer) = writers.get(place) else { break };
        if let Some(mismatch) = mismatch(writer, &state) {
            return Err(Violation(format!(
                "the commit with version {:?} read what was not there at its place: {mismatch}\n  {writer:?}",
                writer.version
            )));
        }
        write(&mut state, &writer.writes);
    }
    if state != *last {
        return Err(Violation(format!("the commits leave {state:?}, but the tables hold {last:?}")));
    }
    place_others(&mut others, &|run| holding(run, first, &writers))?;
    Ok(Summary { writers: writers.len(), others: others.len() })
}

fn check_versions(writers: &[&Attempt]) -> Result<(), Violation> {
    for pair in writers.windows(2) {
        if pair[0].version == pair[1].version {
            return Err(Violation(format!(
                "two commits have one version:\n  {:?}\n  {:?}",
                pair[0], pair[1]
            )));
        }
    }
    Ok(())
}

/// A writer must not stand before one that had ended when it began.
fn check_real_time(writers: &[&Attempt]) -> Result<(), Violation> {
    let mut latest_begin: Option<&Attempt> = None;
    for writer in writers {
        if let Some(before) = latest_begin
            && writer.ended < before.began
        {
            return Err(Violation(format!(
                "a commit has an older version than one that began after its end:\n  {before:?}\n  {writer:?}"
            )));
        }
        if latest_begin.is_none_or(|before| before.began < writer.began) {
            latest_begin = Some(writer);
        }
    }
    Ok(())
}

/// A run that changed nothing, and the places in the order of writers where it could stand.
struct Candidate<'h> {
    run: &'h Attempt,
    /// The first and the last place that real time allows: so many writers stand before it.
    window: (usize, usize),
    places: Vec<usize>,
}

impl<'h> Candidate<'h> {
    fn new(run: &'h Attempt, writers: &[&Attempt]) -> Self {
        let ended_before = |writer: &&Attempt| writer.ended < run.began;
        let began_after = |writer: &&Attempt| writer.began > run.ended;
        let least = writers.iter().rposition(ended_before).map_or(0, |at| at + 1);
        let most = writers.iter().position(began_after).unwrap_or(writers.len());
        Self { run, window: (least, most), places: Vec::new() }
    }
}

/// Gives every run the earliest place that it and those that ended before it allow.
fn place_others(
    others: &mut [Candidate<'_>],
    holding: &dyn Fn(&Attempt) -> Vec<String>,
) -> Result<(), Violation> {
    others.sort_by_key(|other| other.run.began);
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut least = 0;
    for other in others.iter() {
        while let Some(Reverse((ended, place))) = running.peek()
            && *ended < other.run.began
        {
            least = least.max(*place);
            running.pop();
        }
        let Some(place) = other.places.iter().find(|place| **place >= least) else {
            return Err(Violation(format!(
                "a run ({}) saw what was never all there at one time: it may stand between {} and {} of the writers, \
                 not before {least}, and its reads hold together at {:?}\n  {:?}\neach alone:\n  {}",
                other.run.label,
                other.window.0,
                other.window.1,
                other.places,
                other.run,
                holding(other.run).join("\n  ")
            )));
        };
        running.push(Reverse((other.run.ended, *place)));
    }
    Ok(())
}

/// For people: where among the writers each read of a run holds.
fn holding(run: &Attempt, first: &State, writers: &[&Attempt]) -> Vec<String> {
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); run.reads.len()];
    let mut state = first.clone();
    for place in 0..=writers.len() {
        for (read, places) in run.reads.iter().zip(&mut places) {
            let alone = Attempt { reads: vec![read.clone()], ..run.clone() };
            if mismatch(&alone, &state).is_none() {
                places.push(place);
            }
        }
        writers.get(place).iter().for_each(|writer| write(&mut state, &writer.writes));
    }
    run.reads.iter().zip(places).map(|(read, places)| format!("{read:?} holds at {places:?}")).collect()
}

fn write(state: &mut State, writes: &[(Place, Option<Cell>)]) {
    for (place, cell) in writes {
        match cell {
            Some(cell) => drop(state.insert(*place, *cell)),
            None => drop(state.remove(place)),
        }
    }
}

/// The first read of a run that a state, with the run's own writes before it, does not answer so.
fn mismatch(run: &Attempt, state: &State) -> Option<String> {
    let mut seen = std::borrow::Cow::Borrowed(state);
    let mut written = 0;
    for (writes, read) in &run.reads {
        if *writes > written {
            write(seen.to_mut(), &run.writes[written..*writes]);
            written = *writes;
        }
        let expected = answer(&seen, read);
        if expected != *read {
            return Some(format!("{read:?}, should be {expected:?}"));
        }
    }
    None
}

fn answer(state: &State, read: &Read) -> Read {
    match read {
        Read::Key(place, _) => Read::Key(*place, state.get(place).copied()),
        Read::Range(table, from, to, _) => {
            let rows = state.range((*table, *from)..(*table, *to));
            Read::Range(*table, *from, *to, rows.map(|((_, key), cell)| (*key, *cell)).collect())
        }
        Read::Group(table, group, _) => {
            let rows = state.range((*table, 0)..=(*table, u64::MAX));
            let rows = rows.filter(|(_, cell)| cell.group == *group);
            Read::Group(*table, *group, rows.map(|((_, key), cell)| (*key, *cell)).collect())
        }
    }
}

#[cfg(test)]
mod tests;
