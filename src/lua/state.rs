//! A Lua state as bare code sees it: the C API with the names of the newest Lua.
//!
//! # Safety
//! A [`State`] is only made from a pointer that Lua itself has passed (or `lua_newstate` has returned), and only used by the thread
//! that runs it, while it lives. The rest of the argument is in [`super`].
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};
use std::ptr;

use mlua::ffi::*;

use super::{caller, compat, traceback, Entry};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    None,
    Nil,
    Boolean,
    LightUserdata,
    Number,
    String,
    Table,
    Function,
    Userdata,
    Thread,
    /// LuaJIT's `cdata`.
    Other,
}

/// Calls the C API.
macro_rules! api {
    ($($call:tt)*) => {{
        // SAFETY: the state is live and this thread's, and the caller keeps the rules of indices and room: see `super`.
        unsafe { $($call)* }
    }};
}

/// A Lua thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State(*mut lua_State);

impl State {
    pub const REGISTRY: c_int = LUA_REGISTRYINDEX;
    pub const ALL: c_int = LUA_MULTRET;

    /// # Safety
    /// `state` is a live Lua thread that the calling OS thread may use.
    pub unsafe fn new(state: *mut lua_State) -> State {
        State(state)
    }

    pub fn as_ptr(self) -> *mut lua_State {
        self.0
    }

    /// Index of an upvalue of the running C function.
    pub fn upvalue(n: c_int) -> c_int {
        lua_upvalueindex(n)
    }

    // ---- the stack

    pub fn top(self) -> c_int {
        api! { lua_gettop(self.0) }
    }

    pub fn set_top(self, n: c_int) {
        api! { lua_settop(self.0, n) }
    }

    pub fn pop(self, n: c_int) {
        api! { lua_settop(self.0, -n - 1) }
    }

    pub fn absolute(self, index: c_int) -> c_int {
        api! { lua_absindex(self.0, index) }
    }

    pub fn copy(self, index: c_int) {
        api! { lua_pushvalue(self.0, index) }
    }

    pub fn insert(self, index: c_int) {
        api! { lua_insert(self.0, index) }
    }

    pub fn replace(self, index: c_int) {
        api! { lua_replace(self.0, index) }
    }

    pub fn remove(self, index: c_int) {
        api! { lua_remove(self.0, index) }
    }

    /// Room for `n` more values; false where the stack can't grow.
    pub fn has_room(self, n: c_int) -> bool {
        api! { lua_checkstack(self.0, n) != 0 }
    }

    /// Room for `n` more values, or an error.
    pub fn check_stack(self, n: c_int, what: &CStr) {
        if self.has_room(n) {
            return;
        }
        // A stack that is nowhere near its longest lacks memory; stock Lua says so from 5.3 on.
        if self.top() < 7000 {
            self.push_cstr(c"not enough memory");
            self.error();
        }
        self.push_cstr(c"stack overflow (");
        self.push_cstr(what);
        self.push_cstr(c")");
        self.concat(3);
        self.error();
    }

    pub fn move_to(self, to: State, n: c_int) {
        api! { lua_xmove(self.0, to.0, n) }
    }

    // ---- looking at values (nothing here raises or allocates)

    pub fn kind(self, index: c_int) -> Kind {
        match api! { lua_type(self.0, index) } {
            LUA_TNONE => Kind::None,
            LUA_TNIL => Kind::Nil,
            LUA_TBOOLEAN => Kind::Boolean,
            LUA_TLIGHTUSERDATA => Kind::LightUserdata,
            LUA_TNUMBER => Kind::Number,
            LUA_TSTRING => Kind::String,
            LUA_TTABLE => Kind::Table,
            LUA_TFUNCTION => Kind::Function,
            LUA_TUSERDATA => Kind::Userdata,
            LUA_TTHREAD => Kind::Thread,
            _ => Kind::Other,
        }
    }

    pub fn is_none_or_nil(self, index: c_int) -> bool {
        matches!(self.kind(index), Kind::None | Kind::Nil)
    }

    pub fn is_nil(self, index: c_int) -> bool {
        self.kind(index) == Kind::Nil
    }

    pub fn truth(self, index: c_int) -> bool {
        api! { lua_toboolean(self.0, index) != 0 }
    }

