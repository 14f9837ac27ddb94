//! Reads of several records: ranges, indexes, patterns, queries, folds.

use mnemon_store::Scan;
use mnemon_table::TableError as Error;
use mnemon_table::query::{Condition, Pattern, Query, Test};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Table;
use crate::codec;
use crate::range::IntoKeyRange;

/// How long reading a whole table may take, in milliseconds.
const SNAPSHOT_TTL_MS: u64 = 60_000;

/// All records of a table as of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot<T> {
    /// The commit clock of the moment. A subscription's events up to it are contained in the records.
    pub clock: u64,
    /// The records: in the order of their keys in an `ordered_set`, in no order in others.
    pub records: Vec<T>,
}

/// Several records, as of one moment: whatever is committed meanwhile is not seen, and nobody waits for anybody. Each
/// may answer [`Error::SnapshotExpired`] when it takes longer than a minute or when what is written meanwhile exceeds
/// 1 GiB.
impl<T: Serialize + DeserializeOwned> Table<T> {
    /// The records of a range of keys, in its order. `ordered_set` only. O(log n + records).
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other kinds.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mnemon::{KeyRange, Kind, Node};
    ///
    /// let node = Node::builder().start().await?;
    /// let squares = node.create_table::<(u32, u64)>("squares").kind(Kind::OrderedSet).await?;
    /// for n in 0..100u32 {
    ///     squares.write(&(n, u64::from(n).pow(2))).await?;
    /// }
    /// assert_eq!(squares.range(2..=3).await?, [(2, 4), (3, 9)]);
    /// assert_eq!(squares.range(KeyRange::of(..10).limit(2).reverse()).await?, [(9, 81), (8, 64)]);
    /// assert_eq!(squares.first::<u32>().await?, Some(0));
    /// assert_eq!(squares.next(&41).await?, Some(42));
    /// # Ok(()) }
    /// ```
    pub async fn range(&self, keys: impl IntoKeyRange) -> Result<Vec<T>, Error> {
        codec::values(&self.table.range(&keys.into_key_range().bounds()?).await?)
    }

    /// The records whose indexed attribute equals a value. In an `ordered_set` 1 equals 1.0, in others it does not, as
    /// with their keys. O(log n + records).
    ///
    /// # Errors
    /// [`Error::NoIndex`].
    pub async fn index_read<V: Serialize + ?Sized>(
        &self,
        attribute: &str,
        value: &V,
    ) -> Result<Vec<T>, Error> {
        let value = codec::term(value)?;
        codec::values(&self.table.index_read(attribute, &value).await?)
    }

    /// The records that match a pattern. Uses the key or an index where the pattern fixes one, else O(n).
    ///
    /// # Errors
    /// Those of every such read.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mnemon::Node;
    /// use mnemon::query::{Pattern, Slot};
    ///
    /// let node = Node::builder().start().await?;
    /// let edges = node.create_table::<(u32, u32)>("edges").await?;
    /// edges.write(&(1, 2)).await?;
    /// edges.write(&(3, 3)).await?;
    /// let loops = Pattern::new(vec![Slot::Var(1), Slot::Var(1)])?;
    /// assert_eq!(edges.match_object(&loops).await?, [(3, 3)]);
    /// # Ok(()) }
    /// ```
    pub async fn match_object(&self, pattern: &Pattern) -> Result<Vec<T>, Error> {
        codec::values(&self.table.match_object(pattern).await?)
    }

    /// The records that fulfil a query. Uses the key or an index where the condition allows, else O(n).
    ///
    /// # Errors
    /// Those of every such read.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct User { id: u32, name: String, age: Option<u8> }
    /// use mnemon::Node;
    /// use mnemon::query::{Condition, Query, Test};
    ///
    /// let node = Node::builder().start().await?;
    /// let users = node.create_table::<User>("users").index("age").await?;
    /// users.write(&User { id: 1, name: "Ada".into(), age: Some(36) }).await?;
    /// users.write(&User { id: 2, name: "Bob".into(), age: None }).await?;
    ///
    /// let adults = users.query(r#"{"age": {">=": 18, "exists": true}}"#)?;
    /// assert_eq!(users.select(&adults).await?[0].name, "Ada");
    ///
    /// // The same from values, as what comes from people should be.
    /// let at_least = users.test("age", Test::Ge(18.into()))?;
    /// let given = users.test("age", Test::Exists(true))?;
    /// let adults = Query::new(Condition::And(vec![at_least, given]))?.limit(10);
    /// assert_eq!(users.select(&adults).await?.len(), 1);
    /// # Ok(()) }
    /// ```
    pub async fn select(&self, query: &Query) -> Result<Vec<T>, Error> {
        codec::values(&self.table.select(query).await?)
    }

    /// A query in the match language, which `docs/match.md` describes.
    ///
    /// # Errors
    /// [`Error::BadQuery`].
    pub fn query(&self, condition: &str) -> Result<Query, Error> {
        Query::from_json(condition.as_bytes(), &self.table.schema())
    }

    /// A test of the attribute of this name, as a condition to build a [`Query`] of.
    ///
    /// # Errors
    /// [`Error::BadQuery`] for an unknown attribute.
    pub fn test(&self, attribute: &str, test: Test) -> Result<Condition, Error> {
        let schema = self.table.schema();
        let place = schema.place_of(attribute).ok_or_else(|| {
            let known = schema.attribute_names().join(", ");
            Error::BadQuery(format!("unknown attribute {attribute:?}; the attributes are {known}"))
        })?;
        Ok(Condition::On(place, test))
    }

    /// Folds all records. O(n).
    ///
    /// # Errors
    /// Those of every such read.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let node = mnemon::Node::builder().start().await?;
    /// let stock = node.create_table::<(String, u64)>("stock").await?;
    /// stock.write(&("nuts".into(), 40)).await?;
    /// stock.write(&("bolts".into(), 2)).await?;
    /// assert_eq!(stock.fold(0, |sum, (_, pieces)| sum + pieces).await?, 42);
    /// # Ok(()) }
    /// ```
    pub async fn fold<A>(&self, start: A, mut step: impl FnMut(A, T) -> A) -> Result<A, Error> {
        let fold = self.table.fold(Ok(start), |sum: Result<A, Error>, record| {
            let sum = sum?;
            Ok(step(sum, codec::value(record)?))
        });
        fold.await?
    }

    /// All records with the clock of the moment they are of. O(n).
    ///
    /// # Errors
    /// Those of every such read.
    pub async fn snapshot(&self) -> Result<Snapshot<T>, Error> {
        // Says so when the table was dropped.
        self.table.dirty_first()?;
        let store = self.table.store();
        let snapshot = store.snapshot(SNAPSHOT_TTL_MS);
        let copy = self.table.copy_at(&snapshot)?;
        let (mut scan, mut records) = (Scan::all(), Vec::new());
        while let Some(page) = scan.next_page(store, &copy, Some(&snapshot))? {
            for body in page.rows.iter().flat_map(codec::bodies) {
                records.push(codec::value(mnemon_term::RecordRef::trusted(body))?);
            }
        }
        Ok(Snapshot { clock: snapshot.clock(), records })
    }
}
