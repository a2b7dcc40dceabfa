-- class: memory
-- correct: going past the memory limit is Lua's own "not enough memory", which ends the call; the box lives on
-- expect: memory
-- versions: all
-- limits: cpu=3

local root, n = {}, 0
while true do
  n = n + 1
  root[n] = { n, tostring(n), { n = n } }
  root["key" .. n] = n
end
