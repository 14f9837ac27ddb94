//! Trees of rows against a sorted map, over restarts, damage and failures.

mod salvage;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mnemon_disc::DiscError;
use mnemon_disc::rows::{LsmTrees, MAX_ROW_KEY_BYTES, RowChange, RowSpan, RowTree, RowTrees};
use mnemon_disc::testing::MemoryTrees;
use proptest::prelude::*;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// A directory that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mnemon-rows-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn trees(&self) -> LsmTrees {
        LsmTrees::new(&self.0, 1 << 20)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn ingest(tree: &dyn RowTree, changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Result<(), DiscError> {
    let mut changes = changes.iter().map(|(key, value)| -> RowChange { (key.clone(), value.clone()) });
    tree.ingest(&mut changes)
}

fn all(tree: &dyn RowTree, reverse: bool) -> Result<Rows, DiscError> {
    let mut found = Vec::new();
    let span = RowSpan { from: Bound::Unbounded, to: Bound::Unbounded, reverse };
    tree.walk(span, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        true
    })?;
    Ok(found)
}

fn assert_is(tree: &dyn RowTree, model: &Model) {
    let mut rows: Vec<_> = model.clone().into_iter().collect();
    assert_eq!(all(tree, false).unwrap(), rows);
    rows.reverse();
    assert_eq!(all(tree, true).unwrap(), rows);
    for key in (0..=40u8).map(|key| vec![key]) {
        assert_eq!(tree.get(&key).unwrap().as_deref(), model.get(&key).map(Vec::as_slice));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ingest(BTreeMap<Vec<u8>, Option<Vec<u8>>>),
    Compact,
    Reopen,
    Walk(Bound<Vec<u8>>, Bound<Vec<u8>>, bool, usize),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![(0..=40u8).prop_map(|key| vec![key]), prop::collection::vec(any::<u8>(), 1..6)]
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded)]
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..300));
    let changes = prop::collection::btree_map(key(), value, 0..30);
    prop_oneof![
        6 => changes.prop_map(Step::Ingest),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        4 => (bound(), bound(), any::<bool>(), 1..20usize)
            .prop_map(|(from, to, reverse, most)| Step::Walk(from, to, reverse, most)),
    ]
}

