//! The table of limits: name, unit, default, range and message of each, all from one definition; and what has been spent.

use std::fmt;

/// A limit that an allowance can run out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of heap, buffers and boxes below. Going past it is Lua's `not enough memory`, never a stop.
    Memory,
    /// Seconds of the thread's CPU time inside the box.
    Cpu,
    /// Seconds of real time of each call.
    Wall,
    /// Bytes through stdout and stderr.
    Output,
    /// Levels of boxes below.
    Depth,
    /// Files open at once. Going past it is an error of `io.open`, never a stop.
    Files,
}

/// One row of the table.
pub struct Definition {
    pub limit: Limit,
    /// Name of the option and of the kind of a stop.
    pub name: &'static str,
    /// Unit in messages.
    pub unit: &'static str,
    /// Value where none is given; infinite for none.
    pub default: f64,
    /// Whether 0 makes sense.
    pub zero: bool,
}

/// Most levels of boxes in all.
pub const MAX_DEPTH: u32 = 10;

pub const TABLE: [Definition; 6] = [
    Definition { limit: Limit::Memory, name: "memory", unit: "bytes", default: 67_108_864.0, zero: true },
    Definition { limit: Limit::Cpu, name: "cpu", unit: "s", default: 10.0, zero: false },
    Definition { limit: Limit::Wall, name: "wall", unit: "s", default: f64::INFINITY, zero: false },
    Definition { limit: Limit::Output, name: "output", unit: "bytes", default: f64::INFINITY, zero: true },
    Definition { limit: Limit::Depth, name: "depth", unit: "levels", default: f64::INFINITY, zero: true },
    Definition { limit: Limit::Files, name: "files", unit: "files", default: 16.0, zero: true },
];

impl Limit {
    pub fn definition(self) -> &'static Definition {
        let [memory, cpu, wall, output, depth, files] = &TABLE;
        match self {
            Limit::Memory => memory,
            Limit::Cpu => cpu,
            Limit::Wall => wall,
            Limit::Output => output,
            Limit::Depth => depth,
            Limit::Files => files,
        }
    }

    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// `cpu limit of 0.1 s exceeded`.
    pub fn message(self, value: f64) -> String {
        let definition = self.definition();
        format!("{} limit of {} {} exceeded", definition.name, Plain(value), definition.unit)
    }
}

/// A number as a person writes it.
struct Plain(f64);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            // As `%g` has it: no rows of zeros.
            n if n != 0.0 && n.is_finite() && !(1e-5..1e17).contains(&n) => write!(f, "{:e}", self.0),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// How long an allowance lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Per {
    /// Until `box:limits` starts a new one.
    #[default]
    Life,
    /// For each call from the host.
    Call,
}

impl Per {
    pub fn name(self) -> &'static str {
        match self {
            Per::Life => "life",
            Per::Call => "call",
        }
    }
}

/// What is asked for in a table of options: only what was named.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Asked {
    pub values: [Option<f64>; TABLE.len()],
    pub per: Option<Per>,
}

impl Asked {
    pub fn get(&self, limit: Limit) -> Option<f64> {
        TABLE.iter().zip(self.values).find(|(d, _)| d.limit == limit).and_then(|(_, v)| v)
    }

    /// Notes an option; what is wrong with it, if anything.
    pub fn set_number(&mut self, name: &[u8], value: f64) -> Result<(), String> {
        let shown = String::from_utf8_lossy(name).into_owned();
        let Some((place, definition)) =
            self.values.iter_mut().zip(&TABLE).find(|(_, d)| d.name.as_bytes() == name)
        else {
            return Err(unknown(name));
        };
        if value.is_nan() {
            return Err(format!("option '{shown}': a number is expected, not nan"));
        }
        if value < 0.0 || (value == 0.0 && !definition.zero) {
            let least = if definition.zero { "0 or more" } else { "more than 0" };
            return Err(format!("option '{shown}': {least} expected, got {}", Plain(value)));
        }
        if matches!(definition.limit, Limit::Depth | Limit::Files)
            && value.is_finite()
            && value.fract() != 0.0
        {
            return Err(format!("option '{shown}': a whole number expected, got {}", Plain(value)));
        }
        *place = Some(value);
        Ok(())
    }

    pub fn set_string(&mut self, name: &[u8], value: &[u8]) -> Result<(), String> {
        if name != b"per" {
            return Err(wrong_type(name, "string"));
        }
        self.per = Some(match value {
            b"life" => Per::Life,
            b"call" => Per::Call,
            _ => {
                let got = String::from_utf8_lossy(value).into_owned();
                return Err(format!("option 'per': 'life' or 'call' expected, got '{got}'"));
            }
        });
        Ok(())
    }
}

/// `unknown option 'memroy'`.
pub fn unknown(name: &[u8]) -> String {
    format!("unknown option '{}'", String::from_utf8_lossy(name))
}

/// What is wrong with an option of a type that it can't have.
pub fn wrong_type(name: &[u8], got: &str) -> String {
    if name == b"per" {
        return format!("option 'per': string expected, got {got}");
    }
    if TABLE.iter().any(|d| d.name.as_bytes() == name) {
        return format!("option '{}': number expected, got {got}", String::from_utf8_lossy(name));
    }
    unknown(name)
}

/// A limit in bytes or levels as a `usize`; infinity and what doesn't fit is no limit.
pub fn whole(value: f64) -> usize {
    // A float-to-integer cast saturates.
    value as usize
}

/// A limit in seconds in ns.
pub fn nanoseconds(value: f64) -> u64 {
    (value * 1e9) as u64
}

/// Address space for a box: what a common slot holds, or more where more is asked for.
pub fn slot_size(memory: f64) -> usize {
    const COMMON: f64 = 3_221_225_472.0;
    const MOST: f64 = 1_099_511_627_776.0;
    if memory <= COMMON / 2.0 {
        // The footprint may be up to twice what is alive, and a little more.
        whole(memory * 2.0 + 1_048_576.0)
    } else {
        whole((memory * 2.0).min(MOST))
    }
}
