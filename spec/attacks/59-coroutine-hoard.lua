-- class: memory
-- correct: going past the memory limit is Lua's own "not enough memory", which ends the call; the box lives on
-- expect: memory
-- versions: all
-- limits: cpu=3
-- note: suspended coroutines with deep stacks

local pool = {}
local function dig(n)
  local a, b, c, d, e, f, g, h = n, n, n, n, n, n, n, n
  if n == 0 then coroutine.yield() return 0 end
  return 1 + dig(n - 1)
end
while true do
  local co = coroutine.create(dig)
  coroutine.resume(co, 1000)
  pool[#pool + 1] = co
end