fn borrowed(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// The steps done to a tree and to a map, which show the same after each.
fn run(steps: &[Step], mut reopen: impl FnMut(Option<Arc<dyn RowTree>>) -> Arc<dyn RowTree>) {
    let mut tree = reopen(None);
    let mut model = Model::new();
    for step in steps {
        match step {
            Step::Ingest(changes) => {
                ingest(&*tree, changes).unwrap();
                for (key, value) in changes.clone() {
                    match value {
                        Some(value) => drop(model.insert(key, value)),
                        None => drop(model.remove(&key)),
                    }
                }
            }
            Step::Compact => tree.compact(&|| true).unwrap(),
            Step::Reopen => tree = reopen(Some(tree)),
            Step::Walk(from, to, reverse, most) => {
                let span = RowSpan { from: borrowed(from), to: borrowed(to), reverse: *reverse };
                let mut found = Vec::new();
                tree.walk(span, &mut |key, value| {
                    found.push((key.to_vec(), value.to_vec()));
                    found.len() < *most
                })
                .unwrap();
                let is_in = |(key, _): &(&Vec<u8>, &Vec<u8>)| {
                    (borrowed(from), borrowed(to)).contains_key(key.as_slice())
                };
                let mut expected: Vec<_> = model.iter().filter(is_in).collect();
                if *reverse {
                    expected.reverse();
                }
                expected.truncate(*most);
                let expected: Vec<_> = expected.into_iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                assert_eq!(found, expected);
            }
        }
        assert_is(&*tree, &model);
    }
}

trait ContainsKey {
    fn contains_key(&self, key: &[u8]) -> bool;
}

impl ContainsKey for (Bound<&[u8]>, Bound<&[u8]>) {
    fn contains_key(&self, key: &[u8]) -> bool {
        use std::ops::RangeBounds;
        RangeBounds::<[u8]>::contains(self, key)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_is_a_sorted_map(steps in prop::collection::vec(step(), 1..24)) {
        let place = Place::new();
        run(&steps, |tree| {
            let is_new = tree.is_none();
            drop(tree);
            let trees = place.trees();
            if is_new { trees.create(7, 1) } else { trees.open(7, 1) }.unwrap()
        });
    }

    #[test]
    fn a_tree_in_memory_is_a_sorted_map(steps in prop::collection::vec(step(), 1..24)) {
        let trees = MemoryTrees::default();
        run(&steps, |tree| if tree.is_none() { trees.create(7, 1) } else { trees.open(7, 1) }.unwrap());
    }
}

/// Keys that are many enough for several blocks and runs.
fn many(from: u32, count: u32, value: &str) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
    (from..from + count)
        .map(|number| (number.to_be_bytes().to_vec(), Some(format!("{value}{number}").into_bytes())))
        .collect()
}

#[test]
fn a_batch_that_fails_leaves_nothing_and_no_file() {
    let place = Place::new();
    let trees = place.trees();
    let tree = trees.create(1, 1).unwrap();
    ingest(&*tree, &many(0, 1_000, "first ")).unwrap();
    let files = || fs::read_dir(place.0.join("1.1/tables")).unwrap().count();
    let before = files();
    let mut changes = many(0, 20_000, "second ");
    changes.insert(vec![255; MAX_ROW_KEY_BYTES + 1], None);
    assert!(matches!(ingest(&*tree, &changes), Err(DiscError::TooLarge { .. })));
    assert_eq!(files(), before);
    assert_eq!(all(&*tree, false).unwrap().len(), 1_000);
    ingest(&*tree, &many(0, 10, "third ")).unwrap();
    assert_eq!(tree.get(&3u32.to_be_bytes()).unwrap().as_deref(), Some(&b"third 3"[..]));
    let longest = vec![255; MAX_ROW_KEY_BYTES];
    ingest(&*tree, &BTreeMap::from([(longest.clone(), Some(vec![1]))])).unwrap();
    assert_eq!(tree.get(&longest).unwrap().as_deref(), Some(&[1][..]));
}

#[test]
fn keys_that_are_too_long_are_in_no_tree_and_bound_what_they_are_between() {
    let place = Place::new();
    let (on_disc, in_memory) =
        (place.trees().create(1, 1).unwrap(), MemoryTrees::default().create(1, 1).unwrap());
    let bytes = |byte: u8, len: usize| vec![byte; len];
    let longest = bytes(5, MAX_ROW_KEY_BYTES);
    let keys = [bytes(4, 9), bytes(5, 1), bytes(5, MAX_ROW_KEY_BYTES - 1), longest, bytes(6, 1)];
    let changes: BTreeMap<_, _> = keys.iter().map(|key| (key.clone(), Some(vec![1]))).collect();
    let mut longer: Vec<Vec<u8>> = [4, 5, 6].map(|byte| bytes(byte, MAX_ROW_KEY_BYTES + 1)).into();
    longer.push(bytes(5, 2 * MAX_ROW_KEY_BYTES));
    for tree in [&on_disc, &in_memory] {
        ingest(&**tree, &changes).unwrap();
        assert!(longer.iter().all(|key| tree.get(key).unwrap().is_none()));
    }
    let found = |tree: &dyn RowTree, span: RowSpan<'_>| {
        let mut keys = Vec::new();
        let walked = tree.walk(span, &mut |key, _| {
            keys.push(key.to_vec());
            true
        });
        walked.unwrap();
        keys
    };
    let all: Vec<&[u8]> = keys.iter().chain(&longer).map(Vec::as_slice).collect();
    let bounds = |key| [Bound::Included(key), Bound::Excluded(key), Bound::Unbounded];
    for from in all.iter().copied().flat_map(bounds) {
        for to in all.iter().copied().flat_map(bounds) {
            for reverse in [false, true] {
                let span = RowSpan { from, to, reverse };
                let lens = (from.map(<[u8]>::len), to.map(<[u8]>::len), reverse);
                assert!(found(&*on_disc, span) == found(&*in_memory, span), "{lens:?}");
            }
        }
    }
}

#[test]
fn trees_that_do_not_count_go_when_nobody_reads_them() {
    let place = Place::new();
    let trees = place.trees();
    let (old, new) = (trees.create(1, 1).unwrap(), trees.create(1, 2).unwrap());
    ingest(&*old, &many(0, 10, "old ")).unwrap();
    ingest(&*new, &many(0, 10, "new ")).unwrap();
    trees.retain(&[(1, 2)]).unwrap();
    assert_eq!(all(&*old, false).unwrap().len(), 10, "it is still read");
    drop(old);
    assert!(!place.0.join("1.1").exists() && place.0.join("1.2").exists());
    drop(new);
    trees.retain(&[(1, 2)]).unwrap();
    assert!(place.0.join("1.2").exists());
    trees.retain(&[]).unwrap();
    assert!(!place.0.join("1.2").exists());
    assert!(matches!(trees.open(1, 2), Err(DiscError::Missing { .. })));
    let again = trees.create(1, 1).unwrap();
    assert!(all(&*again, false).unwrap().is_empty());
}