    pub fn is_integer(self, index: c_int) -> bool {
        api! { compat::is_integer(self.0, index) }
    }

    pub fn integer(self, index: c_int) -> i64 {
        api! { compat::to_integer(self.0, index) }
    }

    /// The number at `index`, or 0 where there is none.
    pub fn number(self, index: c_int) -> f64 {
        api! { lua_tonumber(self.0, index) }
    }

    /// The number at `index`, with strings that look like one converted.
    pub fn as_number(self, index: c_int) -> Option<f64> {
        let mut is = 0;
        let n = api! { lua_tonumberx(self.0, index, &mut is) };
        (is != 0).then_some(n)
    }

    /// The bytes of a string; `None` for anything else (a number is no string here). Good while the value stays on the stack.
    pub fn bytes<'a>(self, index: c_int) -> Option<&'a [u8]> {
        if self.kind(index) != Kind::String {
            return None;
        }
        let mut len = 0;
        api! {
            let s = lua_tolstring(self.0, index, &mut len) as *const u8;
            (!s.is_null()).then(|| std::slice::from_raw_parts(s, len))
        }
    }

    /// The bytes of what is known to be a string. Good while the value stays on the stack.
    pub fn string_bytes<'a>(self, index: c_int) -> &'a [u8] {
        let mut len = 0;
        api! {
            let s = lua_tolstring(self.0, index, &mut len) as *const u8;
            if s.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(s, len)
            }
        }
    }

    /// The string at `index` up to its first zero byte; empty for anything else.
    pub fn c_str<'a>(self, index: c_int) -> &'a CStr {
        if self.kind(index) != Kind::String {
            return c"";
        }
        api! {
            let s = lua_tolstring(self.0, index, ptr::null_mut());
            if s.is_null() {
                c""
            } else {
                CStr::from_ptr(s)
            }
        }
    }

    pub fn push_type_name(self, index: c_int) {
        api! {
            lua_pushstring(self.0, self.type_name(index));
        }
    }

    pub fn pointer(self, index: c_int) -> usize {
        api! { lua_topointer(self.0, index) as usize }
    }

    pub fn userdata(self, index: c_int) -> *mut c_void {
        api! { lua_touserdata(self.0, index) }
    }

    pub fn thread(self, index: c_int) -> Option<State> {
        let co = api! { lua_tothread(self.0, index) };
        (!co.is_null()).then_some(State(co))
    }

    /// Turns the number at `index` into its text, as `tostring` writes it; leaves a string as it is.
    pub fn to_text(self, index: c_int) {
        api! {
            lua_tolstring(self.0, index, ptr::null_mut());
        }
    }

    /// Turns the text on top into the number that it is, or into nil.
    pub fn text_to_number(self) {
        api! { compat::text_to_number(self.0) }
    }

    /// Pops a value into an upvalue of the function at `index`.
    pub fn set_upvalue(self, index: c_int, n: c_int) {
        api! {
            if lua_setupvalue(self.0, index, n).is_null() {
                self.pop(1);
            }
        }
    }

    /// Pushes the table of loaded modules.
    pub fn push_loaded(self) {
        self.raw_field(Self::REGISTRY, c"_LOADED");
    }

    /// Opens the libraries that reach nothing outside the state.
    pub fn open_pure_libraries(self) {
        api! { compat::open_pure_libraries(self.0) }
    }

    /// Opens the package library and pushes its table.
    pub fn open_package_library(self) {
        api! {
            luaL_requiref(self.0, c"package".as_ptr(), luaopen_package, 1);
        }
    }

    pub fn is_c_function(self, index: c_int) -> bool {
        api! { lua_iscfunction(self.0, index) != 0 }
    }

    pub fn c_function(self, index: c_int) -> Option<lua_CFunction> {
        api! { lua_tocfunction(self.0, index) }
    }

    /// Pushes an upvalue of the function at `index`; false (and nothing pushed) where it has none.
    pub fn push_upvalue_of(self, index: c_int, n: c_int) -> bool {
        api! { !lua_getupvalue(self.0, index, n).is_null() }
    }

    pub fn raw_len(self, index: c_int) -> usize {
        api! { lua_rawlen(self.0, index) }
    }

    pub fn raw_equal(self, a: c_int, b: c_int) -> bool {
        api! { lua_rawequal(self.0, a, b) != 0 }
    }

    pub fn type_name(self, index: c_int) -> *const std::os::raw::c_char {
        api! { lua_typename(self.0, lua_type(self.0, index)) }
    }

    // ---- pushing

    pub fn push_nil(self) {
        api! { lua_pushnil(self.0) }
    }

    pub fn push_bool(self, b: bool) {
        api! { lua_pushboolean(self.0, b as c_int) }
    }

    pub fn push_number(self, n: f64) {
        api! { lua_pushnumber(self.0, n) }
    }

    pub fn push_integer(self, n: i64) {
        api! { compat::push_integer(self.0, n) }
    }

    pub fn push_bytes(self, s: &[u8]) {
        api! {
            lua_pushlstring(self.0, s.as_ptr() as *const _, s.len());
        }
    }

    pub fn push_cstr(self, s: &CStr) {
        self.push_bytes(s.to_bytes());
    }

    pub fn push_light(self, p: *mut c_void) {
        api! { lua_pushlightuserdata(self.0, p) }
    }

    pub fn push_function(self, f: lua_CFunction) {
        api! { lua_pushcfunction(self.0, f) }
    }

    pub fn push_closure(self, f: lua_CFunction, upvalues: c_int) {
        api! { lua_pushcclosure(self.0, f, upvalues) }
    }

    pub fn push_registry(self) {
        // SAFETY: as for the type.
        unsafe { lua_pushvalue(self.0, LUA_REGISTRYINDEX) }
    }

    pub fn push_globals(self) {
        api! {
            lua_pushglobaltable(self.0);
        }
    }

    /// Pushes this thread; true if it is the state's main one.
    pub fn push_thread(self) -> bool {
        api! { lua_pushthread(self.0) != 0 }
    }

    pub fn new_table(self) {
        api! { lua_createtable(self.0, 0, 0) }
    }

    pub fn new_table_sized(self, array: c_int, hash: c_int) {
        api! { lua_createtable(self.0, array, hash) }
    }

    pub fn new_thread(self) -> State {
        State(api! { lua_newthread(self.0) })
    }

    pub fn new_userdata(self, size: usize) -> *mut c_void {
        api! { compat::new_userdata(self.0, size) }
    }

    pub fn set_user_table(self, index: c_int) {
        api! { compat::set_user_table(self.0, index) }
    }

    pub fn push_user_table(self, index: c_int) {
        api! { compat::push_user_table(self.0, index) }
    }

    pub fn concat(self, n: c_int) {
        api! { lua_concat(self.0, n) }
    }

    /// Pushes `text` with each `what` replaced by `with`.
    pub fn gsub(self, text: &CStr, what: &CStr, with: &CStr) {
        api! {
            luaL_gsub(self.0, text.as_ptr(), what.as_ptr(), with.as_ptr());
        }
    }

    // ---- tables, without metamethods

    pub fn raw_get(self, index: c_int) {
        api! {
            lua_rawget(self.0, index);
        }
    }

    pub fn raw_set(self, index: c_int) {
        api! { lua_rawset(self.0, index) }
    }

    pub fn raw_geti(self, index: c_int, n: i64) {
        api! { compat::raw_geti(self.0, index, n) }
    }

    pub fn raw_seti(self, index: c_int, n: i64) {
        api! { compat::raw_seti(self.0, index, n) }
    }

    /// Pushes `t[name]` of the table at `index`.
    pub fn raw_field(self, index: c_int, name: &CStr) {
        let index = self.absolute(index);
        self.push_cstr(name);
        self.raw_get(index);
    }

    /// Pops a value into `t[name]` of the table at `index`.
    pub fn raw_set_field(self, index: c_int, name: &CStr) {
        let index = self.absolute(index);
        self.push_cstr(name);
        self.insert(-2);
        self.raw_set(index);
    }

    /// The key of ours in this state's registry. In the host's it is the address itself: another copy of this library may have that state, too.
    fn registry_key(self, key: *const c_void) -> *mut c_void {
        let mut data = std::ptr::null_mut();
        let allocator = api! { lua_getallocf(self.0, &mut data) } as *const c_void;
        if std::ptr::eq(allocator, crate::engine::heap::allocate as *const c_void) {
            distance(key)
        } else {
            key.cast_mut()
        }
    }

    /// Pushes the registry's value under the address `key`.
    pub fn registry_get(self, key: *const c_void) {
        self.push_light(self.registry_key(key));
        self.raw_get(Self::REGISTRY);
    }

    /// Pops a value into the registry under the address `key`.
    pub fn registry_set(self, key: *const c_void) {
        self.push_light(self.registry_key(key));
        self.insert(-2);
        self.raw_set(Self::REGISTRY);
    }

    /// The memory of the full userdata at `index` if its metatable is the one that the registry has under `key`; else null.
    pub fn userdata_of(self, index: c_int, key: *const c_void) -> *mut c_void {
        if self.kind(index) != Kind::Userdata || !self.metatable(index) {
            return std::ptr::null_mut();
        }
        self.registry_get(key);
        let ours = self.raw_equal(-1, -2);
        self.pop(2);
        if ours {
            self.userdata(index)
        } else {
            std::ptr::null_mut()
        }
    }

    /// Pops a key, pushes the next pair; false at the end.
    pub fn next(self, index: c_int) -> bool {
        api! { lua_next(self.0, index) != 0 }
    }

    pub fn metatable(self, index: c_int) -> bool {
        api! { lua_getmetatable(self.0, index) != 0 }
    }

    pub fn set_metatable(self, index: c_int) {
        api! {
            lua_setmetatable(self.0, index);
        }
    }

    /// Pushes the metafield and gives true, or pushes nothing.
    pub fn metafield(self, index: c_int, name: &CStr) -> bool {
        api! { luaL_getmetafield(self.0, index, name.as_ptr()) != LUA_TNIL }
    }

    /// Sets each function in the table on top of the stack.
    pub fn set_functions(self, entries: &[Entry]) {
        for (name, function) in entries {
            self.push_function(*function);
            self.raw_set_field(-2, name);
        }
    }

    // ---- with metamethods

    pub fn get_table(self, index: c_int) {
        api! {
            lua_gettable(self.0, index);
        }
    }

    pub fn get_field(self, index: c_int, name: &CStr) {
        api! {
            lua_getfield(self.0, index, name.as_ptr());
        }
    }

    // ---- calling

    pub fn call(self, args: c_int, results: c_int) {
        api! { lua_call(self.0, args, results) }
    }

    /// True if the call went well; else the error object is on the stack.
    pub fn pcall(self, args: c_int, results: c_int, handler: c_int) -> bool {
        api! { lua_pcall(self.0, args, results, handler) == LUA_OK }
    }

    /// Sheltered: runs bare code with the light userdata `data` as its argument; false and the error object on the stack if it raised.
    pub fn protected(self, f: lua_CFunction, data: *mut c_void) -> bool {
        api! { compat::protected(self.0, f, data) == LUA_OK }
    }

    /// Compiles text; false and a message on the stack if that fails.
    pub fn load_text(self, code: &[u8], name: &CStr) -> bool {
        api! { compat::load_text(self.0, code.as_ptr(), code.len(), name.as_ptr()) == LUA_OK }
    }

    /// Starts or goes on with a coroutine: `Ok(n)` results on its stack and whether it has yielded, or `Err` with an error object there.
    pub fn resume(self, co: State, args: c_int) -> Result<(c_int, bool), ()> {
        match api! { compat::resume(co.0, self.0, args) } {
            (LUA_OK, n) => Ok((n, false)),
            (LUA_YIELD, n) => Ok((n, true)),
            _ => Err(()),
        }
    }

    /// What a function gives back, as its last act, to yield the `n` values on top.
    pub fn yield_up(self, n: c_int) -> c_int {
        // SAFETY: bare code, as all that may raise; Lua drops the caller's frame.
        unsafe { lua_yield(self.0, n) }
    }

    pub fn status(self) -> c_int {
        api! { lua_status(self.0) }
    }

    /// Whether the thread has an activation record: it runs, or it has called another.
    pub fn has_calls(self) -> bool {
        api! {
            let mut ar: lua_Debug = std::mem::zeroed();
            lua_getstack(self.0, 0, &mut ar) != 0
        }
    }

    pub fn close_thread(self, from: State) -> bool {
        api! { compat::close_thread(self.0, from.0) }
    }

    // ---- errors

    /// Raises the value on top of the stack.
    pub fn error(self) -> ! {
        api! {
            lua_error(self.0);
        }
        #[allow(unreachable_code)]
        never()
    }

    /// Pushes the position `level` calls up: `source:line: ` or nothing.
    pub fn push_where(self, level: c_int) {
        api! { caller::position(self.0, level) }
    }

    /// Raises the message with the caller's position in front.
    pub fn raise(self, message: &CStr) -> ! {
        self.push_where(1);
        self.push_cstr(message);
        self.concat(2);
        self.error()
    }

    /// Raises `bad argument #arg to 'f' (message)`.
    pub fn arg_error(self, arg: c_int, message: &CStr) -> ! {
        api! {
            caller::arg_error(self.0, arg, message.as_ptr());
        }
        #[allow(unreachable_code)]
        never()
    }

    /// Raises `bad argument #arg to 'f' (message)` with the string on top of the stack.
    pub fn arg_error_top(self, arg: c_int) -> ! {
        api! {
            caller::arg_error(self.0, arg, lua_tolstring(self.0, -1, ptr::null_mut()));
        }
        #[allow(unreachable_code)]
        never()
    }

    /// Raises `bad argument #arg to 'f' (expected expected, got type)`.
    pub fn type_error(self, arg: c_int, expected: &CStr) -> ! {
        // As stock: from Lua 5.3 on a type may have a name of its own.
        let named = compat::INTEGERS && self.metafield(arg, c"__name") && self.kind(-1) == Kind::String;
        api! {
            let got = match self.kind(arg) {
                Kind::None => c"no value".as_ptr(),
                _ if named => lua_tostring(self.0, -1),
                _ => self.type_name(arg),
            };
            lua_pushfstring(self.0, c"%s expected, got %s".as_ptr(), expected.as_ptr(), got);
        }
        self.arg_error_top(arg)
    }

    /// A string argument; a number is converted in place, as the stock library does.
    pub fn check_bytes<'a>(self, arg: c_int) -> &'a [u8] {
        if !matches!(self.kind(arg), Kind::String | Kind::Number) {
            self.type_error(arg, c"string");
        }
        api! {
            let mut len = 0;
            let s = luaL_checklstring(self.0, arg, &mut len);
            std::slice::from_raw_parts(s as *const u8, len)
        }
    }

    /// An optional string argument.
    pub fn opt_bytes<'a>(self, arg: c_int) -> Option<&'a [u8]> {
        (!self.is_none_or_nil(arg)).then(|| self.check_bytes(arg))
    }

    pub fn check_number(self, arg: c_int) -> f64 {
        api! { luaL_checknumber(self.0, arg) }
    }

    pub fn check_integer(self, arg: c_int) -> i64 {
        api! { luaL_checkinteger(self.0, arg) as i64 }
    }

    pub fn opt_integer(self, arg: c_int, default: i64) -> i64 {
        if self.is_none_or_nil(arg) {
            default
        } else {
            self.check_integer(arg)
        }
    }

    pub fn check_any(self, arg: c_int) {
        api! { luaL_checkany(self.0, arg) }
    }

    pub fn check_table(self, arg: c_int) {
        api! { luaL_checktype(self.0, arg, LUA_TTABLE) }
    }

    pub fn check_function(self, arg: c_int) {
        api! { luaL_checktype(self.0, arg, LUA_TFUNCTION) }
    }

    // ---- the rest

    /// Takes the string on top and pushes it with the traceback of `of` from `level` on.
    pub fn append_traceback(self, of: State, level: c_int) {
        api! { traceback::append(self.0, of.0, level) }
    }

    /// The same without a headline, up to the nearest activation of `end`.
    pub fn append_frames(self, of: State, level: c_int, end: Option<lua_CFunction>) {
        api! { traceback::append_frames(self.0, of.0, level, end) }
    }

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

/// What stands in a box's registry for the address of a static of ours: the same in every process, wherever the library lies, so that a heap
/// that another process takes up finds its keys again.
fn distance(key: *const c_void) -> *mut c_void {
    static ORIGIN: u8 = 0;
    let offset = (key as usize).wrapping_sub(&raw const ORIGIN as usize) as u32;
    (offset as usize | 1 << 32) as *mut c_void
}

/// `lua_error` and its kin don't return; not all of their types say so.
fn never() -> ! {
    loop {
        std::hint::spin_loop();
    }
}
