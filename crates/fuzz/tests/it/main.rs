//! The fuzzers' properties on files that are kept, on pieces of them and on random bytes.
//!
//! What the fuzzers found is kept in `fuzz/corpus/` under names that begin with `found-`; the regression test stands with
//! the crate that was mended.

mod corpus;
