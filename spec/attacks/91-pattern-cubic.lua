-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: all
-- boxes: 3
-- note: cubic where 37 is exponential and 38 quadratic; gmatch and gsub share the matcher, not the loop around it

local which = ...
local s = ("a"):rep(20000)
while true do
  if which == 1 then
    s:find ".-.-.-b"
  elseif which == 2 then
    for _ in s:gmatch ".-.-.-b" do end
  else
    s:gsub("a*a*a*b", "")
  end
end
