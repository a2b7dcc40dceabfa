//! Bytes that a stream holds until Lua may run, in blocks that never move: a compiled loop on LuaJIT may write megabytes meanwhile.

use std::collections::TryReserveError;

/// The size of a block, but for a stream's first, which is as large as what comes first: often that is all.
const BLOCK: usize = 64 << 10;
/// Empty blocks that are kept. The system would clear each page of a new one.
const KEPT: usize = 8;

/// What one stream holds.
#[derive(Default)]
pub struct Held(Vec<Vec<u8>>);

impl Held {
    #[cfg(any(feature = "luajit", test))]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends all of it, or nothing where there is no memory.
    pub fn append(&mut self, data: &[u8], spare: Option<&mut Spare>) -> Result<(), TryReserveError> {
        let room = self.0.last().map_or(0, |last| last.capacity() - last.len());
        let (now, later) = data.split_at(data.len().min(room));
        if !later.is_empty() {
            self.0.try_reserve(1)?;
            let least = if self.0.is_empty() { 0 } else { BLOCK };
            let kept = if least > 0 { spare.and_then(|spare| spare.0.pop()) } else { None };
            let mut block = kept.unwrap_or_default();
            block.try_reserve_exact(least.max(later.len()))?;
            block.extend_from_slice(later);
            self.0.push(block);
            // The one before, if there is one, has just been the last.
            if let Some([.., last, _]) = self.0.get_mut(..) {
                last.extend_from_slice(now);
            }
        } else if let Some(last) = self.0.last_mut() {
            last.extend_from_slice(now);
        }
        Ok(())
    }

    /// The blocks in order.
    pub fn into_blocks(self) -> impl Iterator<Item = Vec<u8>> {
        self.0.into_iter()
    }
}

/// Empty blocks for the streams of one state.
#[derive(Default)]
pub struct Spare(Vec<Vec<u8>>);

impl Spare {
    pub const NONE: Spare = Spare(Vec::new());

    /// Takes a block that has been delivered.
    pub fn keep(&mut self, mut block: Vec<u8>) {
        if block.capacity() == BLOCK && self.0.len() < KEPT && self.0.try_reserve(1).is_ok() {
            block.clear();
            self.0.push(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_comes_back_whole_and_in_order_and_blocks_serve_again() {
        let mut spare = Spare::default();
        for _ in 0..2 {
            let (mut held, mut expected) = (Held::default(), Vec::new());
            assert!(held.is_empty());
            for size in [100, 8192, 3, BLOCK - 1, BLOCK, 1, 5 * BLOCK + 7, 0, 9] {
                let data: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
                held.append(&data, Some(&mut spare)).unwrap();
                expected.extend_from_slice(&data);
            }
            let blocks: Vec<_> = held.into_blocks().collect();
            assert_eq!(blocks.concat(), expected);
            for block in blocks {
                spare.keep(block);
            }
            assert!((1..=KEPT).contains(&spare.0.len()));
            assert!(spare.0.iter().all(|block| block.is_empty() && block.capacity() == BLOCK));
        }
        for _ in 0..2 * KEPT {
            spare.keep(Vec::with_capacity(BLOCK));
        }
        assert_eq!(spare.0.len(), KEPT);
    }
}
