//! A segment: the file that holds a run of frames, its name and its header.
//!
//! A header is durable before the file gets its name, so a segment without a good header is damaged. The header's checksum salts
//! the checksums of the segment's frames: what an earlier life of a recycled file left is never taken for a frame.

use crate::error::DiscError;
use crate::fields::Fields;
use crate::identity::NodeId;

/// Bytes of a header.
pub(crate) const HEADER: usize = 64;
/// The newest format of segments.
pub(crate) const FORMAT: u16 = 1;
/// Segments larger than this are no segments.
pub(crate) const MAX_LEN: u64 = 1 << 30;
/// Segments smaller than this could not hold what the accounting of space sets aside.
pub(crate) const MIN_LEN: u64 = 1 << 10;

const MAGIC: [u8; 8] = *b"MNEMNLOG";

/// What stands at the beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The sequence number of the first frame.
    pub(crate) first: u64,
    /// Who writes it.
    pub(crate) node: NodeId,
    /// How long the file was made.
    pub(crate) len: u64,
}

impl SegmentHeader {
    /// The header's bytes, and the salt for the frames.
    pub(crate) fn encode(&self) -> ([u8; HEADER], u32) {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[10..12].copy_from_slice(&(HEADER as u16).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.node.0);
        bytes[40..48].copy_from_slice(&self.len.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
        (bytes, checksum)
    }

    /// The header at the beginning of `bytes` of the file `name`, and the salt for the frames.
    pub(crate) fn decode(bytes: &[u8], name: &str, own: NodeId) -> Result<(Self, u32), DiscError> {
        let corrupt = |what: &str| DiscError::corrupt(name, 0, what);
        let header = bytes.get(..HEADER).ok_or_else(|| corrupt("the segment's header is cut off"))?;
        let mut fields = Fields(header);
        let (Some(magic), Some(format), Some(_), Some(first), Some(node), Some(len)) = (
            fields.array::<8>(),
            fields.u16(),
            fields.bytes(6),
            fields.u64(),
            fields.array::<16>(),
            fields.u64(),
        ) else {
            return Err(corrupt("the segment's header is cut off"));
        };
        let stored = Fields(&header[HEADER - 4..]).u32();
        let checksum = crc32c::crc32c(&header[..HEADER - 4]);
        if magic != MAGIC || stored != Some(checksum) {
            return Err(corrupt("the segment's header fails its checksum"));
        }
        if format > FORMAT {
            return Err(DiscError::UnknownFormat { file: name.to_owned(), found: format, known: FORMAT });
        }
        let header = Self { first, node: NodeId(node), len };
        if header.node != own {
            let (found, own) = (header.node.to_string(), own.to_string());
            return Err(DiscError::Foreign { file: name.to_owned(), found, own });
        }
        if name != segment_name(first) {
            return Err(corrupt("the segment's header and the file's name differ: it was renamed"));
        }
        Ok((header, checksum))
    }
}

/// The name of the segment that begins with this sequence number. Names sort as the numbers do.
pub(crate) fn segment_name(first: u64) -> String {
    format!("log-{first:016x}.seg")
}

/// The sequence number a segment's name tells.
pub(crate) fn parse_segment_name(name: &str) -> Option<u64> {
    parse(name, "log-", ".seg")
}

/// The name of a reserved file that waits to become a segment.
pub(crate) fn spare_name(number: u64) -> String {
    format!("spare-{number:016x}.seg")
}

pub(crate) fn parse_spare_name(name: &str) -> Option<u64> {
    parse(name, "spare-", ".seg")
}

/// The number in a name between a prefix and a suffix.
fn parse(name: &str, prefix: &str, suffix: &str) -> Option<u64> {
    parse_number(name.strip_prefix(prefix)?.strip_suffix(suffix)?)
}

/// A number of 16 lower-case hexadecimal digits.
pub(crate) fn parse_number(digits: &str) -> Option<u64> {
    let plain = digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_number_and_nothing_else_does() {
        assert_eq!(parse_segment_name(&segment_name(77)), Some(77));
        assert_eq!(parse_spare_name(&spare_name(u64::MAX)), Some(u64::MAX));
        for name in
            ["log-77.seg", "log-000000000000004D.seg", "log-+00000000000004d.seg", "spare-", "log-.seg"]
        {
            assert_eq!(parse_segment_name(name), None, "{name}");
        }
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_found() {
        let node = NodeId([7; 16]);
        let header = SegmentHeader { first: 9, node, len: 4096 };
        let (bytes, _) = header.encode();
        let name = segment_name(9);
        assert_eq!(SegmentHeader::decode(&bytes, &name, node).unwrap().0, header);
        for bit in 0..HEADER * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&flipped, &name, node).is_err(), "bit {bit}");
        }
        assert!(SegmentHeader::decode(&bytes, &segment_name(8), node).is_err());
        let foreign = SegmentHeader::decode(&bytes, &name, NodeId([8; 16]));
        assert!(matches!(foreign, Err(DiscError::Foreign { .. })));
    }
}
