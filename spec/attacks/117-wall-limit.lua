-- class: cpu
-- correct: the wall limit stops a call that no CPU limit would, and nothing catches it
-- expect: stop wall
-- versions: all
-- limits: cpu=none wall=0.4
-- boxes: 3

local which = ...
local function spin() while true do end end
if which == 1 then
  while true do
    pcall(spin)
    print "ESCAPED: pcall caught the wall limit"
  end
elseif which == 2 then
  while true do
    coroutine.resume(coroutine.create(spin))
    print "ESCAPED: resume caught the wall limit"
  end
else
  while true do (("a"):rep(40)):match(("a*"):rep(40) .. "b") end
end
