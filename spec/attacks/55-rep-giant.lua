-- class: memory
-- correct: each is an ordinary memory error, which may be caught; the loop ends at the CPU limit
-- expect: stop cpu
-- versions: all
-- note: single requests from 16 MB to 2 GB; pcall must not allow endless tries

local sizes = { 2 ^ 24, 2 ^ 26, 2 ^ 28, 2 ^ 30, 2 ^ 31 - 1 }
while true do
  for _, n in ipairs(sizes) do pcall(string.rep, "0123456789abcdef", n / 16) end
end
