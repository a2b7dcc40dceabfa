-- class: cpu
-- correct: the instructions limit stops it, in whatever C calls and nothing of it can catch that
-- expect: stop instructions
-- versions: all
-- limits: instructions=200000 cpu=5 wall=20
-- note: handlers, comparisons, replacements, readers, iterators and metamethods, one in another, each of which catches what it can

local turns = 0
local function again() turns = turns + 1 return turns end
local t = setmetatable({}, { __index = function(_, k) return k end, __add = function() return again() end,
  __call = function(_, f) return f() end, __lt = function() return again() % 2 == 0 end, __concat = function() return "" end,
  __tostring = function() return "t" .. again() end })
local function all()
  xpcall(function() error(t) end, function(e) pcall(error, e) return again() end)
  table.sort({ 3, 1, 2, 5, 4 }, function(a, b) again() return a < b end)
  local _ = ("abc"):gsub("%w", function(c) pcall(again) return c end) .. t
  _ = t[1] + t, t < t, tostring(t), t(again)
  local left = 3
  load(function() again() left = left - 1 return left > 0 and " " or nil end)
  for _ in function(_, n) n = (n or 0) + 1 return n < 5 and n or nil end do again() end
  coroutine.wrap(function() for _ = 1, 3 do pcall(coroutine.yield) end end)()
end
while true do pcall(all) end
