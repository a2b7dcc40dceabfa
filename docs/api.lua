--- Separate Lua states that run code nobody vouches for.
--
-- The **host** is the state that calls `sandbox.new`; a **box** is the handle of the state it gets; the
-- **wall** is the border between them. A box may itself be the host of boxes below it (`box:opensandbox`).
--
-- Across the wall go nil, booleans, numbers (integers stay integers), strings and tables, copied: cycles and
-- sharing are kept, metatables dropped. Functions become proxies, both ways. A coroutine, or userdata other
-- than a stream, is an error that names where it sits: `argument 2.users[3].handle: a thread cannot cross`.
-- What crosses is paid for by the box's `memory`. Calls from host to box to host … may be 90 deep inside one
-- another; deeper ones are an error that says `C stack overflow`.
--
-- An open file handle arrives in a box as a file object that works on the same file, at the same position; the
-- same handle is the same object, and sent home it is the original. A stream that a box made arrives in the host
-- as a handle like those of `newstream`, whose calls go to the box; what the host has assigned as the box's stdin,
-- stdout or stderr comes back as the host's own handle. Closing one closes it for that side alone; if the owner
-- closes the original, the others get an ordinary error. A closed handle is refused by where it sits. Writes
-- count as `output` if the handle is also the box's stdout or stderr.
--
-- Misuse raises a string in stock wording: `bad argument #1 to 'dofile' (string expected, got table)`.
--
-- This file documents the native library `sandbox.so` for LDoc; it holds no code.
--
--     local sandbox = require("sandbox")
--     local box = sandbox.new({ memory = 32 * 2^20, cpu = 1 })
--     box:stdout(io.stdout)
--     box:dofile("untrusted.lua")
--     box:close()
--
-- @module sandbox

--- The limits and grants of a box: options of `sandbox.new` and `sandbox.run`, and the argument and result of
-- `box:limits`.
-- `math.huge` lifts a limit. A box below another spends its own limits and those of every box above it. When one runs
-- out, the box whose limit it was is stopped (of several, the outermost), those above go on, and those below stay
-- `"ready"` with all they hold, but for one whose own code stood in a C call or in compiled code: that one is
-- `"killed"`. A killed box takes the boxes below it along.
-- @table options
-- @tfield[opt=67108864] number memory bytes, 64 MiB unless set: the box's heap, its streams' and values'
--   buffers, and all boxes below it. Past it Lua raises `not enough memory`, which the code inside may catch
-- @tfield[opt=10] number cpu seconds of the thread's CPU time spent inside the box, host callbacks excluded
-- @tfield[opt=math.huge] number wall seconds of real time of each call into the box, host callbacks included. It
--   stops a box that waits for a file of the host's, too (a silent pipe, a stuck reader): what was read by then
--   stays for the next reader, what could not be written of that write is dropped
-- @tfield[opt=math.huge] number output bytes through stdout and stderr, and written to files
-- @tfield[opt=16] number|table files a number: how many files the box and all boxes below it may have open at
--   once; one more is an ordinary error of `io.open` (nil, `a.txt: files limit of 16 files exceeded`, 24). As an
--   option of `sandbox.new` and `sandbox.run`, a table grants directories of the host: each key is an absolute path
--   inside, each value a table of `path`, a directory (in a box: one that it sees itself), and `write`, true where
--   the box may write there; or just the path, for reading alone. The longest path inside that a name begins with
--   decides; no link leads out of a directory; only regular files are opened
-- @tfield[opt] number depth levels of boxes below this one; what is left of `MAX_DEPTH` unless set, and never
--   more than that
-- @tfield[opt="life"] string per what an allowance of `cpu` and `output` lasts for: `"life"`, the box's life
--   or until `box:limits` starts a new one, or `"call"`, each call from the host
-- @tfield[opt] table modules what `require` gives inside, by name (`sandbox.new` and `sandbox.run` only). A
--   string is the path of a Lua file: text, read when it is first required, compiled inside, known there by the
--   module's name. Anything else is the value, copied when the box is made. One that has a library's name takes
--   that library's place for `require`
-- @see box:limits

