-- What `make bench` measures, in the order of its table. Each figure has
--   what, against   in words
--   value    which number the goal is for: "ratio" (ours by theirs), "speed" (theirs by ours) or "cost" (ours alone)
--   most, least     the goal, if there is one
--   unit     of the costs: a key of `units`
--   jit      what is different on LuaJIT
local figures = {}

figures.units = {
  ns = { factor = 1e9, name = "ns" },
  us = { factor = 1e6, name = "µs" },
  ms = { factor = 1e3, name = "ms" },
  KB = { factor = 1 / 1024, name = "KB" },
}

local FLOOR = "C floor: luaL_newstate, luaL_openlibs, lua_close"
local PCALL = "pcall of a Lua function"
local LINES, WRITE = "stock io.lines on a file", "stock f:write"
local CROWD = "10,000 live boxes"

local function code(id, name, most)
  name = "code in a box, limits set: " .. name
  return { id = id, what = name, against = "the same chunk outside", value = "ratio", most = most, unit = "us" }
end

figures.list = {
  { id = "new", what = "sandbox.new():close()", against = FLOOR, value = "ratio", most = 0.05, unit = "us" },
  { id = "run", what = "new with limits, dostring \"return 1\", close", against = FLOOR, value = "ratio", most = 0.20, unit = "us" },

  { id = "call", what = "call into a box, integer in and out, limits set", against = PCALL, value = "ratio", most = 2, unit = "ns",
    jit = { value = "cost", most = 250e-9 } },
  { id = "call-floor", what = "C floor: pcall in another state, C locale, two readings of the clock", against = PCALL, value = "ratio",
    unit = "ns", jit = { value = "cost" } },
  { id = "callback", what = "call from a box to a host function", against = PCALL, value = "cost", most = 400e-9, unit = "ns" },

  code("loop", "loop", 1.02),
  code("fib", "fib", 1.02),
  code("churn", "table churn", 0.95),
  code("strings", "string building", 1.02),
  code("sort", "sort"),
  code("patterns", "patterns"),
  code("methods", "methods"),
  code("coroutines", "coroutines"),

  { id = "crowd-time", what = CROWD .. " with limits: to make each", against = "as many plain states", value = "cost", most = 10e-6,
    unit = "us" },
  { id = "crowd-run", what = CROWD .. ": to make each, and run \"return 1\"", against = "as many plain states, made", value = "cost",
    unit = "us" },
  { id = "crowd-pages", what = CROWD .. ": as many fresh pages alone", against = "to make each, and run", value = "cost",
    unit = "us" },
  { id = "crowd-resident", what = CROWD .. " that have run: resident memory of each", against = "as many plain states", value = "cost",
    most = 36 * 1024, unit = "KB", jit = { most = 48 * 1024 } },

  { id = "lines-host", what = "for l in stream:lines(), 64-byte lines", against = LINES, value = "speed", least = 1.5, unit = "ns" },
  { id = "lines-file", what = "the same, its reader reading a file", against = LINES, value = "speed", unit = "ns" },
  { id = "lines-box", what = "for l in io.lines() in a box, the host's file", against = LINES, value = "speed", least = 1.5, unit = "ns" },
  { id = "write-host", what = "stream:write of 64 bytes", against = WRITE, value = "speed", least = 1.5, unit = "ns",
    jit = { least = 1.0 } },
  { id = "write-box", what = "io.write of 64 bytes in a box, the host's file", against = WRITE, value = "speed", least = 0.8, unit = "ns" },

  { id = "tables", what = "a table of 1,000 small tables into a box and back", against = "two deep copies in plain Lua", value = "ratio",
    most = 1.5, unit = "us" },

  { id = "stop-hard", what = "hard stop of a long C call: past the limit, p99 of 300", value = "cost", most = 25e-3, unit = "ms" },
  { id = "stop-loop", what = "stop of an endless loop: past the limit, p99 of 100", value = "cost", unit = "ms" },

  { id = "rollback", what = "rollback of a small box", against = FLOOR, value = "ratio", most = 0.1, unit = "us" },
  { id = "clone", what = "clone of a small box, and its close", against = FLOOR, value = "ratio", unit = "us" },
  { id = "save", what = "save of a small box, restore and close", against = FLOOR, value = "ratio", unit = "us" },
  { id = "record-code", what = "code in a box that is recorded: fib", against = "the same, not recorded", value = "ratio", most = 1.05,
    unit = "us" },
  { id = "record-lines", what = "io.lines() in a box that is recorded", against = "the same, not recorded", value = "ratio", most = 2,
    unit = "ns" },
}

--- What a figure is on this Lua.
function figures.on(figure, lua)
  if lua ~= "jit" or not figure.jit then return figure end
  return setmetatable({}, {
    __index = function(_, key)
      local own = figure.jit[key]
      if own ~= nil then return own end
      return figure[key]
    end,
  })
end

--- The number that the goal is for.
function figures.value(figure, row)
  if figure.value == "cost" then return row.cost end
  return figure.value == "speed" and 1 / row.ratio or row.ratio
end

--- Whether the goal is met; nil where there is none.
function figures.met(figure, row)
  local value = figures.value(figure, row)
  if figure.most then return value <= figure.most end
  if figure.least then return value >= figure.least end
  return nil
end

return figures
