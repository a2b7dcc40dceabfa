-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the traceback
-- expect: stop cpu
-- versions: all
-- note: a negative level makes 5.1 build one line per level (2^31 of them); a deep coroutine costs milliseconds per
--   call everywhere

local tb = debug.traceback
local co = coroutine.create(function()
  local function f(n) if n == 0 then coroutine.yield() return 0 end return 1 + f(n - 1) end
  f(15000)
end)
coroutine.resume(co)
while true do
  pcall(tb, "t", -2147483647)
  pcall(tb, co, "t")
  pcall(tb, co, "t", 14000)
end
