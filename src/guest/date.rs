//! `os.date` and `os.time`, in UTC and the C locale: a box reads neither the process' time zone nor its locale.
//!
//! The civil calendar is computed as H. Hinnant describes in "chrono-compatible low-level date algorithms".

use std::ffi::CStr;
use std::os::raw::c_int;

use super::os::now;
use crate::gate::encode::Side;
use crate::gate::level::Level;
use crate::lua::{compat, Kind, State};

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A date and time of day; `year` is the full year, `month` from 1, `weekday` from Sunday = 0, `yearday` from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    weekday: i64,
    yearday: i64,
}

/// Days since the epoch of a civil date.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_of(time: i64) -> Civil {
    let (days, rest) = (time.div_euclid(86_400), time.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil {
        year,
        month,
        day,
        hour: rest / 3600,
        minute: rest / 60 % 60,
        second: rest % 60,
        weekday: (days + 4).rem_euclid(7),
        yearday: days - days_of(year, 1, 1),
    }
}

/// Week of the year by ISO 8601, and the year that it belongs to.
fn iso_week(c: &Civil) -> (i64, i64) {
    let weekday = (c.weekday + 6) % 7;
    let week = (c.yearday - weekday + 10) / 7;
    if week < 1 {
        let last = civil_of((days_of(c.year, 1, 1) - 1) * 86_400);
        return (iso_week(&last).0, c.year - 1);
    }
    if week == 53 {
        let first = civil_of(days_of(c.year + 1, 1, 1) * 86_400);
        if (first.weekday + 6) % 7 <= 3 {
            return (1, c.year + 1);
        }
    }
    (week, c.year)
}

/// What one conversion stands for, put together without memory of its own; the longest is some 30 bytes.
struct Text {
    bytes: [u8; 64],
    len: usize,
}

impl Text {
    fn add(&mut self, s: &[u8]) {
        for &b in s {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = b;
                self.len += 1;
            }
        }
    }

    fn number(&mut self, n: i64, width: usize, pad: u8) {
        let mut digits = [0_u8; 20];
        let mut count = 0;
        let mut left = n.unsigned_abs();
        for place in digits.iter_mut().rev() {
            *place = b'0' + (left % 10) as u8;
            left /= 10;
            count += 1;
            if left == 0 {
                break;
            }
        }
        if n < 0 {
            self.add(b"-");
        }
        for _ in count..width {
            self.add(&[pad]);
        }
        self.add(digits.get(20 - count..).unwrap_or_default());
    }
}

