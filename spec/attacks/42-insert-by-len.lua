-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: 5.2,5.3,5.4
-- note: table.insert/remove trust __len and shift 2^31 or more absent elements in C

local n = math.maxinteger and 4503599627370496 or 2147483640
local fake = setmetatable({}, { __len = function() return n end })
while true do
  pcall(table.insert, fake, 1, "x")
  pcall(table.remove, fake, 1)
end
