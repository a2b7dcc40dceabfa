-- class: escape
-- correct: finalizers run during the box's life, under its limits: the one that spins is stopped, none runs after the
--   stop or at the close
-- expect: stop cpu
-- versions: 5.2,5.3,5.4
-- note: the corpus wants no finalizer at all; the manual lets them run, so the point is that none outlasts a limit; a
--   finalizer that makes the next one keeps a lua_close busy for ever

local ran = 0
setmetatable({}, { __gc = function() ran = ran + 1 end })
for i = 1, 4 do collectgarbage() end
assert(ran == 1, "a finalizer did not run during the box's life")

kept, over = {}, false
local again = {}
again.__gc = function()
  print "ESCAPED: a finalizer ran at the close"
  setmetatable({}, again)
end
for i = 1, 100 do kept[i] = setmetatable({}, again) end

-- garbage that waits for its turn when the stop comes; it may have one once the host has set new limits
for i = 1, 50 do
  setmetatable({}, { __gc = function()
    if over and not renewed then print "ESCAPED: another finalizer ran after the stop" end
    over = true
    while true do pcall(function() while true do end end) end
  end })
end
while true do
  collectgarbage()
  if over then print "ESCAPED: the code went on after the stop of its finalizer" end
end
