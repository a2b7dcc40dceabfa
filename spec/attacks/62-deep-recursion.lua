-- class: memory
-- correct: a stack overflow or memory error each time, which may be caught; the CPU limit in the end
-- expect: stop cpu|memory
-- versions: all
-- note: the closure, coroutine or frame that just does not fit may also be the one outside of pcall

local function down(n)
  local a, b, c, d = n, n + 1, n + 2, n + 3
  return 1 + down(n + 1) + a + b + c + d
end
while true do
  pcall(down, 1)
  local co = coroutine.create(down)
  coroutine.resume(co, 1)
end
