//! Random numbers for tests that make up bytes.

/// SplitMix64: the same mutations in every run.
pub struct Random(pub u64);

impl Random {
    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.number() % n.max(1) as u64) as usize
    }
}

/// How many: under valgrind a fiftieth has to do.
pub fn times(n: usize) -> usize {
    if std::env::var_os("SAFELUA_VALGRIND").is_some() {
        n / 50
    } else {
        n
    }
}