--- The version of this library, a string.
-- @field _VERSION

--- How many levels of boxes there may be in all: 10.
-- @field MAX_DEPTH

--- Makes a new box.
-- @function new
-- @tparam[opt] table options see `options`
-- @treturn box the box, `"ready"`, its streams acting like /dev/null, its environment empty
-- @raise an unknown option, or a value of the wrong type or range, by the option's name, such as
--   `option 'files["/data"].path': cannot open dir: No such file or directory`; `not enough memory`; one level
--   more than `depth` allows, with a message that says so
-- @usage local box = sandbox.new({ memory = 32 * 2^20, cpu = 1 })
-- @usage local box = sandbox.new({ files = { ["/data"] = { path = "data", write = true }, ["/lib"] = "lua" } })

--- Runs code in a box of its own: new, run, close.
-- @function run
-- @string code Lua source text; bytecode is refused
-- @tparam[opt] table options see `options`
-- @param[opt] ... what the code gets as `...`
-- @return what the code returned
-- @raise what the code raised, or a limit's message, and as `new` does
-- @usage assert(sandbox.run("local a, b = ... return a + b", { cpu = 0.1 }, 2, 3) == 5)

--- Makes a stock file handle that is backed by functions.
-- `io.type` says `"file"`; `io.input`, `io.lines`, `f:read` in every format, `f:lines`, `f:write` and
-- `f:setvbuf` work with it, and so do C modules that take a `FILE*`. `f:seek` is an error (nil, message,
-- errno).
--
-- With neither reader nor writer it is a null device; with both, both work on the one handle, in any order.
-- What is written reaches the writer when the buffer fills, by flush or by close. On LuaJIT that may be as
-- late as flush or close, because compiled writes can't run Lua.
--
-- Using a stream from inside its own callback is an ordinary error. The callbacks cannot yield.
-- @function newstream
-- @tparam[opt] function reader `reader(size)`, `size` being a hint in bytes: returns a string or number of
--   any length, or nil or `""` at the end. Anything else makes the read fail (nil, message, errno), as does
--   an error that it raises
-- @tparam[opt] function writer `writer(s)`: gets each piece written; what it raises makes the write, flush or
--   close fail
-- @tparam[opt] function cleaner `cleaner()`: called once, when the handle is closed or collected
-- @treturn file the handle; it stays the host's, also when given to a box
-- @raise `bad argument #1 to 'newstream' (function expected, got number)` and the like; `not enough memory`
-- @usage
-- local upper = sandbox.newstream(nil, function(s) io.stdout:write(s:upper()) end)
-- upper:write("hello\n")
-- upper:close()

--- A box.
-- `tostring(box)` is `sandbox: 0x…`. On a closed box every method but `close` and
-- `status` raises `sandbox is closed`.
-- @type box

--- Assigns the box's stdin, or tells which it is.
-- The position and the buffer are shared with the host. If the host closes the handle, the box gets an
-- ordinary error; if the box closes it, it is closed for the box alone.
-- @function box:stdin
-- @tparam[opt] ?file|nil file an open file handle, assigned; `nil` given explicitly makes the stream act like
--   /dev/null; without an argument nothing changes
-- @treturn ?file|nil the handle that is now assigned, or nil where there is none
-- @raise `bad argument` if it is not a file handle

--- Assigns the box's stdout, or tells which it is.
-- @function box:stdout
-- @tparam[opt] ?file|nil file as for `box:stdin`
-- @treturn ?file|nil the handle that is now assigned
-- @raise as `box:stdin` does
-- @see box:stdin

--- Assigns the box's stderr, or tells which it is.
-- @function box:stderr
-- @tparam[opt] ?file|nil file as for `box:stdin`
-- @treturn ?file|nil the handle that is now assigned
-- @raise as `box:stdin` does
-- @see box:stdin

