-- Signals with a handler of the host arrive while a box runs: the handler runs as without a sandbox, faults of its own included.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local posix = host.module("host_posix")

local burn = "local t = os.clock() while os.clock() - t < 0.3 do end return 'whole'"

-- a handler that counts; the box's run is not disturbed
for _, name in ipairs { "INT", "TERM", "ALRM", "USR1", "USR2", "HUP", "CHLD", "PROF", "VTALRM" } do
  posix.count(name)
  local box = sandbox.new { cpu = 5 }
  posix.after(name, 0.1)
  host.equal(box:dostring(burn), "whole", name)
  host.equal(posix.counted(name), 1, name)
  host.equal(box:dostring("return 1"), 1, "the box after " .. name)
  posix.usual(name)
end

-- in one long C call, in the parser, in a callback, and at the moment of a stop
posix.count("ALRM")
posix.interval(0.005)
for _, code in ipairs {
  "while true do end", "while true do pcall(error, 'x') end", "local s = ('a'):rep(30) return s:find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')",
  "local load = loadstring or load while true do load(('x = 1 '):rep(10000)) end", "while true do cb() end", "while true do local t = {} for i = 1, 1000 do t[i] = {} end end",
  "while true do table.concat({('x'):rep(1e6), ('y'):rep(1e6)}) end",
} do
  for _ = 1, 5 do
    local box = sandbox.new { cpu = 0.05 }
    box:set("cb", function() local x = {} for i = 1, 100 do x[i] = i end return x end)
    host.within(10, host.raises, "cpu limit", function() box:dostring(code) end)
    box:close()
  end
end
posix.interval(0)
assert(posix.counted("ALRM") >= 50, "signals that came: " .. posix.counted("ALRM"))
posix.usual("ALRM")

-- a handler that sets a hook on the host's state, as lua.c does for SIGINT: the host is interrupted, the box stays whole
local box = sandbox.new { cpu = 5 }
posix.count("INT")
posix.interrupt("INT")
posix.after("INT", 0.1)
local ok, message = pcall(function()
  local result = box:dostring(burn)
  -- LuaJIT's compiled code would not see the hook; a call does
  for _ = 1, 1000 do tostring(result) end
  return "not interrupted"
end)
assert(not ok and tostring(message):find("interrupted by the host's handler"), tostring(message))
host.equal(debug.gethook(), nil, "a hook that stays")
host.equal(posix.counted("INT"), 1, "signals")
assert(box:status() == "ready", box:status())
host.equal(box:dostring("return 1"), 1, "the box")
-- the same with the host in a callback when it comes
local function busy()
  for i = 1, 1e7 do tostring(i) end
  return "not interrupted"
end
if host.version == "jit" then require("jit").off(busy) end
box:set("cb", busy)
posix.after("INT", 0.1)
ok, message = box:dostring("return pcall(cb)")
assert(ok == false and tostring(message):find("interrupted"), tostring(message))
host.equal(box:dostring("return 1"), 1, "the box")
posix.usual("INT")

-- a host that lives with faults of its own: its handler gets them, before, between and after stops of boxes
local code, output = host.child([[
  local posix = require "host_posix"
  posix.catch_faults()
  assert(posix.fault() == 1)
  local sandbox = require "sandbox"
  assert(posix.fault() == 2)
  local box = sandbox.new {cpu = 5}
  box:set("fault", function() return posix.fault() end)
  assert(box:dostring("return fault()") == 3)
  pcall(sandbox.run, "while true do end", {cpu = 0.05})
  assert(posix.fault() == 4)
  -- recursion in C may end in the box's guard pages: that is the box's, not the host's
  local deep = sandbox.new {cpu = 5}
  pcall(deep.dostring, deep, "local s = 'x' local function f() return (s:gsub('x', f)) end return f()")
  pcall(deep.dostring, deep, "local function f() return coroutine.wrap(f)() end return f()")
  assert(posix.fault() == 5)
  assert(box:dostring("return fault()") == 6)
  print("lives")
]])
assert(code == 0 and output == "lives\n", ("exit code %d: %s"):format(code, output))

-- a host without one dies of its own fault, as it would have
code = host.child([[
  local sandbox, posix = require "sandbox", require "host_posix"
  pcall(sandbox.run, "while true do end", {cpu = 0.05})
  posix.fault()
]])
host.equal(code, 128 + 11, "exit code of a host that faults")
code = host.child([[
  local sandbox, posix = require "sandbox", require "host_posix"
  local box = sandbox.new()
  box:set("fault", function() posix.fault() end)
  pcall(box.dostring, box, "fault()")
]])
host.equal(code, 128 + 11, "exit code of a host that faults in a callback")

host.done()
