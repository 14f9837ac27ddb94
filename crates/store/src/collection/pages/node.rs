//! The nodes of the trie: branches and pages.
//!
//! A branch looks at six bits of the hash. It has one child for one of their 64 values, or for 2, 4, … 64 of them that
//! are neighbours: a full page is divided in two by one bit more, and not in 64 by all of them, so pages stay about
//! two thirds full. Only a page that has one value for itself becomes a branch, one level further down.

use smallvec::SmallVec;
use triomphe::{Arc, ThinArc};

use super::Element;
use super::page::Page;
use super::rank::{BRANCH_BITS, LEVELS_MAX, ROUND_LEVELS, Rank};
use super::walk::Elements;

/// Values of the bits that a branch looks at.
const VALUES: u32 = 1 << BRANCH_BITS;
/// Elements of a page, at most. With more of them less room is wasted, but more is to be copied under a snapshot.
pub(super) const PAGE_ELEMENTS: usize = 16;
/// Bytes of a page's elements, at most, unless one takes more alone.
const PAGE_BYTES: usize = 4096;
/// A branch that holds no more elements than these becomes a page again.
const COLLAPSE: u32 = 8;

/// A part of the trie. Its number of elements stands beside it, so that nobody need look into it for that.
#[derive(Clone, Default)]
pub(super) enum Node {
    #[default]
    Empty,
    /// Elements in the order of their ranks.
    Page(u32, Page),
    Branch(u32, Branch),
}

/// The children of a branch, with a bit set for the first value of each.
#[derive(Clone)]
pub(super) struct Branch(ThinArc<u64, Node>);

/// A field on its way down.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    field: &'a [u8],
    /// Its bits in the round of the level.
    pub(super) bits: u64,
    /// The level of the branch that it has come to.
    pub(super) level: u32,
}

/// What a node stands for: some values of the bits that the branch above it looks at.
#[derive(Clone, Copy)]
pub(super) struct Stand {
    /// The branch's level.
    pub(super) level: u32,
    /// How many values; a power of two.
    pub(super) values: u32,
}

/// What putting an element did.
pub(super) enum Put {
    New,
    /// There was a value of this length.
    Replaced(usize),
    /// Nothing: the page has to be divided first.
    Full,
}

impl<'a> Sought<'a> {
    pub(super) fn new<R: Rank>(field: &'a [u8]) -> Self {
        Self { field, bits: R::bits(field, 0), level: 0 }
    }

    /// The field one level further down, where another round of hashing may begin.
    pub(super) fn below<R: Rank>(self) -> Self {
        let level = self.level + 1;
        let bits = if level.is_multiple_of(ROUND_LEVELS) {
            R::bits(self.field, level / ROUND_LEVELS)
        } else {
            self.bits
        };
        Self { level, bits, ..self }
    }
}

/// The value that a branch looks at.
fn value(bits: u64, level: u32) -> u32 {
    (bits << (BRANCH_BITS * (level % ROUND_LEVELS)) >> (64 - BRANCH_BITS)) as u32
}

impl Stand {
    fn round(self) -> u32 {
        self.level / ROUND_LEVELS
    }

    /// The first eight bits in which the elements of a page may differ.
    pub(super) fn tag(self, bits: u64) -> u8 {
        let alike = BRANCH_BITS * (self.level % ROUND_LEVELS + 1) - self.values.trailing_zeros();
        (bits << alike >> 56) as u8
    }

    fn tag_of<R: Rank>(self, field: &[u8]) -> u8 {
        self.tag(R::bits(field, self.round()))
    }

    /// Whether a page that stands here can be divided. One that cannot grows.
    fn is_divisible(self) -> bool {
        self.values > 1 || self.level + 1 < LEVELS_MAX
    }
}

impl Branch {
    /// A branch with one child.
    pub(super) fn over(child: Node) -> Self {
        Self(ThinArc::from_header_and_iter(1, std::iter::once(child)))
    }

    /// Where the branch is in memory; nothing is read.
    pub(super) fn address(&self) -> *const u8 {
        self.0.heap_ptr().cast()
    }

    pub(super) fn children(&self) -> &[Node] {
        &self.0.slice
    }

    fn starts(&self) -> u64 {
        self.0.header.header
    }

