-- Ratios of work in a box to the same work outside, taken in turns in one run; the median of several rounds.
local sandbox = require "sandbox"
local loadstring = rawget(_G, "loadstring") or load
local ROUNDS = 7

local function median(list)
  table.sort(list)
  return list[math.floor(#list / 2) + 1]
end

local function seconds(f)
  local start = os.clock()
  f()
  return os.clock() - start
end

-- both of a pair in each round, so that a slow moment of the machine hits both
local function compare(inside, outside)
  local ratios, cost = {}, {}
  inside() outside()
  for round = 1, ROUNDS do
    local a, b = seconds(inside), seconds(outside)
    ratios[round], cost[round] = a / b, a
  end
  return median(ratios), median(cost)
end

local function report(what, against, ratio, cost, per, unit)
  print(("  %-34s %-34s %6.2f   %8.2f %s"):format(what, against, ratio, cost * per, unit))
end

print((rawget(_G, "jit") and "LuaJIT" or _VERSION) .. "   (ratio, then the cost of one in a box)")

local CODE = {
  { "loop", "local s = 0 for i = 1, 3e6 do s = s + i % 7 end return s" },
  { "fib(25)", "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(25)" },
  { "table churn", "local t for i = 1, 2e5 do t = { i, { i } } end return t" },
  { "string building", "local t = {} for i = 1, 1e5 do t[i] = 'x' .. i end return #table.concat(t)" },
}
for _, case in ipairs(CODE) do
  local name, code = case[1], case[2]
  local box = sandbox.new { memory = 2 ^ 28, cpu = 1e6, wall = 1e6 }
  local outside = assert(loadstring(code))
  local ratio, cost = compare(function() box:dostring(code) end, outside)
  report(name .. ", limits set", "the same chunk outside", ratio, cost, 1e3, "ms")
  box:close()
end

local box = sandbox.new { cpu = 1e6 }
box:dostring("function double(n) return 2 * n end")
local inside, outside = box:get("double"), function(n) return 2 * n end
local N = 20000
local ratio, cost = compare(function() for i = 1, N do inside(i) end end, function() for i = 1, N do pcall(outside, i) end end)
report("call into a box, integer in and out", "pcall of a Lua function", ratio, cost / N, 1e6, "us")

local news = 300
local _, new_cost = compare(function() for _ = 1, news do sandbox.new():close() end end,
  function() for _ = 1, news do pcall(outside, 1) end end)
print(("  %-34s %-34s %6s   %8.2f us"):format("sandbox.new():close()", "", "", new_cost / news * 1e6))
box:close()
