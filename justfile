# The menu. `just` alone prints it.

_default:
    @just --list --unsorted

# All that CI runs; changes nothing in the sources.
verify *STEPS:
    bash .ci/run {{ STEPS }}

# Format, and apply the lints' own suggestions.
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

# All tests, doc tests included; arguments go to cargo test: `just test -p mnemon-store`.
test *ARGS="--workspace":
    cargo test {{ ARGS }}

# Looks for bytes that break one target for so many seconds (needs nightly and cargo-fuzz): `just fuzz key_order 600`.
fuzz NAME SECONDS="60":
    mkdir -p fuzz/found/{{ NAME }}
    cargo +nightly fuzz run {{ NAME }} fuzz/found/{{ NAME }} fuzz/corpus/{{ NAME }} -- \
        -max_total_time={{ SECONDS }} -max_len=4096 -timeout=10 -dict=fuzz/dictionaries/{{ NAME }}.dict

# Kills a node under load so many times and looks what is there afterwards: `just crash 500`.
crash ROUNDS="20":
    cargo build --release -p mnemon-cli
    MNEMON_BINARY="${CARGO_TARGET_DIR:-$PWD/target}/release/mnemon" MNEMON_CRASH_ROUNDS={{ ROUNDS }} \
        cargo test -p mnemon-cli --test it crash -- --nocapture

# Benchmarks beside the peers that are installed: `just bench --quick --only resp`.
bench *ARGS:
    cargo build --release -p mnemon-cli -p mnemon-bench
    cargo run --release -p mnemon-bench -- {{ ARGS }}

# The library's documentation, opened in a browser.
doc:
    cargo doc --workspace --exclude mnemon-cli --no-deps
    cargo doc -p mnemon --no-deps --open

# A node from this source: `just run --resp 127.0.0.1:7070`.
run *ARGS:
    cargo run --release -p mnemon-cli -- serve {{ ARGS }}

# Licences, advisories and sources of what is depended upon (needs cargo-deny).
deny:
    cargo deny check
