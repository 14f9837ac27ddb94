//! Builds schemas: a new one from defaults, or a changed one from another.

use mnemon_store::{Durability, Kind};

use crate::TableError;
use crate::schema::definition::Definition;
use crate::schema::{AccessMode, Attribute, AttributeType, Placement, Schema, Storage};

/// Builds a [`Schema`]; everything is checked by [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct SchemaBuilder {
    definition: Definition,
    indexes: Vec<String>,
}

impl SchemaBuilder {
    pub(crate) fn new(name: String) -> Self {
        let definition = Definition {
            name,
            kind: Kind::Set,
            attributes: Vec::new(),
            indexes: Vec::new(),
            access: AccessMode::default(),
            storage: Storage::default(),
            durability: Durability::default(),
            placement: Placement::default(),
            ttl_ms: None,
            max_entries: None,
            max_bytes: None,
            version: 1,
            load_order: 0,
        };
        Self { definition, indexes: Vec::new() }
    }

    pub(crate) fn from_definition(definition: &Definition) -> Self {
        let name = |&place: &u16| definition.attributes.get(usize::from(place)).map(|a| a.name().to_owned());
        let indexes = definition.indexes.iter().filter_map(name).collect();
        let version = definition.version.saturating_add(1);
        Self { definition: Definition { version, ..definition.clone() }, indexes }
    }

    /// How rows are kept; a `set` by default.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.definition.kind = kind;
        self
    }

    /// Adds an attribute. The first one is the key; without any they are `key` and `val`.
    pub fn attribute(mut self, name: impl Into<String>, takes: AttributeType) -> Self {
        self.definition.attributes.push(Attribute::new(name, takes));
        self
    }

    /// Puts these attributes in the place of all that were given; indexes follow their attributes' names.
    pub fn attributes(mut self, attributes: impl IntoIterator<Item = Attribute>) -> Self {
        self.definition.attributes = attributes.into_iter().collect();
        self
    }

    /// Adds an index on the attribute of this name.
    pub fn index(mut self, name: impl Into<String>) -> Self {
        self.indexes.push(name.into());
        self
    }

    /// Takes back the index on the attribute of this name, if there is one.
    pub fn unindex(mut self, name: &str) -> Self {
        self.indexes.retain(|index| index != name);
        self
    }

    /// Whether the table may be written; it may by default.
    pub fn access(mut self, access: AccessMode) -> Self {
        self.definition.access = access;
        self
    }

    /// Where rows are stored; in RAM by default.
    pub fn storage(mut self, storage: Storage) -> Self {
        self.definition.storage = storage;
        self
    }

    /// When commits on a table that is kept on disc are synced; before they are acknowledged by default.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.definition.durability = durability;
        self
    }

    /// Which nodes hold rows; this one by default.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.definition.placement = placement;
        self
    }

    /// How long a row lives after it was written; `None`, the default, for ever.
    pub fn ttl_ms(mut self, ttl_ms: impl Into<Option<u64>>) -> Self {
        self.definition.ttl_ms = ttl_ms.into();
        self
    }

    /// Most rows of the table; of a bag most keys, since the objects of a key are kept and evicted together.
    pub fn max_entries(mut self, max_entries: impl Into<Option<u64>>) -> Self {
        self.definition.max_entries = max_entries.into();
        self
    }

    /// Most bytes the rows take in RAM.
    pub fn max_bytes(mut self, max_bytes: impl Into<Option<u64>>) -> Self {
        self.definition.max_bytes = max_bytes.into();
        self
    }

    /// When the table is loaded at the start of a node, Mnesia's `load_order`: tables with a higher one first, 0 by default.
    /// Among equals the smallest is first.
    pub fn load_order(mut self, load_order: i32) -> Self {
        self.definition.load_order = load_order;
        self
    }

    /// The version of the schema; 1 by default, after [`Schema::alter`] one more than before.
    pub fn version(mut self, version: u64) -> Self {
        self.definition.version = version;
        self
    }

    /// The schema.
    ///
    /// # Errors
    /// `BadSchema` when a name is not of `A-Z a-z 0-9 _ . -` (of tables also `:`), begins with `-` or is longer than 255 bytes, when
    /// there are more than [`MAX_ARITY`](mnemon_term::MAX_ARITY) attributes or two of one name, when an index is on the key, on an
    /// unknown attribute or on one that has an index, and when a bound is 0.
    pub fn build(self) -> Result<Schema, TableError> {
        let Self { mut definition, indexes } = self;
        if definition.attributes.is_empty() {
            definition.attributes =
                ["key", "val"].map(|name| Attribute::new(name, AttributeType::Any)).into();
        }
        let place = |name: &String| {
            let place = definition.attributes.iter().position(|attribute| attribute.name() == name);
            place.and_then(|place| u16::try_from(place).ok()).ok_or_else(|| {
                let known: Vec<&str> = definition.attributes.iter().map(Attribute::name).collect();
                TableError::BadSchema(format!(
                    "table {:?}: an index on {name:?}, which is no attribute; the attributes are {}",
                    definition.name,
                    known.join(", ")
                ))
            })
        };
        definition.indexes = indexes.iter().map(place).collect::<Result<_, _>>()?;
        Schema::try_from(definition)
    }
}
