-- A callback returns no, many or foreign values: copied, proxied, or an error that says what cannot cross.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local values = host.module("host_values")

local box = sandbox.new { cpu = 20 }
local function returning(f, code, ...)
  box:set("f", f)
  return box:dostring(code or "return f()", ...)
end

local count = "return select('#', f(...))"
for _, n in ipairs { 0, 1, 2, 100, 1000, 7000 } do
  host.equal(returning(values.many, count, n), n, "number of results")
end
local ok, what = returning(values.many, "local ok, n = pcall(function(...) return select('#', f(...)) end, ...) return ok, n", 250000)
assert((ok and what == 250000) or (not ok and type(what) == "string"), tostring(what))
host.equal(returning(function() return nil, nil, 3, nil end, "return select('#', f())"), 4, "nils in the middle and at the end")
local a, b, c = returning(function() return 1, nil, false end)
assert(a == 1 and b == nil and c == false)

-- the box of another: its functions are proxies here, too
local other = sandbox.new()
other:dostring("n = 0 function f(x) n = n + 1 return x .. '!' end")
host.equal(returning(function() return other:get("f") end, "return f()('hey')"), "hey!", "a function of another box")
host.equal(other:get("n"), 1, "where it ran")
local f = other:get("f")
host.equal(returning(function() return f end), f, "sent home")
other:close()
ok = returning(function() return 1 end, "return pcall(f)")
assert(ok)

-- a stream crosses as a stream
local stream = sandbox.newstream(function() return "line\n" end)
-- (not yet: until streams cross, the error says what and where)
local done, kind = returning(function() return stream end, "local ok, s = pcall(f) return ok, ok and io.type(s) or s")
assert(done and kind == "file" or not done and kind:find("result 1: a userdata cannot cross"), tostring(kind))

-- what cannot cross names itself and its place
local function refused(v, pattern)
  local done, message = returning(function() return 1, v end, "return pcall(f)")
  assert(done == false and type(message) == "string", "crossed: " .. tostring(v))
  assert(message:find(pattern), message)
  done, message = returning(function() return { users = { 1, 2, v } } end, "return pcall(f)")
  assert(done == false and type(message) == "string" and message:find("users%[3%]"), tostring(message))
  -- and as an argument: the manual's own example
  message = host.raises("argument 1%.users%[3%]", function() box:load("return ...")({ users = { 1, 2, v } }) end)
  assert(message:find(pattern), message)
  host.raises(pattern, function() box:dostring("return 1", v) end)
  host.raises(pattern, function() box:set("x", v) end)
  -- a key is a place as well
  host.raises(pattern, function() box:set("x", { [v] = 1 }) end)
  host.equal(box:status(), "ready", "the box")
end
refused(box, "userdata")
refused(sandbox.new(), "userdata")
refused(values.new(), "userdata")
refused(values.light(), "userdata")
refused(coroutine.create(function() end), "[ct][oh]r[oe]")
if host.version == "jit" then
  local ffi = require "ffi"
  refused(ffi.new("int64_t", 5), "cdata")
  refused(ffi.new("struct { int x; }"), "cdata")
end

host.done()
