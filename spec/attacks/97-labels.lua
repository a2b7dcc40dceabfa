-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the parser
-- expect: stop cpu
-- versions: 5.2,5.3,5.4,jit
-- note: each label is compared with all before it

local parts = {}
for i = 1, 200000 do parts[i] = "::l" .. i .. "::" end
local src = table.concat(parts, " ")
while true do load(src) end
