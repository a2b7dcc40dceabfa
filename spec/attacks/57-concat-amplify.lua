-- class: memory
-- correct: each is an ordinary memory error, which may be caught; the loop ends at the CPU limit
-- expect: stop cpu
-- versions: all
-- note: 4096 references to one shared 1 MB string: one call asks for 4 GB

local big, parts = ("x"):rep(1048576), {}
for i = 1, 4096 do parts[i] = big end
while true do pcall(table.concat, parts, ",") end
