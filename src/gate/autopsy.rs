//! After a stop: what the box's stack looked like, and whether its heap can go on.

use super::level::Level;
use super::run::Run;
use super::trace::LONGEST;
use crate::lua::State;

/// Bare: keeps the string on top of the stack as the box's traceback.
fn keep_traceback(s: State, level: Level) {
    let bytes = s.bytes(-1).unwrap_or_default();
    let kept = bytes.get(..LONGEST).unwrap_or(bytes);
    level.guarded(|| {
        if let Some(run) = level.run() {
            run.traced.set(true);
            run.core.set_traceback(kept);
        }
    });
}

/// Bare: the error object on top of the stack came without a traceback, since there was no memory for one: its text stands alone.
pub fn keep_message(s: State, level: Level) {
    if level.run().is_some_and(|run| !run.traced.get()) {
        keep_traceback(s, level);
    }
}

/// Bare: reads the traceback of the thread that was left, and tries the heap.
pub fn examine(s: State, level: Level, run: &Run) {
    let left = run.left.get();
    if !left.is_null() {
        // The limit may be that of a box above.
        let stopped = &run.core.doomed().unwrap_or(&run.core).stopped;
        let said = stopped.try_borrow().map_or(&b""[..], |t| {
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
