//! What is saved of trees that are damaged.

use super::*;

/// Batches that overwrite and remove one another's rows, in several runs. Gives what is in the tree.
fn layered(tree: &dyn RowTree, mut compacts: impl FnMut(u32) -> bool) -> Model {
    let mut model = Model::new();
    for round in 0..6u32 {
        let value = format!("round {round} {} ", "abcdefgh".repeat(25));
        let mut changes = many(round * 150, 600, &value);
        for (number, (_, value)) in changes.iter_mut().enumerate() {
            if number % 5 == round as usize % 5 {
                *value = None;
            }
        }
        ingest(tree, &changes).unwrap();
        for (key, value) in changes {
            match value {
                Some(value) => drop(model.insert(key, value)),
                None => drop(model.remove(&key)),
            }
        }
        if compacts(round) {
            tree.compact(&|| true).unwrap();
        }
    }
    model
}

fn salvaged(place: &Place) -> Result<Model, DiscError> {
    let mut found = Rows::new();
    place.trees().salvage(1, 1, &mut |key, value| found.push((key.to_vec(), value.to_vec())))?;
    assert!(found.is_sorted_by(|one, other| one.0 < other.0), "not in order, or twice");
    Ok(found.into_iter().collect())
}

#[test]
fn an_intact_tree_is_salvaged_whole() {
    for compacts in [|_| false, |round: u32| round == 2, |_| true] {
        let place = Place::new();
        let model = {
            let trees = place.trees();
            layered(&*trees.create(1, 1).unwrap(), compacts)
        };
        assert_eq!(salvaged(&place).unwrap(), model);
    }
}

#[test]
fn of_a_damaged_tree_nothing_is_salvaged_but_what_is_in_it_and_most_of_that() {
    let seed = std::env::var("MNEMON_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0));
    println!("MNEMON_SEED={seed}");
    let mut state: u64 = seed;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let place = Place::new();
    let model = {
        let trees = place.trees();
        layered(&*trees.create(1, 1).unwrap(), |round| round == 2)
    };
    let (mut runs, mut most, mut all) = (0, 0, 0);
    for file in files(&place.0.join("1.1")) {
        let bytes = fs::read(&file).unwrap();
        for flip in 0..60 {
            // The last bytes lead to everything else.
            let at =
                if flip < 40 { below(bytes.len()) } else { bytes.len() - 1 - below(bytes.len().min(300)) };
            let damaged = Place::new();
            copy(&place.0, &damaged.0).unwrap();
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << below(8);
            fs::write(damaged.0.join(file.strip_prefix(&place.0).unwrap()), flipped).unwrap();
            let Ok(found) = salvaged(&damaged) else {
                assert!(!file.ends_with("tables"), "{}:{at}", file.display());
                continue;
            };
            for (key, value) in &found {
                assert_eq!(model.get(key), Some(value), "{}:{at}: it is not in the tree", file.display());
            }
            if file.parent().is_some_and(|parent| parent.ends_with("tables")) {
                runs += 1;
                most += usize::from(found.len() * 10 >= model.len() * 8);
                all += usize::from(found == model);
            }
        }
    }
    println!("{runs} flips in runs: {most} times most rows were there, {all} times all");
    assert!(most * 10 >= runs * 9 && all * 4 > runs, "{runs} flips, {most} times most, {all} times all");
}

#[test]
fn what_a_cut_or_missing_run_had_is_not_made_up_for_by_older_ones() {
    let place = Place::new();
    let model = {
        let trees = place.trees();
        layered(&*trees.create(1, 1).unwrap(), |_| false)
    };
    for file in files(&place.0.join("1.1/tables")) {
        let bytes = fs::read(&file).unwrap();
        for len in [0, 1, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            let damaged = Place::new();
            copy(&place.0, &damaged.0).unwrap();
            let target = damaged.0.join(file.strip_prefix(&place.0).unwrap());
            if len == 0 {
                fs::remove_file(&target).unwrap();
            } else {
                fs::write(&target, &bytes[..len]).unwrap();
            }
            let found = salvaged(&damaged).unwrap();
            assert!(
                found.iter().all(|(key, value)| model.get(key) == Some(value)),
                "{}:{len}",
                file.display()
            );
        }
    }
}

/// Such a byte once made the library ask for 100 GB, and ended the process.
#[test]
fn a_flipped_byte_in_the_table_of_contents_of_a_run_is_found_and_ends_nothing() {
    let place = Place::new();
    let model = {
        let trees = place.trees();
        let tree = trees.create(1, 1).unwrap();
        let changes = many(0, 50, "value ");
        ingest(&*tree, &changes).unwrap();
        Model::from_iter(changes.into_iter().map(|(key, value)| (key, value.unwrap())))
    };
    assert!(read_all(&place, &model).is_ok());
    let run = files(&place.0.join("1.1/tables")).pop().unwrap();
    let bytes = fs::read(&run).unwrap();
    let table = bytes.windows(4).rposition(|four| four == b"TOC!").unwrap();
    for at in table..bytes.len() {
        for bit in [0, 4, 7] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            fs::write(&run, flipped).unwrap();
            let refused = read_all(&place, &model).expect_err("it is found");
            assert!(refused.to_string().contains("rows/1.1/tables/"), "byte {at}: {refused}");
            assert_eq!(salvaged(&place).unwrap(), model, "the rows are all there, byte {at}");
        }
    }
}
