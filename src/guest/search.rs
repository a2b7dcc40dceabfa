//! Files along a path, as `package.searchpath` and `require` look for them.

use std::ffi::CStr;
use std::os::raw::c_int;

use super::file;
use crate::lua::{compat, State};

/// What a line of a message on a module that was not found begins with: Lua 5.4 has `require` itself write it.
pub const LINE: &CStr = if compat::CLOSING { c"" } else { c"\n\t" };

/// `package.searchpath(name, path [, sep [, rep]])`
pub fn searchpath(s: State) -> c_int {
    s.check_bytes(1);
    s.check_bytes(2);
    for (arg, default) in [(3, c"."), (4, c"/")] {
        if s.is_none_or_nil(arg) {
            if s.top() < arg {
                s.set_top(arg);
            }
            s.push_cstr(default);
            s.replace(arg);
        }
        s.check_bytes(arg);
    }
    if find(s, s.c_str(1), 2, s.c_str(3), s.c_str(4)) {
        return 1;
    }
    s.push_nil();
    s.insert(-2);
    2
}

/// Looks for `name` along the path at index `path`. Pushes the name of the file and gives true, or pushes what was tried.
pub fn find(s: State, name: &CStr, path: c_int, sep: &CStr, rep: &CStr) -> bool {
    s.check_stack(12, c"searchpath");
    let base = s.top() + 1;
    if sep.is_empty() {
        s.push_cstr(name);
    } else {
        s.gsub(name, sep, rep);
    }
    if compat::CLOSING {
        // The whole path at once: a `;` in the name counts.
        s.gsub(s.c_str(path), c"?", s.c_str(base));
    } else {
        s.push_cstr(s.c_str(path));
    }
    s.push_cstr(c"");
    // name, templates, what was tried
    let mut rest = s.bytes(base + 1).unwrap_or_default();
    while !rest.is_empty() {
        let end = rest.iter().position(|&b| b == b';').unwrap_or(rest.len());
        let (piece, more) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        rest = more.get(1..).unwrap_or_default();
        if piece.is_empty() {
            continue;
        }
        s.push_bytes(piece);
        if !compat::CLOSING {
            s.gsub(s.c_str(-1), c"?", s.c_str(base));
            s.remove(-2);
        }
        if file::readable(s, -1) {
            s.replace(base);
            s.set_top(base);
            return true;
        }
        if compat::CLOSING {
            s.pop(1);
            continue;
        }
        s.push_cstr(c"\n\tno file '");
        s.insert(-2);
        s.push_cstr(c"'");
        s.concat(4);
    }
    if compat::CLOSING {
        s.push_cstr(c"no file '");
        s.gsub(s.c_str(base + 1), c";", c"'\n\tno file '");
        s.push_cstr(c"'");
        s.concat(3);
    }
    s.replace(base);
    s.set_top(base);
    false
}
