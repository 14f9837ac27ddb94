//! Bringing elements near the processor before they are asked for: level by level, those of many fields at the same time.

use smallvec::SmallVec;

use super::Pages;
use super::node::{Branch, Node, Sought, Stand};
use super::page::Page;
use super::rank::Rank;
use crate::prefetch::{KEYS_MAX, LINE, fetch_line};

/// Fields that are on their way down.
type Ways<T> = SmallVec<[T; KEYS_MAX]>;

impl<R: Rank> Pages<R> {
    /// As [`TableCopy::prefetch_fields`](crate::TableCopy::prefetch_fields). O(fields · log n).
    pub(crate) fn prefetch<'f>(&self, fields: impl Iterator<Item = &'f [u8]>) {
        let sought = fields.take(KEYS_MAX).map(Sought::new::<R>);
        let mut ways: Ways<(Sought<'_>, &Branch)> = sought.map(|sought| (sought, &self.root)).collect();
        let mut pages: Ways<(u8, &Page)> = SmallVec::new();
        while !ways.is_empty() {
            // Each look is at what was fetched by the one before.
            for (sought, branch) in &ways {
                fetch_line(std::ptr::from_ref(sought.child_of(branch).0).cast());
            }
            ways.retain(|(sought, branch)| match sought.child_of(branch) {
                (Node::Empty, _) => false,
                (Node::Page(_, page), values) => {
                    fetch_line(page.address());
                    fetch_line(page.address().wrapping_add(LINE));
                    pages.push((sought.tag(values), page));
                    false
                }
                (Node::Branch(_, below), _) => {
                    fetch_line(below.address());
                    (*sought, *branch) = (sought.below::<R>(), below);
                    true
                }
            });
        }
        for (tag, page) in pages {
            page.fetch(tag);
        }
    }
}

impl Sought<'_> {
    fn child_of<'b>(&self, branch: &'b Branch) -> (&'b Node, u32) {
        let (at, values) = branch.child(self.bits, self.level);
        (&branch.children()[at], values)
    }

    fn tag(&self, values: u32) -> u8 {
        Stand { level: self.level, values }.tag(self.bits)
    }
}
