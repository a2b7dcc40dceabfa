-- class: cpu
-- correct: a __close that spins is stopped like any code, and those that wait behind it get no turn
-- expect: stop cpu
-- versions: 5.4
-- limits: cpu=0.2
-- boxes: 5
-- note: 36 has the stop come first; here it comes inside of the handler, on each road that leads to one

local which = ...
local spinner = setmetatable({}, { __close = function() pcall(function() while true do end end) print "ESCAPED: on after the stop" end })
local waiting = setmetatable({}, { __close = function() print "ESCAPED: a handler behind the stopped one had its turn" end })
local function block(how)
  local behind <close> = waiting
  local first <close> = spinner
  if how == "error" then error "leave" end
  if how == "yield" then coroutine.yield() end
  return how
end
local ways = {
  function() block "end" end,
  function() block "error" end,
  function()
    local co = coroutine.create(block)
    coroutine.resume(co, "yield")
    coroutine.close(co)
  end,
  function()
    local co = coroutine.wrap(block)
    co "yield"
    co()
  end,
  function()
    local behind <close> = waiting
    for _ in next, { 1 }, nil, spinner do end
  end,
}
pcall(ways[which])
print "ESCAPED: pcall went on after the stop"
