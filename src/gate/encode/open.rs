//! What the writer of a parcel keeps of each table that it is in the middle of.

use super::super::path::{AS_KEY, AS_VALUE};

/// A table whose pairs are being written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Open {
    /// Where its [`SIZED`](super::super::parcel::tag::SIZED) stands; 0 for none.
    pub at: usize,
    pub pairs: u32,
    /// How many of those came as a list does, at 1, 2, 3 and so on.
    pub listed: u32,
    /// Whether other keys were numbers.
    pub numbers: bool,
}

/// Bytes that [`Open::bytes`] gives.
const FRAME: usize = 16;

impl Open {
    pub const NONE: Open = Open { at: 0, pairs: 0, listed: 0, numbers: false };

    /// The table, and how the next one hangs on it.
    pub fn bytes(self, phase: u8) -> [u8; FRAME] {
        let counts = u64::from(self.pairs) | u64::from(self.listed) << 32;
        let flags = u64::from(phase == AS_VALUE) | u64::from(self.numbers) << 1;
        let mut bytes = [0; FRAME];
        let (first, second) = bytes.split_at_mut(8);
        first.copy_from_slice(&((self.at as u64) << 2 | flags).to_le_bytes());
        second.copy_from_slice(&counts.to_le_bytes());
        bytes
    }

    /// Takes the last one off what [`Open::bytes`] has given.
    pub fn take(from: &mut Vec<u8>) -> (u8, Open) {
        let Some((rest, bytes)) = from.split_last_chunk::<FRAME>() else { return (AS_VALUE, Open::NONE) };
        let words = u128::from_le_bytes(*bytes);
        let (first, counts) = (words as u64, (words >> 64) as u64);
        let left = rest.len();
        from.truncate(left);
        let open = Open {
            at: (first >> 2) as usize,
            pairs: counts as u32,
            listed: (counts >> 32) as u32,
            numbers: first & 2 != 0,
        };
        (phase_of(first as u8), open)
    }
}

fn phase_of(flags: u8) -> u8 {
    match flags & 1 {
        1 => AS_VALUE,
        _ => AS_KEY,
    }
}

/// How each table hangs on the one around it, from the outermost.
pub(super) fn phases(frames: &[u8]) -> impl ExactSizeIterator<Item = u8> + '_ {
    frames.chunks_exact(FRAME).map(|frame| phase_of(frame.first().copied().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_in_the_order_of_a_stack() {
        let tables = [
            (AS_VALUE, Open::NONE),
            (AS_KEY, Open { at: 8, pairs: 1, listed: u32::MAX, numbers: true }),
            (AS_VALUE, Open { at: usize::MAX >> 2, pairs: u32::MAX, listed: 3, numbers: false }),
            (AS_KEY, Open { at: 1 << 40, pairs: 7, listed: 0, numbers: true }),
        ];
        let mut frames = Vec::new();
        for (phase, open) in tables {
            frames.extend_from_slice(&open.bytes(phase));
        }
        assert!(phases(&frames).eq(tables.map(|(phase, _)| phase)));
        for expected in tables.into_iter().rev() {
            assert_eq!(Open::take(&mut frames), expected);
        }
        assert_eq!(Open::take(&mut frames), (AS_VALUE, Open::NONE));
    }
}
