-- 10,000 boxes that live at once, against as many plain states: each crowd in a process of its own (bench/crowd.lua), in turns.
local measure = require "bench.measure"

local interpreter = 0
while arg[interpreter - 1] do interpreter = interpreter - 1 end

local function ask(what)
  local pipe = assert(io.popen(("%s bench/crowd.lua %s 10000"):format(arg[interpreter], what)))
  local told = {}
  for name, value in pipe:read("*a"):gmatch("(%w+)=(%S+)") do told[name] = tonumber(value) end
  pipe:close()
  assert(told.resident, "bench/crowd.lua " .. what .. " came to nothing")
  return told
end

return function(report)
  local names = { time = "crowd-time", run = "crowd-run", resident = "crowd-resident" }
  local cost, against, ratios = {}, {}, {}
  for name in pairs(names) do cost[name], against[name], ratios[name] = {}, {}, {} end
  for round = 1, 3 do
    local boxes, states = ask "boxes", ask "states"
    for name in pairs(names) do
      local a, b = boxes[name], states[name]
      cost[name][round], against[name][round], ratios[name][round] = a, b, a / b
    end
  end
  for name, id in pairs(names) do report(id, measure.summary(cost[name], against[name], ratios[name])) end
end
