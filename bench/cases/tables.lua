-- A table that crosses into a box and back, against deep copies that keep sharing, one for each crossing.
local limits = require "bench.limits"
local measure = require "bench.measure"
local sandbox = require "sandbox"

local function copy(value, seen)
  if type(value) ~= "table" then return value end
  if seen[value] then return seen[value] end
  local new = {}
  seen[value] = new
  for k, v in pairs(value) do new[copy(k, seen)] = copy(v, seen) end
  return new
end

return function(report)
  local records = {}
  for i = 1, 1000 do records[i] = { id = i, name = "name " .. i, on = true } end
  local box = sandbox.new(limits)
  local back = box:load "return ..."
  local returned = back(records)
  assert(#returned == 1000 and returned[1000] ~= records[1000] and returned[1000].name == "name 1000")
  report("tables", measure.pair(function(n)
    for _ = 1, n do back(records) end
  end, function(n)
    for _ = 1, n do copy(copy(records, {}), {}) end
  end, 31))
  box:close()
end
