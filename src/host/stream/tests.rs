//! What can't be tried from Lua: no memory at each point, another thread's `fflush`, stdio against the stock library.

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::thread;

use mlua::ffi::*;

use super::patience::Patience;
use super::stdio::{self, Errno, Failure, ReadFormat, ReadResult};
use super::stdio_out;
use super::{file_of, push_newstream};

/// A state with the stock libraries and `newstream` as a global.
struct Host(*mut lua_State);

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: made by `new`, closed once.
        unsafe { lua_close(self.0) };
    }
}

/// # Safety
/// Lua calls it.
unsafe extern "C-unwind" fn open(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls it.
    unsafe {
        luaL_openlibs(state);
        push_newstream(state);
        lua_setglobal(state, c"newstream".as_ptr());
    }
    0
}

impl Host {
    fn new() -> Host {
        // SAFETY: a fresh state.
        unsafe {
            let host = Host(luaL_newstate());
            lua_pushcfunction(host.0, open);
            assert_eq!(lua_pcall(host.0, 0, 0, 0), LUA_OK);
            host
        }
    }

    /// Runs a chunk that returns one value, and leaves that on the stack.
    fn run(&self, code: &CStr) {
        // SAFETY: a valid state.
        unsafe {
            let failed =
                luaL_loadstring(self.0, code.as_ptr()) != LUA_OK || lua_pcall(self.0, 0, 1, 0) != LUA_OK;
            assert!(!failed, "{}", self.text());
        }
    }

    /// The value on top, as text.
    fn text(&self) -> String {
        // SAFETY: a valid state; the string is on its stack.
        unsafe {
            let mut size = 0;
            let data = lua_tolstring(self.0, -1, &mut size) as *const u8;
            assert!(!data.is_null());
            String::from_utf8_lossy(std::slice::from_raw_parts(data, size)).into_owned()
        }
    }

    fn file(&self, index: c_int) -> *mut libc::FILE {
        // SAFETY: a valid state.
        unsafe { file_of(self.0, index) }.unwrap().unwrap()
    }
}

fn system(errno: c_int) -> Failure {
    Failure::System(Errno(errno))
}

fn read(file: *mut libc::FILE, format: ReadFormat, max: usize) -> (ReadResult, Vec<u8>) {
    let mut out = Vec::new();
    // SAFETY: the tests keep their files open.
    let result = unsafe { stdio::read(file, format, max, &mut out, Patience::endless()) };
    (result, out)
}

#[test]
fn handles_are_told_from_other_values_and_closed_ones() {
    let host = Host::new();
    host.run(c"f = newstream() return f");
    // SAFETY: a valid state.
    unsafe {
        assert!(matches!(file_of(host.0, -1), Some(Ok(_))));
        host.run(c"f:close() return f");
        assert!(matches!(file_of(host.0, -1), Some(Err(_))));
        host.run(c"return io.stdout");
        assert!(matches!(file_of(host.0, -1), Some(Ok(_))));
        for other in [c"return {}", c"return 1", c"return nil", c"return coroutine.create(function() end)"] {
            host.run(other);
            assert!(file_of(host.0, -1).is_none());
        }
        assert!(file_of(host.0, 100).is_none());
    }
}

#[test]
fn streams_and_files_are_read_alike() {
    let host = Host::new();
    let text = r"'one\n\ntwo\0\n' .. ('x'):rep(20000) .. '\nlast'";
    let stream = format!("local t = {text} return newstream(function(n) local s = t:sub(1, 777) t = t:sub(778) return s end)\0");
    let file = format!("local f = io.tmpfile() f:write({text}) f:seek('set') return f\0");
    for code in [stream, file] {
        host.run(CStr::from_bytes_with_nul(code.as_bytes()).unwrap());
        let file = host.file(-1);
        let line = |keep| read(file, ReadFormat::Line { keep }, 30000);
        assert_eq!(read(file, ReadFormat::Count(0), 0), (ReadResult::Data, vec![]));
        assert_eq!(line(false), (ReadResult::Data, b"one".to_vec()));
        assert_eq!(line(true), (ReadResult::Data, b"\n".to_vec()));
        assert_eq!(read(file, ReadFormat::Count(3), 3), (ReadResult::Data, b"two".to_vec()));
        assert_eq!(line(true), (ReadResult::Data, b"\0\n".to_vec()));
        assert_eq!(line(false), (ReadResult::Data, vec![b'x'; 20000]));
        assert_eq!(read(file, ReadFormat::Count(usize::MAX), 30000), (ReadResult::Data, b"last".to_vec()));
        assert_eq!(line(true), (ReadResult::End, vec![]));
        assert_eq!(read(file, ReadFormat::Count(0), 0), (ReadResult::End, vec![]));
        assert_eq!(read(file, ReadFormat::Count(1), 9), (ReadResult::End, vec![]));
        assert_eq!(read(file, ReadFormat::All, 9), (ReadResult::Data, vec![]));
    }
}

