-- class: host
-- correct: all results cross, or the call raises a plain error; the host's stack is never overrun
-- expect: held|raises string
-- versions: all
-- note: as many as the VM lets one function return; checks.lua looks at what came

local unpack = table.unpack or unpack
local t = {}
for i = 1, 250000 do t[i] = i end
for _, n in ipairs { 250000, 60000, 30000, 7900, 7000 } do
  if pcall(function() return select("#", unpack(t, 1, n)) end) then
    print "HELD"
    return unpack(t, 1, n)
  end
end
