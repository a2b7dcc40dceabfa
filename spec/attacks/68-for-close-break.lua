-- class: crash
-- correct: no memory of the process is touched by it: it holds, or costs the box
-- expect: held|stop fault|stop stack|stop cpu
-- versions: 5.4
-- note: stock 5.4.0 to 5.4.4: break out of a generic for with a closing value and a captured variable leaves a
--   dangling entry in the list of to-be-closed values; what the VM then closes is chance

local c = setmetatable({}, { __close = function() end })
local function deep(n)
  local x <close> = c
  for k in next, { 1 }, nil, c do
    local function f() return k end
    break
  end
  if n > 0 then return (deep(n - 1)) end
end
for i = 1, 50 do pcall(deep, 20) end
print "HELD"
