//! Who has called stdio: a walk down the C stack.
//!
//! Compiled code lies in no loaded object. What can't be told is taken for it.
//!
//! # Safety
//! The unwinder only looks at frames; it calls [`look`] for each.
#![allow(unsafe_code)]

use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use mlua::ffi::lua_type;

/// Frames to look at: from here to the interpreter there are about ten.
const FRAMES: u32 = 64;

extern "C" {
    fn _Unwind_Backtrace(f: extern "C" fn(*mut c_void, *mut c_void) -> c_int, argument: *mut c_void)
        -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
    fn _Unwind_FindEnclosingFunction(address: usize) -> usize;
}

const URC_NO_REASON: c_int = 0;
const URC_NORMAL_STOP: c_int = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    Compiled,
    /// Interpreted code that calls `fflush`, or `exit`.
    Flush,
    Other,
}

/// The code of one loaded object; empty if there is none.
#[derive(Clone, Copy)]
struct Code {
    start: usize,
    end: usize,
}

impl Code {
    const NONE: Code = Code { start: 0, end: 0 };

    fn has(self, address: usize) -> bool {
        (self.start..self.end).contains(&address)
    }
}

/// What nearly all frames lie in: none of it is ever unloaded.
struct Known {
    interpreter: Code,
    libc: Code,
    ours: Code,
}

static KNOWN: OnceLock<Known> = OnceLock::new();

struct Walk<'a> {
    known: &'a Known,
    left: u32,
    found: Caller,
}

/// Looks at one frame, until one is the interpreter's or in no object.
extern "C" fn look(context: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: the unwinder passes both pointers on.
    unsafe {
        let walk = &mut *(walk as *mut Walk);
        // The address is that of the next instruction, which may belong to the next function.
        let address = match _Unwind_GetIP(context) {
            0 => return URC_NORMAL_STOP,
            next => next.wrapping_sub(1),
        };
        walk.left = walk.left.saturating_sub(1);
        if walk.known.interpreter.has(address) {
            return URC_NORMAL_STOP;
        }
        let in_libc = walk.known.libc.has(address);
        if walk.left == 0 || !(in_libc || walk.known.ours.has(address) || code_at(address).has(address)) {
            walk.found = Caller::Compiled;
            return URC_NORMAL_STOP;
        }
        if in_libc {
            let function = _Unwind_FindEnclosingFunction(address);
            if function == libc::fflush as *const () as usize || function == libc::exit as *const () as usize
            {
                walk.found = Caller::Flush;
            }
        }
    }
    URC_NO_REASON
}

/// The code of the object that `address` lies in.
fn code_at(address: usize) -> Code {
    let mut search = (address, Code::NONE);
    // SAFETY: `visit` gets the search, and lets nothing out.
    unsafe { libc::dl_iterate_phdr(Some(visit), ptr::from_mut(&mut search).cast()) };
    search.1
}

/// # Safety
/// `dl_iterate_phdr` calls it with a valid record; `search` is an address and the place for its code.
unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, search: *mut c_void) -> c_int {
    // SAFETY: the loader passes a record of an object and its segments.
    unsafe {
        let (address, code) = &mut *(search as *mut (usize, Code));
        let info = &*info;
        for index in 0..info.dlpi_phnum {
            let segment = &*info.dlpi_phdr.add(index.into());
            let start = (info.dlpi_addr as usize).wrapping_add(segment.p_vaddr as usize);
            let found = Code { start, end: start.wrapping_add(segment.p_memsz as usize) };
            if segment.p_type == libc::PT_LOAD && segment.p_flags & libc::PF_X != 0 && found.has(*address) {
                *code = found;
                return 1;
            }
        }
    }
    0
}

pub fn caller() -> Caller {
    let known = KNOWN.get_or_init(|| Known {
        interpreter: code_at(lua_type as *const () as usize),
        libc: code_at(libc::fflush as *const () as usize),
        ours: code_at(caller as *const () as usize),
    });
    let mut walk = Walk { known, left: FRAMES, found: Caller::Other };
    // SAFETY: `look` lets nothing out, and `walk` outlives the call.
    unsafe { _Unwind_Backtrace(look, ptr::from_mut(&mut walk).cast()) };
    walk.found
}
