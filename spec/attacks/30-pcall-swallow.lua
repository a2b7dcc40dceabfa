-- class: cpu
-- correct: a limit is no error that pcall can catch: the box is stopped at the first
-- expect: stop cpu
-- versions: all

local function spin() while true do end end
local caught = 0
while true do
  pcall(spin)
  caught = caught + 1
  if caught <= 3 then print("ESCAPED: limit error number " .. caught .. " swallowed by pcall") end
end
