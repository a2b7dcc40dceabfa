-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once
-- expect: stop cpu
-- versions: all
-- note: each full collection is one instruction and about 10 ms: a count hook of 10000 comes minutes late

local keep = {}
for i = 1, 100000 do keep[i] = { i } end
while true do collectgarbage() end
