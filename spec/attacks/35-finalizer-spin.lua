-- class: cpu
-- correct: the finalizer runs, and the limit stops it, hooks or no hooks
-- expect: stop cpu
-- versions: 5.2,5.3,5.4
-- note: hooks are disabled while a finalizer runs; the corpus also lets a box hold finalizers back, the manual has
--   them run during its life

local spun = false
setmetatable({}, { __gc = function()
  spun = true
  while true do pcall(function() while true do end end) end
end })
for i = 1, 400000 do local junk = { i } end
for i = 1, 4 do collectgarbage() end
print(spun and "ESCAPED: the finalizer was left without a stop" or "the finalizer did not run")
