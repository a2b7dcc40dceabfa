use mlua::ffi::*;

use super::*;

/// # Safety
/// A valid state with a free slot.
unsafe fn run(state: *mut lua_State) {
    let code = c"local x = 0 for i = 1, 500 do x = x + i end";
    assert_eq!(luaL_loadbuffer(state, code.as_ptr(), code.count_bytes(), c"=test".as_ptr()), LUA_OK);
    assert_eq!(lua_pcall(state, 0, 0, 0), LUA_OK);
}

#[test]
fn what_was_used_is_read_exactly() {
    // SAFETY: a state of its own, which is no box: our hook does nothing there.
    unsafe {
        let state = luaL_newstate();
        let count = |wait| {
            set_wait(state, state, layout(), wait);
            run(state);
            used_of(state, layout(), wait)
        };
        let all = count(1_000_000);
        assert!(all > 1000, "{all}");
        assert_eq!(count(5_000), all);
        assert_eq!(count(all as c_int + 1), all);
        // A wait that is over leaves nothing, however long ago.
        assert_eq!(count(all as c_int - 100), all - 101);
        lua_close(state);
    }
}

#[test]
fn where_it_cannot_be_read_a_switch_costs_a_whole_chunk() {
    // SAFETY: as above.
    unsafe {
        let state = luaL_newstate();
        set_wait(state, state, None, CHUNK as c_int);
        assert_eq!(lua_gethookcount(state), CHUNK as c_int);
        assert_eq!(used_of(state, None, CHUNK as c_int), CHUNK - 1);
        lua_close(state);
    }
}

#[test]
fn a_count_that_a_crash_has_overwritten_does_no_harm() {
    let Some(found) = layout() else { return };
    // SAFETY: as above.
    unsafe {
        let state = luaL_newstate();
        for (left, used) in [(c_int::MIN, 100), (-1, 100), (c_int::MAX, 0), (101, 0), (100, 0), (1, 99)] {
            set_wait(state, state, layout(), 100);
            left_of(found, state).write_volatile(left);
            assert_eq!(used_of(state, layout(), 100), used, "{left}");
        }
        lua_close(state);
    }
}
