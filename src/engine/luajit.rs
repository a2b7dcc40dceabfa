//! What LuaJIT keeps where its API doesn't reach: machine code outside the heap, and a flag that says a hook is running.
//!
//! Where in its state these lie differs between builds, so it is found out once, with a state made for the purpose ([`study`]): the
//! byte that follows the mask given to `lua_sethook`, and the word that holds the address of the first mapping for machine code,
//! which `/proc/self/maps` shows appear when a loop is compiled. Where either can't be found, boxes are stopped hard, or leave
//! their machine code (64 KB each) behind.
//!
//! Names and values (`hookmask`, `HOOK_ACTIVE`, `HOOK_GC`, `J->mcarea`, `MCLink`) are those of LuaJIT 2.1's `lj_obj.h`,
//! `lj_dispatch.h` and `lj_mcode.c`.
//!
//! # Safety
//! Offsets are relative to the state's main thread, which LuaJIT allocates in one block with all that is read here (`GG_State`).
#![allow(unsafe_code)]

mod global;

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use mlua::ffi::*;
use once_cell::sync::Lazy;

use super::heap::{Budget, Heap, Slot};
use super::seat::Seat;
use super::stack::BoxStack;
use super::switch::Task;
use super::zone::{ZONE_HOST, ZONE_VM};
use super::{Finish, Message};
use crate::lua::compat;
pub use global::{global_of, learn, running, set_running, words_at};

const HOOK_ACTIVE: u8 = 0x10;
const HOOK_GC: u8 = 0x40;
/// How much of the state's block is looked at: `GG_State` is some 6 KB.
const LOOKED_AT: usize = 12 << 10;
/// No area for machine code is larger.
const LARGEST_AREA: usize = 64 << 20;

/// Offsets from the main thread.
#[derive(Clone, Copy, Default)]
struct Layout {
    hook_mask: Option<usize>,
    code_area: Option<usize>,
}

static LAYOUT: Lazy<Layout> = Lazy::new(|| investigate().unwrap_or_default());
static FOUND_MASK: AtomicUsize = AtomicUsize::new(0);

/// Looks once at how this build of LuaJIT lies in memory.
pub fn study() {
    Lazy::force(&UNWINDER);
    Lazy::force(&LAYOUT);
}

struct Probe {
    header: *mut c_void,
    main: usize,
}

fn investigate() -> Option<Layout> {
    let budget = Budget::new(4 << 20, None);
    let heap = Heap::create(Slot::take(16 << 20)?, budget)?;
    let stack = BoxStack::take()?;
    let mut probe = Probe { header: heap.header() as *mut c_void, main: 0 };
    let before = mappings()?;
    // SAFETY: `run_probe` is bare code; the probe outlives the task.
    let mut task = unsafe { Task::new(stack, run_probe, (&raw mut probe).cast()) };
    let finished = task.resume(Message::Go) == Err(Finish::Done);
    task.finish();
    if !finished || probe.main == 0 {
        return None;
    }
    let hook_mask = FOUND_MASK.load(Relaxed).checked_sub(1);
    let code_area = mappings()?.into_iter().find(|now| now.2 && !before.contains(now)).and_then(|area| {
        let words = LOOKED_AT / size_of::<usize>();
        let mut found = (0..words)
            .map(|i| i * size_of::<usize>())
            .filter(|offset| word_at(probe.main + offset) == Some(area.0));
        let first = found.next();
        // Unique, or it is not what it seems.
        if found.next().is_some() {
            return None;
        }
        first
    });
    let layout = Layout { hook_mask, code_area };
    unmap_areas(&layout, probe.main, true);
    Some(layout)
}

