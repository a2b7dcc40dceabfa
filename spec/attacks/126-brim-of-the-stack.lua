-- class: crash
-- correct: library functions called where the C stack ends raise errors or cost the box, never the process
-- expect: held|stop stack
-- expect jit: held|stop stack|stop fault
-- versions: all
-- limits: cpu=3
-- boxes: 4
-- note: 65 does the same at the brim of memory; a fault here may hit any function of the box's library

local which = ...
local compile = loadstring or load
local function poke(level)
  pcall(string.format, "%99.99f %q", 1e300, "x")
  pcall(os.date, "%c")
  pcall(os.getenv, "X")
  pcall(io.write, "")
  pcall(io.open, "x")
  pcall(compile, "return {{{{1}}}}")
  pcall(string.rep, "x", level)
  pcall(tostring, {})
  pcall(debug.traceback, "x")
  pcall(require, "x")
  pcall(coroutine.wrap(function() end))
  pcall(math.random)
end
local dive
local ways = {
  function() table.sort({ 2, 1 }, dive) end,
  function() string.gsub("x", "x", dive) end,
  function() coroutine.wrap(dive)() end,
  function() return tostring(setmetatable({}, { __tostring = dive })) end,
}
local level = 0
function dive()
  level = level + 1
  if level % 50 == 0 or (level > 180 and level < 205) then poke(level) end
  ways[which]()
  return "x"
end
pcall(dive)
print "HELD"
