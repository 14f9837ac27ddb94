//! The trie against a map of the standard library, with good hashes and with hashes that collide.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Few hashes in the first round, more in the next ones.
enum Colliding {}

impl Rank for Colliding {
    fn hash(field: &[u8], round: u32) -> u64 {
        let number = u64::from(field.first().copied().unwrap_or(0));
        match round {
            0 => (number % 3) << 62,
            1 => (number % 7) << 20,
            _ => FieldRank::hash(field, 0),
        }
    }
}

/// One hash for all fields.
enum Alike {}

impl Rank for Alike {
    fn hash(_: &[u8], _: u32) -> u64 {
        7 << 40
    }
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, usize),
    Remove(u16),
    Snapshot,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![8 => 0..60_usize, 1 => 500..900_usize];
    let insert = (0..400_u16, length).prop_map(|(key, length)| Step::Insert(key, length));
    let remove = (0..400_u16).prop_map(Step::Remove);
    prop::collection::vec(prop_oneof![6 => insert, 4 => remove, 1 => Just(Step::Snapshot)], 0..900)
}

fn field(key: u16) -> Vec<u8> {
    let mut field = key.to_be_bytes().to_vec();
    field.rotate_left(1);
    // Some fields stand outside of their page for their own length.
    field.resize(2 + if key.is_multiple_of(97) { 600 } else { usize::from(key % 5) }, b'f');
    field
}

fn check<R: Rank>(pages: &Pages<R>, model: &Model) {
    assert_eq!(pages.len(), model.len());
    let all: Vec<Element<'_>> = pages.iter().collect();
    let found: Model = all.iter().map(|element| (element.field.to_vec(), element.value.to_vec())).collect();
    assert_eq!(&found, model);
    assert_eq!(all.len(), model.len());
    for (at, element) in all.iter().enumerate() {
        assert_eq!(pages.nth(at), Some(*element));
        assert_eq!(pages.get(element.field), Some(element.value));
    }
    assert!(pages.nth(all.len()).is_none());
    assert!(all.is_sorted_by(|one, other| R::order(one.field, other.field, 0).is_lt()));
    for element in all.iter().step_by(7) {
        let from = R::bits(element.field, 0);
        let expected = all.iter().filter(|other| R::bits(other.field, 0) >= from);
        assert!(pages.iter_from(from).eq(expected.copied()));
    }
    assert_eq!(pages.iter_from(0).count(), all.len());
}

fn run<R: Rank>(steps: Vec<Step>) {
    let (mut pages, mut model) = (Pages::<R>::default(), Model::new());
    let mut snapshots = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Insert(key, length) => {
                let value = vec![number as u8; length];
                let old = pages.insert(&field(key), &value);
                assert_eq!(old, model.insert(field(key), value).map(|old| old.len()));
            }
            Step::Remove(key) => {
                assert_eq!(pages.remove(&field(key)), model.remove(&field(key)).map(|old| old.len()));
            }
            Step::Snapshot => snapshots.push((pages.clone(), model.clone())),
        }
    }
    check(&pages, &model);
    for (pages, model) in snapshots {
        check(&pages, &model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_are_a_map(steps in steps()) {
        run::<FieldRank>(steps);
    }

    #[test]
    fn pages_are_a_map_when_hashes_collide(steps in steps()) {
        run::<Colliding>(steps);
    }

    #[test]
    fn pages_are_a_map_when_all_hashes_are_one(steps in steps()) {
        run::<Alike>(steps);
    }
}

fn filled(count: u32) -> Pages {
    let mut pages = Pages::default();
    for at in 0..count {
        assert_eq!(pages.insert(format!("field:{at:012}").as_bytes(), &[b'v'; 40]), None);
    }
    pages
}

#[test]
fn the_order_is_the_same_however_the_elements_came_and_went() {
    let straight = filled(5_000);
    let mut crooked = filled(20_000);
    for at in (5_000..20_000).rev() {
        assert_eq!(crooked.remove(format!("field:{at:012}").as_bytes()), Some(40));
    }
    assert!(straight.iter().eq(crooked.iter()));
}

#[test]
fn fields_of_one_hash_are_told_apart_by_the_next_round() {
    let (mut pages, mut shared) = (Pages::<Colliding>::default(), Vec::new());
    for at in 0..10_000_u32 {
        pages.insert(&[&[3][..], &at.to_be_bytes()].concat(), b"v");
        if at.is_multiple_of(1_000) {
            shared.push((pages.clone(), at as usize + 1));
        }
    }
    // Each page is a small one although all fields collide in two rounds of hashing.
    assert!(pages.root.depth() > 2 * rank::ROUND_LEVELS);
    assert!(shared.iter().all(|(pages, len)| pages.iter().count() == *len));
    assert!((0..10_000_u32).all(|at| pages.get(&[&[3][..], &at.to_be_bytes()].concat()).is_some()));
}

#[test]
fn memory_follows_the_elements_down() {
    let mut pages = filled(100_000);
    let bytes = |count: usize| count * (18 + 40);
    let full = pages.root.allocated();
    assert!(full < bytes(100_000) * 135 / 100, "{full}");
    for at in 0..90_000_u32 {
        pages.remove(format!("field:{at:012}").as_bytes());
    }
    let left = pages.root.allocated();
    assert!(left < bytes(10_000) * 250 / 100, "{left}");
    for at in 90_000..100_000_u32 {
        pages.remove(format!("field:{at:012}").as_bytes());
    }
    assert!(pages.root.allocated() < 64, "an empty trie is one branch");
}

#[test]
fn a_change_copies_one_page_and_the_branches_above_it() {
    let mut pages = filled(100_000);
    let before = pages.clone();
    pages.insert(b"field:000000000007", &[b'n'; 40]);
    let own = pages.root.allocated_alone();
    assert!(own < 8 * 1024, "{own}");
    assert_eq!(before.get(b"field:000000000007"), Some(&[b'v'; 40][..]));
}
