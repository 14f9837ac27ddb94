//! The definition of a new table, and the check that a type fits one.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mnemon_store::Durability;
use mnemon_table::schema::{AccessMode, Kind, Schema, SchemaBuilder, Storage, parse_attributes};
use mnemon_table::{Catalog, TableError as Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Table, to_ms};
use crate::shape::{Shape, shape_of};

/// Defines a new table; awaiting it creates the table. Made by [`Node::create_table`](crate::Node::create_table).
///
/// Without further words it is a `set` in RAM, without bounds, whose attributes are named like the fields of `T`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use mnemon::{Kind, Node};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct Session { token: String, user: u32 }
///
/// let node = Node::builder().start().await?;
/// let sessions = node
///     .create_table::<Session>("sessions")
///     .index("user")
///     .ttl(Duration::from_secs(3_600))
///     .max_entries(100_000)
///     .await?;
/// assert_eq!(sessions.schema().attribute_names(), ["token", "user"]);
///
/// // A tuple has no field names, so it is told.
/// let edges = node
///     .create_table::<(u32, u32, f64)>("edges")
///     .attributes("from:int, to:int, weight:float")
///     .kind(Kind::Bag)
///     .await?;
/// edges.write(&(1, 2, 0.5)).await?;
/// # Ok(()) }
/// ```
#[must_use = "a definition does nothing until it is awaited"]
pub struct TableBuilder<T> {
    catalog: Arc<Catalog>,
    name: String,
    schema: Result<SchemaBuilder, Error>,
    named: bool,
    records: PhantomData<fn(T) -> T>,
}

impl<T> TableBuilder<T> {
    pub(crate) fn new(catalog: Arc<Catalog>, name: String) -> Self {
        let schema = Ok(Schema::builder(name.clone()));
        Self { catalog, name, schema, named: false, records: PhantomData }
    }

    fn with(mut self, change: impl FnOnce(SchemaBuilder) -> SchemaBuilder) -> Self {
        self.schema = self.schema.map(change);
        self
    }

    /// How records are kept: [`Kind::Set`] (the default), [`Kind::OrderedSet`] for ranges, [`Kind::Bag`] for several
    /// records under a key.
    pub fn kind(self, kind: Kind) -> Self {
        self.with(|schema| schema.kind(kind))
    }

    /// Names the attributes, the key first, in place of the field names of `T`: `id, name` or with types
    /// `id:int, name:string`, by which records of other writers are checked. A type with `#[serde(alias)]` needs this,
    /// because serde counts its aliases as fields.
    pub fn attributes(mut self, attributes: &str) -> Self {
        self.named = true;
        self.schema = self.schema.and_then(|schema| Ok(schema.attributes(parse_attributes(attributes)?)));
        self
    }

    /// Keeps an index on this attribute, for [`Table::index_read`] and for queries. Each costs about as much memory
    /// as its values and keys, and a second lock a write.
    pub fn index(self, attribute: &str) -> Self {
        self.with(|schema| schema.index(attribute))
    }

    /// How long a record lives after it was written, unless its write says otherwise. Counted in milliseconds.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|schema| schema.ttl_ms(to_ms(ttl)))
    }

    /// Most records the table holds, in a bag most keys; beyond, records that are read seldom are evicted.
    pub fn max_entries(self, entries: u64) -> Self {
        self.with(|schema| schema.max_entries(entries))
    }

    /// Most bytes the records take; beyond, records that are read seldom are evicted.
    pub fn max_bytes(self, bytes: u64) -> Self {
        self.with(|schema| schema.max_bytes(bytes))
    }

    /// Keeps the table on disc as well as in RAM, each commit synced as `durability` says. The node needs a data directory. By
    /// default a table is in RAM alone.
    pub fn disc(self, durability: Durability) -> Self {
        self.with(|schema| schema.storage(Storage::Disc).durability(durability))
    }

    /// Keeps the table on disc only, so that it may exceed the memory, each commit synced as `durability` says. A record that is
    /// not in the cache of the disc's blocks ([`Builder::disc_cache_bytes`](crate::NodeBuilder::disc_cache_bytes)) is read from the
    /// disc, on the thread that asks. Such a table has no bounds. The node needs a data directory.
    pub fn disc_only(self, durability: Durability) -> Self {
        self.with(|schema| schema.storage(Storage::DiscOnly).durability(durability))
    }

    /// When the table is loaded at the start of a node, Mnesia's `load_order`: those with a higher one first; 0 by default.
    pub fn load_order(self, load_order: i32) -> Self {
        self.with(|schema| schema.load_order(load_order))
    }

    /// Whether the table may be written; [`Node::set_access`](crate::Node::set_access) changes it later.
    pub fn access(self, access: AccessMode) -> Self {
        self.with(|schema| schema.access(access))
    }
}

impl<T: Serialize + DeserializeOwned> TableBuilder<T> {
    /// The schema that this defines.
    ///
    /// # Errors
    /// [`Error::BadSchema`] when `T` is no record or has no field names and none were given, when it has another
    /// number of fields than there are attributes, and for what [`SchemaBuilder::build`] refuses.
    pub fn schema(self) -> Result<Schema, Error> {
        let mut schema = self.schema?;
        if !self.named {
            schema = match shape_of::<T>() {
                Shape::Struct(fields) => schema.attributes(parse_attributes(&fields.join(","))?),
                // The attributes are `key` and `val` then.
                Shape::Tuple(2) => schema,
                Shape::Tuple(_) | Shape::Open => {
                    let cause =
                        "the type has no field names; name the attributes with `attributes(\"id, name\")`";
                    return Err(Error::BadSchema(format!("table {:?}: {cause}", self.name)));
                }
                Shape::Other(_) => schema,
            };
        }
        let schema = schema.build()?;
        fits::<T>(&schema)?;
        Ok(schema)
    }
}

/// Checks that records of a schema can be values of a type.
///
/// # Errors
/// `BadSchema` that says what differs.
pub(crate) fn fits<T: DeserializeOwned>(schema: &Schema) -> Result<(), Error> {
    shape_of::<T>().fits(&schema.attribute_names()).map_err(|cause| {
        Error::BadSchema(format!("table {:?} as a table of Rust values: {cause}", schema.name()))
    })
}

impl<T: Serialize + DeserializeOwned + 'static> IntoFuture for TableBuilder<T> {
    type Output = Result<Table<T>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Creates the table.
    ///
    /// # Errors
    /// [`Error::TableExists`]; those of [`schema`](TableBuilder::schema).
    fn into_future(self) -> Self::IntoFuture {
        let catalog = self.catalog.clone();
        let schema = self.schema();
        Box::pin(async move { catalog.create(schema?).await.map(Table::new) })
    }
}

impl<T> std::fmt::Debug for TableBuilder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableBuilder").field("schema", &self.schema).finish_non_exhaustive()
    }
}
