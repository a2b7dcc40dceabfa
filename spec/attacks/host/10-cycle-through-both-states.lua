-- The box is held only by a callback inside itself: no crash, and freed at the latest when the host closes.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function cycle(kilobytes)
  local box = sandbox.new { memory = 4 * 2 ^ 20 }
  box:set("me", function() return box:status() end)
  box:set("fill", ("x"):rep(kilobytes * 1024))
  local f = box:load("return me()")
  box:set("f", f)
  box:set("t", { f = { function() return box, f end } })
  return box:dostring("return me()")
end

for _ = 1, 100 do host.equal(cycle(16), "running", "status by the callback") end
for _ = 1, 4 do collectgarbage() end

-- two boxes that hold each other through the host
for _ = 1, 50 do
  local a, b = sandbox.new(), sandbox.new()
  a:set("other", function() return b end)
  b:set("other", function() return a end)
  a:set("f", b:load("return 1"))
  b:set("f", a:load("return 1"))
end
for _ = 1, 4 do collectgarbage() end

-- closing by hand breaks the cycle
local weak = setmetatable({}, { __mode = "k" })
local function closed_cycle()
  local box = sandbox.new()
  local held = {}
  weak[held] = true
  box:set("me", function() return held, box end)
  box:close()
end
closed_cycle()
for _ = 1, 4 do collectgarbage() end
assert(next(weak) == nil, "a closed box holds its callbacks still")

-- and the end of a process full of them is quiet
local code, output = host.child [[
  local sandbox = require "sandbox"
  for _ = 1, 50 do
    local box = sandbox.new()
    box:set("me", function() return box end)
    box:set("t", {box:load("return me()")})
  end
  io.write("end")
]]
host.equal(output, "end", "output")
host.equal(code, 0, "exit code")

host.done()
