//! Bytes as a program that builds Lua values on a Lua stack.

use std::os::raw::c_int;

use super::FUNCTIONS;
use crate::lua::{Kind, State};

/// Values that a program leaves at most.
const VALUES: c_int = 100;
/// Tables around one another that a program makes at most, and bytes in strings.
const NESTED: usize = 200;
const BYTES: usize = 1 << 15;

pub struct Program<'a> {
    rest: &'a [u8],
    nested: usize,
    bytes: usize,
    /// Whether it made a value that can't cross.
    pub foreign: bool,
}

impl<'a> Program<'a> {
    pub fn new(data: &'a [u8]) -> Program<'a> {
        Program { rest: data, nested: 0, bytes: 0, foreign: false }
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn word(&mut self) -> u64 {
        let mut word = [0; 8];
        for place in &mut word {
            *place = self.byte().unwrap_or(0);
        }
        u64::from_le_bytes(word)
    }

    fn string(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte().unwrap_or(0)).min(self.rest.len());
        let (s, rest) = self.rest.split_at(len);
        self.rest = rest;
        s
    }

    /// Bare: runs to the end, on an empty stack.
    pub fn run(&mut self, s: State) {
        s.check_stack(VALUES + 20, c"values");
        while let Some(op) = self.byte() {
            if s.top() >= VALUES {
                s.pop(1);
            }
            self.step(s, op % 18);
        }
    }

    /// Bare: one value, of any kind.
    pub fn value(&mut self, s: State) {
        match self.byte() {
            Some(op) => {
                let before = s.top();
                self.step(s, op % 12);
                if s.top() == before {
                    s.push_nil();
                }
            }
            None => s.push_nil(),
        }
    }

    fn step(&mut self, s: State, op: u8) {
        let top = s.top();
        match op {
            0 => s.push_nil(),
            1 => s.push_bool(self.byte().unwrap_or(0) & 1 == 0),
            2 => s.push_integer(self.word() as i64),
            3 => s.push_number(f64::from_bits(self.word())),
            4 => s.push_integer(i64::from(self.byte().unwrap_or(0)) - 100),
            5 => s.push_number((f64::from(self.byte().unwrap_or(0)) - 100.0) / 4.0),
            6 => s.push_bytes(self.string()),
            7 => s.new_table(),
            8 => {
                s.raw_field(State::REGISTRY, FUNCTIONS);
                s.raw_geti(-1, i64::from(self.byte().unwrap_or(0) % 4) + 1);
                s.remove(-2);
            }
            9 => {
                self.foreign = true;
                s.new_userdata(8);
            }
            10 => {
                self.foreign = true;
                s.new_thread();
            }
            11 => self.long_string(s),
            12 | 13 if top >= 3 && s.kind(-3) == Kind::Table && is_key(s, -2) => s.raw_set(-3),
            14 if top >= 2 && s.kind(-2) == Kind::Table => s.raw_seti(-2, s.raw_len(-2) as i64 + 1),
            15 if top > 0 => s.copy(1 + c_int::from(self.byte().unwrap_or(0)) % top),
            16 if top > 0 => self.nest(s),
            17 if top > 0 => {
                let metatable = self.byte().unwrap_or(0) & 1 == 0;
                if metatable && s.kind(-1) == Kind::Table {
                    forbid(s);
                } else {
                    s.pop(1);
                }
            }
            _ => {}
        }
    }

    fn long_string(&mut self, s: State) {
        let byte = self.byte().unwrap_or(0);
        let len = usize::from(byte) * 257;
        if self.bytes + len > BYTES {
            s.push_bytes(b"");
            return;
        }
        self.bytes += len;
        s.push_bytes(&[byte]);
        // Doubled, since nothing on this stack may own memory.
        while s.bytes(-1).unwrap_or_default().len() < len {
            s.copy(-1);
            s.concat(2);
        }
    }

    /// Puts the value on top into tables inside tables.
    fn nest(&mut self, s: State) {
        let depth = usize::from(self.byte().unwrap_or(0) % 64);
        for _ in 0..depth {
            if self.nested == NESTED {
                return;
            }
            self.nested += 1;
            s.new_table();
            s.insert(-2);
            if s.is_nil(-1) {
                s.pop(1);
            } else {
                s.raw_seti(-2, 1);
            }
        }
    }
}

fn is_key(s: State, index: c_int) -> bool {
    match s.kind(index) {
        Kind::Nil => false,
        Kind::Number => !s.number(index).is_nan(),
        _ => true,
    }
}

/// Gives the table on top a metatable whose every method raises: crossing asks none of them.
fn forbid(s: State) {
    s.new_table();
    for name in [c"__index", c"__newindex", c"__len", c"__pairs", c"__call", c"__eq"] {
        s.push_globals();
        s.raw_field(-1, c"error");
        s.remove(-2);
        s.raw_set_field(-2, name);
    }
    s.set_metatable(-2);
}
