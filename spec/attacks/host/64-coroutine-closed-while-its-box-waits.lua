-- coroutine.close (Lua 5.4) on a coroutine whose boxes wait: the calls are given up at once, innermost first, whatever the boxes say.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

if not coroutine.close then host.pending("no coroutine.close before Lua 5.4") end

local boxes = {}
for i = 1, 3 do
  local box = sandbox.new { cpu = 10 }
  boxes[i] = box
  box:set("stop", coroutine.yield)
end
for i = 1, 2 do boxes[i]:set("down", boxes[i + 1]:load("if down then return down() end return stop('bottom')")) end

-- in a string, for the sake of Luas that can't read it
local guarded = host.loadstring [[
  local box, closing = ...
  local guard <close> = setmetatable({}, { __close = closing })
  return box:dostring("return pcall(down)")
]]

for _ = 1, 20 do
  local closed = false
  local co = coroutine.create(function() return guarded(boxes[1], function() closed = true end) end)
  host.equal(select(2, coroutine.resume(co)), "bottom", "what was yielded")
  for i = 1, 3 do host.equal(boxes[i]:status(), "running", "box " .. i) end
  host.equal(coroutine.close(co), true, "close")
  host.equal(closed, true, "the host's own guard")
  for i = 1, 3 do
    host.equal(boxes[i]:status(), "ready", "box " .. i)
    host.equal(boxes[i]:dostring("return 1"), 1, "box " .. i)
  end
end

-- closed by a function of the host's that another coroutine's box calls, with the box closed before or after
local co = coroutine.create(function() return boxes[1]:dostring("return down()") end)
assert(coroutine.resume(co))
boxes[3]:set("kill", function() boxes[2]:close() return coroutine.close(co) end)
host.equal(boxes[3]:dostring("return kill()"), true, "close")
host.equal(boxes[2]:status(), "closed", "the second box")
host.equal(boxes[1]:status(), "ready", "the first box")
host.done()
