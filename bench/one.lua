-- one.lua <lua> <file> [<case>...]: measures on the Lua that runs this, all cases if none is named, and writes the figures to
-- the file, a line each: id, who, cost, against, ratio, low, high, middle, with tabs between; `skipped`, who and why for a peer
-- that is not there.
package.path = "./?.lua;" .. package.path

local lua, path = arg[1], arg[2]
local cases = { "boxes", "calls", "code", "crowd", "streams", "tables", "stops", "copies", "journal", "peers" }
if arg[3] then cases = { (table.unpack or unpack)(arg, 3) } end -- luacheck: ignore 113

local out = assert(io.open(path, "w"))

local function field(value)
  if value == nil then return "-" end
  return type(value) == "number" and ("%.9g"):format(value) or value
end

local function report(id, row, who)
  local fields = { id, who or "safelua" }
  for _, name in ipairs { "cost", "against", "ratio", "low", "high", "middle" } do fields[#fields + 1] = field(row[name]) end
  out:write(table.concat(fields, "\t"), "\n")
end

local function skipped(who, why)
  out:write("skipped\t", who, "\t", why, "\n")
end

for _, name in ipairs(cases) do
  require("bench.cases." .. name)(report, skipped, lua)
end
out:close()
