-- Coroutines whose boxes wait are resumed twice, from inside, by others, or not at all: ordinary errors, and every box is whole.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function waiter()
  local box = sandbox.new { cpu = 10 }
  box:set("stop", function(...) return coroutine.yield(...) end)
  return box
end

-- once more after the end
local box = waiter()
local co = coroutine.create(function() return box:dostring("return stop()") end)
assert(coroutine.resume(co))
host.equal(select(2, coroutine.resume(co, 4)), 4, "the answer")
for _ = 1, 3 do
  local ok, message = coroutine.resume(co, 5)
  assert(not ok and tostring(message):find("dead"), tostring(message))
end
host.equal(box:status(), "ready", "the box")

-- by the function that the box has called, before it yields
local inner
box:set("again", function()
  inner = { coroutine.resume(co) }
  return coroutine.yield()
end)
co = coroutine.create(function() return box:dostring("return again()") end)
assert(coroutine.resume(co))
host.equal(inner[1], false, "resuming a coroutine from inside")
host.equal(select(2, coroutine.resume(co, 6)), 6, "the answer")

-- by a function that another box has called, and that waits itself
local other = waiter()
co = coroutine.create(function() return box:dostring("return stop(1)") end)
assert(coroutine.resume(co))
other:set("wake", function()
  local ok, got = coroutine.resume(co, coroutine.yield("both wait"))
  return ok and got
end)
local second = coroutine.create(function() return other:dostring("return wake()") end)
host.equal(select(2, coroutine.resume(second)), "both wait", "the second")
host.equal(select(2, coroutine.resume(second, "woken")), "woken", "what the first gave")
host.equal(box:status(), "ready", "the first box")

-- what coroutine.running gives in the function is resumed: in Lua 5.1 that is not the coroutine that called the box
local running
box:set("stop", function()
  running = coroutine.running()
  return coroutine.yield()
end)
co = coroutine.create(function() return box:dostring("return pcall(stop)") end)
assert(coroutine.resume(co))
if running == co then
  host.equal(select(3, coroutine.resume(running, "to the end")), "to the end", "what the box gave")
else
  assert(coroutine.resume(running, "aside"))
  local ok, caught, message = coroutine.resume(co, "to the end")
  assert(ok and caught == false and tostring(message):find("resumed"), tostring(message))
end
host.equal(box:status(), "ready", "the box")

-- not at all, with the box used on
for i = 1, 30 do
  local dropped = coroutine.create(function() return box:dostring("mark = ... stop()", i) end)
  assert(coroutine.resume(dropped))
  host.equal(box:get("mark"), i, "the mark")
end
running = nil
for _ = 1, 4 do collectgarbage() end
host.equal(box:status(), "ready", "the box")
host.done()