    /// The child for the value that the bits have at this level, and for how many values it is.
    pub(super) fn child(&self, bits: u64, level: u32) -> (usize, u32) {
        let up_to = u64::MAX >> (VALUES - 1 - value(bits, level));
        let (before, behind) = (self.starts() & up_to, self.starts() & !up_to);
        let start = VALUES - 1 - before.leading_zeros();
        (before.count_ones() as usize - 1, behind.trailing_zeros() - start)
    }

    /// Changes the children in place, after copying the branch when somebody else holds it.
    fn change<T>(&mut self, change: impl FnOnce(&mut [Node]) -> T) -> T {
        if self.0.with_arc(|shared| !shared.is_unique()) {
            // A copy counts itself with each child. Looking at all counts first has them fetched at the same time.
            std::hint::black_box(self.children().iter().map(Node::holders).sum::<usize>());
            self.0 = ThinArc::from_header_and_iter(self.starts(), self.children().iter().cloned());
        }
        self.0.with_arc_mut(|shared| {
            let own = Arc::get_mut(shared).expect("a branch that was shared has just been copied");
            change(own.slice_mut())
        })
    }

    pub(super) fn get<R: Rank>(&self, mut sought: Sought<'_>) -> Option<&[u8]> {
        let mut branch = self;
        loop {
            let (at, values) = branch.child(sought.bits, sought.level);
            match &branch.children()[at] {
                Node::Empty => return None,
                Node::Page(_, page) => {
                    let stand = Stand { level: sought.level, values };
                    return Some(page.get(page.find(stand.tag(sought.bits), sought.field)?).value);
                }
                Node::Branch(_, below) => (branch, sought) = (below, sought.below::<R>()),
            }
        }
    }

    /// Puts an element; never answers `Full`.
    pub(super) fn put<R: Rank>(&mut self, sought: Sought<'_>, new: &[u8]) -> Put {
        loop {
            let (at, values) = self.child(sought.bits, sought.level);
            let stand = Stand { level: sought.level, values };
            match self.change(|children| children[at].put::<R>(sought, new, stand)) {
                Put::Full if values > 1 => self.divide::<R>(at, value(sought.bits, sought.level), stand),
                Put::Full => self.change(|children| children[at].deepen::<R>(stand)),
                done => return done,
            }
        }
    }

    /// Divides a page that is for several values.
    fn divide<R: Rank>(&mut self, at: usize, value: u32, stand: Stand) {
        let start = value & !(stand.values - 1);
        let starts = self.starts() | 1 << (start + stand.values / 2);
        let children: SmallVec<[Node; VALUES as usize]> = self.change(|children| {
            let halves = children[at].halves::<R>(stand);
            let (before, behind) = children.split_at_mut(at);
            let (before, behind) = (before.iter_mut(), behind.iter_mut().skip(1));
            before.map(std::mem::take).chain(halves).chain(behind.map(std::mem::take)).collect()
        });
        self.0 = ThinArc::from_header_and_iter(starts, children.into_iter());
    }

    /// Removes an element; returns the length of its value. Copies what is shared even when it is not there.
    pub(super) fn remove<R: Rank>(&mut self, sought: Sought<'_>) -> Option<usize> {
        let (at, values) = self.child(sought.bits, sought.level);
        let stand = Stand { level: sought.level, values };
        self.change(|children| children[at].remove::<R>(sought, stand))
    }
}

impl Node {
    pub(super) fn len(&self) -> u32 {
        match self {
            Self::Empty => 0,
            Self::Page(len, _) | Self::Branch(len, _) => *len,
        }
    }

