-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once
-- expect: stop cpu
-- versions: all
-- note: each next() on an emptied 2^17-slot table scans all dead slots in C

local t = {}
for i = 1, 131072 do t["k" .. i] = true end
for i = 1, 131072 do t["k" .. i] = nil end
while true do next(t) end
