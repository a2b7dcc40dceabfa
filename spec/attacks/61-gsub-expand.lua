-- class: memory
-- correct: going past the memory limit is Lua's own "not enough memory", which ends the call; the box lives on
-- expect: memory
-- versions: all
-- limits: cpu=3

local s = ("x"):rep(100000)
while true do
  s = s:gsub(".", ("%0"):rep(400))
end
