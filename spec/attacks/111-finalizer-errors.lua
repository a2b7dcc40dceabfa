-- class: crash
-- correct: an error in a finalizer is the VM's own business, whichever of the box's functions it comes up in
-- expect: held
-- versions: all

local function object(fin)
  if newproxy then
    local p = newproxy(true)
    getmetatable(p).__gc = fin
    return p
  end
  return setmetatable({}, { __gc = fin })
end
local fins = {
  function() error "from a finalizer" end,
  function() error({}) end,
  function() error() end,
  function() coroutine.yield() end,
  function() coroutine.wrap(function() error "deep" end)() end,
  function(o) saved = o error(o) end,
  function() collectgarbage() error "again" end,
  function() return setmetatable({}, { __index = function(t, k) return t[k + 1] + 1 end })[1] end,
}
local calls = {
  function() return tostring {} end, function() return os.date() end, function() return os.getenv "X" end,
  function() io.write "" end, function() return io.read(0) end, function() return ("x"):rep(1000) end,
  function() return (loadstring or load) "return {}" end, function() return string.format("%q %d", "x", 1) end,
  function() return coroutine.wrap(function() coroutine.yield {} end)() end, function() return { {}, {} } end,
  function() return debug.traceback "x" end, function() return math.random() end, function() return io.open "x" end,
  function() return pcall(require, "nothing") end, function() return table.concat({ 1, 2 }, ",") end,
  function() print("-", {}) end, function() return collectgarbage "step" end, function() return collectgarbage() end,
}
local function body(round)
  for _, fin in ipairs(fins) do object(fin) end
  for _, call in ipairs(calls) do
    object(fins[round % #fins + 1])
    pcall(call)
  end
end
for round = 1, 24 do pcall(body, round) end
-- 5.1 to 5.3 raise a finalizer's error in whatever runs, also out here: let nothing but pcall run the rest
pcall(collectgarbage, "stop")
for i = 1, 1000 do pcall(collectgarbage) end
print "HELD"