/// Opens a state, watches it take hook masks, and has it compile a loop.
///
/// # Safety
/// Bare, on the seat's stack; `argument` is a [`Probe`].
unsafe fn run_probe(seat: &'static Seat, argument: *mut c_void) {
    let probe = argument as *mut Probe;
    seat.zone.zone.store(ZONE_VM, Relaxed);
    if let Some(state) = compat::new_state((*probe).header, 0) {
        let state = state.as_ptr();
        FOUND_MASK.store(find_mask(state).map_or(0, |offset| offset + 1), Relaxed);
        if lua_cpcall(state, compile_loop, std::ptr::null_mut()) == LUA_OK {
            (*probe).main = state as usize;
        }
    }
    seat.zone.zone.store(ZONE_HOST, Relaxed);
}

/// Where in the state the hook mask lies.
///
/// # Safety
/// `state` is a fresh state's main thread.
unsafe fn find_mask(state: *mut lua_State) -> Option<usize> {
    extern "C-unwind" fn nothing(_: *mut lua_State, _: *mut lua_Debug) {}
    let bytes = state as *const u8;
    let mut candidates = [true; 4096];
    for mask in [1, 2, 4, 8, 5, 10, 15, 3, 12, 0] {
        lua_sethook(state, Some(nothing), mask, 1000);
        for (offset, possible) in candidates.iter_mut().enumerate() {
            *possible &= c_int::from(bytes.add(offset).read_volatile()) == mask;
        }
    }
    lua_sethook(state, None, 0, 0);
    let mut left = candidates.iter().enumerate().filter(|(_, possible)| **possible).map(|(offset, _)| offset);
    let first = left.next();
    if left.next().is_some() {
        return None;
    }
    first
}

/// # Safety
/// Bare.
unsafe extern "C-unwind" fn compile_loop(state: *mut lua_State) -> c_int {
    const LOOP: &CStr = c"local x = 0 for i = 1, 1000 do x = x + i end return x";
    compat::open_pure_libraries(state);
    luaL_loadbuffer(state, LOOP.as_ptr(), LOOP.count_bytes(), c"=probe".as_ptr());
    lua_call(state, 0, 0);
    0
}

/// Anonymous mappings of the process: start, end, and whether code may run there.
fn mappings() -> Option<Vec<(usize, usize, bool)>> {
    let text = std::fs::read_to_string("/proc/self/maps").ok()?;
    let parse = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let code = fields.next()?.contains('x');
        if fields.nth(3).is_some() {
            return None;
        }
        Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?, code))
    };
    Some(text.lines().filter_map(parse).collect())
}

/// The word at an address, which may be anything: a crash may have written there.
fn word_at(address: usize) -> Option<usize> {
    let mut word = 0_usize;
    let to = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: size_of::<usize>() };
    let from = libc::iovec { iov_base: address as *mut c_void, iov_len: size_of::<usize>() };
    // SAFETY: the kernel copies, and refuses what can't be read.
    let got = unsafe { libc::process_vm_readv(libc::getpid(), &to, 1, &from, 1, 0) };
    (got == size_of::<usize>() as isize).then_some(word)
}

/// Gives back the machine code of a state that is dropped without `lua_close`.
pub fn unmap_code(main: usize, heap: &Heap) {
    if main != 0 && heap.contains(main) {
        if heap.is_trusted() && LAYOUT.code_area.is_some_and(|offset| is_null_in(heap, main + offset)) {
            return;
        }
        unmap_areas(&LAYOUT, main, heap.is_trusted());
    }
}

/// Whether the word at an address in the heap is zero, which is known without asking the kernel.
fn is_null_in(heap: &Heap, address: usize) -> bool {
    let inside = address.is_multiple_of(size_of::<usize>()) && heap.contains(address);
    // SAFETY: an aligned word of the heap's slot, which is readable and of a whole number of pages; nothing runs in it.
    inside && unsafe { (address as *const usize).read() } == 0
}

