//! The README's example is the one that is built and run.

const README: &str = include_str!("../../../../README.md");
const EXAMPLE: &str = include_str!("../../examples/embedded.rs");

#[test]
fn the_readme_shows_the_embedded_example_as_it_is() {
    let is_preface = |line: &&str| line.is_empty() || line.starts_with("//!") || line.starts_with("#![");
    let code: Vec<&str> = EXAMPLE.lines().skip_while(is_preface).collect();
    let block = format!("```rust\n{}\n```", code.join("\n"));
    assert!(
        README.contains(&block),
        "README.md does not contain examples/embedded.rs (from its first `use` on) as a rust block; copy it over"
    );
}
