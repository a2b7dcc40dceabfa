-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: 5.1,5.2,5.3,5.4
-- note: string.rep of an empty string loops n times in C without memory: 2^31 rounds on 5.1/5.2, 2^63 on 5.3/5.4

local n = math.maxinteger or 2147483647
while true do
  string.rep("", n)
  if n ~= 2147483647 then string.rep("", n, "") end
end