#[test]
fn memory_is_bounded() {
    let host = Host::new();
    for format in [ReadFormat::All, ReadFormat::Line { keep: false }, ReadFormat::Count(1 << 60)] {
        host.run(c"return newstream(function(n) return ('1'):rep(n) end)");
        let (result, out) = read(host.file(-1), format, 100_000);
        assert_eq!(result, ReadResult::OutOfMemory);
        assert!(out.capacity() < 1_000_000);
    }
    host.run(c"return newstream(function(n) return ('1'):rep(n) end)");
    let (result, out) = read(host.file(-1), ReadFormat::Number, 100_000);
    // To Lua 5.3 and later, what is longer than 200 digits is no numeral.
    assert!(result == ReadResult::OutOfMemory || out.is_empty(), "{result:?}, {} bytes", out.len());
    host.run(c"local f = io.tmpfile() f:write('12345') f:seek('set') return f");
    assert_eq!(read(host.file(-1), ReadFormat::All, 5), (ReadResult::Data, b"12345".to_vec()));
}

#[test]
fn errors_have_the_systems_words() {
    let host = Host::new();
    host.run(c"return newstream(function() error('no') end, function() error('no') end)");
    let file = host.file(-1);
    assert_eq!(read(file, ReadFormat::All, 9).0, ReadResult::Error(Errno(libc::EIO)));
    // SAFETY: the file is open.
    unsafe {
        assert_eq!(stdio_out::seek(file, libc::SEEK_SET, 0, Patience::endless()), Err(system(libc::ESPIPE)));
        assert_eq!(stdio_out::write(file, b"abc", Patience::endless()), Ok(()));
        assert_eq!(stdio_out::flush(file, Patience::endless()), Err(system(libc::EIO)));
        assert_eq!(libc::setvbuf(file, ptr::null_mut(), libc::_IONBF, 0), 0);
        assert_eq!(stdio_out::write(file, b"abc", Patience::endless()), Err(system(libc::EIO)));
    }
    assert_eq!(Errno(libc::EIO).message(), "Input/output error");
    host.run(c"return assert(io.popen('exec true', 'w'))");
    let pipe = host.file(-1);
    // SAFETY: the file is open. This test process leaves SIGPIPE ignored, as Rust sets it up; so it is set to kill.
    unsafe {
        let before = libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let gone = (0..1000).find_map(|_| stdio_out::write(pipe, &[0; 10_000], Patience::endless()).err());
        libc::signal(libc::SIGPIPE, before);
        assert_eq!(gone, Some(system(libc::EPIPE)));
    }
}

#[test]
fn a_file_that_another_thread_reads_is_not_waited_for_beyond_the_deadline() {
    let host = Host::new();
    host.run(c"return assert(io.popen('exec sleep 1'))");
    let pipe = host.file(-1) as usize;
    let reader = std::thread::spawn(move || {
        // SAFETY: the file stays open until this thread has been joined.
        unsafe { libc::fgetc(pipe as *mut libc::FILE) }
    });
    std::thread::sleep(std::time::Duration::from_millis(100));
    let mut out = Vec::new();
    let patience = Patience::of_run(crate::engine::clock::mono_ns() + 50_000_000);
    // SAFETY: the file is open.
    let outcome = unsafe { stdio::read(pipe as *mut libc::FILE, ReadFormat::All, 100, &mut out, patience) };
    assert_eq!(outcome, ReadResult::Stopped);
    assert_eq!(reader.join().unwrap(), libc::EOF);
}

#[test]
fn numerals_are_those_of_stock_read() {
    let host = Host::new();
    let heads = ["", " ", "\t\n", "+", "-", "- "];
    let bodies = [
        "",
        "0",
        "00",
        "12",
        "12.5",
        ".5",
        "5.",
        ".",
        "1e5",
        "1E+5",
        "1e-5x",
        "1e",
        "1e+",
        "e5",
        "0x",
        "0x1F",
        "0X.8p1",
        "0x1p",
        "0x1.8p-2z",
        "0xg",
        "inf",
        "Infinity",
        "infinitx",
        "in",
        "nan",
        "NaN(1)",
        "na",
        "1_000",
        "1,5",
        "1..2",
        "--1",
        "x",
        "9223372036854775808",
        "1e400",
        "0x1e5",
        "1 2",
        "1\0",
        "123456789012345678901234567890",
    ];
    for head in heads {
        for body in bodies {
            host.run(c"f = io.tmpfile() return f");
            let file = host.file(-1);
            let text = format!("{head}{body}");
            // SAFETY: the file is open, the state valid.
            unsafe {
                stdio_out::write(file, text.as_bytes(), Patience::endless()).unwrap();
                stdio_out::seek(file, libc::SEEK_SET, 0, Patience::endless()).unwrap();
                host.run(c"local n = f:read('*n') return tostring(n) .. ' ' .. f:seek()");
                let stock = host.text();
                stdio_out::seek(file, libc::SEEK_SET, 0, Patience::endless()).unwrap();
                let (result, numeral) = read(file, ReadFormat::Number, 1000);
                assert_eq!(result, ReadResult::Data);
                lua_pushlstring(host.0, numeral.as_ptr().cast(), numeral.len());
                lua_setglobal(host.0, c"text".as_ptr());
                match stdio::value(&numeral) {
                    Some(value) => lua_pushnumber(host.0, value),
                    None => lua_pushnil(host.0),
                }
                lua_setglobal(host.0, c"value".as_ptr());
                // Lua 5.3 and later convert the text by their own rules.
                host.run(c"local n = value if math.type then n = math.tointeger and tonumber(text) end return tostring(n) .. ' ' .. f:seek()");
                assert_eq!(host.text(), stock, "{text:?} gave {:?}", String::from_utf8_lossy(&numeral));
                lua_settop(host.0, 0);
            }
        }
    }
}

