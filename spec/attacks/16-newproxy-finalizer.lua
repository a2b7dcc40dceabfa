-- class: escape
-- correct: finalizers run during the box's life, under its limits: the one that spins is stopped, none runs after the
--   stop or at the close
-- expect: stop cpu
-- versions: 5.1,jit
-- note: the corpus wants no finalizer at all; the manual lets them run, so the point is that none outlasts a limit

local ran = 0
local function proxy(fin)
  local p = newproxy(true)
  getmetatable(p).__gc = fin
  return p
end

-- one of the plain kind runs
proxy(function() ran = ran + 1 end)
for i = 1, 4 do collectgarbage() end
assert(ran == 1, "a finalizer did not run during the box's life")

-- held by a global, so only a lua_close or code that runs on after the stop can come to these
kept = {}
for i = 1, 20 do
  kept[i] = proxy(function() print "ESCAPED: a finalizer ran at the close" end)
end

local stopped
proxy(function()
  stopped = true
  pcall(function() while true do end end)
  print "ESCAPED: a finalizer went on after the stop"
end)
while true do
  collectgarbage()
  if stopped then print "ESCAPED: the code went on after the stop of its finalizer" end
end
