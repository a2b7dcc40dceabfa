//! Seeds for a box's own random numbers, from the system.

use std::cell::RefCell;
use std::mem::size_of_val;

use crate::engine::clock;

/// Words of one seed, and what is made of them.
const WORDS: usize = 3;
const SEED: usize = 5;
/// Seeds that one system call fetches: no more than it gives without pause.
const SEEDS: usize = 80;

/// What has been fetched and not used yet, and after how many forks.
struct Store {
    words: [u64; WORDS * SEEDS],
    left: usize,
    forks: u64,
}

thread_local! {
    static STORE: RefCell<Store> = const { RefCell::new(Store { words: [0; WORDS * SEEDS], left: 0, forks: 0 }) };
}

/// Five words that nobody outside can guess. The first tells nothing of the others, nor they of it.
pub fn seed() -> [u64; SEED] {
    let stored = STORE.try_with(|store| store.try_borrow_mut().ok().and_then(|mut store| store.next()));
    let [secret, a, b] = stored.ok().flatten().unwrap_or_else(fallback);
    [secret, mixed(a), mixed(a.wrapping_add(STEP)), mixed(b), mixed(b.wrapping_add(STEP))]
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// splitmix64, by S. Vigna: what xoshiro's authors seed it with.
fn mixed(x: u64) -> u64 {
    let mut z = x.wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Store {
    fn next(&mut self) -> Option<[u64; WORDS]> {
        // After a fork both processes hold the same store.
        if self.left == 0 || self.forks != clock::forks() {
            self.fill()?;
        }
        self.left -= 1;
        let from = self.left * WORDS;
        let place = self.words.get_mut(from..from + WORDS)?;
        let mut seed = [0; WORDS];
        seed.copy_from_slice(place);
        place.fill(0);
        Some(seed)
    }

    fn fill(&mut self) -> Option<()> {
        let size = size_of_val(&self.words);
        // SAFETY: the buffer is as long as it is said to be.
        #[allow(unsafe_code)]
        let got = unsafe { libc::getrandom(self.words.as_mut_ptr().cast(), size, 0) };
        // A signal may have cut it short.
        self.left = usize::try_from(got).unwrap_or(0) / (WORDS * 8);
        self.forks = clock::forks();
        (self.left > 0).then_some(())
    }
}

/// Where the system has no random numbers to give.
fn fallback() -> [u64; WORDS] {
    let mut x = clock::mono_ns() ^ STEP;
    let mut words = [0; WORDS];
    for word in &mut words {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *word = x;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_comes_twice() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..3 * SEEDS {
            for word in seed() {
                assert!(word != 0 && seen.insert(word));
            }
        }
    }
}
