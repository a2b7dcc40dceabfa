//! Random work against a shadow model that knows what each block holds.

use super::*;

struct Held {
    ptr: *mut u8,
    size: usize,
    seed: u8,
}

/// What blocks hold: runs of 251 different bytes, which no block size is a multiple of.
static PATTERN: [u8; 8032] = {
    let mut bytes = [0; 8032];
    let mut i = 0;
    while i < bytes.len() {
        bytes[i] = (i % 251) as u8;
        i += 1;
    }
    bytes
};

/// The pattern from byte `at` of a block on; its seed says where the pattern begins.
fn pattern(at: usize, end: usize, seed: u8) -> &'static [u8] {
    let part = &PATTERN[(at + seed as usize) % 251..];
    &part[..part.len().min(end - at)]
}

fn fill(ptr: *mut u8, from: usize, to: usize, seed: u8) {
    let mut at = from;
    while at < to {
        let part = pattern(at, to, seed);
        // SAFETY: the block is `to` bytes long.
        unsafe { ptr::copy_nonoverlapping(part.as_ptr(), ptr.add(at), part.len()) };
        at += part.len();
    }
}

fn verify(ptr: *mut u8, len: usize, seed: u8) {
    // SAFETY: the block is `len` bytes long.
    let bytes = unsafe { std::slice::from_raw_parts(ptr, len) };
    let mut at = 0;
    while at < len {
        let part = pattern(at, len, seed);
        assert!(&bytes[at..at + part.len()] == part, "from byte {at} of {len} at {ptr:?}");
        at += part.len();
    }
}

fn size(r: &mut Random, scale: usize) -> usize {
    1 + match r.below(100) {
        0..=69 => r.below(160),
        70..=89 => r.below(1200),
        90..=98 => r.below(20_000),
        _ => r.below(scale),
    }
}

fn stress(seed: u64, ops: usize, limit: usize, scale: usize, check_every: usize) {
    let mut r = Random(seed);
    let h = heap(limit);
    let mut held: Vec<Held> = Vec::new();
    let (mut charged, mut refused) = (0usize, 0usize);
    let rounded = |n: usize| n.next_multiple_of(16);
    for op in 0..ops {
        // Tides, so that the heap fills and empties.
        let rising = (op / 20_000) % 3 != 2;
        match r.below(if rising { 10 } else { 14 }) {
            0..=4 => {
                let (n, seed) = (size(&mut r, scale), r.next() as u8);
                let p = alloc(&h, ptr::null_mut(), r.below(10), n);
                if p.is_null() {
                    refused += 1;
                } else {
                    assert!(
                        (p as usize).is_multiple_of(16)
                            && h.contains(p as usize)
                            && h.contains(p as usize + n - 1)
                    );
                    fill(p, 0, n, seed);
                    held.push(Held { ptr: p, size: n, seed });
                    charged += rounded(n);
                }
            }
            5..=6 if !held.is_empty() => {
                let i = r.below(held.len());
                let b = &mut held[i];
                let n = if r.below(2) == 0 { b.size * 2 } else { size(&mut r, scale) };
                let p = alloc(&h, b.ptr, b.size, n);
                if p.is_null() {
                    assert!(n > b.size, "shrinking failed");
                    refused += 1;
                } else {
                    verify(p, n.min(b.size), b.seed);
                    fill(p, n.min(b.size), n, b.seed);
                    charged = charged - rounded(b.size) + rounded(n);
                    (b.ptr, b.size) = (p, n);
                }
            }
            _ if !held.is_empty() => {
                let b = held.swap_remove(r.below(held.len()));
                verify(b.ptr, b.size, b.seed);
                assert!(alloc(&h, b.ptr, b.size, 0).is_null());
                charged -= rounded(b.size);
            }
            _ => {}
        }
        assert_eq!(h.live(), charged);
        if op % check_every == 0 {
            check(&h);
            assert!(h.footprint() <= 2 * limit + FOOTPRINT_SLACK, "footprint past its bound");
        }
    }
    for b in held.drain(..) {
        verify(b.ptr, b.size, b.seed);
        alloc(&h, b.ptr, b.size, 0);
    }
    check(&h);
    assert_eq!((h.live(), h.budget().used()), (0, 0));
    assert!(h.budget().peak() <= limit);
    eprintln!("limit {limit}: refused {refused}, peak {}, high {}", h.budget().peak(), h.high_water());
}

#[test]
fn small_steps_are_checked_one_by_one() {
    for seed in 1..=20 {
        stress(seed * 7919, 3_000, 300_000, 100_000, 1);
    }
}

#[test]
fn two_million_operations_keep_every_byte() {
    stress(0x5EED, 1_000_000, 256 << 20, 1 << 20, 10_007);
    stress(0xFEED, 1_000_000, 6 << 20, 2 << 20, 10_007);
}
