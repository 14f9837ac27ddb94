//! That the checker finds each kind of anomaly, and nothing in a history without one.

use super::*;
use crate::history::History;

const A: Place = (0, 1);
const B: Place = (0, 2);

fn cell(write: u64) -> Option<Cell> {
    Some(Cell { write, group: write % 2 })
}

fn state(cells: &[(Place, u64)]) -> State {
    cells.iter().filter_map(|(place, write)| Some((*place, cell(*write)?))).collect()
}

fn violation(first: &State, last: &State, history: &History) -> String {
    match check(first, last, &history.attempts()) {
        Err(violation) => violation.to_string(),
        Ok(summary) => panic!("no violation found: {summary:?}"),
    }
}

#[test]
fn a_serial_history_is_accepted() {
    let history = History::default();
    let mut one = history.begin("test", history.now());
    one.saw(Read::Key(A, None));
    one.wrote(A, cell(1));
    one.saw(Read::Key(A, cell(1)));
    history.committed(one, 5);
    let mut two = history.begin("test", history.now());
    two.saw(Read::Range(0, 0, 9, vec![(1, Cell { write: 1, group: 1 })]));
    two.saw(Read::Group(0, 0, vec![]));
    history.end(two);
    let summary = check(&State::new(), &state(&[(A, 1)]), &history.attempts());
    assert_eq!(summary, Ok(Summary { writers: 1, others: 1 }));
}

#[test]
fn a_lost_update_is_found() {
    let history = History::default();
    let (mut one, mut two) = (history.begin("test", history.now()), history.begin("test", history.now()));
    for (run, write) in [(&mut one, 1), (&mut two, 2)] {
        run.saw(Read::Key(A, None));
        run.wrote(A, cell(write));
    }
    history.committed(one, 1);
    history.committed(two, 2);
    assert!(violation(&State::new(), &state(&[(A, 2)]), &history).contains("not there at its place"));
}

#[test]
fn write_skew_is_found() {
    let history = History::default();
    let (mut one, mut two) = (history.begin("test", history.now()), history.begin("test", history.now()));
    one.saw(Read::Key(B, None));
    one.wrote(A, cell(1));
    two.saw(Read::Key(A, None));
    two.wrote(B, cell(2));
    history.committed(one, 1);
    history.committed(two, 2);
    assert!(violation(&State::new(), &state(&[(A, 1), (B, 2)]), &history).contains("not there at its place"));
}

#[test]
fn a_phantom_is_found() {
    let history = History::default();
    let (mut one, mut two) = (history.begin("test", history.now()), history.begin("test", history.now()));
    one.wrote(B, cell(1));
    two.saw(Read::Range(0, 0, 9, vec![]));
    two.wrote(A, cell(2));
    history.committed(one, 1);
    history.committed(two, 2);
    assert!(violation(&State::new(), &state(&[(A, 2), (B, 1)]), &history).contains("Range"));
}

#[test]
fn a_stale_read_is_found() {
    let history = History::default();
    let mut one = history.begin("test", history.now());
    one.wrote(A, cell(1));
    history.committed(one, 1);
    let mut late = history.begin("test", history.now());
    late.saw(Read::Key(A, None));
    history.end(late);
    assert!(violation(&State::new(), &state(&[(A, 1)]), &history).contains("never all there"));
}

#[test]
fn reads_that_go_back_in_time_are_found() {
    let history = History::default();
    let mut slow = history.begin("test", history.now());
    let mut new = history.begin("test", history.now());
    new.saw(Read::Key(A, cell(1)));
    history.end(new);
    let mut old = history.begin("test", history.now());
    old.saw(Read::Key(A, None));
    history.end(old);
    slow.wrote(A, cell(1));
    history.committed(slow, 1);
    assert!(violation(&State::new(), &state(&[(A, 1)]), &history).contains("not before 1"));
}

#[test]
fn half_of_a_commit_seen_by_a_lost_run_is_found() {
    let history = History::default();
    let mut lost = history.begin("test", history.now());
    let mut both = history.begin("test", history.now());
    both.wrote(A, cell(1));
    both.wrote(B, cell(1));
    lost.saw(Read::Key(A, None));
    lost.saw(Read::Key(B, cell(1)));
    history.committed(both, 1);
    history.end(lost);
    assert!(violation(&State::new(), &state(&[(A, 1), (B, 1)]), &history).contains("never all there"));
}

#[test]
fn versions_against_real_time_are_found() {
    let history = History::default();
    for version in [2, 1] {
        let mut run = history.begin("test", history.now());
        run.wrote((0, version), cell(version));
        history.committed(run, version);
    }
    let last = state(&[((0, 1), 1), ((0, 2), 2)]);
    assert!(violation(&State::new(), &last, &history).contains("older version"));
}

#[test]
fn a_version_used_twice_is_found() {
    let history = History::default();
    for place in [A, B] {
        let mut run = history.begin("test", history.now());
        run.wrote(place, cell(place.1));
        history.committed(run, 7);
    }
    assert!(violation(&State::new(), &state(&[(A, 1), (B, 2)]), &history).contains("one version"));
}

#[test]
fn a_write_that_vanished_is_found() {
    let history = History::default();
    let mut run = history.begin("test", history.now());
    run.wrote(A, cell(1));
    history.committed(run, 1);
    assert!(violation(&State::new(), &State::new(), &history).contains("but the tables hold"));
}