fn unmap_areas(layout: &Layout, main: usize, trusted: bool) {
    let Some(offset) = layout.code_area else { return };
    let mut area = word_at(main + offset).unwrap_or(0);
    // After a crash only what the kernel confirms to be such an area is unmapped.
    let known = if trusted || area == 0 { None } else { Some(mappings().unwrap_or_default()) };
    for _ in 0..4096 {
        if area == 0 || !area.is_multiple_of(4096) {
            return;
        }
        let (Some(next), Some(size)) = (word_at(area), word_at(area + size_of::<usize>())) else { return };
        if size == 0 || !size.is_multiple_of(4096) || size > LARGEST_AREA {
            return;
        }
        if let Some(known) = &known {
            if !known.iter().any(|m| m.2 && m.0 <= area && area + size <= m.1) {
                return;
            }
        }
        forget_frames(area, size);
        // SAFETY: an area of this state's machine code, which runs no more.
        unsafe { libc::munmap(area as *mut c_void, size) };
        area = next;
    }
}

extern "C" {
    fn _Unwind_Find_FDE(pc: *const c_void, bases: *mut [usize; 3]) -> *const c_void;
    fn __deregister_frame(begin: *const c_void);
}

/// LuaJIT registers each area with the unwinder of libgcc, with what describes it right behind the area's link: forgotten before
/// the area goes.
fn forget_frames(area: usize, size: usize) {
    let mut bases = [0_usize; 3];
    // SAFETY: the area is mapped; what is found in it was registered with its beginning, and is so no longer after.
    unsafe {
        let entry = _Unwind_Find_FDE((area + size / 2) as *const c_void, &mut bases) as usize;
        if entry > area && entry < area + size {
            __deregister_frame((area + 2 * size_of::<usize>()) as *const c_void);
        }
    }
}

/// Where the unwinder and what it calls lie: text of libgcc, its data, text of the C library and the dynamic linker.
#[derive(Default)]
struct Unwinder {
    text: Vec<(usize, usize)>,
    data: Vec<(usize, usize)>,
    callees: Vec<(usize, usize)>,
}

static UNWINDER: Lazy<Unwinder> = Lazy::new(|| {
    /// # Safety
    /// `dl_iterate_phdr` calls it with a valid record; `data` is the [`Unwinder`].
    unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
        let unwinder = &mut *(data as *mut Unwinder);
        let info = &*info;
        if info.dlpi_name.is_null() || info.dlpi_phdr.is_null() {
            return 0;
        }
        let name = CStr::from_ptr(info.dlpi_name).to_bytes();
        let has = |part: &[u8]| name.windows(part.len()).any(|w| w == part);
        let is_unwinder = has(b"libgcc_s");
        if !is_unwinder && !has(b"/libc.so") && !has(b"/ld-linux") {
            return 0;
        }
        for header in std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) {
            let start = (info.dlpi_addr + header.p_vaddr) as usize;
            let range = (start, start + header.p_memsz as usize);
            let list = match (is_unwinder, header.p_flags & libc::PF_X != 0, header.p_flags & libc::PF_W != 0)
            {
                _ if header.p_type != libc::PT_LOAD => continue,
                (true, true, _) => &mut unwinder.text,
                (true, _, true) => &mut unwinder.data,
                (false, true, _) => &mut unwinder.callees,
                _ => continue,
            };
            list.push(range);
        }
        0
    }
    let mut unwinder = Unwinder::default();
    // SAFETY: the callback gets the pointer that is passed here.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut unwinder).cast()) };
    unwinder
});

fn within(ranges: &[(usize, usize)], address: usize) -> bool {
    ranges.iter().any(|range| range.0 <= address && address < range.1)
}

