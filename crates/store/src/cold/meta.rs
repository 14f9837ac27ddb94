//! What a tree of rows says of itself: the state it holds. Written with every batch, under a key of its own.
//!
//! Layout: a byte for the format, then the postcard form of [`Meta`]; `docs/formats.md` gives its history.

use mnemon_disc::DiscError;
use mnemon_disc::rows::RowTree;
use serde::{Deserialize, Serialize};

use crate::encoding;

/// Before all prefixes of maps.
pub(crate) const META_KEY: &[u8] = &[0];
const FORMAT: u8 = 1;

/// The state of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// Commits on the table up to this clock are in the tree, later ones are not.
    pub(crate) clock: u64,
    pub(crate) rows: u64,
    /// Bytes of the rows, as they would take in memory.
    pub(crate) bytes: u64,
    pub(crate) expiring: u64,
    pub(crate) indexes: Vec<IndexMeta>,
    /// Numbers of indexes that were dropped and whose entries may still be there.
    pub(crate) dead: Vec<u32>,
    /// The number of the next index.
    pub(crate) next_index: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexMeta {
    pub(crate) attribute: u16,
    pub(crate) number: u32,
    /// Whether all rows are in it.
    pub(crate) is_complete: bool,
}

impl Meta {
    pub(crate) fn encode(&self) -> Vec<u8> {
        encoding::append(self, vec![FORMAT]).expect("numbers and lists of them can be encoded")
    }

    /// What a tree says of itself.
    pub(crate) fn read(tree: &dyn RowTree) -> Result<Self, DiscError> {
        let broken =
            |what: String| DiscError::Corrupt { file: format!("the rows of {tree:?}"), offset: 0, what };
        let bytes = tree.get(META_KEY)?.ok_or_else(|| broken("they do not say what they hold".to_owned()))?;
        Self::decode(&bytes).map_err(broken)
    }

    /// From its bytes; else what is wrong with them.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        match bytes.split_first() {
            Some((&FORMAT, meta)) => postcard::from_bytes(meta).map_err(|cause| cause.to_string()),
            Some((format, _)) => Err(format!("they have format {format}, known is {FORMAT}")),
            None => Err("what they say they hold is empty".to_owned()),
        }
    }
}
