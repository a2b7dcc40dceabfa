-- What it costs a box that its answers are written down.
local limits = require "bench.limits"
local measure = require "bench.measure"
local sandbox = require "sandbox"

local FIB = [[
  local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
  local s = 0
  for _ = 1, ... do s = s + fib(16) end
  return s]]

local function boxes()
  local recorded, plain = sandbox.new(limits), sandbox.new(limits)
  local kept = pcall(function() recorded:record(function() end) end)
  return kept and recorded, plain
end

local function lines_of(box, path)
  local file = assert(io.open(path, "rb"))
  box:stdin(file)
  local pass = box:load "local count = 0 for _ in io.lines() do count = count + 1 end return count"
  return function(n)
    for _ = 1, n do
      file:seek("set")
      assert(pass() == 8192)
    end
  end
end

return function(report)
  local recorded, plain = boxes()
  if not recorded then return end
  report("record-code", measure.pair(recorded:load(FIB), plain:load(FIB), 31))

  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(((("x"):rep(63) .. "\n"):rep(8192)))
  file:close()
  local row = measure.pair(lines_of(recorded, path), lines_of(plain, path))
  row.cost, row.against = row.cost / 8192, row.against / 8192
  report("record-lines", row)
  os.remove(path)
end
