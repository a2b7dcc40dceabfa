//! A parcel to Lua values: bare code that builds tables with Lua's stack.

use std::os::raw::c_int;

use super::encode::Side;
use super::exchange::Exchange;
use super::level::Level;
use super::link::Link;
use super::parcel::{Item, Reader};
use crate::lua::{Kind, State};

/// What the innermost table waits for.
const KEY: u8 = 0;
const VALUE: u8 = 1;

/// Pushes the values of a parcel; how many. Raises where there is no room for them.
pub fn decode(s: State, level: Level, exchange: *mut Exchange, side: Side, link: Link) -> c_int {
    let mut reader = level.reader(exchange, side);
    let count = reader.count as c_int;
    if count < 0 || !s.has_room(count.saturating_add(10)) {
        s.raise(c"too many values to cross (stack overflow)");
    }
    // Tables by number, where some are met again.
    let list = if reader.tables > 0 {
        s.new_table_sized(reader.tables.min(1 << 20) as c_int, 0);
        s.top()
    } else {
        0
    };
    let mut tables = 0_i64;
    for _ in 0..count {
        value(s, level, exchange, &mut reader, link, list, &mut tables);
    }
    if list != 0 {
        s.remove(list);
    }
    count
}

/// Pushes one value, however deep.
fn value(
    s: State,
    level: Level,
    exchange: *mut Exchange,
    reader: &mut Reader<'_>,
    link: Link,
    list: c_int,
    tables: &mut i64,
) {
    let mut depth = 0_usize;
    level.with_exchange(exchange, |e| e.phases.clear());
    loop {
        let Some(item) = reader.item() else { s.raise(c"broken parcel") };
        match item {
            Item::Nil => s.push_nil(),
            Item::Boolean(b) => s.push_bool(b),
            Item::Integer(n) => s.push_integer(n),
            Item::Float(n) => s.push_number(n),
            Item::String(bytes) => s.push_bytes(bytes),
            Item::Again(n) => {
                if list == 0 {
                    s.raise(c"broken parcel");
                }
                s.raw_geti(list, i64::from(n) + 1);
            }
            Item::Export(n) => link.receive_export(s, n),
            Item::Home(n) => link.receive_home(s, n),
            Item::Begin => {
                if !s.has_room(10) {
                    s.raise(c"tables nested too deep");
                }
                s.new_table();
                *tables += 1;
                if list != 0 {
                    s.copy(-1);
                    s.raw_seti(list, *tables);
                }
                let noted = level.with_exchange(exchange, |e| {
                    let room = e.phases.try_reserve(1).is_ok();
                    if room {
                        e.phases.push(KEY);
                    }
                    room
                });
                if !noted {
                    s.push_cstr(c"not enough memory");
                    s.error();
                }
                depth += 1;
                continue;
            }
            Item::End => {
                if depth == 0 {
                    s.raise(c"broken parcel");
                }
                level.with_exchange(exchange, |e| e.phases.pop());
                depth -= 1;
                // The finished table is on top: a value like any other.
            }
        }
        if depth == 0 {
            return;
        }
        if waits(level, exchange) == KEY {
            level.with_exchange(exchange, |e| set_last(&mut e.phases, VALUE));
        } else {
            if s.is_nil(-2) || (s.kind(-2) == Kind::Number && s.number(-2).is_nan()) {
                s.raise(c"broken parcel");
            }
            s.raw_set(-3);
            level.with_exchange(exchange, |e| set_last(&mut e.phases, KEY));
        }
    }
}

fn waits(level: Level, exchange: *mut Exchange) -> u8 {
    level.with_exchange(exchange, |e| e.phases.last().copied().unwrap_or(KEY))
}

fn set_last(phases: &mut [u8], phase: u8) {
    if let Some(last) = phases.last_mut() {
        *last = phase;
    }
}
