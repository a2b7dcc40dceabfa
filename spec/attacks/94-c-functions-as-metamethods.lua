-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: 5.3,5.4
-- limits: cpu=0.3
-- boxes: 7
-- note: from 5.3 on the table library respects metamethods: with C functions for them 2^53 rounds run without one VM
--   instruction

local which = ...
local huge = math.tointeger(2 ^ 53)
local function fake(index, length)
  return setmetatable({}, { __len = function() return length or huge end, __index = index, __newindex = rawequal })
end
local ways = {
  function() table.insert(fake(rawget), 1, "x") end,
  function() table.remove(fake(rawget), 1) end,
  function() local t = fake(rawget) table.move(t, 1, huge, 2, t) end,
  -- type gives "table" each time: a buffer that grows until memory ends, again and again
  function() table.concat(fake(type)) end,
  function() table.sort(fake(type, 2147483646)) end,
  function() table.unpack(fake(type), 1, 900000) end,
  -- concat calls itself by __index until the C levels end
  function() table.concat(fake(table.concat)) end,
}
while true do pcall(ways[which]) end
