-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: 5.3,5.4,jit
-- note: 2^52 or more copies of nil: no memory is used, no Lua code runs

assert(table.move, "table.move is missing")
while true do
  pcall(table.move, {}, 1, 2 ^ 53 - 1, 2)
  pcall(table.move, {}, 1, 2 ^ 52, 2)
  pcall(table.move, {}, 1, (math.maxinteger or 2 ^ 53) - 1, 1, {})
end
