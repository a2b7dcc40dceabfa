//! The garbage collector, and what it leaves of finalizers.

use mlua::ffi::*;

use super::State;
use crate::lua::compat;

impl State {
    pub fn stop_collector(self) {
        api! {
            lua_gc(self.0, LUA_GCSTOP, 0);
        }
    }

    pub fn restart_collector(self) {
        api! {
            lua_gc(self.0, LUA_GCRESTART, 0);
        }
    }

    /// Bytes of the heap, garbage included.
    pub fn heap_size(self) -> usize {
        (api! { lua_gc(self.0, LUA_GCCOUNT, 0) }).max(0) as usize * 1024
    }

    /// A full collection; finalizers run.
    pub fn collect(self) {
        api! {
            lua_gc(self.0, LUA_GCCOLLECT, 0);
        }
    }

    /// Bytes in use.
    #[cfg(any(test, fuzzing))]
    pub fn heap_in_use(self) -> usize {
        api! { (lua_gc(self.0, LUA_GCCOUNT, 0) as usize) << 10 | lua_gc(self.0, LUA_GCCOUNTB, 0) as usize }
    }

    /// Whether the collector has not been stopped (always, in Lua 5.1, which doesn't tell).
    pub fn collector_runs(self) -> bool {
        api! { compat::collector_runs(self.0) }
    }

    pub fn collector_survives(self) -> bool {
        api! { compat::collector_survives(self.0) }
    }

    /// Whether count hooks still fire (LuaJIT keeps one flag for the whole state that turns them off in finalizers).
    pub fn hooks_survive(self) -> bool {
        api! { compat::hooks_survive(self.0) }
    }
}
