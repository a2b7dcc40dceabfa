-- A limit is reached three crossings deep: every level up to the box whose limit it is ends, and none further.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

-- host -> box -> host -> box -> host -> box
local box = sandbox.new { cpu = 0.2 }
local ran_on, levels = {}, 0
box:set("after", function(n) ran_on[#ran_on + 1] = n end)
box:set("down", function(n)
  levels = math.max(levels, n)
  local ok, message = pcall(box.dostring, box, n < 3 and "pcall(down, ... + 1) after(...)" or "while true do end", n)
  assert(not ok and tostring(message):find("cpu limit"), tostring(message))
  error(message, 0)
end)
host.within(10, function() host.raises("cpu limit", function() box:dostring("pcall(down, 1) after(0)") end) end)
host.equal(levels, 3, "levels")
host.equal(#ran_on, 0, "levels that ran on past their own limit")
host.stopped(box, "cpu")

-- a box below with a limit of its own: it alone stops
box = sandbox.new { cpu = 10 }
box:opensandbox()
local message, status, kind, alive = box:dostring [[
  local below = sandbox.new {cpu = 0.2}
  below:set("up", function() return pcall(below.dostring, below, "while true do end") end)
  local ok, message = pcall(below.dostring, below, "pcall(up) while true do end")
  assert(not ok)
  local status, kind = below:status()
  return message, status, kind, "alive"
]]
assert(tostring(message):find("cpu limit of 0%.2 s"), tostring(message))
assert(status == "exhausted" or status == "killed", status)
assert(kind == "cpu" and alive == "alive")
host.equal(box:status(), "ready", "the box above")

-- the limit of the box in the middle, reached by the lowest: the middle stops, the top goes on
local top = sandbox.new { cpu = 10 }
top:opensandbox()
local result
result, kind = top:dostring [[
  local middle = sandbox.new {cpu = 0.2}
  middle:opensandbox()
  local ok, message = pcall(middle.dostring, middle, "local low = sandbox.new {cpu = 5} pcall(low.dostring, low, 'while true do end') while true do end")
  assert(not ok and tostring(message):find("cpu limit"), tostring(message))
  local _, kind = middle:status()
  return "top goes on", kind
]]
assert(result == "top goes on" and kind == "cpu")

-- the top's own limit, reached by the lowest: everything below ends, the host goes on
top = sandbox.new { cpu = 0.3 }
top:opensandbox()
host.within(10, function()
  host.raises("cpu limit of 0%.3 s", function()
    top:dostring [[
      local a = sandbox.new {cpu = 50} a:opensandbox()
      while true do
        pcall(a.dostring, a, "local b = sandbox.new {cpu = 50} while true do pcall(b.dostring, b, 'while true do end') end")
      end
    ]]
  end)
end)
host.stopped(top, "cpu")

host.done()
