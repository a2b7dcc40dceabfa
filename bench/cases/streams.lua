-- Lines read and pieces written, against stock files.
local measure = require "bench.measure"
local limits = require "bench.limits"
local sandbox = require "sandbox"

-- What `f:write` is before the first newstream, which puts another in its place.
local methods = getmetatable(io.stdout).__index
local stock_write = methods.write

local LINE = ("x"):rep(63) .. "\n"
local LINES, PIECE = 16384, 65536
local WRITES = 8192

local function each(row, count)
  row.cost, row.against = row.cost / count, row.against / count
  return row
end

local function reading(report)
  local text, path = LINE:rep(LINES), os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()

  local function stock(n)
    for _ = 1, n do
      local count = 0
      for _ in io.lines(path) do count = count + 1 end
      assert(count == LINES)
    end
  end

  local function through(open_reader)
    return function(n)
      for _ = 1, n do
        local stream = sandbox.newstream(open_reader())
        local count = 0
        for _ in stream:lines() do count = count + 1 end
        stream:close()
        assert(count == LINES)
      end
    end
  end

  local pieces = {}
  for at = 1, #text, PIECE do pieces[#pieces + 1] = text:sub(at, at + PIECE - 1) end
  report("lines-host", each(measure.pair(through(function()
    local next_piece = 0
    return function()
      next_piece = next_piece + 1
      return pieces[next_piece]
    end
  end), stock), LINES))

  local source = assert(io.open(path, "rb"))
  report("lines-file", each(measure.pair(through(function()
    source:seek("set")
    return function() return source:read(PIECE) end
  end), stock), LINES))

  local box = sandbox.new(limits)
  box:stdin(source)
  local pass = box:load "local count = 0 for _ in io.lines() do count = count + 1 end return count"
  report("lines-box", each(measure.pair(function(n)
    for _ = 1, n do
      source:seek("set")
      assert(pass() == LINES)
    end
  end, stock), LINES))
  box:close()
  source:close()
  os.remove(path)
end

local function writing(report)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))

  local function stock(n)
    local write = methods.write
    methods.write = stock_write
    for _ = 1, n do
      file:seek("set")
      for _ = 1, WRITES do file:write(LINE) end
      file:flush()
    end
    methods.write = write
  end

  report("write-host", each(measure.pair(function(n)
    for _ = 1, n do
      local got = 0
      local stream = sandbox.newstream(nil, function(piece) got = got + #piece end)
      for _ = 1, WRITES do stream:write(LINE) end
      stream:close()
      assert(got == WRITES * #LINE)
    end
  end, stock), WRITES))

  local box = sandbox.new(limits)
  box:stdout(file)
  box:set("LINE", LINE)
  local pass = box:load "local write, line = io.write, LINE for _ = 1, ... do write(line) end"
  report("write-box", each(measure.pair(function(n)
    for _ = 1, n do
      file:seek("set")
      pass(WRITES)
      file:flush()
    end
  end, stock), WRITES))
  box:close()
  assert(file:seek("end") == WRITES * #LINE)
  file:close()
  os.remove(path)
end

return function(report)
  reading(report)
  writing(report)
end