/// An allocator that fails once, after so many requests, and counts blocks (not bytes: LuaJIT frees a
/// closure that it couldn't finish with a wrong size).
struct Budget {
    requests: usize,
    blocks: usize,
}

/// # Safety
/// Lua calls it, with blocks that it gave and their sizes.
unsafe extern "C" fn allocate(
    budget: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    // SAFETY: Lua passes blocks of ours and their sizes; without a block `old` is a type.
    unsafe {
        let budget = &mut *(budget as *mut Budget);
        let old = if block.is_null() { 0 } else { old };
        if new > old {
            budget.requests = budget.requests.wrapping_sub(1);
            if budget.requests == 0 {
                return ptr::null_mut();
            }
        }
        if new == 0 {
            budget.blocks -= usize::from(!block.is_null());
            libc::free(block);
            return ptr::null_mut();
        }
        budget.blocks += usize::from(block.is_null());
        libc::realloc(block, new)
    }
}

/// Each allocation of a stream's life fails once: never a crash, and nothing stays behind.
#[test]
fn memory_is_swept() {
    let code = c"local n = 0
        local f = newstream(function() n = n + 1 return n .. 'line\\n' end, function(s) local t = {s} end, function() local t = {} end)
        if f:read('*l') then f:write('abc') f:flush() f:read(3) end
        f:close()
        collectgarbage()";
    let mut survived = 0;
    for requests in 1..3000 {
        let mut budget = Budget { requests: 0, blocks: 0 };
        // SAFETY: a fresh state, whose allocator outlives it.
        unsafe {
            let Some(state) = lua_newstate_with(&mut budget) else { return };
            lua_pushcfunction(state, open);
            assert_eq!(lua_pcall(state, 0, 0, 0), LUA_OK);
            assert_eq!(luaL_loadstring(state, code.as_ptr()), LUA_OK);
            budget.requests = requests;
            let outcome = lua_pcall(state, 0, 0, 0);
            let ran_out = budget.requests == 0 || budget.requests > requests;
            assert!(outcome == LUA_OK || ran_out);
            survived += usize::from(outcome == LUA_OK && ran_out);
            budget.requests = 0;
            lua_close(state);
            assert_eq!(budget.blocks, 0, "after {requests} requests");
            if !ran_out {
                assert!(requests > 20, "the sweep has come to its end");
                assert!(survived > 0, "callbacks fail alone");
                return;
            }
        }
    }
    panic!("the sweep never came to its end");
}

/// # Safety
/// `budget` outlives the state.
unsafe fn lua_newstate_with(budget: *mut Budget) -> Option<*mut lua_State> {
    // SAFETY: the allocator's signature is the one that Lua expects.
    let state = unsafe { lua_newstate(allocate, budget.cast()) };
    (!state.is_null()).then_some(state)
}

/// Another thread's fflush(NULL), as of io.popen there, must not run Lua of this state.
#[test]
fn another_threads_flush_holds_the_bytes() {
    let host = Host::new();
    host.run(c"got = {} f = newstream(nil, function(s) got[#got + 1] = s end) f:write('one') return 1");
    // SAFETY: flushes all files of the process.
    thread::spawn(|| unsafe { libc::fflush(ptr::null_mut()) }).join().unwrap();
    host.run(c"return #got");
    assert_eq!(host.text(), "0");
    host.run(c"f:write('two') f:flush() return table.concat(got, ',')");
    assert_eq!(host.text(), "one,two");
}

/// A chain of streams on a small stack: an ordinary error, and less deep than on a large one.
#[test]
fn small_stacks_suffice() {
    let depth = |stack: usize| {
        let body = || {
            let host = Host::new();
            host.run(
                c"local deepest, level = 0, 0
                local f = newstream(function() return 'x' end)
                for i = 1, 2000 do
                    local below = f
                    f = newstream(function(n)
                        level = level + 1
                        if level > deepest then deepest = level end
                        local s, message, errno = below:read(n)
                        level = level - 1
                        return s, message, errno
                    end)
                end
                local s, message = f:read(1)
                return tostring(s) .. ' ' .. message .. ' ' .. deepest",
            );
            host.text()
        };
        thread::Builder::new().stack_size(stack).spawn(body).unwrap().join().unwrap()
    };
    let number =
        |text: String| text.strip_prefix("nil Cannot allocate memory ").unwrap().parse::<u32>().unwrap();
    let (small, large) = (number(depth(256 << 10)), number(depth(8 << 20)));
    assert!((3..190).contains(&small), "{small}");
    assert_eq!(large, 190);
}
