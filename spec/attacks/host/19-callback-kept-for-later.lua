-- A box keeps a callback and calls it from a later run, a coroutine, an iterator or a finalizer: works, or is an error.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box = sandbox.new { cpu = 20 }
local calls = 0
local function granted(x)
  calls = calls + 1
  return x, "of the host"
end

-- given as an argument, kept, and used after the run that gave it has ended
box:dostring("kept = ... co = coroutine.wrap(function() while true do coroutine.yield(kept(1)) end end) co()", granted)
granted = nil
for _ = 1, 4 do collectgarbage() end
host.equal(select(2, box:dostring("return kept(2)")), "of the host", "from a later run")
host.equal(box:dostring("return co()"), 1, "from a coroutine of an earlier run")
host.equal(box:dostring("local n = 0 for x in function(_, i) return i < 5 and kept(i + 1) or nil end, nil, 0 do n = n + x end return n"),
  15, "as an iterator")
host.equal(box:dostring("return (('ab'):gsub('.', kept))"), "ab", "as a gsub callback")
assert(calls >= 8, "calls: " .. calls)

-- run from a coroutine of the host that did not exist then
host.equal(coroutine.wrap(function() return box:dostring("return kept(3)") end)(), 3, "from a new host coroutine")

-- as a proxy of the box called by the host, calling back
local f = box:load("return kept(...)")
host.equal(f(9), 9, "through a proxy")
host.equal(box:get("kept")(4), 4, "sent home it is the original")

-- from a finalizer of the box, and as one
local finalized = 0
box:set("bump", function() finalized = finalized + 1 end)
box:dostring [[
  local function guard(f)
    if newproxy then getmetatable(newproxy(true)).__gc = f else setmetatable({}, {__gc = f}) end
  end
  -- a userdata can't cross as the argument of its own finalizer: Lua 5.1 raises that wherever the collector runs
  local direct = not newproxy and bump
  for _ = 1, 10 do guard(function() bump() end) guard(direct or function() bump() end) end
  collectgarbage() collectgarbage()
]]
box:dostring("collectgarbage() collectgarbage()")
assert(finalized >= 10 and finalized <= 20, "finalizers: " .. finalized)
host.equal(box:status(), "ready", "the box")

-- the message handler of the box
local ok, handled = box:dostring("return xpcall(function() error('x', 0) end, kept)")
assert(ok == false and handled == "x", tostring(handled))

-- after the box was closed nothing calls it
local before = calls
box:close()
for _ = 1, 4 do collectgarbage() end
host.equal(calls, before, "calls after close")

host.done()
