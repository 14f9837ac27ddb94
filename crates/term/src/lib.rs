//! Terms and records: the values of Mnemon, their order, and the bytes they travel as.
//!
//! A [`Term`] is one value in Erlang's world of values: an integer, a float, an atom, a tuple, a map, a list
//! or a binary. A [`Record`] is a row: a sequence of terms, kept as compact bytes, whose first one is the key.
//! This crate owns four representations of them and the ways between:
//!
//! | representation | where | made for |
//! |---|---|---|
//! | a tree, [`Term`] | Rust code | building and matching values |
//! | record bytes, [`Record`], [`RecordRef`], [`TermRef`] | the store, the log, the wire | small size, lazy reading |
//! | key bytes, [`key`] | ordered maps and indexes | `memcmp` order is the order of terms |
//! | JSON, [`json`], and serde, [`to_record`], [`from_record`] | front doors, embedders | people and other programs |
//!
//! What must stay true: equal terms have equal record bytes and equal exact key bytes; the order of key bytes
//! is the order of terms; nothing read from outside makes this crate panic, recurse past [`MAX_DEPTH`]
//! or allocate from a length it has not checked. The crate does no I/O and keeps no global state: atoms are
//! plain owned strings, never interned.
//!
//! ```
//! use mnemon_term::{Record, Term, TermRef, json};
//!
//! let record = Record::new(&[Term::from(7), Term::from("Ada"), Term::atom("active")])?;
//! assert_eq!(record.as_ref().get(1).and_then(TermRef::as_str), Some("Ada"));
//!
//! let mut text = Vec::new();
//! json::write_record(record.as_ref(), &["id", "name", "state"], &mut text)?;
//! assert_eq!(text, br#"{"id":7,"name":"Ada","state":{"$atom":"active"}}"#);
//! # Ok::<(), mnemon_term::Error>(())
//! ```

mod atom;
mod de;
mod error;
mod float;
pub mod json;
pub mod key;
mod order;
mod record;
mod ser;
mod term;
mod view;
pub mod wire;

pub use atom::Atom;
pub use de::{from_record, from_term};
pub use error::{Error, Result};
pub use float::Float;
pub use key::Keying;
pub use record::{Record, RecordBuilder, RecordRef};
pub use ser::{to_int, to_key, to_record, to_term};
pub use term::Term;
pub use view::{MapIter, MapRef, SeqIter, SeqRef, TermRef};
pub use wire::{MAX_ARITY, MAX_DEPTH};
