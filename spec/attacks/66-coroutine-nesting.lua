-- class: crash
-- correct: a Lua error, or a stack stop that costs the box alone
-- expect: held|stop stack
-- expect jit: held|stop stack|stop fault
-- versions: all
-- note: the plain LuaJIT interpreter crashes: it counts no C levels here

local function nest() return coroutine.wrap(nest)() end
pcall(nest)
local function nest2() return coroutine.resume(coroutine.create(nest2)) end
pcall(nest2)
print "HELD"
