-- class: crash
-- correct: recursion through C ends in a Lua error, or in a stack stop that costs the box alone
-- expect: held|stop stack
-- expect jit: held|stop stack|stop fault
-- versions: all
-- limits: cpu=3
-- boxes: 16
-- note: 70 and 66 are the best known two; each library function that calls back is one more; LuaJIT takes 0.7 s to unwind
--   6,500 levels

local which = ...
local dive
local function thing() return setmetatable({}, { __tostring = function() return (dive()) or "x" end, __index = function() return (dive()) end,
  __lt = function() return (dive()) end, __concat = function() return (dive()) end, __len = function() return (dive()) end,
  __pairs = function() return dive() end, __call = function() return (dive()) end, __eq = function() return (dive()) end }) end
local ways = {
  function() table.sort({ 3, 2, 1 }, dive) end,
  function() table.sort { thing(), thing(), thing() } end,
  function() return tostring(thing()) end,
  function() print(thing()) return "x" end,
  function() return ("%s"):format(thing()) .. tostring(thing()) end,
  -- once a level: a reader is asked again after its end, which would make it a tree
  function() local dived load(function() if not dived then dived = true dive() end end) end,
  function() return pcall(dive) end,
  function() return xpcall(error, dive) end,
  function() string.gsub("abc", ".", thing()) end,
  function() return thing() .. "x" end,
  function() for _ in pairs(thing()) do end return thing().x end,
  function() return coroutine.wrap(function() return pcall(dive) end)() end,
  function() local co = coroutine.create(dive) return coroutine.resume(co) end,
  function()
    if type(package) == "table" and type(package.preload) == "table" then
      local name = "deep" .. tostring(#package.preload + 1)
      package.preload[#package.preload + 1] = dive
      package.preload[name] = dive
      return pcall(require, name)
    end
    return thing()()
  end,
  function() return xpcall(dive, dive) end,
  function() for x in string.gmatch("abc", ".") do string.gsub(x, ".", function() table.sort({ 1, 2 }, dive) end) end end,
}
local way = ways[which]
function dive() way() return "x" end
pcall(dive)
pcall(coroutine.wrap(dive))
print "HELD"
