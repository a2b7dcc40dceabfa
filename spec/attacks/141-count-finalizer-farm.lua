-- class: cpu
-- correct: the instructions limit stops it, though no hook runs in a finalizer
-- expect: stop instructions
-- versions: all
-- limits: instructions=200000 cpu=5 wall=20
-- note: all work is done in finalizers, each shorter than any period of a hook; LuaJIT counts only what makes them

local function work() for i = 1, 200 do end end
local make
if newproxy then
  function make() getmetatable(newproxy(true)).__gc = work end
else
  function make() setmetatable({}, { __gc = work }) end
end
while true do make() end
