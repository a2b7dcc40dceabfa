//! Frames, and the numbers in them: what keeps a journal readable up to where a crash or a full disk has cut it.
//!
//! A frame is its length, the checksum (CRC-32) of its payload, and two bytes that check these eight; then the payload. The two bytes tell a
//! length that was damaged from a frame that was cut.

/// What a journal begins with.
pub const MAGIC: &[u8] = b"safelua journal\n";

/// Bytes in front of a payload.
const HEAD: usize = 10;

fn check_of(head: &[u8]) -> [u8; 2] {
    let [a, b, ..] = crc32fast::hash(head).to_le_bytes();
    [a, b]
}

/// Appends the frame of this payload; false where there is no memory.
pub fn seal(payload: &[u8], to: &mut Vec<u8>) -> bool {
    let Ok(len) = u32::try_from(payload.len()) else { return false };
    if to.try_reserve(HEAD + payload.len()).is_err() {
        return false;
    }
    let mut head = [0; 8];
    let (first, last) = head.split_at_mut(4);
    first.copy_from_slice(&len.to_le_bytes());
    last.copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    to.extend_from_slice(&head);
    to.extend_from_slice(&check_of(&head));
    to.extend_from_slice(payload);
    true
}

/// Why there is no further frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The journal ends here.
    Whole,
    /// It was cut in the middle of a frame.
    Cut,
    /// What lies at this offset is no frame.
    Damaged(usize),
}

/// The payload of the frame at `at`, and where the next one begins.
pub fn frame(journal: &[u8], at: usize) -> Result<(&[u8], usize), End> {
    let rest = journal.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Err(End::Whole);
    }
    let Some((head, body)) = rest.split_at_checked(HEAD) else { return Err(End::Cut) };
    let Some((head, check)) = head.split_at_checked(8) else { return Err(End::Cut) };
    if check != check_of(head) {
        return Err(End::Damaged(at));
    }
    let word = |from: usize| {
        let bytes = head.get(from..from + 4).and_then(|b| b.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    let Some(payload) = body.get(..word(0) as usize) else { return Err(End::Cut) };
    if crc32fast::hash(payload) != word(4) {
        return Err(End::Damaged(at));
    }
    Ok((payload, at + HEAD + payload.len()))
}

/// Appends a number: seven bits a byte, the lowest first.
#[inline]
pub fn put(to: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        to.push(n as u8 | 0x80);
        n >>= 7;
    }
    to.push(n as u8);
}

/// Appends bytes, with their length in front.
#[inline]
pub fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// Reads what [`put`] and its kin have written; `None` where that is not there.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(n);
            }
        }
        None
    }

    pub fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.size()?;
        self.take(len)
    }

    pub fn word(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for n in [0, 1, 127, 128, 300, 1 << 32, u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, n);
            let mut reader = Reader(&bytes);
            assert_eq!((reader.number(), reader.is_at_end()), (Some(n), true));
        }
        assert_eq!(Reader(&[0xff; 20]).number(), None);
    }

    #[test]
    fn a_frame_that_was_cut_is_told_from_a_damaged_one() {
        let mut journal = Vec::new();
        assert!(seal(b"one", &mut journal) && seal(b"and two", &mut journal));
        let (one, next) = frame(&journal, 0).unwrap();
        assert_eq!((one, frame(&journal, next).unwrap().0), (&b"one"[..], &b"and two"[..]));
        assert_eq!(frame(&journal, journal.len()), Err(End::Whole));
        for len in next + 1..journal.len() {
            assert_eq!(frame(&journal[..len], next), Err(End::Cut));
        }
        for bit in 8 * next..8 * journal.len() {
            let mut damaged = journal.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(frame(&damaged, next), Err(End::Damaged(next)), "bit {bit}");
        }
    }
}
