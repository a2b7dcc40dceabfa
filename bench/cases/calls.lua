-- Calls across the wall, against pcall of a Lua function.
local floor = require "floor"
local limits = require "bench.limits"
local measure = require "bench.measure"
local sandbox = require "sandbox"

local function double(n) return 2 * n end

local function pcalls(n)
  for i = 1, n do pcall(double, i) end
end

return function(report)
  local box = sandbox.new(limits)
  box:dostring "function double(n) return 2 * n end"
  local inside = box:get "double"
  assert(inside(21) == 42)
  report("call", measure.pair(function(n)
    for i = 1, n do inside(i) end
  end, pcalls))

  local least = floor.crossing "return function(n) return 2 * n end"
  assert(least(21) == 42)
  report("call-floor", measure.pair(function(n)
    for i = 1, n do least(i) end
  end, pcalls))

  box:set("double", double)
  local loop = box:load "local n, double = ..., double for i = 1, n do double(i) end return double(n)"
  assert(loop(21) == 42)
  report("callback", measure.pair(loop, pcalls))
  box:close()
end
