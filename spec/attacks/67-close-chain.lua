-- class: crash
-- correct: a Lua error, or a stack stop that costs the box alone
-- expect: held|stop stack|stop fault
-- versions: 5.4
-- note: stock 5.4.0 to 5.4.4 crash: coroutine.close counts no C levels

if not coroutine.close then print "HELD" return end
local chain = false
for i = 1, 20000 do
  local older = chain
  chain = coroutine.create(function()
    local guard <close> = setmetatable({}, { __close = function()
      if older then coroutine.close(older) end
    end })
    coroutine.yield()
  end)
  coroutine.resume(chain)
end
pcall(coroutine.close, chain)
print "HELD"
