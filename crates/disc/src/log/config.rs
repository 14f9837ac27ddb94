//! The settings of a log.

use super::frame;
use super::segment;

/// How a log is set up.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// Bytes of a segment, reserved as a whole. Larger ones are changed less often (each change costs three syncs, some 400
    /// µs); smaller ones free space sooner. Default 16 MiB; 1 KiB to 1 GiB.
    pub segment_bytes: u64,
    /// Segments that are kept ready. More of them take longer bursts without waiting for the disc to reserve; each takes
    /// `segment_bytes` on the disc. Default 2; at least 1.
    pub spares: usize,
    /// Bytes that may wait to be written. It bounds memory when the disc is slower than the writers. Default 64 MiB. A single
    /// entry larger than that is taken when nothing else waits.
    pub max_buffered_bytes: u64,
    /// Bytes of the largest entry. Default 1 GiB; at most 4 GiB − 1.
    pub max_entry_bytes: u64,
    /// How long entries whose sync nobody waits for may wait to be handed to the operating system, in milliseconds: what a
    /// killed process may lose of them. Default 2.
    pub write_delay_ms: u64,
    /// How often reserving space is tried again when the disc is full, in milliseconds. Default 200.
    pub retry_ms: u64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            spares: 2,
            max_buffered_bytes: 64 << 20,
            max_entry_bytes: 1 << 30,
            write_delay_ms: 2,
            retry_ms: 200,
        }
    }
}

impl LogConfig {
    /// The same with every value inside its limits.
    pub(crate) fn within_limits(mut self) -> Self {
        self.segment_bytes =
            self.segment_bytes.clamp(segment::MIN_LEN, segment::MAX_LEN) & !(frame::ALIGN as u64 - 1);
        self.spares = self.spares.clamp(1, 1024);
        self.max_entry_bytes = self.max_entry_bytes.min(u64::from(u32::MAX));
        self.write_delay_ms = self.write_delay_ms.clamp(1, 1000);
        self.retry_ms = self.retry_ms.clamp(1, 60_000);
        self
    }
}
