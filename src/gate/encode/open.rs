//! What the writer of a parcel keeps of each table that it is in the middle of.

/// A table whose pairs are being written.
#[derive(Clone, Copy)]
pub(super) struct Open {
    /// Where its [`SIZED`](super::super::parcel::tag::SIZED) stands; 0 for none.
    pub at: usize,
    pub pairs: u32,
}

impl Open {
    pub const NONE: Open = Open { at: 0, pairs: 0 };

    pub fn bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let (at, pairs) = bytes.split_at_mut(8);
        at.copy_from_slice(&(self.at as u64).to_le_bytes());
        pairs.copy_from_slice(&self.pairs.to_le_bytes());
        bytes
    }

    /// Takes the last one off what [`Open::bytes`] has given.
    pub fn take(from: &mut Vec<u8>) -> Open {
        let Some((rest, bytes)) = from.split_last_chunk::<12>() else { return Open::NONE };
        let [a, b, c, d, e, f, g, h, pairs @ ..] = *bytes;
        let open = Open {
            at: u64::from_le_bytes([a, b, c, d, e, f, g, h]) as usize,
            pairs: u32::from_le_bytes(pairs),
        };
        let left = rest.len();
        from.truncate(left);
        open
    }
}
