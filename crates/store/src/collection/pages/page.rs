//! A page: some elements packed into one allocation.
//!
//! It holds, in this order: a byte of each element's hash (its *tag*), the place of each one's bytes, then the bytes
//! (length of the field, length of the value, field, value). So finding a field costs the cache line of the tags and
//! that of the element, and a copy of a page is a copy of bytes. What is too large for that stands in an allocation of
//! its own. The page keeps the order in which its user put the elements; it knows nothing of hashes.

use smallvec::SmallVec;
use triomphe::{Arc, ThinArc};

use super::Element;
use crate::prefetch::fetch_line;

/// The longest field and value, taken together, that stand in the page itself.
const INLINE_MAX: usize = 512;
/// From so many bytes on everything stands outside: places are of 16 bits.
const BYTES_MAX: usize = 48 * 1024;
/// The bytes before an element: two lengths, or [`OUTSIDE`] and a number.
const PREFIX: usize = 4;
/// Stands for the length of a field when the element is outside of the page.
const OUTSIDE: u16 = u16::MAX;
/// Tags are compared eight at once.
const TAGS_AT_ONCE: usize = 8;
/// How far behind the bytes that are asked for others are read as well, which will be needed and are likely on the next
/// cache line: so both are fetched at the same time.
const TOUCHED: usize = 48;
/// Bytes of a page besides the slice: the count of its holders, the slice's length, the header.
const HEADER_BYTES: usize = 16 + size_of::<Header>();

/// The length of the field, then field and value.
type Outside = ThinArc<u32, u8>;

#[derive(Clone, Default)]
struct Header {
    len: u16,
    /// Room for tags and places; a multiple of [`TAGS_AT_ONCE`].
    slots: u16,
    /// Bytes behind the places that are taken.
    used: u16,
    /// How many of those belong to no element any more.
    waste: u16,
    #[allow(clippy::box_collection, reason = "most pages have none, and then it is one word")]
    outside: Option<Box<Vec<Outside>>>,
}

/// Some elements in one allocation. A clone shares it; a change copies it when it is shared.
#[derive(Clone)]
pub(crate) struct Page(ThinArc<Header, u8>);

impl Default for Page {
    fn default() -> Self {
        Self(ThinArc::from_header_and_slice(Header::default(), &[]))
    }
}

/// Where tags may equal this one, as the high bits of bytes; false alarms are rare and harmless.
fn candidates(tags: [u8; TAGS_AT_ONCE], tag: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let difference = u64::from_le_bytes(tags) ^ (u64::from(tag) * ONES);
    difference.wrapping_sub(ONES) & !difference & (ONES << 7)
}

/// The size of an allocation that allocators would make of this one anyhow: four sizes between powers of two.
fn rounded(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 8).max(16);
    bytes.next_multiple_of(step)
}

fn short(number: usize) -> u16 {
    u16::try_from(number).expect("elements stand outside of the page long before it has 64 KiB")
}

fn is_inline(field: &[u8], value: &[u8]) -> bool {
    field.len() + value.len() <= INLINE_MAX
}

fn outside(field: &[u8], value: &[u8]) -> Outside {
    let field_len = u32::try_from(field.len()).expect("front doors limit a field's length far below 4 GiB");
    Outside::from_header_and_slice(field_len, &[field, value].concat())
}

impl Page {
    fn header(&self) -> &Header {
        &self.0.header.header
    }

    pub(crate) fn len(&self) -> usize {
        self.header().len.into()
    }

    /// Bytes that the elements take inside of the page.
    pub(crate) fn bytes(&self) -> usize {
        usize::from(self.header().used - self.header().waste)
    }

    /// Bytes that an element will take inside of a page.
    pub(crate) fn bytes_for(field: &[u8], value: &[u8]) -> usize {
        if is_inline(field, value) { PREFIX + field.len() + value.len() } else { PREFIX }
    }

    /// Reads what is needed first of a page, so that it is in the cache.
    pub(crate) fn holders(&self) -> usize {
        ThinArc::strong_count(&self.0)
    }

