//! JSON: terms as people and other programs write them.
//!
//! | JSON | term |
//! |---|---|
//! | `null`, `true`, `false` | the atoms `nil`, `true`, `false` |
//! | a number without fraction and exponent | integer; outside the range of `i64` it is an error, never a float |
//! | a number with fraction or exponent (`1.0`, `1e3`) | float |
//! | a string | binary |
//! | an array | list |
//! | an object | map with binary keys; of equal names the last one wins |
//!
//! What JSON cannot say is an object of one tag:
//!
//! | JSON | term |
//! |---|---|
//! | `{"$atom":"ok"}` | an atom other than `nil`, `true`, `false` (these are read too) |
//! | `{"$tuple":[…]}` | tuple |
//! | `{"$binary":"/wA="}` | binary that is not UTF-8, in padded base64 (any binary is read) |
//! | `{"$map":[[key,value],…]}` | map with other keys than text, or whose only key begins with `$` |
//!
//! One-key objects whose key begins with `$` are tags and nothing else: an unknown one is an error. In
//! objects of several keys `$` means nothing. So every term that can be stored is written, and reads back exactly.
//!
//! Terms are read to the depth of [`MAX_DEPTH`](crate::MAX_DEPTH); a tag does not count as a level.

mod integer;
mod read;
mod row;
mod tag;
mod write;

pub use read::{parse, parse_key};
pub use row::{record_from_json, write_record};
pub use write::write;

pub(crate) const TAG_ATOM: &str = "$atom";
pub(crate) const TAG_TUPLE: &str = "$tuple";
pub(crate) const TAG_BINARY: &str = "$binary";
pub(crate) const TAG_MAP: &str = "$map";
