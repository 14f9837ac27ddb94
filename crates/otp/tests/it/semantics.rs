//! The page that compares with OTP names tests that exist.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(directory: &Path, into: &mut String) {
    for entry in fs::read_dir(directory).expect("a directory of sources") {
        let path: PathBuf = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(&path).expect("a source file is UTF-8"));
        }
    }
}

/// The names in the last cell of each row that compares something.
fn named(page: &str) -> Vec<(String, Vec<String>)> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| OTP |"));
    rows.map(|row| {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names = cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (row.to_owned(), names)
    })
    .collect()
}

#[test]
fn every_line_of_the_comparison_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../../docs/otp.md")).expect("the page stands in docs");
    let mut text = String::new();
    sources(&root.join("src"), &mut text);
    sources(&root.join("tests"), &mut text);
    let rows = named(&page);
    assert!(rows.len() > 80, "only {} rows found", rows.len());
    for (row, names) in rows {
        assert!(!names.is_empty() || row.contains("| none |"), "no test: {row}");
        for name in names {
            let found = text.contains(&format!("fn {name}("));
            assert!(found, "the test `{name}` does not exist: {row}");
        }
    }
}

#[test]
fn the_comparison_marks_what_is_model_checked_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../../docs/otp.md")).expect("the page stands in docs");
    let mut models = String::new();
    sources(&root.join("tests/model"), &mut models);
    let mut marked = 0;
    for (row, names) in named(&page) {
        for name in names {
            let is_model = models.contains(&format!("fn {name}("));
            assert_eq!(row.contains(&format!("`{name}` ⇄")), is_model, "`{name}` in {row}");
            marked += usize::from(is_model);
        }
    }
    assert!(marked > 20, "only {marked} marks");
}

#[test]
fn a_row_without_a_test_is_found() {
    let rows = named("| OTP | here | test |\n|---|---|---|\n| a | b | `x`, `y` |\n| a | `b` | |\n");
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].1.as_slice(), rows[1].1.len()), (&["x".to_owned(), "y".to_owned()][..], 0));
}
