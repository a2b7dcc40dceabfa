//! Who has called stdio: a walk down the C stack.
//!
//! Compiled code lies in no loaded object. What can't be told is taken for it.
//!
//! # Safety
//! The unwinder only looks at frames; it calls [`look`] for each.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlua::ffi::lua_type;

/// Frames to look at: from here to the interpreter there are about ten.
const FRAMES: u32 = 64;

extern "C" {
    fn _Unwind_Backtrace(f: extern "C" fn(*mut c_void, *mut c_void) -> c_int, argument: *mut c_void) -> c_int;
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

struct Walk {
    interpreter: usize,
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
        let object = object_of(address);
        walk.left = walk.left.saturating_sub(1);
        if object == 0 || walk.left == 0 {
            walk.found = Caller::Compiled;
            return URC_NORMAL_STOP;
        }
        if object == walk.interpreter {
            return URC_NORMAL_STOP;
        }
        let function = _Unwind_FindEnclosingFunction(address);
        if function == libc::fflush as *const () as usize || function == libc::exit as *const () as usize {
            walk.found = Caller::Flush;
        }
    }
    URC_NO_REASON
}

/// Where the loaded object that `address` lies in begins; 0 if in none.
fn object_of(address: usize) -> usize {
    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: dladdr looks the address up; `info` is filled when it says so.
    unsafe {
        if libc::dladdr(address as *const c_void, info.as_mut_ptr()) == 0 {
            return 0;
        }
        info.assume_init().dli_fbase as usize
    }
}

pub fn caller() -> Caller {
    static INTERPRETER: AtomicUsize = AtomicUsize::new(0);
    let mut interpreter = INTERPRETER.load(Ordering::Relaxed);
    if interpreter == 0 {
        interpreter = object_of(lua_type as *const () as usize);
        INTERPRETER.store(interpreter, Ordering::Relaxed);
    }
    let mut walk = Walk { interpreter, left: FRAMES, found: Caller::Other };
    // SAFETY: `look` lets nothing out, and `walk` outlives the call.
    unsafe { _Unwind_Backtrace(look, ptr::from_mut(&mut walk).cast()) };
    walk.found
}
