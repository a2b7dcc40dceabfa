-- Boxes made and closed, against plain states.
local floor = require "floor"
local measure = require "bench.measure"
local sandbox = require "sandbox"

return function(report)
  report("new", measure.pair(function(n)
    for _ = 1, n do sandbox.new():close() end
  end, floor.states))

  report("run", measure.pair(function(n)
    for _ = 1, n do
      local box = sandbox.new { memory = 2 ^ 24, cpu = 1, wall = 1 }
      box:dostring "return 1"
      box:close()
    end
  end, floor.states))
end