    pub(crate) fn tags(&self) -> &[u8] {
        &self.0.slice[..self.len()]
    }

    fn slots(&self) -> usize {
        self.header().slots.into()
    }

    /// Bytes of elements there is room for.
    fn capacity(&self) -> usize {
        self.0.slice.len() - 3 * self.slots()
    }

    /// Where the bytes of an element begin, behind the places.
    fn place(&self, at: usize) -> usize {
        let from = self.slots() + 2 * at;
        u16::from_le_bytes([self.0.slice[from], self.0.slice[from + 1]]).into()
    }

    /// The bytes from an element on, its two lengths first.
    fn stored(&self, at: usize) -> (u16, u16, &[u8]) {
        let bytes = &self.0.slice[3 * self.slots() + self.place(at)..];
        std::hint::black_box(bytes.get(TOUCHED));
        let (lengths, bytes) = bytes.split_at(PREFIX);
        let length = |at: usize| u16::from_le_bytes([lengths[at], lengths[at + 1]]);
        (length(0), length(2), bytes)
    }

    /// Bytes that an element takes inside of the page.
    fn span(&self, at: usize) -> usize {
        match self.stored(at) {
            (OUTSIDE, ..) => PREFIX,
            (field, value, _) => PREFIX + usize::from(field) + usize::from(value),
        }
    }

    fn outside(&self, number: u16) -> &Outside {
        let all = self.header().outside.as_deref();
        &all.expect("an element says that it stands there")[usize::from(number)]
    }

