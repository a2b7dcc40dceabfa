//! The kept corpus, and a bounded number of mutations of it, through the fuzzers' entry points: `fuzz/corpus` is what `make fuzz` has
//! found worth keeping.

use std::fs;
use std::path::Path;

use super::random::{times, Random};
use crate::gate::parcel::{Item, Reader};

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|name| fs::read(name).unwrap()).collect()
}

/// One to four small changes, as a fuzzer makes them.
fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(7) {
            0 if !bytes.is_empty() => bytes[at] = random.number() as u8,
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, random.below(17) as u8 | (random.below(2) << 7) as u8),
            4 if !bytes.is_empty() => {
                bytes.remove(at);
            }
            5 => {
                let other = &seeds[random.below(seeds.len())];
                bytes.extend_from_slice(&other[random.below(other.len())..]);
                bytes.truncate(8192);
            }
            _ => {
                let end = (at + random.below(16)).min(bytes.len());
                let piece = bytes[at.min(end)..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}

fn replay(target: &str, entry: fn(&[u8]), mutations: usize) {
    replay_seeds(target, &corpus(target), entry, mutations);
}

fn replay_seeds(target: &str, seeds: &[Vec<u8>], entry: fn(&[u8]), mutations: usize) {
    assert!(seeds.len() >= 20, "the corpus of {target} has only {} files", seeds.len());
    for seed in seeds {
        entry(seed);
    }
    let mut random = Random(0x005a_feba);
    for _ in 0..times(mutations) {
        let bytes = mutate(&mut random, seeds);
        // What fails is shown by the test's own output.
        println!("{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
        entry(&bytes);
    }
}

#[test]
fn parcels_of_the_corpus_and_their_mutations() {
    let mut seeds = corpus("parcel");
    // And what the programs among them are sent as: whole parcels, in the form that they have now.
    let sent: Vec<_> = seeds.iter().filter_map(|seed| super::parcel::sent(seed)).collect();
    fn reader(seed: &[u8]) -> Reader<'_> {
        Reader::new(seed.get(1..).unwrap_or_default())
    }
    let named = sent.iter().filter(|seed| reader(seed).names > 0).count();
    let listed = sent.iter().filter(|seed| {
        let mut reader = reader(seed);
        std::iter::from_fn(|| reader.item()).any(|item| item == Item::Listed)
    });
    let listed = listed.count();
    assert!(sent.len() >= 20 && listed > 5 && named > 5, "{}: {listed} and {named}", sent.len());
    seeds.extend(sent);
    replay_seeds("parcel", &seeds, super::parcel, 20_000);
}

#[test]
fn images_of_the_corpus_and_their_mutations() {
    // Some of them make sense: a box that was killed, boxes below it, a heap.
    let body = |bytes: &Vec<u8>| crate::gate::copies::saved::try_body(bytes) == Ok(true);
    let (whole, heaps): (Vec<_>, Vec<_>) =
        corpus("image").into_iter().filter(body).partition(|bytes| bytes.len() < 2560);
    assert!(whole.len() >= 5 && heaps.len() >= 3, "{} and {} have a meaning", whole.len(), heaps.len());
    replay("image", super::image, 20_000);
}

#[test]
fn options_of_the_corpus_and_their_mutations() {
    replay("options", super::options, 4_000);
}
