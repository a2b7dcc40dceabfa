-- class: cpu
-- correct: no message handler gets a turn at a stop
-- expect: stop cpu
-- versions: all
-- note: an error raised in a hook calls the handler while hooks are still disabled: on all five VMs the loop in it
--   can never be interrupted again

local function spin() while true do end end
local round = 0
local function handler(e)
  round = round + 1
  if round <= 3 then print("ESCAPED: handler still running after the limit, round " .. round) end
  spin()
end
while true do xpcall(spin, handler) end