    /// The element at a place; below `len`.
    pub(crate) fn get(&self, at: usize) -> Element<'_> {
        let (field, value) = match self.stored(at) {
            (OUTSIDE, number, _) => {
                let element = self.outside(number);
                element.slice.split_at(element.header.header as usize)
            }
            (field, value, bytes) => bytes[..usize::from(field) + usize::from(value)].split_at(field.into()),
        };
        Element { field, value }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Element<'_>> + Clone {
        (0..self.len()).map(|at| self.get(at))
    }

    /// The first place whose element is not `before`, given that these come first.
    pub(crate) fn partition_point(&self, before: impl Fn(Element<'_>) -> bool) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = (from + to) / 2;
            if before(self.get(middle)) { from = middle + 1 } else { to = middle }
        }
        from
    }

    /// Where the page is in memory; nothing is read.
    pub(super) fn address(&self) -> *const u8 {
        self.0.heap_ptr().cast()
    }

    /// Has the element fetched that probably has this tag.
    pub(super) fn fetch(&self, tag: u8) {
        let tags = self.0.slice[..self.slots()].as_chunks().0;
        let at = tags.iter().enumerate().find_map(|(at, tags)| {
            let found = candidates(*tags, tag);
            (found != 0).then(|| at * TAGS_AT_ONCE + found.trailing_zeros() as usize / 8)
        });
        if let Some(at) = at.filter(|at| *at < self.len()) {
            let element = self.0.slice[3 * self.slots() + self.place(at)..].as_ptr();
            fetch_line(element);
            fetch_line(element.wrapping_add(TOUCHED));
        }
    }

    /// Where the field is; `tag` is the one it was put in with.
    pub(crate) fn find(&self, tag: u8, field: &[u8]) -> Option<usize> {
        std::hint::black_box(self.0.slice.get(TOUCHED));
        let tags = self.0.slice[..self.slots()].as_chunks().0;
        for (at, tags) in tags.iter().enumerate() {
            let mut found = candidates(*tags, tag);
            while found != 0 {
                let at = at * TAGS_AT_ONCE + found.trailing_zeros() as usize / 8;
                if at >= self.len() {
                    return None;
                }
                if self.get(at).field == field {
                    return Some(at);
                }
                found &= found - 1;
            }
        }
        None
    }

    /// Puts a new element before the one that is at `at` now; at most `len`.
    pub(crate) fn insert(&mut self, at: usize, tag: u8, field: &[u8], value: &[u8]) {
        let needed = Self::bytes_for(field, value);
        let taken = usize::from(self.header().used) + needed;
        if self.len() == self.slots() || taken > self.capacity() {
            *self = self.rebuilt(1, needed);
        }
        let inline = is_inline(field, value) && self.bytes() <= BYTES_MAX;
        let (slots, len, used) = (self.slots(), self.len(), self.header().used);
        self.change(|header, bytes| {
            bytes.copy_within(at..len, at + 1);
            bytes[at] = tag;
            let places = &mut bytes[slots..3 * slots];
            places.copy_within(2 * at..2 * len, 2 * at + 2);
            places[2 * at..2 * at + 2].copy_from_slice(&used.to_le_bytes());
            let room = &mut bytes[3 * slots + usize::from(used)..];
            let number = header.outside.as_ref().map_or(0, |all| all.len());
            if inline {
                write_inline(room, field, value);
            } else {
                room[..2].copy_from_slice(&OUTSIDE.to_le_bytes());
                room[2..PREFIX].copy_from_slice(&short(number).to_le_bytes());
                header.outside.get_or_insert_default().push(outside(field, value));
            }
            header.used += short(if inline { needed } else { PREFIX });
            header.len += 1;
        });
    }

    /// Puts another value in the place of an element's; returns the old one's length.
    pub(crate) fn replace(&mut self, at: usize, value: &[u8]) -> usize {
        let old = self.get(at);
        let (field_len, old_len) = (old.field.len(), old.value.len());
        let is_inside = self.stored(at).0 != OUTSIDE;
        if is_inside && value.len() <= old_len {
            let start = 3 * self.slots() + self.place(at);
            self.change(|header, bytes| {
                header.waste += short(old_len - value.len());
                bytes[start + 2..start + PREFIX].copy_from_slice(&short(value.len()).to_le_bytes());
                let from = start + PREFIX + field_len;
                bytes[from..from + value.len()].copy_from_slice(value);
            });
        } else {
            let (tag, field) = (self.tags()[at], SmallVec::<[u8; 64]>::from_slice(old.field));
            self.take_out(at);
            self.insert(at, tag, &field, value);
        }
        old_len
    }

    /// Removes an element; returns the length of its value. Gives back memory when little is left.
    pub(crate) fn remove(&mut self, at: usize) -> usize {
        let old_len = self.get(at).value.len();
        self.take_out(at);
        if 2 * (self.bytes() + 3 * self.len()) + HEADER_BYTES < self.0.slice.len() {
            *self = self.rebuilt(0, 0);
        }
        old_len
    }

    fn take_out(&mut self, at: usize) {
        let (slots, len, span, place) = (self.slots(), self.len(), self.span(at), self.place(at));
        let (marker, number, _) = self.stored(at);
        if marker == OUTSIDE {
            self.take_outside(number);
        }
        self.change(|header, bytes| {
            bytes.copy_within(at + 1..len, at);
            bytes[slots..3 * slots].copy_within(2 * at + 2..2 * len, 2 * at);
            header.len -= 1;
            if place + span == usize::from(header.used) {
                header.used -= short(span);
            } else {
                header.waste += short(span);
            }
        });
    }

    /// Frees what stands outside under a number; the last one gets the number.
    fn take_outside(&mut self, number: u16) {
        let last = self.header().outside.as_ref().map_or(0, |all| short(all.len() - 1));
        let moved = (0..self.len()).find(|at| {
            let (marker, number, _) = self.stored(*at);
            (marker, number) == (OUTSIDE, last)
        });
        let moved = moved.map(|at| 3 * self.slots() + self.place(at));
        self.change(|header, bytes| {
            if let Some(start) = moved {
                bytes[start + 2..start + PREFIX].copy_from_slice(&number.to_le_bytes());
            }
            if let Some(all) = &mut header.outside {
                all.swap_remove(number.into());
            }
            header.outside.take_if(|all| all.is_empty());
        });
    }

    /// Changes the page in place, after copying it when somebody else holds it.
    fn change<T>(&mut self, change: impl FnOnce(&mut Header, &mut [u8]) -> T) -> T {
        if self.0.with_arc(|shared| !shared.is_unique()) {
            self.0 = ThinArc::from_header_and_slice(self.header().clone(), &self.0.slice);
        }
        self.0.with_arc_mut(|shared| {
            let own = Arc::get_mut(shared).expect("a page that was shared has just been copied");
            let mut header = std::mem::take(own.header_mut());
            let result = change(&mut header, own.slice_mut());
            *own.header_mut() = header;
            result
        })
    }

    /// A copy without waste, with room for so many more elements and bytes.
    fn rebuilt(&self, elements: usize, bytes: usize) -> Self {
        let mut page = Builder::with_room(self.len() + elements, self.bytes() + bytes);
        page.header.outside.clone_from(&self.header().outside);
        for (at, tag) in self.tags().iter().enumerate() {
            let start = 3 * self.slots() + self.place(at);
            page.push(*tag, &self.0.slice[start..start + self.span(at)]);
        }
        page.finish()
    }

    /// A page of these elements in this order, each with its tag.
    pub(crate) fn pack<'e>(elements: impl ExactSizeIterator<Item = (u8, Element<'e>)> + Clone) -> Self {
        let sizes = elements.clone().map(|(_, element)| Self::bytes_for(element.field, element.value));
        let mut page = Builder::with_room(elements.len(), sizes.sum());
        for (tag, element) in elements {
            page.push_element(tag, element);
        }
        page.finish()
    }
}

