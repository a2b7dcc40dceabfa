-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the parser
-- expect: stop cpu
-- versions: all
-- note: the parser walks the whole jump list for each elseif: 100,000 of them keep it busy for minutes; no hook and
--   hardly any allocation

local compile = loadstring or load
local src = "local x = ... if x == 0 then return 0 " .. ("elseif x then x = 0 "):rep(100000) .. "end"
while true do
  compile(src)
end
