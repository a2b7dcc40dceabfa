//! After a stop: what the box's stack looked like, and whether its heap can go on.

use super::level::Level;
use super::run::Run;
use crate::lua::State;

/// Longest traceback that is kept, bytes.
const LONGEST: usize = 16 << 10;

/// Bare: keeps the string on top of the stack as the box's traceback.
pub fn keep_traceback(s: State, level: Level) {
    let bytes = s.bytes(-1).unwrap_or_default();
    let kept = bytes.get(..LONGEST).unwrap_or(bytes);
    level.guarded(|| {
        if let Some(core) = level.core() {
            if let Ok(mut place) = core.traceback.try_borrow_mut() {
                let mut copy = place.take().unwrap_or_default();
                copy.clear();
                if copy.try_reserve(kept.len()).is_ok() {
                    copy.extend_from_slice(kept);
                    *place = Some(copy);
                }
            }
        }
    });
}

/// Bare: reads the traceback of the thread that was left, and tries the heap.
pub fn examine(s: State, level: Level, run: &Run) {
    let left = run.left.get();
    if !left.is_null() {
        let said = run.core.stopped.try_borrow().map_or(&b""[..], |t| {
            // SAFETY: the text changes only while no code of the box runs.
            #[allow(unsafe_code)]
            unsafe {
                std::slice::from_raw_parts(t.as_ptr(), t.len())
            }
        });
        s.push_bytes(said);
        // SAFETY: the thread is anchored by the box's registry, or by the stack of the thread that resumed it.
        #[allow(unsafe_code)]
        s.append_traceback(unsafe { State::new(left) }, 0);
        keep_traceback(s, level);
        s.pop(1);
    }
    let main = run.core.main.get() as usize;
    if !crate::engine::luajit::revive_hooks(main) || !s.hooks_survive() || !s.collector_survives() {
        s.raise(c"stopped in a finalizer");
    }
}
