//! What the fuzzers hold true, as functions over bytes.
//!
//! | target | bytes are | what must hold |
//! |---|---|---|
//! | [`resp_request`] | what a client sends | the same commands however they arrive; never more than was sent; errors are final |
//! | [`resp_reply`] | what a server answers | the same replies however they arrive; what is read is written and read again |
//! | [`json_record`] | JSON | what is read is written, stored and read again; types are kept |
//! | [`key_order`] | JSON, a record, or anything | key bytes are ordered, equal and split as their terms are |
//! | [`match_language`] | a condition, and records | what is selected through a plan is what a filter over all records gives, in order |
//!
//! A function returns if all holds and panics with what does not. Each is deterministic: it draws nothing but from its
//! bytes, so a file that makes it panic does so again. `fuzz/` drives the functions with libFuzzer; the tests of this crate
//! replay the files that are kept in `fuzz/corpus/`, so that no special toolchain is needed to see that they hold.

mod arrival;
mod json;
mod keys;
mod model;
mod query;
mod reply;
mod request;
mod shelf;
mod spelling;
mod terms;

pub use json::json_record;
pub use keys::key_order;
pub use query::match_language;
pub use reply::resp_reply;
pub use request::resp_request;

/// Something that must hold for all bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the function, of its file in `fuzz/fuzz_targets/` and of its directory in `fuzz/corpus/`.
    pub name: &'static str,
    /// Returns if all holds for these bytes, panics if not.
    pub hold: fn(&[u8]),
}

/// All of them.
///
/// ```
/// let target = mnemon_fuzz::TARGETS.iter().find(|target| target.name == "key_order").expect("it is there");
/// (target.hold)(br#"[1, 1.0, "one"]"#);
/// ```
pub const TARGETS: [Target; 5] = [
    Target { name: "resp_request", hold: resp_request },
    Target { name: "resp_reply", hold: resp_reply },
    Target { name: "json_record", hold: json_record },
    Target { name: "key_order", hold: key_order },
    Target { name: "match_language", hold: match_language },
];
