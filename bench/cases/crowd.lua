-- 10,000 boxes that live at once, against as many plain states, and what the system takes for their memory alone: each crowd in a
-- process of its own (bench/crowd.lua), in turns.
local measure = require "bench.measure"

local interpreter = 0
while arg[interpreter - 1] do interpreter = interpreter - 1 end

local function ask(what, bytes)
  local pipe = assert(io.popen(("%s bench/crowd.lua %s 10000 %s"):format(arg[interpreter], what, bytes or "")))
  local told = {}
  for name, value in pipe:read("*a"):gmatch("(%w+)=(%S+)") do told[name] = tonumber(value) end
  pipe:close()
  assert(told.resident, "bench/crowd.lua " .. what .. " came to nothing")
  return told
end

return function(report)
  local names = { time = "crowd-time", run = "crowd-run", resident = "crowd-resident", pages = "crowd-pages" }
  local cost, against, ratios = {}, {}, {}
  for name in pairs(names) do cost[name], against[name], ratios[name] = {}, {}, {} end
  for round = 1, 3 do
    local boxes, states = ask "boxes", ask "states"
    local pages = ask("pages", boxes.resident)
    local function note(name, a, b)
      cost[name][round], against[name][round], ratios[name][round] = a, b, a / b
    end
    for _, name in ipairs { "time", "run", "resident" } do note(name, boxes[name], states[name]) end
    note("pages", pages.time, boxes.run)
  end
  for name, id in pairs(names) do report(id, measure.summary(cost[name], against[name], ratios[name])) end
end
