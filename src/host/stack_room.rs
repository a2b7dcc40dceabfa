//! How much C stack is left: asked before a native function lets Lua code run that may come back to it.
//!
//! # Safety
//! Asks pthread for the bounds of the calling thread's own stack; reads nothing there.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::mem::MaybeUninit;

/// Bytes that must be left on an ordinary stack: a Lua callback may itself nest `gsub` callbacks with frames of 8 KB.
const ROOM: usize = 160 << 10;
/// The same on a stack of at most [`SMALL_STACK`] bytes, such as those of 256 KB that some hosts give their threads.
const ROOM_IF_SMALL: usize = 96 << 10;
const SMALL_STACK: usize = 512 << 10;
/// Callbacks inside callbacks, whatever stack there is; Lua's own limit for C calls is 200.
const DEPTH: u32 = 190;
/// The same on a stack whose bounds are unknown: a coroutine's, for instance.
const DEPTH_IF_UNKNOWN: u32 = 30;
/// What closing may use beyond: a stream must get rid of its callbacks even where it may not call them for data any more.
const DEPTH_TO_CLOSE: u32 = 5;

/// Bounds of this thread's stack, lowest address first; both 0 before they are asked for, both 1 where the system can't tell.
type Bounds = (usize, usize);

thread_local! {
    static BOUNDS: Cell<Bounds> = const { Cell::new((0, 0)) };
    static NESTED: Cell<u32> = const { Cell::new(0) };
}

/// What the callback is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Ordinary,
    /// The last callback of something that goes away: gets by with half the room.
    Closing,
}

/// Whether the C stack has room for one more callback into Lua.
pub fn room_on_stack() -> bool {
    has_room(Purpose::Ordinary)
}

/// As [`room_on_stack`], for a callback that serves `purpose`.
pub fn has_room(purpose: Purpose) -> bool {
    let nested = NESTED.get();
    let (extra, divisor) = if purpose == Purpose::Closing { (DEPTH_TO_CLOSE, 2) } else { (0, 1) };
    match left() {
        Some((left, size)) => {
            let need = if size <= SMALL_STACK { ROOM_IF_SMALL } else { ROOM };
            left >= need / divisor && nested < DEPTH + extra
        }
        None => nested < DEPTH_IF_UNKNOWN + extra,
    }
}

/// Counts a callback in, if there is room for it; each `true` needs a [`leave`].
pub fn enter(purpose: Purpose) -> bool {
    let room = has_room(purpose);
    if room {
        NESTED.set(NESTED.get().saturating_add(1));
    }
    room
}

/// Counts a callback out that [`enter`] has let in.
pub fn leave() {
    NESTED.set(NESTED.get().saturating_sub(1));
}

/// Bytes left below the stack pointer, and the size of the stack; none if the thread runs on a stack that isn't its own.
fn left() -> Option<(usize, usize)> {
    let mark = 0u8;
    let here = std::ptr::from_ref(&mark) as usize;
    if BOUNDS.get() == (0, 0) {
        BOUNDS.set(ask().unwrap_or((1, 1)));
    }
    let (low, high) = BOUNDS.get();
    (here > low && here < high).then(|| (here - low, high - low))
}

fn ask() -> Option<Bounds> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut low = std::ptr::null_mut();
    let mut size = 0;
    // SAFETY: the attributes are initialised by the first call and destroyed once; the out pointers live here.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let known = libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut size) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        known.then_some((low as usize, (low as usize).saturating_add(size)))
    }
}