--- Sets what `os.getenv` (and `io.getenv`) answers inside, or tells what is set.
-- The process' own environment never shows through.
-- @function box:env
-- @tparam[opt] ?table|function|nil t a table of strings by name, or a function that gets a name and returns a
--   string or nil; `nil` given explicitly is an empty environment; without an argument nothing changes
-- @treturn ?table|function|nil what is now in force
-- @raise `bad argument` if it is anything else

--- Makes this library available inside the box, as the global `sandbox` and to `require "sandbox"`.
-- @function box:opensandbox
-- @see options

--- Runs a text Lua file in the box's one state.
-- Called again, it runs again in the same state. The path is the host's: it is opened by the host, as stock
-- `dofile` would.
-- @function box:dofile
-- @string path the file
-- @param[opt] ... what the chunk gets as `...`
-- @return what the chunk returned; nothing if it called `os.exit` (`usage().exit` then has the code)
-- @raise what the chunk raised, as it was raised; a syntax error; bytecode; a file that can't be read, as
--   stock `dofile` words it; a limit's message, for example `untrusted.lua:3: cpu limit of 1 s exceeded`; a
--   box that is exhausted or killed

--- Runs a string of Lua source in the box's one state.
-- @function box:dostring
-- @string code Lua source text; bytecode is refused
-- @param[opt] ... what the chunk gets as `...`
-- @return what the chunk returned
-- @raise as `box:dofile` does, but for the file
-- @see box:dofile

--- Compiles Lua source inside the box without running it.
-- @function box:load
-- @string code Lua source text; bytecode is refused
-- @string[opt] chunkname the chunk's name in messages, as in stock `load`
-- @treturn[1] function a function that runs the chunk in the box
-- @treturn[2] nil
-- @treturn[2] string the message

--- Reads one global of the box.
-- @function box:get
-- @string name its name
-- @return its value, copied; a function comes as a proxy
-- @raise a value that can't cross, by the place where it sits

--- Sets one global of the box.
-- @function box:set
-- @string name its name
-- @param value its new value, copied; a function goes as a proxy
-- @raise a value that can't cross, by the place where it sits; `not enough memory`

--- Sets limits and starts a fresh allowance for each one named.
-- A box that is exhausted runs again once the limit it ran into is set anew.
-- @function box:limits
-- @tparam[opt] table t see `options`; without it nothing changes
-- @treturn table all limits that are in force
-- @raise as `new` does for its options

--- Tells what the box has used.
-- @function box:usage
-- @treturn table `memory`, `memory_peak` and `output` in bytes, `cpu` and `wall` in seconds, `instructions`,
--   `boxes` (live ones below), and `exit`, the code given to `os.exit`, or nil

--- Tells the state of the box.
-- @function box:status
-- @treturn string `"ready"`, `"running"`, `"exhausted"` (stopped, its heap intact; see `box:limits`),
--   `"killed"` (stopped, its memory given back) or `"closed"`
-- @treturn ?string what stopped it, if it is exhausted or killed: `memory`, `cpu`, `wall`, `instructions`,
--   `output`, `stack` (recursion in C) or `fault` (a crash of the interpreter)

--- Tells the box's own stack at its last error: one that a call into the box raised, or a stop.
-- The message comes first. It stands alone where the stack can't be read: after a hard stop, and where memory ran out.
--
-- If the error came through other sides (a host function that the box called, a box below), their parts come first,
-- innermost side first; a line such as `(called from the box)` or `(called from the host)` ends each. Parts of levels
-- above the one that asks are left out.
-- @function box:traceback
-- @treturn ?string the traceback, or nil if there was no error

--- Disposes of the box and everything in it at once; none of its code runs.
-- Closing twice is fine. Collection closes a box, and so does `<close>` in Lua 5.4.
-- @function box:close
