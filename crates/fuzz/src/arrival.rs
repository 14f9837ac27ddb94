//! The ways in which a stream of bytes arrives: at once, byte by byte, in uneven pieces, or as much as the reader asks for.
//!
//! The uneven pieces are drawn from the bytes themselves, so the same bytes arrive in the same pieces.

/// How a stream is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    AtOnce,
    ByteByByte,
    /// Pieces of 1 to 16 bytes, now and then of up to 256.
    Uneven,
    /// What the reader said it lacks, and no more.
    AsAsked,
}

impl Arrival {
    /// All ways, the simplest first.
    pub(crate) const ALL: [Self; 4] = [Self::AtOnce, Self::ByteByByte, Self::Uneven, Self::AsAsked];

    /// The cuts of this stream.
    pub(crate) fn cuts(self, stream: &[u8]) -> Cuts {
        // FNV-1a: all that is wanted is that other bytes give other cuts.
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        Cuts { arrival: self, state: stream.iter().fold(0xCBF2_9CE4_8422_2325, fold) }
    }
}

/// The lengths of the pieces of one stream.
#[derive(Debug)]
pub(crate) struct Cuts {
    arrival: Arrival,
    state: u64,
}

impl Cuts {
    /// The length of the next piece, at least 1; `asked` is what the reader lacks at least.
    pub(crate) fn next(&mut self, asked: usize) -> usize {
        match self.arrival {
            Arrival::AtOnce => usize::MAX,
            Arrival::ByteByByte => 1,
            Arrival::AsAsked => asked.max(1),
            Arrival::Uneven => {
                let step = self.state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                self.state = step;
                // The high bits of such a generator are the good ones.
                let [high, low, ..] = step.to_be_bytes();
                1 + usize::from(if high < 16 { low } else { low % 16 })
            }
        }
    }
}
