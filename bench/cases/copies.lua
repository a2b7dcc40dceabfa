-- Copies of whole boxes: rolled back, cloned, saved and restored. What a Lua can't do has no figure there.
local floor = require "floor"
local measure = require "bench.measure"
local sandbox = require "sandbox"

local function small()
  local box = sandbox.new()
  box:dostring "n = 0 function step() n = n + 1 return n end"
  return box
end

return function(report)
  local box = small()
  local marked, mark = pcall(function() return box:checkpoint() end)
  if marked then
    report("rollback", measure.pair(function(n)
      for _ = 1, n do box:rollback(mark) end
    end, floor.states))
  end

  local cloned, clone = pcall(function() return box:clone() end)
  if cloned then
    clone:close()
    report("clone", measure.pair(function(n)
      for _ = 1, n do box:clone():close() end
    end, floor.states))
  end

  local restored, copy = pcall(function() return sandbox.restore(box:save()) end)
  if restored then
    copy:close()
    report("save", measure.pair(function(n)
      for _ = 1, n do sandbox.restore(box:save()):close() end
    end, floor.states))
  end
  box:close()
end
