//! All that a table shows to its readers, taken page by page as they would.

use std::ops::Bound;

use mnemon_store::{Kind, Row, Scan, Source, Store, TableCopy, entry_keys};

use crate::difference::{row_text, same_row};

/// The live rows of a table and the contents of its indexes. Rows of kinds without an order are sorted by key.
#[derive(Clone, Debug)]
pub struct TableState {
    rows: Vec<Row>,
    /// By attribute; each with the rows in the order the index gives them.
    indexes: Vec<(u16, Vec<Row>)>,
    /// Rows, rows with a time to live and bytes, expired rows included.
    counts: (usize, usize, usize),
    schema_version: u64,
}

impl TableState {
    /// Reads a table that nobody writes meanwhile.
    ///
    /// # Panics
    /// When an `ordered_set` is out of order or an index cannot be read.
    #[must_use]
    pub fn of(store: &Store, copy: &TableCopy) -> Self {
        let mut rows = scan(store, copy, Source::Rows);
        if copy.spec().kind == Kind::OrderedSet {
            let sorted = rows.windows(2).all(|pair| pair[0].key() < pair[1].key());
            assert!(sorted, "an ordered_set gives its rows out of order: {rows:?}");
        } else {
            rows.sort_by(|one, other| one.key().cmp(other.key()));
        }
        let mut attributes = copy.indexed();
        attributes.sort_unstable();
        Self {
            rows,
            indexes: attributes
                .into_iter()
                .map(|attribute| (attribute, scan(store, copy, Source::Index(attribute))))
                .collect(),
            counts: (copy.len(), copy.expiring(), copy.row_bytes()),
            schema_version: copy.schema_version(),
        }
    }

    /// The live rows, by key.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows that the index on an attribute gives, in its order; none when there is no such index.
    #[must_use]
    pub fn index_rows(&self, attribute: u16) -> &[Row] {
        let found = self.indexes.iter().find(|index| index.0 == attribute);
        found.map_or(&[], |(_, rows)| rows)
    }

    /// Whether every index holds exactly the rows, under the values they have now, in order.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check_indexes(&self) -> Result<(), String> {
        for (attribute, found) in &self.indexes {
            let mut expected: Vec<_> = self
                .rows
                .iter()
                .flat_map(|row| entry_keys(row, *attribute).into_iter().map(move |key| (key, row)))
                .collect();
            expected.sort_by(|one, other| one.0.cmp(&other.0));
            let expected: Vec<Row> = expected.into_iter().map(|(_, row)| row.clone()).collect();
            if let Some(difference) = difference(&expected, found) {
                return Err(format!("the index on attribute {attribute} and its rows: {difference}"));
            }
        }
        Ok(())
    }

    /// What differs from another state; `None` when they are alike.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        if let Some(difference) = difference(&self.rows, &other.rows) {
            return Some(format!("rows: {difference}"));
        }
        if self.counts != other.counts {
            return Some(format!(
                "rows, rows with a time to live, bytes: {:?} here, {:?} there",
                self.counts, other.counts
            ));
        }
        if self.schema_version != other.schema_version {
            return Some(format!(
                "schema version {} here, {} there",
                self.schema_version, other.schema_version
            ));
        }
        let attributes = |state: &Self| state.indexes.iter().map(|index| index.0).collect::<Vec<_>>();
        if attributes(self) != attributes(other) {
            return Some(format!("indexes on {:?} here, on {:?} there", attributes(self), attributes(other)));
        }
        let mut pairs = self.indexes.iter().zip(&other.indexes);
        pairs.find_map(|((attribute, here), (_, there))| {
            let difference = difference(here, there)?;
            Some(format!("the index on attribute {attribute}: {difference}"))
        })
    }
}

fn scan(store: &Store, copy: &TableCopy, source: Source) -> Vec<Row> {
    let mut scan = Scan::new(source, Bound::Unbounded, Bound::Unbounded, false);
    let mut rows = Vec::new();
    while let Some(page) = scan
        .next_page(store, copy, None)
        .unwrap_or_else(|error| panic!("cannot scan {source:?} of table {:?}: {error}", copy.id()))
    {
        rows.extend(page.rows);
    }
    rows
}

/// The first row in which two sequences differ.
fn difference(here: &[Row], there: &[Row]) -> Option<String> {
    let len = here.len().max(there.len());
    let text = |row: Option<&Row>| row.map_or("nothing".to_owned(), row_text);
    (0..len).find_map(|at| {
        let (one, other) = (here.get(at), there.get(at));
        let same = one.zip(other).is_some_and(|(one, other)| same_row(one, other));
        (!same).then(|| {
            format!(
                "row {at} of {} and {}:\n  here  {}\n  there {}",
                here.len(),
                there.len(),
                text(one),
                text(other)
            )
        })
    })
}
