//! The image of a freshly opened box: taken from one that was opened the long way, tested on its first copy, renewed from time to time.
//!
//! A copy costs a fraction of opening the libraries again. All copies of one image share what the interpreter seeds its string hash with, so an
//! image serves [`USES`] boxes only. `SANDBOX_IMAGE=off` in the environment when the library is loaded does without, for diagnosis.

use std::sync::{Arc, Mutex};

use once_cell::sync::Lazy;

use super::core::Core;
use crate::engine::heap::Image;
use crate::engine::spare::room_for_shared;
use crate::lua::{compat, Kind, State};

/// Boxes made of one image.
const USES: u32 = 4096;
/// Tables that the test looks at; a fresh state has some thirty.
const MOST_TABLES: i64 = 1000;

/// An image, and what else it takes to make a box of it.
pub struct Fresh {
    pub heap: Image,
    /// Where the main thread lies from the base.
    main: usize,
    /// Lua threads that lie ready.
    threads: usize,
}

enum Stage {
    /// The next box that is opened is to be captured.
    Wanted,
    /// Captured; the first copy is to be tested.
    Untested(Arc<Fresh>),
    Tested(Arc<Fresh>, u32),
    /// Switched off, or a test has failed.
    Off,
}

static CURRENT: Lazy<Mutex<Stage>> = Lazy::new(|| {
    let off = std::env::var_os("SANDBOX_IMAGE").is_some_and(|value| value == "off");
    Mutex::new(if off { Stage::Off } else { Stage::Wanted })
});

/// Reads the environment; called when the library is loaded.
pub fn settle() {
    Lazy::force(&CURRENT);
}

/// The image, if there is one, and whether it has been tested. Another thread that is at it just now, or was when this process was forked, only
/// costs the long way.
pub fn current() -> Option<(Arc<Fresh>, bool)> {
    let mut current = CURRENT.try_lock().ok()?;
    match &mut *current {
        Stage::Untested(image) => Some((Arc::clone(image), false)),
        Stage::Tested(_, 0) => {
            *current = Stage::Wanted;
            None
        }
        Stage::Tested(image, left) => {
            *left -= 1;
            Some((Arc::clone(image), true))
        }
        Stage::Wanted | Stage::Off => None,
    }
}

/// The image, if it has been tested and is good for another box.
pub fn tested_one() -> Option<Arc<Fresh>> {
    let mut current = CURRENT.try_lock().ok()?;
    match &mut *current {
        Stage::Tested(image, left) if *left > 0 => {
            *left -= 1;
            Some(Arc::clone(image))
        }
        _ => None,
    }
}

/// Captures a box that has just been opened, if that is wanted.
pub fn offer(core: &Core) {
    let Ok(mut current) = CURRENT.try_lock() else { return };
    if !matches!(*current, Stage::Wanted) {
        return;
    }
    let image = core.heap.try_borrow().ok().and_then(|heap| heap.as_ref()?.capture());
    *current = match image {
        Some(heap) if room_for_shared::<Fresh>() => {
            let main = heap.offset_of(core.main.get() as usize);
            Stage::Untested(Arc::new(Fresh { heap, main, threads: core.threads.count() }))
        }
        // For want of memory: another time.
        _ => Stage::Wanted,
    };
}

/// The outcome of the test.
pub fn tested(well: bool) {
    let Ok(mut current) = CURRENT.try_lock() else { return };
    let now = std::mem::replace(&mut *current, Stage::Off);
    *current = match now {
        Stage::Untested(image) if well => Stage::Tested(image, USES),
        Stage::Untested(_) => Stage::Off,
        other => other,
    };
}

impl Fresh {
    /// The state of a box whose heap has just been made of this image.
    pub fn adopt(&self, core: &Core) {
        let header = core.heap.try_borrow().ok().and_then(|heap| heap.as_ref().map(|heap| heap.header()));
        if let Some(header) = header {
            core.main.set(header.cast::<u8>().wrapping_add(self.main).cast_mut().cast());
            core.threads.reset(self.threads);
            core.unseeded.set(compat::CLOSING);
        }
    }
}

/// What the test runs: strings, tables, coroutines, errors, collections, the compiler.
const CODE: &[u8] = b"local t = { 3, 1, 2, x = 'y' } table.sort(t)
    local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
    local _, a = coroutine.resume(co, 1) local _, b = coroutine.resume(co, 21)
    local ok, e = pcall(error, 'e', 0) local s = ('abc'):gsub('b', string.upper)
    for i = 1, 100 do t[{}] = tostring(i) end collectgarbage() collectgarbage()
    assert(t[1] == 1 and t[3] == 3 and a == 2 and b == 42 and not ok and e == 'e' and s == 'aBc' and #t == 3)
    assert((loadstring or load)('return ' .. 6 * 7)() == 42 and math.floor(2.5) == 2)
    assert(_G._G == _G and require 'string' == string and io.type(io.stdout) == 'file')";

/// Bare: raises where the copy is not what it should be: a table whose keys are found no more, or code that runs no more.
pub fn test(s: State) {
    s.set_top(0);
    s.new_table();
    s.push_registry();
    let mut seen = 0;
    walk(s, &mut seen);
    s.set_top(0);
    if !s.load_text(CODE, c"=image") {
        s.error();
    }
    s.call(0, 0);
}

/// Looks at the table on top of the stack and at all below it that stand in no other that was seen; pops it. The table at 1 knows them.
fn walk(s: State, seen: &mut i64) {
    s.copy(-1);
    s.raw_get(1);
    let known = !s.is_nil(-1);
    s.pop(1);
    if known || *seen >= MOST_TABLES || !s.has_room(8) {
        s.pop(1);
        return;
    }
    *seen += 1;
    s.copy(-1);
    s.push_bool(true);
    s.raw_set(1);
    s.push_nil();
    while s.next(-2) {
        // table, key, value
        s.copy(-2);
        s.raw_get(-4);
        if !s.raw_equal(-1, -2) {
            s.raise(c"image: a key is lost");
        }
        s.pop(1);
        if s.kind(-1) == Kind::Table {
            walk(s, seen);
        } else {
            s.pop(1);
        }
    }
    s.pop(1);
}
