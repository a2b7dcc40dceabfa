-- The stdin function raises, returns the wrong type, far too much, nothing, or one piece for ever: errors and limits hold.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function reading(reader, code, options)
  local box = sandbox.new(options or { memory = 8 * 2 ^ 20, cpu = 5, wall = 5 })
  box:stdin(sandbox.newstream(reader))
  return box, pcall(box.dostring, box, code)
end

-- raises, or returns what is no string: the read fails as stock reads do, with nil, message, errno
for what, reader in pairs {
  raises = function() error("from the reader") end,
  raises_a_table = function() error({}) end,
  raises_nil = function() error(nil) end,
  table = function() return {} end,
  yes = function() return true end,
  no = function() return false end,
  ["function"] = function() return print end,
  coroutine = function() return coroutine.create(function() end) end,
} do
  local box, ok, line, message, errno = reading(reader, "return io.read('*l')")
  assert(ok and line == nil, ("%s: %s %s"):format(what, tostring(ok), tostring(line)))
  assert(type(message) == "string" and type(errno) == "number", what .. ": " .. tostring(message))
  host.equal(box:status(), "ready", what)
  ok = pcall(box.dostring, box, "for _ in io.lines() do end")
  assert(ok == true or ok == false, what)
end

-- nothing, nil and "" are the end; a number is text
for _, reader in ipairs { function() end, function() return nil end, function() return "" end } do
  local _, ok, line, all = reading(reader, "return io.read('*l'), io.read('*a')")
  assert(ok and line == nil and all == "", tostring(line))
end
local sent = false
local _, ok, all = reading(function() if not sent then sent = true return 42 end end, "return io.read('*a')")
assert(ok and all == "42", tostring(all))

-- far more than the box may hold, at once
local box
local huge = ("x"):rep(256 * 2 ^ 20)
box, ok, all = reading(function() return huge end, "return #io.read('*a')")
assert(not ok and tostring(all):find("not enough memory"), tostring(all))
host.equal(box:dostring("collectgarbage() return 1"), 1, "after too large a piece")
huge = nil
collectgarbage()
assert(huge == nil)

-- one byte for ever, and one line for ever
box, ok, all = reading(function() return "x" end, "return #io.read('*a')", { memory = 2 ^ 20, cpu = 30, wall = 30 })
assert(not ok and tostring(all):find("not enough memory"), tostring(all))
host.equal(box:dostring("collectgarbage() return 1"), 1, "after an endless stream")
box, ok, all = host.within(10, reading, function() return "line\n" end, "while true do io.read('*l') end", { wall = 0.3, cpu = 30 })
assert(not ok and tostring(all):find("wall limit"), tostring(all))
host.stopped(box, "wall")
box, ok, all = host.within(10, reading, function() return "line\n" end, "for _ in io.lines() do end", { wall = 30, cpu = 0.2 })
assert(not ok and tostring(all):find("cpu limit"), tostring(all))
host.stopped(box, "cpu")

-- a reader whose own time is the host's: it is not charged to the box
local posix = host.module("host_posix")
local slept = 0
box, ok = reading(function()
  if slept >= 5 then return nil end
  slept = slept + 1
  local t = os.clock()
  while os.clock() - t < 0.1 do end
  return "line\n"
end, "for _ in io.lines() do end", { cpu = 0.3 })
assert(ok, "the reader's CPU time was charged to the box")
assert(box:usage().cpu < 0.3, box:usage().cpu)
-- real time is: the wall limit stops once the function is back
box, ok, all = host.within(10, reading, function() posix.sleep(0.3) return "line\n" end, "while true do io.read() end", { wall = 0.5 })
assert(not ok and tostring(all):find("wall limit"), tostring(all))

host.done()
