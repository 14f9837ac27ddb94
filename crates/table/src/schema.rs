//! The schema of a table: what its rows look like and how they are kept, as checked data.
//!
//! What must stay true: whoever holds a [`Schema`] holds one that passed every check, whether it was built, altered
//! or read from a log; it never changes in place. Applying schema changes, filling indexes and keeping rows are left
//! to others.

mod attribute;
mod builder;
mod check;
mod choice;
mod definition;

pub use attribute::{Attribute, AttributeType, parse_attributes};
pub use builder::SchemaBuilder;
pub use choice::{AccessMode, Placement, Storage, durability_text, parse_durability};
pub use mnemon_store::Kind;

pub(crate) use check::shortened;

use mnemon_store::{CopySpec, Durability};
use mnemon_term::{RecordRef, TermRef, key};
use serde::{Deserialize, Serialize};

use definition::Definition;

/// The schema of one table.
///
/// The first attribute is the key. `serde` writes it for logs; what is read back is checked like a new one.
///
/// ```
/// use mnemon_table::schema::{AttributeType, Kind, Schema};
/// use mnemon_term::{Record, Term};
///
/// let users = Schema::builder("users")
///     .kind(Kind::OrderedSet)
///     .attribute("id", AttributeType::Int)
///     .attribute("name", AttributeType::String)
///     .attribute("age", AttributeType::Int)
///     .index("age")
///     .build()?;
/// assert_eq!(users.place_of("age"), Some(2));
///
/// let ada = Record::new(&[Term::from(1), Term::from("Ada"), Term::nil()])?;
/// users.check(ada.as_ref())?;
/// let wrong = Record::new(&[Term::from(2), Term::from("Bob"), Term::from("old")])?;
/// assert!(users.check(wrong.as_ref()).is_err());
/// # Ok::<(), mnemon_table::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Definition")]
pub struct Schema(Definition);

impl Schema {
    /// A builder of the schema of a new table: a local, unbounded, writable `set` in RAM with the attributes `key`
    /// and `val`, unless told otherwise.
    pub fn builder(name: impl Into<String>) -> SchemaBuilder {
        SchemaBuilder::new(name.into())
    }

    /// A builder that starts from this schema, one version on.
    pub fn alter(&self) -> SchemaBuilder {
        SchemaBuilder::from_definition(&self.0)
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How rows are kept.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The attributes in order; never empty, the first one is the key.
    pub fn attributes(&self) -> &[Attribute] {
        &self.0.attributes
    }

    /// The names of the attributes in order, as the JSON functions of `mnemon_term` want them. Allocates.
    pub fn attribute_names(&self) -> Vec<&str> {
        self.0.attributes.iter().map(Attribute::name).collect()
    }

    /// How many attributes a record has.
    pub fn arity(&self) -> usize {
        self.0.attributes.len()
    }

    /// The places of the indexed attributes, each once, ascending, never 0.
    pub fn indexes(&self) -> &[u16] {
        &self.0.indexes
    }

    /// Whether the table may be written.
    pub fn access(&self) -> AccessMode {
        self.0.access
    }

    /// Where rows are stored.
    pub fn storage(&self) -> Storage {
        self.0.storage
    }

    /// When commits are synced, if the table is kept on disc.
    pub fn durability(&self) -> Durability {
        self.0.durability
    }

    /// Which nodes hold rows.
    pub fn placement(&self) -> &Placement {
        &self.0.placement
    }

    /// How long a row lives after it was written, unless the write says otherwise.
    pub fn ttl_ms(&self) -> Option<u64> {
        self.0.ttl_ms
    }

    /// Most rows the table holds; of a bag, most keys.
    pub fn max_entries(&self) -> Option<u64> {
        self.0.max_entries
    }

    /// Most bytes the rows take in RAM.
    pub fn max_bytes(&self) -> Option<u64> {
        self.0.max_bytes
    }

    /// Tables with a higher one are loaded before others at the start of a node.
    pub fn load_order(&self) -> i32 {
        self.0.load_order
    }

    /// Counts the changes of this table's schema, from 1.
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// The place of the attribute of this name. O(attributes).
    pub fn place_of(&self, name: &str) -> Option<u16> {
        let place = self.0.attributes.iter().position(|attribute| attribute.name() == name)?;
        u16::try_from(place).ok()
    }

    /// What the store must know.
    pub fn copy_spec(&self) -> CopySpec {
        CopySpec {
            max_entries: self.0.max_entries,
            max_bytes: self.0.max_bytes,
            disc: self.0.storage.is_on_disc().then_some(self.0.durability),
            disc_only: self.0.storage == Storage::DiscOnly,
            ..CopySpec::new(self.0.kind)
        }
    }

    /// Appends the key bytes of a key of this table. O(size of the key).
    pub fn encode_key<'t>(&self, key: impl Into<TermRef<'t>>, out: &mut Vec<u8>) {
        key::encode(key, self.0.kind.keying(), out);
    }

