-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, however short each coroutine lives
-- expect: stop cpu
-- versions: all
-- note: each new coroutine starts with a full hook counter (lua_newthread resets it), so a count hook with any period
--   over about 60 never fires on PUC Lua although 2^30 calls are made

local wrap = coroutine.wrap
local function grow(depth)
  if depth > 0 then
    wrap(grow)(depth - 1)
    wrap(grow)(depth - 1)
  end
end
while true do grow(30) end
