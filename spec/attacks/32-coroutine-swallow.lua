-- class: cpu
-- correct: coroutine.resume never returns a limit's error: the whole call is stopped
-- expect: stop cpu
-- versions: all

local function spin() while true do end end
local n = 0
while true do
  local co = coroutine.create(spin)
  coroutine.resume(co)
  n = n + 1
  if n <= 3 then print("ESCAPED: limit error number " .. n .. " stopped at coroutine.resume") end
end