    fn holders(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Page(_, page) => page.holders(),
            Self::Branch(_, branch) => ThinArc::strong_count(&branch.0),
        }
    }

    /// A page of elements that are in the order of their ranks.
    fn page<'e, R: Rank>(elements: &[Element<'e>], stand: Stand) -> Self {
        let tagged = elements.iter().map(|element| (stand.tag_of::<R>(element.field), *element));
        if elements.is_empty() { Self::Empty } else { Self::Page(elements.len() as u32, Page::pack(tagged)) }
    }

    fn put<R: Rank>(&mut self, sought: Sought<'_>, new: &[u8], stand: Stand) -> Put {
        let tag = stand.tag(sought.bits);
        match self {
            Self::Empty => {
                let element = Element { field: sought.field, value: new };
                *self = Self::Page(1, Page::pack(std::iter::once((tag, element))));
                Put::New
            }
            Self::Page(len, page) => {
                if let Some(at) = page.find(tag, sought.field) {
                    return Put::Replaced(page.replace(at, new));
                }
                let bytes = page.bytes() + Page::bytes_for(sought.field, new);
                let is_full = page.len() >= PAGE_ELEMENTS || bytes > PAGE_BYTES;
                if is_full && page.len() > 1 && stand.is_divisible() {
                    return Put::Full;
                }
                let mut at = page.tags().iter().filter(|other| **other < tag).count();
                while page.tags().get(at) == Some(&tag)
                    && R::order(page.get(at).field, sought.field, stand.round()).is_lt()
                {
                    at += 1;
                }
                page.insert(at, tag, sought.field, new);
                *len += 1;
                Put::New
            }
            Self::Branch(len, branch) => {
                let put = branch.put::<R>(sought.below::<R>(), new);
                *len += u32::from(matches!(put, Put::New));
                put
            }
        }
    }

    /// Two pages for one: of the elements whose next bit is 0, and of the others.
    fn halves<R: Rank>(&self, stand: Stand) -> [Self; 2] {
        let elements: SmallVec<[Element<'_>; PAGE_ELEMENTS]> = Elements::of(self).collect();
        let upper = elements.partition_point(|element| stand.tag_of::<R>(element.field) < 0x80);
        let (lower, upper) = elements.split_at(upper);
        let half = Stand { values: stand.values / 2, ..stand };
        [Self::page::<R>(lower, half), Self::page::<R>(upper, half)]
    }

    /// Makes a branch with one page of a page that is for one value.
    fn deepen<R: Rank>(&mut self, stand: Stand) {
        let below = Stand { level: stand.level + 1, values: VALUES };
        if below.round() > stand.round() {
            // The order stays; the tags are from another hash now.
            let elements: SmallVec<[Element<'_>; PAGE_ELEMENTS]> = Elements::of(self).collect();
            let page = Self::page::<R>(&elements, below);
            drop(elements);
            *self = page;
        }
        let page = std::mem::take(self);
        *self = Self::Branch(page.len(), Branch::over(page));
    }

    fn remove<R: Rank>(&mut self, sought: Sought<'_>, stand: Stand) -> Option<usize> {
        match self {
            Self::Empty => None,
            Self::Page(len, page) => {
                let old = page.remove(page.find(stand.tag(sought.bits), sought.field)?);
                *len -= 1;
                if *len == 0 {
                    *self = Self::Empty;
                }
                Some(old)
            }
            Self::Branch(len, branch) => {
                let old = branch.remove::<R>(sought.below::<R>())?;
                *len -= 1;
                if *len <= COLLAPSE {
                    let elements: SmallVec<[Element<'_>; COLLAPSE as usize]> = Elements::of(self).collect();
                    let page = Self::page::<R>(&elements, stand);
                    drop(elements);
                    *self = page;
                }
                Some(old)
            }
        }
    }
}

#[cfg(test)]
impl Branch {
    pub(super) fn depth(&self) -> u32 {
        let below = self.children().iter().map(|node| match node {
            Node::Branch(_, branch) => branch.depth(),
            Node::Page(..) | Node::Empty => 0,
        });
        1 + below.max().unwrap_or(0)
    }

    fn bytes(&self) -> usize {
        24 + size_of_val(self.children())
    }

    /// Bytes of all allocations.
    pub(super) fn allocated(&self) -> usize {
        let below = self.children().iter().map(|node| match node {
            Node::Empty => 0,
            Node::Page(_, page) => page.allocated(),
            Node::Branch(_, branch) => branch.allocated(),
        });
        self.bytes() + below.sum::<usize>()
    }

    /// Bytes of the allocations that are not shared.
    pub(super) fn allocated_alone(&self) -> usize {
        let below = self.children().iter().filter(|node| node.holders() == 1).map(|node| match node {
            Node::Empty => 0,
            Node::Page(_, page) => page.allocated(),
            Node::Branch(_, branch) => branch.allocated_alone(),
        });
        self.bytes() + below.sum::<usize>()
    }
}
