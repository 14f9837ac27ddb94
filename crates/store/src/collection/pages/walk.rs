//! Going through the trie: all of it, from a hash on, or to the element with a number.

use std::slice::Iter;

use smallvec::SmallVec;

use super::Element;
use super::node::{Branch, Node};
use super::page::Page;
use super::rank::{ROUND_LEVELS, Rank};

/// The elements of a part of the trie, in the order of their ranks.
#[derive(Clone, Default)]
pub(crate) struct Elements<'a> {
    /// What is left of the branches that lead to the page.
    above: SmallVec<[Iter<'a, Node>; 5]>,
    page: Option<&'a Page>,
    /// The next element's place in the page.
    at: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn of(node: &'a Node) -> Self {
        let mut elements = Self::default();
        elements.above.push(std::slice::from_ref(node).iter());
        elements
    }

    /// Those of one page.
    pub(crate) fn of_page(page: &'a Page) -> Self {
        Self { page: Some(page), ..Self::default() }
    }

    pub(super) fn below(root: &'a Branch) -> Self {
        let mut elements = Self::default();
        elements.above.push(root.children().iter());
        elements
    }

    /// The elements whose hash in the first round is at least `from`.
    pub(super) fn from<R: Rank>(root: &'a Branch, from: u64) -> Self {
        let mut elements = Self::default();
        let mut branch = root;
        for level in 0..ROUND_LEVELS {
            let (at, _) = branch.child(from, level);
            let mut rest = branch.children()[at..].iter();
            let node = rest.next();
            elements.above.push(rest);
            match node {
                Some(Node::Branch(_, below)) => branch = below,
                Some(Node::Page(_, page)) => {
                    elements.page = Some(page);
                    elements.at = page.partition_point(|element| R::bits(element.field, 0) < from);
                    return elements;
                }
                Some(Node::Empty) | None => return elements,
            }
        }
        // All that is down there has the same hash.
        elements.above.push(branch.children().iter());
        elements
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            if let Some(page) = self.page
                && self.at < page.len()
            {
                self.at += 1;
                return Some(page.get(self.at - 1));
            }
            match self.above.last_mut()?.next() {
                Some(Node::Empty) => {}
                Some(Node::Page(_, page)) => (self.page, self.at) = (Some(page), 0),
                Some(Node::Branch(_, branch)) => self.above.push(branch.children().iter()),
                None => drop(self.above.pop()),
            }
        }
    }
}

/// The element before which there are `number` others.
pub(super) fn nth(root: &Branch, mut number: u32) -> Option<Element<'_>> {
    let mut children = root.children();
    loop {
        let node = children.iter().find(|node| {
            let is_there = number < node.len();
            number -= if is_there { 0 } else { node.len() };
            is_there
        })?;
        match node {
            Node::Empty => return None,
            Node::Page(_, page) => return Some(page.get(number as usize)),
            Node::Branch(_, branch) => children = branch.children(),
        }
    }
}
