//! Which bytes of a stream belong to a number: what `read("n")` takes.

/// Longest number that is read, as in Lua 5.3 and later.
const LONGEST: usize = 200;

/// Takes the bytes of a number one by one.
pub struct Scanner {
    text: [u8; LONGEST],
    len: usize,
    stage: Stage,
    hex: bool,
    digits: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Stage {
    Space,
    Sign,
    Zero,
    Whole,
    Fraction,
    Exponent,
    ExponentSign,
}

impl Scanner {
    pub fn new() -> Scanner {
        Scanner { text: [0; LONGEST], len: 0, stage: Stage::Space, hex: false, digits: false }
    }

    /// Whether `byte` goes on with the number.
    pub fn take(&mut self, byte: u8) -> bool {
        use Stage::{Exponent, ExponentSign, Fraction, Sign, Space, Whole, Zero};
        if self.stage == Space && byte.is_ascii_whitespace() | (byte == 0x0b) {
            return true;
        }
        let is_digit = if self.hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        let exponent = if self.hex { b'p' } else { b'e' };
        let next = match (self.stage, byte) {
            (Space, b'+' | b'-') => Sign,
            (Space | Sign, b'0') => {
                self.digits = true;
                Zero
            }
            (Zero, b'x' | b'X') => {
                self.hex = true;
                self.digits = false;
                Whole
            }
            (Space | Sign | Zero | Whole, b'.') => Fraction,
            (Zero | Whole | Fraction, b) if self.digits && b.to_ascii_lowercase() == exponent => Exponent,
            (Exponent, b'+' | b'-') => ExponentSign,
            (Exponent | ExponentSign, b) if b.is_ascii_digit() => ExponentSign,
            (Space | Sign | Zero | Whole, _) if is_digit => {
                self.digits = true;
                Whole
            }
            (Fraction, _) if is_digit => {
                self.digits = true;
                Fraction
            }
            _ => return false,
        };
        let Some(place) = self.text.get_mut(self.len) else {
            // Too long for a number: what was read is none.
            self.len = 0;
            return false;
        };
        *place = byte;
        self.len += 1;
        self.stage = next;
        true
    }

    pub fn text(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Scanner;

    fn scan(text: &str) -> (String, usize) {
        let mut scanner = Scanner::new();
        let taken = text.bytes().take_while(|&b| scanner.take(b)).count();
        (String::from_utf8_lossy(scanner.text()).into_owned(), taken)
    }

    #[test]
    fn takes_what_belongs_to_a_number_and_no_more() {
        assert_eq!(scan("  12.5e3x"), ("12.5e3".into(), 8));
        assert_eq!(scan("-0x1Fp4 "), ("-0x1Fp4".into(), 7));
        assert_eq!(scan("abc"), ("".into(), 0));
        assert_eq!(scan("+.5,"), ("+.5".into(), 3));
        assert_eq!(scan(&"1".repeat(300)).0, "");
    }
}
