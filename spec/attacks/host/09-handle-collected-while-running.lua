-- The handle is collected while its box runs: the run keeps the box alive, and it is freed afterwards.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local weak = setmetatable({}, { __mode = "v" })
local function make()
  local box = sandbox.new { cpu = 10 }
  weak.box = box
  box:set("drop", function(...)
    collectgarbage()
    collectgarbage()
    return ...
  end)
  return box
end

-- the only reference is the argument of the running call
local run = sandbox.new().dostring
local a, b = run(make(), "local s = drop(('x'):rep(1000)) drop() return #s, drop({1, 2, 3})[3]")
assert(a == 1000 and b == 3)
for _ = 1, 4 do collectgarbage() end
assert(weak.box == nil, "the handle outlives its run")

-- the method is a tail call, so no Lua frame holds the box
local function tail(box) return box:dostring("drop() return drop('tail')") end
host.equal(tail(make()), "tail", "a tail call")

-- only a function of the box is left: it goes on working, or says that its box is closed
local function only_function()
  local box = make()
  return box:load("local x = drop('still') return x")
end
local f = only_function()
for _ = 1, 4 do collectgarbage() end
local ok, what = pcall(f)
assert((ok and what == "still") or (not ok and tostring(what):find("closed")), tostring(what))
f = nil
for _ = 1, 4 do collectgarbage() end

-- dropped inside its own callback, from an upvalue
local held = make()
held:set("forget", function()
  held = nil
  collectgarbage()
  collectgarbage()
end)
local code = "forget() local t = {} for i = 1, 1e5 do t[i % 10] = tostring(i) end return drop(t[1])"
assert(tonumber((held:dostring(code))) % 10 == 1)
for _ = 1, 4 do collectgarbage() end

-- in a coroutine that is dropped, too
local inside = coroutine.wrap(function() return run(make(), "drop() return 'co'") end)
host.equal(inside(), "co", "in a coroutine")

host.done()
