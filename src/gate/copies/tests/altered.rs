//! Bytes that are flipped, cut, added, or made up.

use super::builds::Header;
use super::*;
use crate::fuzzing::random::{times, Random};

/// A number that lengths and addresses are likely to go wrong with.
fn number(random: &mut Random, len: usize) -> u64 {
    let near = random.number() % 3;
    match random.below(8) {
        0 => near,
        1 => u64::MAX - near,
        2 => (1 << 63) + near,
        3 => (1 << 32) - near,
        4 => len as u64 + near,
        5 => len as u64 / 8 - near.min(len as u64 / 8),
        6 => 4096 << random.below(40),
        _ => random.number(),
    }
}

/// One to three changes; half of them where the structure is, near one of the ends.
fn mutate(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(3) {
        let len = bytes.len();
        let at = match random.below(4) {
            0 => random.below(len.min(400)),
            1 => len - 1 - random.below(len.min(700)),
            _ => random.below(len),
        };
        match random.below(8) {
            0 | 1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = random.number() as u8,
            3 | 4 => {
                let (at, number) = (at & !7, number(random, len));
                let end = (at + 8).min(len);
                bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
            }
            5 => bytes.truncate(at.max(1)),
            6 => bytes.extend((0..=random.below(40)).map(|_| random.number() as u8)),
            _ => {
                let end = (at + 8 * random.below(8)).min(len);
                bytes.drain(at..end.min(len - 1).max(at));
            }
        }
    }
    bytes
}

/// How often an image was refused, opened to nonsense, and opened to sense.
#[derive(Debug, Default)]
struct Outcomes {
    refused: usize,
    nonsense: usize,
    sense: usize,
}

impl Outcomes {
    fn note(&mut self, image: &[u8]) {
        match try_open(image, false) {
            Err(text) => {
                assert!(text.contains("image"), "{text}");
                self.refused += 1;
            }
            Ok(false) => self.nonsense += 1,
            Ok(true) => self.sense += 1,
        }
    }
}

#[test]
fn an_altered_image_whose_tag_nobody_checks_is_an_error_or_a_value() {
    let (mut random, mut seen) = (Random(0x5afe), Outcomes::default());
    let n = times(2000);
    for seed in [small(), real()] {
        for _ in 0..n {
            seen.note(&mutate(&mut random, &seed));
        }
    }
    assert!(seen.refused > n / 2 && seen.nonsense > 0 && seen.sense > 0, "{seen:?}");
}

#[test]
fn an_altered_body_that_is_sealed_again_is_a_value_or_none() {
    let (mut random, mut seen) = (Random(0x1de4), Outcomes::default());
    let n = times(2000);
    for seed in [small_body(2), open(&real(), None, true).unwrap().0] {
        for _ in 0..n {
            seen.note(&seal(&mutate(&mut random, &seed), None).unwrap());
        }
    }
    assert_eq!(seen.refused, 0);
    assert!(seen.nonsense > n / 10 && seen.sense > n / 10, "{seen:?}");
}

#[test]
fn made_up_headers_and_bodies_are_errors() {
    let (mut random, mut seen) = (Random(0xf0e), Outcomes::default());
    let image = small();
    let header = image.len() - Header::of(&image).body.len();
    for _ in 0..times(2000) {
        // As much as may be of a header that is right, and then anything.
        let mut bytes = image[..random.below(header + 1)].to_vec();
        match random.below(2) {
            0 => bytes.extend((0..random.below(300)).map(|_| random.number() as u8)),
            _ => bytes.extend((0..random.below(40)).flat_map(|_| number(&mut random, 300).to_le_bytes())),
        }
        seen.note(&bytes);
        assert!(try_open(&bytes, true).is_err());
        // Nor does a right tag help.
        let _ = sign(&mut bytes, None);
        seen.note(&bytes);
    }
    assert_eq!(seen.sense, 0);
    assert!(seen.refused > 0, "{seen:?}");
}

#[test]
fn no_flipped_byte_gets_past_the_tag() {
    let mut random = Random(0xf11b);
    for mut image in [small(), real()] {
        assert_eq!(try_open(&image, true), Ok(true));
        let step = if std::env::var_os("SAFELUA_VALGRIND").is_some() { 50 } else { 1 };
        for at in (0..image.len()).step_by(step) {
            let (byte, bit) = (image[at], 1 << random.below(8));
            image[at] ^= bit;
            let text = try_open(&image, true).unwrap_err();
            let expected = if at < MAGIC.len() { "not an image of a sandbox" } else { "was altered" };
            assert!(text.ends_with(expected), "{at}: {text}");
            image[at] = byte;
        }
        for len in (0..image.len()).step_by(97) {
            assert!(try_open(&image[..len], true).is_err(), "{len} bytes of it");
        }
        image.push(0);
        assert!(try_open(&image, true).is_err(), "a byte more");
    }
}

#[test]
fn no_key_opens_what_another_has_signed() {
    let body = small_body(0);
    let keys: [Option<&[u8]>; 6] =
        [None, Some(b""), Some(b"\0"), Some(b"key"), Some(b"key\0"), Some(&[7; 100])];
    for (i, key) in keys.iter().enumerate() {
        let image = seal(&body, *key).unwrap();
        for (j, other) in keys.iter().enumerate() {
            assert_eq!(open(&image, *other, true).is_ok(), i == j, "{key:?} {other:?}");
        }
    }
}
