-- What bench/one.lua has written for each Lua, read back.
local figures = require "bench.figures"

local results = {}

results.luas = { "5.1", "5.2", "5.3", "5.4", "jit" }

--- How a Lua is called in tables.
function results.title(lua) return lua == "jit" and "LuaJIT" or lua end

local function number(text) return tonumber(text) end

--- Reads directory/<lua>.tsv for each Lua that has one. Gives rows[lua][who][id], the Luas in order, and skipped[who] = why, for
-- peers that ran nowhere.
function results.read(directory)
  local rows, luas, skipped, ran = {}, {}, {}, {}
  for _, lua in ipairs(results.luas) do
    local file = io.open(directory .. "/" .. lua .. ".tsv")
    if file then
      luas[#luas + 1], rows[lua] = lua, {}
      for line in file:lines() do
        local fields = {}
        for field in (line .. "\t"):gmatch("([^\t]*)\t") do fields[#fields + 1] = field end
        local id, who = fields[1], fields[2]
        if id == "skipped" then
          skipped[who] = fields[3]
        else
          ran[who] = true
          rows[lua][who] = rows[lua][who] or {}
          rows[lua][who][id] = { cost = number(fields[3]), against = number(fields[4]), ratio = number(fields[5]), low = number(fields[6]),
            high = number(fields[7]), middle = number(fields[8]) }
        end
      end
      file:close()
    end
  end
  for who in pairs(ran) do
    skipped[who] = nil
  end
  return rows, luas, skipped
end

--- A number with three significant digits or so, as people write it.
function results.short(value)
  if value >= 1000 then
    local text = ("%.0f"):format(value)
    return (text:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
  end
  if value >= 100 then return ("%.0f"):format(value) end
  if value >= 10 then return ("%.1f"):format(value) end
  if value >= 0.1 then return ("%.2f"):format(value) end
  return ("%.3f"):format(value)
end

--- A cost in the figure's unit.
function results.cost(figure, value)
  local unit = figures.units[figure.unit]
  return results.short(value * unit.factor) .. " " .. unit.name
end

--- The number that the goal is for, with its unit where it is a cost.
function results.value(figure, row)
  local value = figures.value(figure, row)
  return figure.value == "cost" and results.cost(figure, value) or results.short(value)
end

--- The goal in words, or nil.
function results.goal(figure)
  local sign, bound = "≤", figure.most
  if figure.least then sign, bound = "≥", figure.least end
  if not bound then return nil end
  if figure.value == "cost" then
    local unit = figures.units[figure.unit]
    return ("%s %g %s"):format(sign, bound * unit.factor, unit.name)
  end
  return ("%s %g"):format(sign, bound)
end

return results
