-- The callback is a C function that longjmps, a wrapped coroutine, a callable table, or one that changes the host itself.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local values = host.module("host_values")

local box = sandbox.new { cpu = 5 }
local function inside(f, code)
  box:set("f", f)
  return box:dostring(code or "return pcall(f, 1, 2)")
end

-- C functions
local ok, what = inside(error, "return pcall(f, 'raised', 0)")
assert(ok == false and what == "raised", tostring(what))
ok, what = inside(values.raise, "return pcall(f, {5})")
assert(ok == false and what[1] == 5)
local _, a, b = inside(pcall, "return true, f(function() error('in the box', 0) end)")
assert(a == false and b == "in the box", tostring(b))
_, a, b = inside(values.calls, "return true, f(function(...) return ... end, 'through', 'C')")
assert(a == "through" and b == "C")
ok, what = inside(values.calls, "return pcall(f, error, 'through C', 0)")
assert(ok == false and tostring(what):find("through C"), tostring(what))
ok, what = inside(string.rep, "return pcall(f, 'ab', 3)")
assert(ok and what == "ababab")
ok, what = inside(select, "return pcall(f, '#', nil, nil)")
assert(ok and what == 2)
ok = inside(string.rep, "return (pcall(f))")
assert(ok == false, "a bad argument of a C function was no error")

-- coroutines: a wrapped one is a function; a yield with nothing to yield to is an error
local n = 0
ok, what = inside(coroutine.wrap(function() while true do n = n + 1 coroutine.yield(n) end end), "f() f() return pcall(f)")
assert(ok and what == 3)
ok, what = inside(coroutine.wrap(function() error("dies", 0) end), "local a, b = pcall(f) local c = pcall(f) return c, b")
assert(ok == false and tostring(what):find("dies"), tostring(what))
ok, what = inside(coroutine.yield)
assert(ok == false and tostring(what):find("yield"), tostring(what))

-- a callable table is copied without its metatable
local kind
kind, ok = inside(setmetatable({}, { __call = function() return 1 end }), "return type(f), pcall(f)")
assert(kind == "table" and ok == false)

-- functions that work on the state they run in work on the host's
ok = inside(debug.sethook, "return pcall(f, function() end, '', 1000000)")
debug.sethook()
assert(ok == true or ok == false)
host.equal(debug.gethook(), nil, "the host's hook")
ok, what = inside(collectgarbage, "return pcall(f, 'count')")
assert(ok and type(what) == "number")
ok, what = inside(tostring, "return pcall(f, {})")
assert(ok and what:find("^table"))
inside(setmetatable, "return pcall(f, {}, {__index = function() error('x') end})")
ok, what = inside(rawget(_G, "getfenv") or next, "return pcall(f, {})")
assert(type(ok) == "boolean")
ok, what = inside(host.loadstring, "return pcall(f, 'return 6')")
assert(ok and type(what) == "function")
host.equal(box:dostring("return f('return 6')()"), 6, "a chunk of the host through its load")

-- a metamethod, a sort order, a reader, a gsub callback that is the host's
box:set("less", function(x, y) return x < y end)
box:set("part", (function() local parts = { "return ", "7" } return function() return table.remove(parts, 1) end end)())
local sorted, loaded, subbed, indexed = box:dostring [[
  local t = {3, 1, 2}
  table.sort(t, less)
  local s = ("abc"):gsub("%w", less and string.upper)
  return t, load(part)(), s, setmetatable({}, {__index = less and function(_, k) return k end}).key
]]
assert(sorted[1] == 1 and sorted[3] == 3 and loaded == 7 and subbed == "ABC" and indexed == "key")
host.equal(box:status(), "ready", "the box")

-- os.exit ends the host, with its code
local code = host.child("local b = require('sandbox').new() b:set('f', os.exit) b:dostring('pcall(f, 7)')")
host.equal(code, 7, "exit code")

host.done()