    /// Appends the key bytes of a record's key; nothing for malformed trusted bytes, which [`check`](Self::check)
    /// refuses.
    pub fn key_of(&self, record: RecordRef<'_>, out: &mut Vec<u8>) {
        if let Some(key) = record.key() {
            self.encode_key(key, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Schema {
        Schema::builder("users")
            .attribute("id", AttributeType::Int)
            .attribute("name", AttributeType::String)
            .attribute("age", AttributeType::Any)
            .index("age")
            .index("name")
            .ttl_ms(5)
            .max_entries(7)
            .build()
            .unwrap()
    }

    #[test]
    fn defaults_are_those_of_mnesia() {
        let schema = Schema::builder("t").build().unwrap();
        assert_eq!(schema.attribute_names(), ["key", "val"]);
        assert_eq!(schema.kind(), Kind::Set);
        assert_eq!(schema.access(), AccessMode::ReadWrite);
        assert_eq!((schema.storage(), schema.placement()), (Storage::Ram, &Placement::Local));
        assert_eq!((schema.version(), schema.ttl_ms(), schema.max_bytes()), (1, None, None));
        assert_eq!(schema.copy_spec(), CopySpec::new(Kind::Set));
    }

    #[test]
    fn places_are_found_by_name() {
        let users = users();
        assert_eq!(users.indexes(), [1, 2]);
        assert_eq!((users.place_of("id"), users.place_of("age")), (Some(0), Some(2)));
        assert_eq!(users.place_of("nick"), None);
        assert_eq!(users.copy_spec().max_entries, Some(7));
    }

    #[test]
    fn keys_are_encoded_as_the_kind_wants() {
        let (int, float) = (TermRef::Int(1), TermRef::Float(1.0));
        let bytes = |kind, key: TermRef<'_>| {
            let mut bytes = Vec::new();
            Schema::builder("t").kind(kind).build().unwrap().encode_key(key, &mut bytes);
            bytes
        };
        assert_eq!(bytes(Kind::OrderedSet, int), bytes(Kind::OrderedSet, float));
        assert_ne!(bytes(Kind::Set, int), bytes(Kind::Set, float));
        assert_ne!(bytes(Kind::Bag, int), bytes(Kind::Bag, float));
    }

    #[test]
    fn an_altered_schema_is_one_version_on() {
        let users = users();
        let next = users.alter().unindex("age").ttl_ms(None).access(AccessMode::ReadOnly).build().unwrap();
        assert_eq!((next.version(), next.indexes(), next.ttl_ms()), (2, &[1][..], None));
        assert_eq!(next.attributes(), users.attributes());
        assert_eq!(next.access(), AccessMode::ReadOnly);
    }

    #[test]
    fn what_a_log_gives_back_is_checked() {
        let text = serde_json::to_string(&users()).unwrap();
        assert_eq!(serde_json::from_str::<Schema>(&text).unwrap(), users());
        for (from, to) in [("\"users\"", "\"\""), ("[1,2]", "[0]"), ("[1,2]", "[2,2]"), ("[1,2]", "[9]")] {
            assert!(text.contains(from));
            let broken = serde_json::from_str::<Schema>(&text.replace(from, to));
            assert!(broken.is_err(), "{to}");
        }
    }

    #[test]
    fn a_schema_from_before_there_was_a_load_order_is_read() {
        let schema = Schema::builder("t").load_order(-3).build().unwrap();
        let text = serde_json::to_string(&schema).unwrap();
        assert_eq!(serde_json::from_str::<Schema>(&text).unwrap().load_order(), -3);
        let older = text.replace(",\"load_order\":-3", "");
        assert_ne!(older, text);
        assert_eq!(serde_json::from_str::<Schema>(&older).unwrap().load_order(), 0);
    }
}