/// Writes what one conversion stands for; false for one that there is not.
fn convert(to: &mut Text, c: &Civil, time: i64, conversion: u8) -> bool {
    let name =
        |names: &[&'static str], index: i64| usize::try_from(index).ok().and_then(|i| names.get(i)).copied();
    let short = |name: Option<&'static str>| name.and_then(|n| n.get(..3)).unwrap_or("?");
    let hour12 = if c.hour % 12 == 0 { 12 } else { c.hour % 12 };
    let half = if c.hour < 12 { "AM" } else { "PM" };
    let each = |to: &mut Text, parts: &[u8]| {
        for &p in parts {
            if p.is_ascii_alphabetic() {
                convert(to, c, time, p);
            } else {
                to.add(&[p]);
            }
        }
    };
    match conversion {
        b'a' => to.add(short(name(&DAYS, c.weekday)).as_bytes()),
        b'A' => to.add(name(&DAYS, c.weekday).unwrap_or("?").as_bytes()),
        b'b' | b'h' => to.add(short(name(&MONTHS, c.month - 1)).as_bytes()),
        b'B' => to.add(name(&MONTHS, c.month - 1).unwrap_or("?").as_bytes()),
        b'c' => {
            each(to, b"a b e H:M:S ");
            to.number(c.year, 1, b'0');
        }
        b'C' => to.number(c.year.div_euclid(100), 2, b'0'),
        b'd' => to.number(c.day, 2, b'0'),
        b'D' | b'x' => each(to, b"m/d/y"),
        b'e' => to.number(c.day, 2, b' '),
        b'F' => each(to, b"Y-m-d"),
        b'g' => to.number(iso_week(c).1.rem_euclid(100), 2, b'0'),
        b'G' => to.number(iso_week(c).1, 1, b'0'),
        b'H' => to.number(c.hour, 2, b'0'),
        b'I' => to.number(hour12, 2, b'0'),
        b'j' => to.number(c.yearday + 1, 3, b'0'),
        b'm' => to.number(c.month, 2, b'0'),
        b'M' => to.number(c.minute, 2, b'0'),
        b'n' => to.add(b"\n"),
        b'p' => to.add(half.as_bytes()),
        b'r' => each(to, b"I:M:S p"),
        b'R' => each(to, b"H:M"),
        b's' => to.number(time, 1, b'0'),
        b'S' => to.number(c.second, 2, b'0'),
        b't' => to.add(b"\t"),
        b'T' | b'X' => each(to, b"H:M:S"),
        b'u' => to.number(if c.weekday == 0 { 7 } else { c.weekday }, 1, b'0'),
        b'U' => to.number((c.yearday + 7 - c.weekday) / 7, 2, b'0'),
        b'V' => to.number(iso_week(c).0, 2, b'0'),
        b'w' => to.number(c.weekday, 1, b'0'),
        b'W' => to.number((c.yearday + 7 - (c.weekday + 6) % 7) / 7, 2, b'0'),
        b'y' => to.number(c.year.rem_euclid(100), 2, b'0'),
        b'Y' => to.number(c.year, 1, b'0'),
        b'z' => to.add(b"+0000"),
        b'Z' => to.add(b"GMT"),
        b'%' => to.add(b"%"),
        _ => return false,
    }
    true
}

/// `os.date([format [, time]])`
pub fn date(s: State) -> c_int {
    let format = s.opt_bytes(1).unwrap_or(b"%c");
    let time = if s.is_none_or_nil(2) { now(s) } else { whole_at(s, 2) };
    let format = format.strip_prefix(b"!").unwrap_or(format);
    // Years that a C `int` can't hold are refused by stock Lua too.
    if !(-67_768_040_609_740_800..=67_768_036_191_676_799).contains(&time) {
        if !compat::INTEGERS {
            s.push_nil();
            return 1;
        }
        s.raise(if compat::CLOSING {
            c"date result cannot be represented in this installation"
        } else {
            c"time result cannot be represented in this installation"
        });
    }
    let c = civil_of(time);
    if format.starts_with(b"*t") {
        push_table(s, &c);
        return 1;
    }
    let level = Level::of(s);
    let height = level.height();
    let exchange = level.take(s);
    let append = |bytes: &[u8]| {
        if !level.with_exchange(exchange, |e| e.out.append(bytes).is_ok()) {
            s.no_memory();
        }
    };
    let mut rest = format;
    while let Some(plain) = rest.iter().position(|&b| b == b'%') {
        append(rest.get(..plain).unwrap_or_default());
        let mut text = Text { bytes: [0; 64], len: 0 };
        let next = one(s, &mut text, &c, time, rest, plain + 1);
        append(text.bytes.get(..text.len).unwrap_or_default());
        rest = rest.get(next..).unwrap_or_default();
    }
    append(rest);
    s.push_bytes(level.raw(exchange, Side::Out));
    level.lower(height);
    1
}

/// Writes the conversion at `at`; where the next begins.
fn one(s: State, text: &mut Text, c: &Civil, time: i64, format: &[u8], at: usize) -> usize {
    let (modifier, at) = match format.get(at) {
        Some(&m @ (b'E' | b'O')) => (Some(m), at + 1),
        _ => (None, at),
    };
    let conversion = format.get(at).copied().unwrap_or(0);
    let allowed = match modifier {
        None => conversion != 0,
        Some(b'E') => b"cCxXyY".contains(&conversion),
        Some(_) => b"deHImMSuUVwWy".contains(&conversion),
    };
    let known = compat::V51 || conversion != b's';
    if allowed && known && convert(text, c, time, conversion) {
        return at + 1;
    }
    if compat::V51 {
        // Handed to strftime as it is there, which leaves what it doesn't know.
        text.add(b"%");
        text.add(format.get(at..at + 1).unwrap_or_default());
        return at + 1;
    }
    s.push_cstr(c"invalid conversion specifier '%");
    let start = at - usize::from(modifier.is_some());
    // All that follows is shown, up to where C sees the end of the string.
    let rest = format.get(start..).unwrap_or_default();
    s.push_bytes(rest.split(|&b| b == 0).next().unwrap_or_default());
    s.push_cstr(c"'");
    s.concat(3);
    s.arg_error_top(1)
}

fn push_table(s: State, c: &Civil) {
    s.new_table_sized(0, 9);
    set_fields(s, c);
}

fn set_fields(s: State, c: &Civil) {
    let fields = [
        (c"year", c.year),
        (c"month", c.month),
        (c"day", c.day),
        (c"hour", c.hour),
        (c"min", c.minute),
        (c"sec", c.second),
        (c"yday", c.yearday + 1),
        (c"wday", c.weekday + 1),
    ];
    for (name, value) in fields {
        s.push_integer(value);
        s.raw_set_field(-2, name);
    }
    s.push_bool(false);
    s.raw_set_field(-2, c"isdst");
}

/// A whole number at `arg`, of a Lua with integers or without.
fn whole_at(s: State, arg: c_int) -> i64 {
    if compat::INTEGERS {
        s.check_integer(arg)
    } else {
        s.check_number(arg) as i64
    }
}

/// A field of the table at 1, or `default` where it is absent.
fn field(s: State, name: &'static CStr, default: Option<i64>) -> i64 {
    s.get_field(1, name);
    let value = match s.as_number(-1) {
        Some(n) if !compat::INTEGERS || n.fract() == 0.0 => n as i64,
        Some(_) => complain(s, name, c"' is not an integer"),
        None if s.is_nil(-1) || !compat::INTEGERS => match default {
            Some(default) => default,
            None => complain(s, name, c"' missing in date table"),
        },
        None => complain(s, name, c"' is not an integer"),
    };
    s.pop(1);
    if value.unsigned_abs() > i32::MAX as u64 + 1900 {
        complain(s, name, c"' is out-of-bound");
    }
    value
}

fn complain(s: State, name: &'static CStr, what: &'static CStr) -> ! {
    s.push_where(1);
    s.push_cstr(c"field '");
    s.push_cstr(name);
    s.push_cstr(what);
    s.concat(4);
    s.error()
}

/// `os.time([table])`
pub fn time(s: State) -> c_int {
    if s.is_none_or_nil(1) {
        let now = now(s);
        s.push_integer(now);
        return 1;
    }
    s.check_table(1);
    s.set_top(1);
    // In the order in which each Lua asks, since the first that is wrong is complained of.
    let clock = |s| (field(s, c"sec", Some(0)), field(s, c"min", Some(0)), field(s, c"hour", Some(12)));
    let early = (!compat::CLOSING).then(|| (clock(s), field(s, c"day", None), field(s, c"month", None)));
    let year = field(s, c"year", None);
    let (month, day, (second, minute, hour)) = match early {
        Some((clock, day, month)) => (month, day, clock),
        None => (field(s, c"month", None), field(s, c"day", None), clock(s)),
    };
    // Fields out of range carry over, as with C's `mktime`.
    let months = month - 1;
    let days = days_of(year + months.div_euclid(12), months.rem_euclid(12) + 1, 1) + day - 1;
    let time = days * 86_400 + hour * 3600 + minute * 60 + second;
    if compat::INTEGERS && s.kind(1) == Kind::Table {
        s.copy(1);
        set_fields(s, &civil_of(time));
        s.pop(1);
    }
    s.push_integer(time);
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_agrees_with_known_dates() {
        assert_eq!(days_of(1970, 1, 1), 0);
        assert_eq!(days_of(2000, 3, 1), 11_017);
        let c = civil_of(1_000_000_000);
        assert_eq!((c.year, c.month, c.day, c.hour, c.minute, c.second), (2001, 9, 9, 1, 46, 40));
        assert_eq!((c.weekday, c.yearday), (0, 251));
        assert_eq!(civil_of(-1).year, 1969);
    }

    #[test]
    fn every_day_of_nine_centuries_comes_back() {
        for day in -200_000..130_000 {
            let c = civil_of(day * 86_400);
            assert_eq!(days_of(c.year, c.month, c.day), day);
        }
    }

    #[test]
    fn iso_weeks_at_the_turn_of_the_year() {
        let week = |y, m, d| iso_week(&civil_of(days_of(y, m, d) * 86_400));
        assert_eq!(week(2005, 1, 1), (53, 2004));
        assert_eq!(week(2007, 12, 31), (1, 2008));
        assert_eq!(week(2026, 11, 21), (47, 2026));
    }
}
