//! Replays `fuzz/corpus/`: every file whole, and cut short.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use mnemon_fuzz::{TARGETS, Target};
use proptest::prelude::*;

/// The least number of files that a corpus is worth its name with.
const LEAST_FILES: usize = 20;
/// Most files of a corpus; `cargo fuzz cmin` and a choice among what remains keep it small.
const MAX_FILES: usize = 250;
/// Most bytes of all corpora together.
const MAX_BYTES: usize = 300 * 1024;
/// A file is cut at this many places at most.
const CUTS: usize = 12;

fn fuzz_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The files of a target by name.
fn corpus(target: Target) -> Vec<(String, Vec<u8>)> {
    let directory = fuzz_directory().join("corpus").join(target.name);
    let entries = fs::read_dir(&directory).expect("each target has a corpus");
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let entry = entry.expect("the directory can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("the file can be read"))
        })
        .collect();
    files.sort();
    files
}

/// Holds bytes against a target; `Err` with the panic's message.
fn hold(target: Target, bytes: &[u8]) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| (target.hold)(bytes))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

#[test]
fn every_file_of_the_corpora_holds() {
    let mut broken = Vec::new();
    for target in TARGETS {
        for (name, bytes) in corpus(target) {
            if let Err(what) = hold(target, &bytes) {
                broken.push(format!("{}/{name}: {what}", target.name));
            }
        }
    }
    assert!(broken.is_empty(), "{} files:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_file_of_the_corpora_holds_when_it_is_cut_short() {
    for target in TARGETS {
        for (name, bytes) in corpus(target) {
            let step = bytes.len().div_ceil(CUTS).max(1);
            for end in (0..bytes.len()).step_by(step) {
                if let Err(what) = hold(target, &bytes[..end]) {
                    panic!("the first {end} bytes of {}/{name}: {what}", target.name);
                }
            }
        }
    }
}

#[test]
fn the_corpora_are_there_and_small() {
    let mut total = 0;
    for target in TARGETS {
        let files = corpus(target);
        total += files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let fine = (LEAST_FILES..=MAX_FILES).contains(&files.len());
        assert!(fine, "the corpus of {} has {} files", target.name, files.len());
    }
    assert!(total <= MAX_BYTES, "the corpora have {total} bytes");
}

/// What libFuzzer is built from, and the manifest that names it, know every target.
#[test]
fn every_target_is_driven_by_its_file() {
    let manifest = fs::read_to_string(fuzz_directory().join("Cargo.toml")).expect("fuzz/ has a manifest");
    for Target { name, .. } in TARGETS {
        let file = fuzz_directory().join("fuzz_targets").join(format!("{name}.rs"));
        let text = fs::read_to_string(file).expect("each target has a file");
        assert!(text.contains(&format!("mnemon_fuzz::{name}(")), "{name}.rs calls its function");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml names {name}");
        let dictionary = fuzz_directory().join("dictionaries").join(format!("{name}.dict"));
        assert!(dictionary.is_file(), "`just fuzz` reads a dictionary of {name}");
    }
    let files = fs::read_dir(fuzz_directory().join("fuzz_targets")).expect("the directory can be read");
    assert_eq!(files.count(), TARGETS.len(), "a file for each target and no other");
}

proptest! {
    #[test]
    fn random_bytes_hold(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for target in TARGETS {
            prop_assert_eq!(hold(target, &bytes), Ok(()), "{}", target.name);
        }
    }

    /// Two files spliced reach places that neither does.
    #[test]
    fn spliced_files_hold(one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), cut in 0..64_usize) {
        for target in TARGETS {
            let files = corpus(target);
            let (one, other) = (&one.get(&files).1, &other.get(&files).1);
            let spliced = [&one[..cut.min(one.len())], &other[cut.min(other.len())..]].concat();
            prop_assert_eq!(hold(target, &spliced), Ok(()), "{}: {}", target.name, spliced.escape_ascii());
        }
    }
}
