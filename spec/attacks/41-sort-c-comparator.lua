-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: 5.2,5.3,5.4
-- note: __len fakes a 2^31 element table and the comparator is a C function: no Lua instruction runs

local cmp = (math.type) or (type(io) == "table" and io.type) or rawequal
local fake = setmetatable({}, { __len = function() return 2147483646 end })
while true do pcall(table.sort, fake, cmp) end