#[test]
fn a_new_tree_that_is_not_named_yet_outlives_its_reader() {
    let place = Place::new();
    let trees = place.trees();
    drop(trees.create(1, 1).unwrap());
    for new in [(1, 2), (2, 1)] {
        let tree = trees.create(new.0, new.1).unwrap();
        ingest(&*tree, &many(0, 10, "new ")).unwrap();
        // A checkpoint that began before the tree was made.
        trees.retain(&[(1, 1)]).unwrap();
        drop(tree);
        assert_eq!(all(&*trees.open(new.0, new.1).unwrap(), false).unwrap().len(), 10);
    }
    trees.retain(&[]).unwrap();
    assert!(!place.0.join("1.1").exists() && !place.0.join("1.2").exists() && !place.0.join("2.1").exists());
}

fn files(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// What a reader of a damaged tree sees: `Err` wherever it is refused.
fn read_all(place: &Place, model: &Model) -> Result<(), DiscError> {
    let trees = place.trees();
    let tree = trees.open(1, 1)?;
    let right: Vec<_> = model.clone().into_iter().collect();
    let mut first = None;
    for reverse in [false, true] {
        match all(&*tree, reverse) {
            Ok(mut rows) => {
                if reverse {
                    rows.reverse();
                }
                assert!(rows == right, "a scan serves damaged rows");
            }
            Err(cause) => first = Some(cause),
        }
    }
    for (key, value) in model.iter().step_by(37) {
        match tree.get(key) {
            Ok(found) => assert_eq!(found.as_deref(), Some(value.as_slice()), "a read serves damage"),
            Err(cause) => first = Some(cause),
        }
    }
    first.map_or(Ok(()), Err)
}

#[test]
fn a_flipped_byte_is_found_and_never_served() {
    let place = Place::new();
    let mut model = Model::new();
    {
        let trees = place.trees();
        let tree = trees.create(1, 1).unwrap();
        for round in 0..3u32 {
            let changes = many(round * 500, 1_500, &format!("round {round} "));
            ingest(&*tree, &changes).unwrap();
            model.extend(changes.into_iter().map(|(key, value)| (key, value.unwrap())));
        }
    }
    let (found, harmless) = flip(&place, &model, |len| (0..40).map(|step| len * step / 40).collect());
    // A filter's or an unused field's bits may be read by nobody.
    assert!(found > 10 * harmless.max(1), "{found} found, {harmless} not met");
}

#[test]
fn a_tree_that_is_being_made_is_not_taken_for_one_that_nobody_needs() {
    let place = Place::new();
    let trees = place.trees();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sweeping = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                trees.retain(&[]).expect("a sweep");
            }
        });
        let made = (1..=150).try_for_each(|generation| {
            let tree = trees.create(1, generation)?;
            ingest(&*tree, &many(0, 3, "kept "))?;
            tree.get(b"nothing").map(drop)
        });
        done.store(true, Ordering::SeqCst);
        sweeping.join().expect("the sweeper");
        made.expect("a tree that is made while others are swept");
    });
}

/// Every byte there is.
#[test]
#[ignore = "takes a minute"]
fn every_flipped_byte_of_a_small_tree_is_found_or_harmless() {
    let place = Place::new();
    let mut model = Model::new();
    {
        let trees = place.trees();
        let tree = trees.create(1, 1).unwrap();
        for round in 0..2u32 {
            let changes = many(round * 10, 25, &format!("round {round} "));
            ingest(&*tree, &changes).unwrap();
            model.extend(changes.into_iter().map(|(key, value)| (key, value.unwrap())));
        }
    }
    let (found, harmless) = flip(&place, &model, |len| (0..len).collect());
    println!("{found} found, {harmless} not met");
    assert!(found > harmless, "{found} found, {harmless} not met");
}

/// Flips a bit of the bytes of each file that `chosen` names, one at a time, and reads all. How many flips were found, and how
/// many nobody has met.
fn flip(place: &Place, model: &Model, chosen: impl Fn(usize) -> Vec<usize>) -> (usize, usize) {
    assert!(read_all(place, model).is_ok());
    let (mut found, mut harmless) = (0, 0);
    for file in files(&place.0.join("1.1")) {
        let bytes = fs::read(&file).unwrap();
        for at in chosen(bytes.len()) {
            let damaged = Place::new();
            copy(&place.0, &damaged.0).unwrap();
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            fs::write(damaged.0.join(file.strip_prefix(&place.0).unwrap()), flipped).unwrap();
            match read_all(&damaged, model) {
                Ok(()) => harmless += 1,
                Err(cause) => {
                    assert!(cause.to_string().contains("rows/1.1"), "byte {at} of {file:?}: {cause}");
                    found += 1;
                }
            }
        }
    }
    (found, harmless)
}
