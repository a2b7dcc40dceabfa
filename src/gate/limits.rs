//! The table of limits: name, unit, default, range and message of each, all from one definition; and reading what is asked for.

use std::fmt;

/// A limit that an allowance can run out of; in the order of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of heap, buffers and boxes below. Going past it is Lua's `not enough memory`, never a stop.
    Memory,
    /// Seconds of the thread's CPU time inside the box.
    Cpu,
    /// Seconds of real time of each call.
    Wall,
    /// Instructions of the Lua VM; counted only while such a limit is in force.
    Instructions,
    /// Bytes through stdout and stderr.
    Output,
    /// Levels of boxes below.
    Depth,
    /// Files open at once. Going past it is an error of `io.open`, never a stop.
    Files,
}

/// Which values make sense.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Seconds: more than 0.
    Seconds,
    /// Bytes: 0 or more; a fraction of one is dropped.
    Bytes,
    /// Whole numbers from this one on.
    Whole(f64),
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
    pub range: Range,
    /// What going past it raises; `{}` stands for the value and its unit.
    pub message: &'static str,
}

/// Most levels of boxes in all.
pub const MAX_DEPTH: u32 = 10;

const NONE: f64 = f64::INFINITY;

pub const TABLE: [Definition; 7] = [
    Definition {
        limit: Limit::Memory,
        name: "memory",
        unit: "bytes",
        default: 67_108_864.0,
        range: Range::Bytes,
        message: crate::lua::compat::NO_MEMORY,
    },
    Definition {
        limit: Limit::Cpu,
        name: "cpu",
        unit: "s",
        default: 10.0,
        range: Range::Seconds,
        message: "cpu limit of {} exceeded",
    },
    Definition {
        limit: Limit::Wall,
        name: "wall",
        unit: "s",
        default: NONE,
        range: Range::Seconds,
        message: "wall limit of {} exceeded",
    },
    Definition {
        limit: Limit::Instructions,
        name: "instructions",
        unit: "instructions",
        default: NONE,
        range: Range::Whole(1.0),
        message: "instructions limit of {} exceeded",
    },
    Definition {
        limit: Limit::Output,
        name: "output",
        unit: "bytes",
        default: NONE,
        range: Range::Bytes,
        message: "output limit of {} exceeded",
    },
    Definition {
        limit: Limit::Depth,
        name: "depth",
        unit: "levels",
        default: NONE,
        range: Range::Whole(0.0),
        message: "depth limit of {} exceeded",
    },
    Definition {
        limit: Limit::Files,
        name: "files",
        unit: "files",
        default: 16.0,
        range: Range::Whole(0.0),
        message: "files limit of {} exceeded",
    },
];

impl Definition {
    /// What is wrong with a value, if anything.
    pub fn refuse(&self, value: f64) -> Option<String> {
        let least = match self.range {
            _ if value.is_nan() => return Some("a number is expected, not nan".to_owned()),
            Range::Seconds if value <= 0.0 => "more than 0",
            Range::Bytes if value < 0.0 => "0 or more",
            Range::Whole(least) if value < least && least == 0.0 => "0 or more",
            Range::Whole(least) if value < least => "1 or more",
            Range::Whole(_) if value.is_finite() && value.fract() != 0.0 => "a whole number",
            _ => return None,
        };
        Some(format!("{least} expected, got {}", Plain(value)))
    }

    /// Whether values are shown as whole numbers.
    pub fn is_whole(&self) -> bool {
        self.range != Range::Seconds
    }
}

impl Limit {
    pub fn definition(self) -> &'static Definition {
        let [memory, cpu, wall, instructions, output, depth, files] = &TABLE;
        match self {
            Limit::Memory => memory,
            Limit::Cpu => cpu,
            Limit::Wall => wall,
            Limit::Instructions => instructions,
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
        definition.message.replace("{}", &format!("{} {}", Plain(value), definition.unit))
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

    /// What `other` names goes before what is named here.
    pub fn override_with(&mut self, other: &Asked) {
        for (place, value) in self.values.iter_mut().zip(other.values) {
            *place = value.or(*place);
        }
        self.per = other.per.or(self.per);
    }

    /// Notes an option; what is wrong with it, if anything.
    pub fn set_number(&mut self, name: &[u8], value: f64) -> Result<(), String> {
        let Some((place, definition)) =
            self.values.iter_mut().zip(&TABLE).find(|(_, d)| d.name.as_bytes() == name)
        else {
            return Err(unknown(name));
        };
        if let Some(wrong) = definition.refuse(value) {
            return Err(format!("option '{}': {wrong}", definition.name));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_kinds_and_its_messages_name_them() {
        for (index, definition) in TABLE.iter().enumerate() {
            assert_eq!(definition.limit as usize, index);
            assert_eq!(definition.limit.definition().name, definition.name);
            assert!(definition.refuse(definition.default).is_none() && definition.refuse(NONE).is_none());
            if definition.limit != Limit::Memory {
                let said = format!("{} limit of 7 {} exceeded", definition.name, definition.unit);
                assert_eq!(definition.limit.message(7.0), said);
            }
        }
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let mut asked = Asked::default();
        for definition in &TABLE {
            for value in [f64::NAN, -1.0, -1e-9, f64::NEG_INFINITY] {
                let said = asked.set_number(definition.name.as_bytes(), value).unwrap_err();
                assert!(said.starts_with(&format!("option '{}': ", definition.name)), "{said}");
            }
            let zero = asked.set_number(definition.name.as_bytes(), 0.0);
            let senseless = matches!(definition.limit, Limit::Cpu | Limit::Wall | Limit::Instructions);
            assert_eq!(zero.is_err(), senseless, "{}", definition.name);
        }
        assert!(asked
            .set_number(b"instructions", 1.5)
            .unwrap_err()
            .contains("a whole number expected, got 1.5"));
        assert!(asked.set_number(b"depth", 1.5).is_err() && asked.set_number(b"cpu", 1.5).is_ok());
        assert_eq!(asked.set_number(b"memroy", 1.0).unwrap_err(), "unknown option 'memroy'");
    }
}
