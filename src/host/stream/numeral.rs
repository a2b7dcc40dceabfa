//! The text of a numeral, taken from a file as stock `io.read("n")` takes it.
//!
//! Lua 5.1, 5.2 and LuaJIT leave it to `fscanf("%lf")`, which takes what may begin a `strtod` numeral; 5.3 and later go by Lua's own grammar, up
//! to 200 bytes. Either takes bytes that turn out to be no number, and so does this.
#![allow(unsafe_code)]

use super::stdio::{Source, Stop};

/// The byte that is looked at, in front of what has been taken.
struct Scanner<'a, 'b> {
    source: &'a mut Source<'b>,
    byte: Option<u8>,
    taken: usize,
}

impl Scanner<'_, '_> {
    /// Takes the byte that is looked at.
    fn take(&mut self) -> Result<(), Stop> {
        if let Some(byte) = self.byte {
            self.source.append(byte)?;
            self.taken = self.taken.saturating_add(1);
            self.byte = self.source.next();
            if let Some(byte) = self.byte {
                self.source.set_aside(byte);
            }
        }
        Ok(())
    }

    fn is(&self, set: &[u8]) -> bool {
        self.byte.is_some_and(|byte| set.contains(&byte))
    }

    fn is_digit(&self, hex: bool) -> bool {
        self.byte.is_some_and(|byte| if hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() })
    }
}

/// Skips white space as C's isspace knows it, takes a numeral, leaves what follows.
pub(super) fn scan(source: &mut Source) -> Result<(), Stop> {
    let byte = loop {
        match source.next() {
            Some(b' ' | b'\t'..=b'\r') => {}
            other => break other,
        }
    };
    if let Some(byte) = byte {
        source.set_aside(byte);
    }
    let mut scanner = Scanner { source, byte, taken: 0 };
    let outcome = take(&mut scanner);
    if let Some(byte) = scanner.byte {
        scanner.source.put_back(byte);
    }
    outcome
}

/// The decimal point of the locale, if it is one byte.
fn decimal_point() -> u8 {
    // SAFETY: localeconv gives a record whose decimal point is a string.
    match unsafe { *(*libc::localeconv()).decimal_point as u8 } {
        0 => b'.',
        point => point,
    }
}

#[cfg(not(any(feature = "lua51", feature = "lua52", feature = "luajit")))]
mod grammar {
    //! `l_read_number` of `liolib.c`.
    use super::*;

    /// `L_MAXLENNUM`
    const LONGEST: usize = 200;
    const TOO_LONG: usize = LONGEST + 1;

    /// Whether one more byte, which `belongs` to the numeral or not, may be taken. One too many makes it none.
    fn fits(scanner: &mut Scanner, belongs: bool) -> bool {
        if belongs && scanner.taken == LONGEST {
            scanner.taken = TOO_LONG;
        }
        belongs && scanner.taken < LONGEST
    }

    /// Whether the byte was one of `set`, and taken.
    fn accept(scanner: &mut Scanner, set: &[u8]) -> Result<bool, Stop> {
        let belongs = scanner.is(set);
        let fits = fits(scanner, belongs);
        if fits {
            scanner.take()?;
        }
        Ok(fits)
    }

    fn digits(scanner: &mut Scanner, hex: bool) -> Result<usize, Stop> {
        let before = scanner.taken;
        while fits(scanner, scanner.is_digit(hex)) {
            scanner.take()?;
        }
        Ok(scanner.taken.saturating_sub(before))
    }

    pub fn take(scanner: &mut Scanner) -> Result<(), Stop> {
        let mut count = 0;
        let mut hex = false;
        accept(scanner, b"+-")?;
        if accept(scanner, b"0")? {
            if accept(scanner, b"xX")? {
                hex = true;
            } else {
                count = 1;
            }
        }
        count += digits(scanner, hex)?;
        if accept(scanner, &[decimal_point()])? {
            count += digits(scanner, hex)?;
        }
        if count > 0 && accept(scanner, if hex { b"pP" } else { b"eE" })? {
            accept(scanner, b"+-")?;
            digits(scanner, false)?;
        }
        if scanner.taken == TOO_LONG {
            scanner.source.forget(LONGEST);
        }
        Ok(())
    }
}
#[cfg(any(feature = "lua51", feature = "lua52", feature = "luajit"))]
mod grammar {
    //! `%lf` of glibc's `vfscanf`.
    use super::*;

    fn lower(scanner: &Scanner) -> u8 {
        scanner.byte.unwrap_or(0).to_ascii_lowercase()
    }

    /// Takes the letters of `word`; whether they all match. The first that doesn't is taken out of the file, too.
    fn word(scanner: &mut Scanner, word: &[u8]) -> Result<bool, Stop> {
        for letter in word {
            if lower(scanner) != *letter {
                scanner.byte = None;
                return Ok(false);
            }
            scanner.take()?;
        }
        Ok(true)
    }

    /// Takes a numeral; whether it is one that `strtod` may look at.
    fn numeral(scanner: &mut Scanner) -> Result<bool, Stop> {
        if scanner.is(b"+-") {
            scanner.take()?;
        }
        let sign = scanner.taken;
        match lower(scanner) {
            b'n' => return word(scanner, b"nan"),
            b'i' => return Ok(word(scanner, b"inf")? && (lower(scanner) != b'i' || word(scanner, b"inity")?)),
            _ => {}
        }
        let (mut digits, mut hex) = (false, false);
        if scanner.is(b"0") {
            scanner.take()?;
            hex = scanner.is(b"xX");
            digits = !hex;
            if hex {
                scanner.take()?;
            }
        }
        let (mark, point) = (if hex { b'p' } else { b'e' }, decimal_point());
        let (mut dot, mut exponent, mut after_mark) = (false, false, false);
        loop {
            if scanner.is_digit(hex && !exponent) {
                digits = true;
                after_mark = false;
            } else if after_mark && scanner.is(b"+-") {
                after_mark = false;
            } else if digits && !exponent && lower(scanner) == mark {
                (dot, exponent, after_mark) = (true, true, true);
            } else if !dot && scanner.is(&[point]) {
                dot = true;
            } else {
                break;
            }
            scanner.take()?;
        }
        let taken = scanner.taken.saturating_sub(sign);
        Ok(taken > 0 && !(hex && taken == 2))
    }

    pub fn take(scanner: &mut Scanner) -> Result<(), Stop> {
        if !numeral(scanner)? {
            scanner.source.forget(scanner.taken);
        }
        Ok(())
    }
}

use grammar::take;

/// What `fscanf` makes of the text, in Lua 5.1, 5.2 and LuaJIT; none if it is no numeral. Later Luas have `lua_stringtonumber` for it.
pub fn value(text: &[u8]) -> Option<f64> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(text.len().saturating_add(1)).ok()?;
    copy.extend_from_slice(text);
    copy.push(0);
    let start = copy.as_ptr().cast();
    let mut end = std::ptr::null_mut();
    // SAFETY: the copy ends with a zero byte.
    let value = unsafe { libc::strtod(start, &mut end) };
    (end.cast_const() != start).then_some(value)
}
