//! `require`: the stock one, with the searcher of `package.preload` alone.

use std::ffi::CStr;

use crate::lua::{compat, State};

/// Names taken out of `package`, and why.
const ABSENT: &[(&CStr, &str)] =
    &[(c"loadlib", "loads C code into the process"), (c"searchpath", "tells which files exist")];

pub fn open(s: State) {
    s.open_package_library();
    // package
    for (name, _why) in ABSENT {
        s.push_nil();
        s.raw_set_field(-2, name);
    }
    for name in [c"path", c"cpath"] {
        s.push_cstr(c"");
        s.raw_set_field(-2, name);
    }
    s.raw_field(-1, if compat::V51 { c"loaders" } else { c"searchers" });
    for index in 2..=s.raw_len(-1) {
        s.push_nil();
        s.raw_seti(-2, index as i64);
    }
    if compat::V52 {
        s.copy(-1);
        s.raw_set_field(-3, c"loaders");
    }
    s.pop(2);
}

/// Bare: makes the table on top what `require(name)` gives. Leaves it there.
pub fn preset(s: State, name: &CStr) {
    s.push_loaded();
    s.copy(-2);
    s.raw_set_field(-2, name);
    s.pop(1);
}
