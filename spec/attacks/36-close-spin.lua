-- class: cpu
-- correct: no to-be-closed value gets a turn after the stop
-- expect: stop cpu
-- versions: 5.4

local function spin() while true do end end
local n = 0
local mt = { __close = function()
  n = n + 1
  if n <= 3 then print("ESCAPED: __close handler " .. n .. " ran on after the limit") end
  spin()
end }
local function guarded()
  local a <close> = setmetatable({}, mt)
  local b <close> = setmetatable({}, mt)
  spin()
end
while true do pcall(guarded) end
