-- class: cpu
-- correct: load does not turn the stop of its reader into nil and a message
-- expect: stop cpu
-- versions: all

local n = 0
while true do
  local f, e = load(function() while true do end end)
  n = n + 1
  if n <= 3 then print("ESCAPED: load swallowed the limit error: " .. tostring(e)) end
end
