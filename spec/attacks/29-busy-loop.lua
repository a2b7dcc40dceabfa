-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once
-- expect: stop cpu
-- versions: all
-- note: on LuaJIT the loop is compiled and a count hook alone never fires

local x = 0
for warm = 1, 500 do x = x + warm % 7 end
while true do x = (x + 1) % 1000003 end