/// Whether the code at `pc` may hold the lock of the unwinder, which LuaJIT raises errors with: then it must not be left now. Safe to
/// call from a signal handler.
///
/// # Safety
/// `sp` is the stack pointer that goes with `pc`, on a box's stack whose base is `base`.
pub unsafe fn may_hold_lock(pc: usize, sp: usize, base: usize) -> bool {
    // Made by `study`, so that nothing is initialised here.
    let Some(unwinder) = Lazy::get(&UNWINDER) else { return false };
    if within(&unwinder.text, pc) {
        return true;
    }
    if !within(&unwinder.callees, pc) {
        return false;
    }
    // The unwinder may have called what runs: is there a return address of its near the top of the stack?
    let end = base.min(sp.saturating_add(4096));
    let mut at = sp.next_multiple_of(size_of::<usize>());
    while at + size_of::<usize>() <= end {
        if within(&unwinder.text, (at as *const usize).read_volatile()) {
            return true;
        }
        at += size_of::<usize>();
    }
    false
}

/// After a stack was left at a fault: gives the unwinder's lock back if this thread still holds it. It lies in the data of libgcc, and
/// is found by what glibc writes into a locked mutex: state, count, and the owner's thread id.
pub fn release_unwinder() {
    // SAFETY: a plain system call.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) } as c_int;
    for &(start, end) in &UNWINDER.data {
        let mut at = start.next_multiple_of(8);
        while at + size_of::<libc::pthread_mutex_t>() <= end {
            // SAFETY: the library's own data, mapped as long as the library is; what looks like a mutex that this thread holds
            // is unlocked by this thread.
            unsafe {
                let words = at as *const [c_int; 5];
                let [state, count, owner, users, kind] = words.read_volatile();
                if (state == 1 || state == 2) && count == 0 && owner == tid && users == 1 && kind == 0 {
                    libc::pthread_mutex_unlock(at as *mut libc::pthread_mutex_t);
                    return;
                }
            }
            at += 8;
        }
    }
}

/// After a hook was left: clears the flag that it runs, which LuaJIT keeps for the whole state; false where that can't be done, or
/// a finalizer was running, during which hooks stay off.
pub fn revive_hooks(main: usize) -> bool {
    let Some(offset) = LAYOUT.hook_mask else { return false };
    let mask = (main + offset) as *mut u8;
    // SAFETY: in the state's own block, of which nothing runs now but the code that calls this.
    unsafe {
        let now = mask.read_volatile();
        if now & HOOK_GC != 0 {
            return false;
        }
        mask.write_volatile(now & !HOOK_ACTIVE);
    }
    true
}

extern "C-unwind" {
    fn luaJIT_setmode(state: *mut lua_State, index: c_int, mode: c_int) -> c_int;
}

const MODE_ENGINE_OFF: c_int = 0;
const MODE_ENGINE_ON: c_int = 0x100;
const MODE_FLUSH: c_int = 0x200;

/// Turns the compiler of a state on, or off and forgets what it has compiled. False where a finalizer is running: then it can't be
/// done. `fresh` says that none can be.
///
/// # Safety
/// `main` is the main thread of a box in which nothing runs now.
pub unsafe fn set_compiler(main: *mut lua_State, on: bool, fresh: bool) -> bool {
    let outside = match LAYOUT.hook_mask {
        // SAFETY: in the state's own block.
        Some(offset) => unsafe { (main as *const u8).add(offset).read_volatile() & HOOK_GC == 0 },
        None => fresh,
    };
    if !outside {
        return false;
    }
    // SAFETY: raises only in a finalizer. Code of a trace that has called out finds its trace gone, and goes on interpreted.
    unsafe {
        if on {
            luaJIT_setmode(main, 0, MODE_ENGINE_ON) != 0
        } else {
            luaJIT_setmode(main, 0, MODE_ENGINE_OFF) != 0 && luaJIT_setmode(main, 0, MODE_FLUSH) != 0
        }
    }
}

/// Forgets what a state has compiled: nothing of it lies outside its heap then. False where a finalizer is running.
///
/// # Safety
/// `main` is the main thread of a box in which nothing runs now.
pub unsafe fn flush(main: *mut lua_State) -> bool {
    // SAFETY: see `set_compiler`; a box at rest runs no finalizer.
    unsafe { luaJIT_setmode(main, 0, MODE_FLUSH) != 0 }
}