fn write_inline(room: &mut [u8], field: &[u8], value: &[u8]) {
    room[..2].copy_from_slice(&short(field.len()).to_le_bytes());
    room[2..PREFIX].copy_from_slice(&short(value.len()).to_le_bytes());
    room[PREFIX..PREFIX + field.len()].copy_from_slice(field);
    room[PREFIX + field.len()..PREFIX + field.len() + value.len()].copy_from_slice(value);
}

/// A page that is being written from its beginning to its end.
struct Builder {
    header: Header,
    bytes: SmallVec<[u8; 2048]>,
}

impl Builder {
    fn with_room(elements: usize, bytes: usize) -> Self {
        // A page that grows to many elements shall not be rebuilt for every eight of them.
        let slots = (elements + elements / 16).next_multiple_of(TAGS_AT_ONCE);
        let total = rounded(HEADER_BYTES + 3 * slots + bytes) - HEADER_BYTES;
        let header = Header { slots: short(slots), ..Header::default() };
        Self { header, bytes: SmallVec::from_elem(0, total) }
    }

    fn push(&mut self, tag: u8, stored: &[u8]) {
        let (at, slots, used) =
            (usize::from(self.header.len), usize::from(self.header.slots), self.header.used);
        self.bytes[at] = tag;
        self.bytes[slots + 2 * at..slots + 2 * at + 2].copy_from_slice(&used.to_le_bytes());
        let start = 3 * slots + usize::from(used);
        self.bytes[start..start + stored.len()].copy_from_slice(stored);
        self.header.len += 1;
        self.header.used += short(stored.len());
    }

    fn push_element(&mut self, tag: u8, Element { field, value }: Element<'_>) {
        let mut stored = [0; PREFIX + INLINE_MAX];
        let needed = Page::bytes_for(field, value);
        if is_inline(field, value) && usize::from(self.header.used) <= BYTES_MAX {
            write_inline(&mut stored, field, value);
            self.push(tag, &stored[..needed]);
        } else {
            let all = self.header.outside.get_or_insert_default();
            stored[..2].copy_from_slice(&OUTSIDE.to_le_bytes());
            stored[2..PREFIX].copy_from_slice(&short(all.len()).to_le_bytes());
            all.push(outside(field, value));
            self.push(tag, &stored[..PREFIX]);
        }
    }

    fn finish(self) -> Page {
        Page(ThinArc::from_header_and_slice(self.header, &self.bytes))
    }
}

#[cfg(test)]
impl Page {
    /// Bytes of the allocation.
    pub(super) fn allocated(&self) -> usize {
        let outside = self.header().outside.iter().flat_map(|all| all.iter());
        HEADER_BYTES + self.0.slice.len() + outside.map(|element| 24 + element.slice.len()).sum::<usize>()
    }
}
