-- class: cpu
-- correct: nested coroutines end in a C stack overflow, which may be caught, and the CPU limit stops the rest;
--   LuaJIT, which counts no C levels, may lose the box by its stack
-- expect: stop cpu
-- expect jit: stop cpu|stop stack|stop fault
-- versions: all
-- boxes: 2

local which = ...
local nest = setmetatable({}, { __index = function(t, k)
  return coroutine.wrap(function() return t[k + 1] end)()
end })
local spin = setmetatable({}, { __index = function()
  return coroutine.wrap(function() while true do end end)()
end })
while true do
  if which == 1 then
    pcall(function() return nest[1] end)
  else
    pcall(function() return spin[1] end)
    print "ESCAPED: pcall caught the stop of a coroutine in __index"
  end
end
