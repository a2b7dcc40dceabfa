//! The keys that a parcel repeats: in a list of records each has the same ones. The first of each is sent, and its number with those that follow.

use super::super::parcel::NAMES;

/// A smaller parcel repeats too little. A fuzzer wants to get there with few bytes.
const SMALLEST: usize = if cfg!(any(test, fuzzing)) { 16 } else { 256 };
/// Longer keys are not remembered. Strings of this length are the same where their addresses are, in all versions of Lua.
const LONGEST: usize = 32;
/// How many keys may be new, beyond three for each that was met again, before this is given up.
const PATIENCE: u32 = 48;

/// A key that has been sent.
#[derive(Clone, Copy)]
struct Known {
    /// Of the string's bytes; 0 for none.
    address: usize,
    /// Where it stands in the parcel.
    at: u32,
    /// The place of the key that came after it.
    next: u8,
}

const NONE: Known = Known { address: 0, at: 0, next: 0 };

/// How a key is to be sent.
pub(super) enum Name {
    /// As the one with this number, which stands there.
    Known(u8, u32),
    /// With this number, and its length.
    New(u8, u8),
    /// As any string.
    Plain,
}

#[derive(Clone, Copy)]
pub(super) struct Names {
    known: [Known; NAMES as usize],
    /// The place of the last key, and of the one that came after it the last time.
    last: u8,
    next: u8,
    patience: u32,
    /// As many numbers have been given.
    pub count: u8,
}

impl Names {
    pub fn new() -> Names {
        Names { known: [NONE; NAMES as usize], last: 0, next: 0, patience: PATIENCE, count: 0 }
    }

    /// The number of a key, and where it stands, if it is the one that came here the last time.
    #[inline(always)]
    fn expected(&mut self, address: usize) -> Option<(u8, u32)> {
        let known = self.known.get(usize::from(self.next)).filter(|known| known.address == address)?;
        self.patience = self.patience.saturating_add(3);
        (self.last, self.next) = (self.next, known.next);
        Some((self.last, known.at))
    }

    /// How to send a key that would stand at `at` of the parcel's values. The place of each is settled by its looks alone, so that a run that is
    /// replayed sends the same.
    #[inline(always)]
    pub fn meet(&mut self, bytes: &[u8], at: usize) -> Name {
        match self.expected(bytes.as_ptr() as usize) {
            Some((number, at)) => Name::Known(number, at),
            None => self.find(bytes, at),
        }
    }

    fn find(&mut self, bytes: &[u8], at: usize) -> Name {
        let len = bytes.len();
        let (Some(&first), Some(&last), Some(&middle)) = (bytes.first(), bytes.last(), bytes.get(len / 2))
        else {
            return Name::Plain;
        };
        if len > LONGEST || at < SMALLEST || self.patience == 0 {
            return Name::Plain;
        }
        let looks = usize::from(first) + 5 * usize::from(middle) + 11 * usize::from(last) + 3 * len;
        let place = (looks % usize::from(NAMES)) as u8;
        if let Some(before) = self.known.get_mut(usize::from(self.last)) {
            before.next = place;
        }
        let (Some(known), Ok(at)) = (self.known.get_mut(usize::from(place)), u32::try_from(at)) else {
            return Name::Plain;
        };
        (self.last, self.next) = (place, known.next);
        let address = bytes.as_ptr() as usize;
        if known.address == address {
            self.patience = self.patience.saturating_add(3);
            return Name::Known(place, known.at);
        }
        self.patience -= 1;
        (known.address, known.at) = (address, at);
        self.count = self.count.max(place + 1);
        Name::New(place, len as u8)
    }

    /// Lua code may run: a string may go, and another come to lie in its place.
    #[cold]
    pub fn forget(&mut self) {
        for known in &mut self.known {
            known.address = 0;
        }
    }
}
