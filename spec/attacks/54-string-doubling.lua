-- class: memory
-- correct: going past the memory limit is Lua's own "not enough memory", which ends the call; the box lives on
-- expect: memory
-- versions: all

local s = "seed"
while true do s = s .. s end
